"""`tf.cond` and `tf.case`: branches, of which one runs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from graphc.framework import nest
from graphc.framework.conversion import convert_to_tensor
from graphc.framework.errors import located, relocated
from graphc.framework.name_scope import name_scope
from graphc.ir import dtypes
from graphc.ir.bodies import Body, share_captures
from graphc.ir.graph import Tensor
from graphc.ops.check_ops import Assert
from graphc.ops.loop_values import Packing, convert_results

__all__ = ["case", "cond"]


def cond(
    pred: Any,
    true_fn: Callable[[], Any] | None = None,
    false_fn: Callable[[], Any] | None = None,
    strict: bool = False,
    name: str | None = None,
    fn1: Callable[[], Any] | None = None,
    fn2: Callable[[], Any] | None = None,
) -> Any:
    """What `true_fn()` gives if the bool scalar `pred` is true in the run, else `false_fn()`.

    Operations made inside of a function run only if its branch is taken. Both must give the same
    structure of tensors of the same dtypes; an operation stands for a bool that is given when it
    has run. Shapes may differ, ranks may not.

    Args:
        strict: keep a list or tuple of one element; by default the element alone is given.
        fn1, fn2: old names of `true_fn` and `false_fn`.

    Raises:
        TypeError: a function is missing, `pred` is a Python bool or no bool tensor, or both an
            argument and its old name are given.
        ValueError: the functions give nothing, different structures or different dtypes.
    """
    functions = []
    for word, function, old_word, old in (
        ("true_fn", true_fn, "fn1", fn1),
        ("false_fn", false_fn, "fn2", fn2),
    ):
        if function is not None and old is not None:
            raise TypeError(located(f"cond(): {word} and {old_word} may not be set simultaneously"))
        function = old if function is None else function
        if function is None:
            raise TypeError(located(f"cond(): {word} argument required"))
        if not callable(function):
            raise TypeError(located(f"{word} must be callable."))
        functions.append(function)
    with name_scope(name, "cond", [pred]):
        if isinstance(pred, bool):
            raise TypeError(located("pred must not be a Python bool"))
        test = _predicate(pred)
        return _build(test, functions, strict)


def case(
    pred_fn_pairs: Any,
    default: Callable[[], Any] | None = None,
    exclusive: bool = False,
    strict: bool = False,
    name: str = "case",
) -> Any:
    """What the function of the first true predicate gives; `default()` where none is true.

    Args:
        pred_fn_pairs: pairs (bool scalar, function), or a dict of them.
        default: without it, it is an error that no predicate is true.
        exclusive: whether it is an error that several are true.
        strict: as in `tf.cond`.

    Raises:
        TypeError: `pred_fn_pairs` are no such pairs, or `default` is no function.
        ValueError: there are no pairs, or the functions give different structures or dtypes.
        InvalidArgumentError: in the run: none, or more than one, is true.
    """
    pairs = _pairs(pred_fn_pairs)
    if default is not None and not callable(default):
        raise TypeError(located("default must be callable."))
    with name_scope(name, "case", [pred for pred, _ in pairs]):
        tests = [_predicate(pred) for pred, _ in pairs]
        graph = tests[0].graph
        every = graph.op("Pack", *tests, axis=0)
        checks = []
        if exclusive:
            count = graph.op("Sum", graph.op("Cast", every, DstT=dtypes.int32), [0])
            checks.append(
                Assert(count < 2, ["More than one condition evaluated as True but exclusive=True.",
                                   every])
            )  # fmt: skip
        rest = default
        if rest is None:
            checks.append(
                Assert(graph.op("Any", every, [0]),
                       ["None of the conditions evaluated as True.", every])
            )  # fmt: skip
            tests, (*pairs, (_, rest)) = tests[:-1], pairs
        with graph.control_dependencies(checks):
            for test, (_, function) in reversed(list(zip(tests, pairs, strict=True))):
                rest = partial(cond, test, function, rest, strict)
            return rest()


def _pairs(given: Any) -> list[tuple[Any, Callable[[], Any]]]:
    """Pairs of predicates and functions."""
    if isinstance(given, dict):
        given = list(given.items())
    if not isinstance(given, (list, tuple)):
        raise TypeError(located("fns must be a list, tuple, or dict"))
    if not given:
        raise ValueError(located("tf.case needs at least one pair of a predicate and a function"))
    for pair in given:
        if not isinstance(pair, tuple) or len(pair) != 2:
            raise TypeError(located("Each entry in pred_fn_pairs must be a 2-tuple"))
        if not callable(pair[1]):
            raise TypeError(located("fn for pred must be callable."))
    return list(given)


def _predicate(pred: Any) -> Tensor:
    test = convert_to_tensor(pred, name="pred")
    if not test.dtype.is_bool:
        raise TypeError(
            located(
                f"Input 'pred' of tf.cond has type {test.dtype.name}, but bool is wanted; compare "
                "it, or use tf.cast(pred, tf.bool)"
            )
        )
    if test.type.rank not in (None, 0):
        raise ValueError(
            located(f"Shape must be rank 0 but is rank {test.type.rank} for the pred of tf.cond")
        )
    return test


def _build(test: Tensor, functions: list[Callable[[], Any]], strict: bool) -> Any:
    graph = test.graph
    bodies: list[Body] = []
    packings: list[Packing] = []
    for word, function in zip(("true_fn", "false_fn"), functions, strict=True):
        body = Body(graph.block)
        with body.building():
            given = function()
            if given is None:
                raise ValueError(located(f"{word} must have a return value."))
            if not strict and isinstance(given, (list, tuple)) and len(given) == 1:
                given = given[0]
            packing, tensors = convert_results(graph, given, word)
            body.results = [body.adopt(t) for t in tensors]
        bodies.append(body)
        packings.append(packing)
    _check_alike(packings, bodies)
    captures = share_captures(bodies)
    controls = list(dict.fromkeys(c for body in bodies for c in body.controls))
    attrs = {"then_branch": bodies[0], "else_branch": bodies[1]}
    try:
        op = graph.create("If", [test, *captures], attrs, "If", controls)
    except (TypeError, ValueError) as error:
        raise relocated(error) from None
    merged = [graph.op("Identity", t, name="Merge") for t in op.outputs[:-1]]
    return packings[0].pack(merged)


def _check_alike(packings: list[Packing], bodies: list[Body]) -> None:
    """Hold what the two branches give to one structure and to the same dtypes."""
    try:
        nest.assert_same_structure(*[p.structure for p in packings])
    except (TypeError, ValueError) as error:
        raise type(error)(
            located(f"Incompatible return values of true_fn and false_fn: {error}")
        ) from None
    for a, b in zip(*[body.results for body in bodies], strict=True):
        if a.dtype is not b.dtype:
            raise ValueError(
                located(
                    "Outputs of true_fn and false_fn must have the same type: "
                    f"{a.dtype.name}, {b.dtype.name}"
                )
            )
        if None not in (a.type.rank, b.type.rank) and a.type.rank != b.type.rank:
            raise ValueError(
                located(
                    "Outputs of true_fn and false_fn must have the same rank, but have shapes "
                    f"{a.shape} and {b.shape}"
                )
            )
