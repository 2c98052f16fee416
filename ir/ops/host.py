"""Host operations: calls back into Python in the middle of a run (`tf.py_func`, `tf.Print`).

A Python function is known to the graph by a token. The size of what it returns is known only when
it has run, so a call is two operations: `PyFunc` calls and gives all sizes, `PyFuncResult` gives
the arrays, whose unknown sizes are read from there.
"""

from __future__ import annotations

import itertools
import sys
import threading
import traceback
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphc.ir import dtypes
from graphc.ir.dims import Unknown
from graphc.ir.errors import (
    InvalidArgumentError,
    OpError,
    OutOfRangeError,
    ResourceExhaustedError,
    UnimplementedError,
    UnknownError,
)
from graphc.ir.graph import Attr, NoGradient, OpDef, TypeContext, register
from graphc.ir.lowering import Host
from graphc.ir.types import TensorType

# A result of a Python function has at most so many dimensions.
MOST_DIMS = 8

_numbers = itertools.count()


class HostFunction:
    """A Python function that operations call, held by the graph that they belong to.

    Attributes:
        token: its name in attributes.
        calls: how often it was called.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.token = f"py_func_{next(_numbers)}"
        self.calls = 0
        self.results: dict[int, list[np.ndarray]] = {}  # of a call, by thread, until they are read
        _FUNCTIONS[self.token] = self


_FUNCTIONS: weakref.WeakValueDictionary[str, HostFunction] = weakref.WeakValueDictionary()


def function_of(op: Any) -> HostFunction:
    """The function behind an operation's token.

    Raises:
        InvalidArgumentError: the graph that held it is gone.
    """
    found = _FUNCTIONS.get(op.attrs["token"])
    if found is None:
        raise InvalidArgumentError(
            None,
            op,
            "the Python function of this operation is gone, and so is the graph it was made in",
        )
    return found


# ----------------------------------------------------------------------------------------- PyFunc


def _call(op: Any, *arrays: np.ndarray) -> np.ndarray:
    host = function_of(op)
    wanted = op.attrs["Tout"]
    try:
        given = host.function(*[a.copy() for a in arrays])
    except OpError:
        raise
    except Exception as error:
        raise _translated(error, op) from error
    if given is None:
        given = ()
    if not isinstance(given, (tuple, list)):
        given = (given,)
    elif len(wanted) == 1 and len(given) != 1:
        given = (np.asarray(given),)
    if len(given) != len(wanted):
        raise InvalidArgumentError(
            None, op, f"the function returned {len(given)} values, Tout names {len(wanted)}"
        )
    results = [_checked(op, i, v, d) for i, (v, d) in enumerate(zip(given, wanted, strict=True))]
    host.calls += 1
    host.results[threading.get_ident()] = results
    sizes = np.zeros((len(results), MOST_DIMS), np.int64)
    for row, result in zip(sizes, results, strict=True):
        row[: result.ndim] = result.shape
    return sizes.ravel()


def _translated(error: Exception, op: Any) -> OpError:
    kinds: tuple[tuple[Any, type[OpError]], ...] = (
        ((ValueError, TypeError), InvalidArgumentError),
        (StopIteration, OutOfRangeError),
        (MemoryError, ResourceExhaustedError),
        (NotImplementedError, UnimplementedError),
    )
    kind = next((k for types, k in kinds if isinstance(error, types)), UnknownError)
    lines = traceback.format_exception(error)
    return kind(None, op, f"{type(error).__name__}: {error}\n" + "".join(lines))


def _checked(op: Any, index: int, value: Any, dtype: dtypes.DType) -> np.ndarray:
    array = np.asarray(value)
    if dtype.kind == "string":
        flat = [v.encode() if isinstance(v, str) else v for v in array.astype(object).ravel()]
        result = np.empty(array.shape, object)
        result.ravel()[:] = flat
        return result
    is_numpy = isinstance(value, (np.ndarray, np.generic))
    if array.dtype != dtype.numpy and (
        is_numpy or not np.can_cast(array.dtype, dtype.numpy, "same_kind")
    ):
        raise InvalidArgumentError(
            None, op,
            f"the {index}-th value returned by the function is {array.dtype}, but expects "
            f"{dtype.name}; "
            f"return it as np.{dtype.name}, or change Tout",
        )  # fmt: skip
    if array.ndim > MOST_DIMS:
        raise InvalidArgumentError(
            None, op, f"the {index}-th value returned has {array.ndim} dimensions"
        )
    return np.ascontiguousarray(array, dtype.numpy).reshape(array.shape)


register(OpDef(
    name="PyFunc",
    doc=(
        "Call a Python function with the inputs as arrays. Gives the sizes of its results, "
        f"{MOST_DIMS} for each; `PyFuncResult` gives the results."
    ),
    inputs=("*input",),
    outputs=("sizes",),
    attrs={"token": Attr("string"), "Tout": Attr("any", (), "a tuple of dtypes")},
    infer=lambda c: TensorType(dtypes.int64, (len(c.attrs["Tout"]) * MOST_DIMS,)),
    reference=None,
    gradient=NoGradient("a Python function has none"),
    lowering=Host(_call),
    effect="host",
    dtypes=dtypes.COMPUTED,
))  # fmt: skip


def _result_types(c: TypeContext) -> list[TensorType]:
    types = []
    for index, dtype in enumerate(c.attrs["Tout"]):
        shape = c.attrs["shapes"][index]
        if c.environment is None:
            types.append(TensorType(dtype, shape))
            continue
        if shape is None:
            c.fail(
                f"the rank of result {index} of a Python function must be known before it runs: "
                "call "
                "set_shape([None, ...]) on the tensor that tf.py_func returned"
            )
        dims = tuple(
            c.environment.dynamic_value(c.tensors[0], index * MOST_DIMS + axis)
            if isinstance(dim, Unknown) else dim
            for axis, dim in enumerate(shape)
        )  # fmt: skip
        types.append(TensorType(dtype, dims))
    return types


def _results(op: Any, sizes: np.ndarray) -> list[np.ndarray]:
    results = function_of(op).results.pop(threading.get_ident())
    for index, (result, shape) in enumerate(zip(results, op.attrs["shapes"], strict=True)):
        same = len(shape) == result.ndim and all(
            isinstance(d, Unknown) or d == n for d, n in zip(shape, result.shape, strict=True)
        )
        if not same:
            raise InvalidArgumentError(
                None, op,
                f"result {index} of the function has shape {result.shape}, set_shape said {shape}",
            )  # fmt: skip
    return results


register(OpDef(
    name="PyFuncResult",
    doc="The arrays that the call of a Python function returned.",
    inputs=("sizes",),
    outputs=("*output",),
    attrs={
        "token": Attr("string"),
        "Tout": Attr("any", (), "a tuple of dtypes"),
        "shapes": Attr("any", (), "what `set_shape` said of each result"),
    },
    infer=_result_types,
    reference=None,
    gradient=NoGradient("a Python function has none"),
    lowering=Host(_results),
    effect="host",
    dtypes=dtypes.COMPUTED,
))  # fmt: skip


# ------------------------------------------------------------------------------------------ Print


def summary(array: np.ndarray, most: int | None) -> str:
    """The first `most` elements as TensorFlow prints them: ``[1 2 3...]``."""
    flat = array.ravel()
    count = flat.size if most is None or most < 0 else min(most, flat.size)
    words = [_word(v) for v in flat[:count].tolist()]
    text = " ".join(words) + ("..." if count < flat.size else "")
    return f"[{text}]" if array.ndim else text.join("[]")


def _word(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, bool):
        return str(int(value))
    return f"{value:.9g}" if isinstance(value, float) else str(value)


def shown(op: Any, data: Sequence[np.ndarray]) -> list[str]:
    """What an operation shows, in order: attribute `texts` with the tensors at its None places."""
    arrays = iter(data)
    most = op.attrs["summarize"]
    return [
        summary(np.asarray(next(arrays)), most) if text is None else f"[{text}]"
        for text in op.attrs["texts"]
    ]


def _print(op: Any, x: np.ndarray, *data: np.ndarray) -> np.ndarray:
    host = function_of(op)
    first = op.attrs["first_n"]
    if first < 0 or host.calls < first:
        host.calls += 1
        print(op.attrs["message"] + "".join(shown(op, data)), file=sys.stderr, flush=True)
    return x


register(OpDef(
    name="Print",
    doc="y = input; writes the message and the first elements of `data` to stderr.",
    inputs=("input", "*data"),
    attrs={
        "token": Attr("string", doc="of the counter behind first_n"),
        "message": Attr("string", ""),
        "first_n": Attr("int", -1),
        "summarize": Attr("int", 3),
        "texts": Attr("any", (), "what is shown: a text, or None for the next of `data`"),
    },
    infer=lambda c: c.inputs[0],
    reference=None,
    gradient=lambda op, dy: [dy] + [None] * (len(op.inputs) - 1),
    lowering=Host(_print),
    value=lambda c: c.value(0),
    effect="host",
    dtypes=dtypes.COMPUTED,
))  # fmt: skip
