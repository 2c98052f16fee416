"""Kernels: the loop-level IR that every target prints from.

A `Kernel` is a loop nest. Its *outer* axes are shared and independent (parallel); inside them run
*stages* in order, each a loop over its own *inner* axes with scalar SSA instructions, reductions
and stores. Softmax over rows is one outer axis and three stages over one inner axis.

Everything a kernel touches is numbered locally: `buffers[i]`, and run-time integers `dims[i]`
(extents, strides, seeds). Two launches of the same structure are therefore the same kernel, and
`Kernel.key` (a hash of its text) is the unit of compilation and caching.

A *size* is a Python int (known when compiling) or a `D(i)`: the i-th run-time integer.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from graphc.ir.dtypes import DType
from graphc.ir.lowering import ReductionKind, StoreMode
from graphc.ir.records import record


@record
class D:
    """A run-time integer: `dims[index]` of the kernel (int64)."""

    index: int

    def __str__(self) -> str:
        return f"d{self.index}"


Size = int | D


@record
class Axis:
    """A loop variable that runs over 0 <= axis < extent."""

    name: str
    extent: Size


@record
class Buffer:
    """A pointer parameter.

    `inout` buffers are read and written by this kernel, element by element at the same address (an
    elementwise result that takes over a dying input, an accumulation); all other buffers of a
    kernel never overlap a buffer that it writes (noalias). An `out` buffer may be read in a stage
    after the one that wrote the same element at the same outer and inner point.
    """

    name: str
    dtype: DType
    role: Literal["in", "out", "inout"]


@record
class Affine:
    """offset + sum(coefficient * axis) + sum(coefficient * value of instruction).

    `axes` pairs an axis number (index into `Kernel.axes`) with its coefficient; a coefficient is a
    Size. `values` pairs an SSA value number (an int64 instruction: a gathered index) with its
    coefficient. Units: elements.
    """

    axes: tuple[tuple[int, Size], ...] = ()
    offset: Size = 0
    values: tuple[tuple[int, Size], ...] = ()

    def coefficient(self, axis: int) -> Size:
        for number, coefficient in self.axes:
            if number == axis:
                return coefficient
        return 0

    def __str__(self) -> str:
        parts = [f"a{a}" if c == 1 else f"{c}*a{a}" for a, c in self.axes]
        parts += [f"%{v}" if c == 1 else f"{c}*%{v}" for v, c in self.values]
        if self.offset != 0 or not parts:
            parts.append(str(self.offset))
        return " + ".join(parts)


@record
class Bound:
    """The predicate low <= index < high."""

    index: Affine
    low: Size
    high: Size

    def __str__(self) -> str:
        return f"{self.low} <= {self.index} < {self.high}"


@record
class Access:
    """An element of a buffer: its linear index, and the predicates under which it is touched.

    A load whose predicates fail gives `other` (a Python number in the buffer's dtype); a store
    whose predicates fail does not happen.
    """

    buffer: int
    index: Affine
    where: tuple[Bound, ...] = ()
    other: int | float | bool = 0

    def __str__(self) -> str:
        text = f"b{self.buffer}[{self.index}]"
        if self.where:
            text += " if " + " and ".join(map(str, self.where)) + f" else {self.other!r}"
        return text


@record
class Instruction:
    """One scalar SSA value. Its number is its position in the kernel's numbering: `number`.

    op, by kind (see SCALAR_OPS for the arithmetic ones):
      "load"    data: Access                     -> element
      "const"   data: Python number (repr-exact; floats may be inf/nan)
      "index"   data: Affine                     -> int64 value of an affine form
      "dim"     data: Size                       -> int64 run-time integer
      "acc"     ()                               -> the contraction's sum for this element
      "check"   args (i,), data: (bound, op), two Sizes: the int64 value i if 0 <= i < bound;
                otherwise records the failure (code INDEX, op, i, bound) and gives 0
      "fail_if" args (c,), data: op, a Size: where the bool c holds, records (code CHECK, op, 0, 0);
                its value is c
      "convert" args (x,): to `dtype`, with C/NumPy meaning except float -> int, which saturates and
                sends NaN to 0; to bool is x != 0
      "bitcast" args (x,): the same bits as `dtype` of equal size
      any name in SCALAR_OPS: arithmetic on args, all of which have the same dtype unless said
                there. Integer div, rem, floordiv, floormod and pow can fail: their data is op, a
                Size
    `op` above identifies the failing operation to the user; it is a D so that kernels stay shared.
    A reduction's result is also a value number (see Reduce) and may be an argument afterwards.
    """

    number: int
    op: str
    dtype: DType
    args: tuple[int, ...] = ()
    data: Any = None

    @property
    def fallible(self) -> bool:
        """Whether this instruction can record a failure."""
        return self.op in ("check", "fail_if") or (self.op in DIVISIONS and self.dtype.is_integer)

    def __str__(self) -> str:
        words = [f"%{a}" for a in self.args]
        if self.data is not None:
            words.append(
                str(self.data)
                if not isinstance(self.data, tuple)
                else ", ".join(map(str, self.data))
            )
        return f"%{self.number}: {self.dtype.name} = {self.op}({', '.join(words)})"


@record
class Reduce:
    """Fold `value` over the stage's inner axes; the result is value `number` for later stages.

    kind: sum prod max min any all argmax argmin. max/min propagate NaN. arg-reductions fold the
    pair (value, position), where position is the linear position over the inner axes in row-major
    order, give int64, prefer the first of equals, and treat NaN as the extreme (first NaN wins).
    The result of an empty fold: 0, 1, -inf/lowest, +inf/highest, False, True, 0, 0.
    """

    number: int
    kind: ReductionKind
    value: int
    dtype: DType

    def __str__(self) -> str:
        return f"%{self.number}: {self.dtype.name} = reduce_{self.kind}(%{self.value})"


@record
class Store:
    """Write `value` to an element.

    mode: "set" overwrites; "add" adds to what is there (a scatter; runs serially in element order,
    so the result is deterministic), likewise sub mul div min max.
    """

    access: Access
    value: int
    mode: StoreMode = "set"

    def __str__(self) -> str:
        return f"{self.access} {'' if self.mode == 'set' else self.mode}= %{self.value}"


@record
class Stage:
    """A loop over `axes` (numbers of inner axes, outermost first; () means once per outer point).

    `body` runs for each point, then `stores`. `reduces` fold over the whole loop. Instructions of
    a stage without inner axes stay visible to later stages, like reduction results; those of a
    looped stage are visible in that stage only. `ordered` means that points must run in order on
    one thread (scatters).
    """

    axes: tuple[int, ...]
    body: tuple[Instruction, ...]
    reduces: tuple[Reduce, ...] = ()
    stores: tuple[Store, ...] = ()
    ordered: bool = False


@record
class Contraction:
    """acc[outer..., m, n] = sum over k of A[a] * B[b], in the accumulation order of the target.

    `m` and `n` are the last two outer axes of the kernel (all other outer axes are batch axes).
    `k` are the extents of the summed axes, outermost first; their coefficients in A and B stand
    apart. `a` and `b` are loads without predicates: `a` has no term in axis n, `b` none in axis m.
    The kernel's single stage has no inner axes: it is the epilogue, which reads the sum with the
    "acc" instruction.

    Of a product with windows (a convolution) rows of A need not be equally far apart: `rows` are
    the digits of m, outermost first, each with its extent and its coefficient in A; the extents
    multiply to that of m, in which `a` then has no term. So all positions of all images are one
    axis of rows, although their windows overlap and lines of an image end.
    """

    a: Access
    a_k: tuple[Size, ...]
    b: Access
    b_k: tuple[Size, ...]
    k: tuple[Size, ...]
    dtype: DType
    rows: tuple[tuple[Size, Size], ...] = ()

    def __str__(self) -> str:
        names = ["k"] if len(self.k) == 1 else [f"k{n}" for n in range(len(self.k))]
        sums = ", ".join(f"{n}<{extent}" for n, extent in zip(names, self.k, strict=True))
        digits = [(f"m{n}", step) for n, (_, step) in enumerate(self.rows)]
        a = _operand(self.a, [*digits, *zip(names, self.a_k, strict=True)])
        b = _operand(self.b, list(zip(names, self.b_k, strict=True)))
        text = f"acc = sum {sums}: {a} * {b}"
        if not self.rows:
            return text
        extents = ", ".join(f"m{n}<{extent}" for n, (extent, _) in enumerate(self.rows))
        return f"{text} where m = ({extents})"


def _operand(access: Access, steps: list[tuple[str, Size]]) -> str:
    """A contraction's access with the terms that stand apart."""
    parts = [name if step == 1 else f"{step}*{name}" for name, step in steps if step != 0]
    own = str(access.index)
    return f"b{access.buffer}[{' + '.join(parts if own == '0' and parts else [own, *parts])}]"


@dataclass(frozen=True)
class Kernel:
    """A loop nest: `axes[:outer]` are the shared outer axes, the others belong to stages.

    `vector` is the axis number that targets should vectorise along (None: nothing to gain).
    `ordered` kernels run on one thread. `title` and `sources` are for people: they take no part in
    the key.
    """

    buffers: tuple[Buffer, ...]
    dims: int
    axes: tuple[Axis, ...]
    outer: int
    stages: tuple[Stage, ...]
    contraction: Contraction | None = None
    vector: int | None = None
    special: str | None = None  # name of a hand-written kernel (see SPECIALS) instead of stages
    title: str = field(default="", compare=False)
    sources: tuple[str, ...] = field(default=(), compare=False)

    @cached_property
    def text(self) -> str:
        """The kernel as text, without title and sources: what is hashed."""
        return _print(self)

    @cached_property
    def key(self) -> str:
        """Structural hash: equal for kernels that do the same."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:24]

    @property
    def symbol(self) -> str:
        """The name of its entry point in object files."""
        return f"kernel_{self.key}"

    @property
    def can_fail(self) -> bool:
        if self.special is not None:
            return False
        return any(i.fallible for stage in self.stages for i in stage.body)

    def __str__(self) -> str:
        head = "".join(f"// {line}\n" for line in (self.title, *self.sources) if line)
        return head + self.text


# Arithmetic the targets provide: name -> (number of arguments, meaning). Arguments and result share
# one dtype unless the meaning says otherwise. All is IEEE without fast-math; integers wrap.
SCALAR_OPS: dict[str, tuple[int, str]] = {
    "add": (2, "x + y"),
    "sub": (2, "x - y"),
    "mul": (2, "x * y"),
    "div": (2, "float: x / y. int: C division (truncates); y == 0 records code DIVIDE and gives 0; "
               "INT_MIN / -1 wraps"),
    "rem": (2, "float: C fmod. int: C remainder, sign of x; y == 0 records DIVIDE and gives 0"),
    "floordiv": (2, "floor(x / y); integers like div but rounding down"),
    "floormod": (2, "x - floor(x / y) * y, sign of y; integers likewise, y == 0 records DIVIDE"),
    "pow": (2, "x ** y; integers by repeated multiplication, a negative exponent records POWER"),
    "max": (2, "greater; NaN if either is NaN"),
    "min": (2, "less; NaN if either is NaN"),
    "atan2": (2, "float"),
    "fma": (3, "float: x * y + z rounded once"),
    "neg": (1, "-x"),
    "abs": (1, "|x|"),
    "sign": (1, "-1, 0, 1; NaN stays"),
    "sqrt": (1, "float, correctly rounded"),
    "rsqrt": (1, "float, 1 / sqrt(x)"),
    "exp": (1, "float"), "expm1": (1, "float"), "log": (1, "float"), "log1p": (1, "float"),
    "sin": (1, "float"), "cos": (1, "float"), "tan": (1, "float"),
    "asin": (1, "float"), "acos": (1, "float"), "atan": (1, "float"),
    "sinh": (1, "float"), "cosh": (1, "float"), "tanh": (1, "float"),
    "asinh": (1, "float"), "acosh": (1, "float"), "atanh": (1, "float"),
    "sigmoid": (1, "float, 1 / (1 + exp(-x)) without overflow"),
    "erf": (1, "float"), "erfc": (1, "float"), "lgamma": (1, "float"), "digamma": (1, "float"),
    "floor": (1, "float"), "ceil": (1, "float"), "trunc": (1, "float"),
    "rint": (1, "float: nearest, ties to even"),
    "isnan": (1, "float -> bool"), "isinf": (1, "float -> bool"), "isfinite": (1, "float -> bool"),
    "eq": (2, "x == y -> bool"), "ne": (2, "-> bool"), "lt": (2, "-> bool"), "le": (2, "-> bool"),
    "gt": (2, "-> bool"), "ge": (2, "-> bool"),
    "and": (2, "bool or int bits"), "or": (2, "bool or int bits"), "xor": (2, "bool or int bits"),
    "not": (1, "bool or int bits"),
    "shl": (2, "int"), "shr": (2, "int; arithmetic for signed types"),
    "select": (3, "args (bool c, x, y): x where c else y"),
    "mulhi": (2, "uint32 -> uint32: the high half of the 64-bit product"),
    "philox": (4, "(int64 element, uint64-as-int64 key, int64 run counter, int64 stream) -> uint32 "
                  "random bits of that element; see graphc.ir.random for the exact function"),
}  # fmt: skip
DIVISIONS = frozenset({"div", "rem", "floordiv", "floormod", "pow"})
# Those that are long pieces of code rather than a few instructions.
MATH = frozenset({
    "exp", "expm1", "log", "log1p", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "sigmoid",
    "sin", "cos", "tan", "asin", "acos", "atan", "atan2", "pow", "erf", "erfc", "lgamma", "digamma",
})  # fmt: skip
# Hand-written kernels that do not fit the loop form; every target has one of each.
SPECIALS: dict[str, str] = {
    "permutation": "b0: int64[n] out, dims (n, key, counter): a uniform random permutation of "
                   "0..n-1 (Fisher-Yates from the end, bits by philox; see graphc.ir.random)",
    "top_k": "b0: int32 or int64 [rows, n] in, b1: int32[rows, k] out, dims (rows, n, k): where "
             "the greatest of each row are, the greatest first, of equals the first; k <= n",
}  # fmt: skip

# Failure codes recorded in the frame (see codegen.cpu.driver).
CODES = {"INDEX": 1, "DIVIDE": 2, "POWER": 3, "GUARD": 4, "MEMORY": 5, "CHECK": 6, "HOST": 7}


def _print(kernel: Kernel) -> str:
    buffers = ", ".join(f"b{i}: {b.role} {b.dtype.name}" for i, b in enumerate(kernel.buffers))
    lines = [f"kernel({buffers}; {kernel.dims} dims) vector={kernel.vector}"]
    if kernel.special is not None:
        return f"{lines[0]} special={kernel.special}\n"
    pad = "  "
    for number, axis in enumerate(kernel.axes[: kernel.outer]):
        lines.append(f"{pad}for a{number} < {axis.extent}:")
        pad += "  "
    if kernel.contraction is not None:
        lines.append(f"{pad}{kernel.contraction}")
    for stage in kernel.stages:
        inner = pad
        lines.append(f"{inner}stage{' ordered' if stage.ordered else ''}:")
        inner += "  "
        for number in stage.axes:
            lines.append(f"{inner}for a{number} < {kernel.axes[number].extent}:")
            inner += "  "
        lines += [f"{inner}{i}" for i in (*stage.body, *stage.reduces, *stage.stores)]
    return "\n".join(lines) + "\n"
