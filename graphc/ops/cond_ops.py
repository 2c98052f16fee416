"""`tf.cond` and `tf.case`: branches, of which one runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphc.framework import nest
from graphc.framework.conversion import convert_to_tensor
from graphc.framework.errors import located, relocated
from graphc.framework.name_scope import name_scope
from graphc.ir.bodies import Body, share_captures
from graphc.ir.graph import Tensor
from graphc.ops.loop_values import Packing, convert_results

__all__ = ["cond"]


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
