"""Bodies: a stage's scalar instructions and stores, written for one point or one vector of points.

API (loop nests and contraction epilogues are both written with it):

    emitter = BodyEmitter(kernel, features, builder)
    point = Point({0: "%row", 1: "%column"}, Lanes(axis=1, width=16, count=None))
    values = emitter.emit(kernel.stages[0], point, bound={7: Value("%acc", float32, 16)})

Names that must exist in the function being written: `%frame` (ptr), `%b0`, `%b1`... (a ptr per
kernel buffer) and `%d0`, `%d1`... (an i64 per run-time integer); `entry_lines` loads them from the
frame.

A scalar value in vector code is one value for all lanes; it is computed once, by scalar code.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from graphc.codegen.cpu.access import Sites
from graphc.codegen.cpu.address import operand, size_name
from graphc.codegen.cpu.arith import convert, literal_int, scalar_op
from graphc.codegen.cpu.loads import Loads
from graphc.codegen.cpu.numeric import Code, Num, where
from graphc.codegen.cpu.philox import neighbours
from graphc.codegen.cpu.points import (
    VL,
    Lanes,
    Point,
    Value,
    active_mask,
    any_lane,
    both,
    splat,
    widen,
)
from graphc.codegen.cpu.stores import Stores
from graphc.codegen.cpu.target import Features
from graphc.codegen.cpu.text import Builder, element_type, literal
from graphc.codegen.kernel import (
    CODES,
    DIVISIONS,
    MATH,
    Access,
    Affine,
    Instruction,
    Kernel,
    Size,
    Stage,
    Store,
)
from graphc.ir.dtypes import DType, bool_, int64

__all__ = ["VL", "BodyEmitter", "Lanes", "Point", "Value", "entry_lines"]

# Functions inlined in one kernel. A call costs about a tenth of what it calls, and code that is
# ten times as long takes ten times as long to compile (a chain of 24 tanh: 60 and 8 ms).
MOST_INLINED = 8

_RECORD = """\
define internal void @record(ptr %frame, i64 %code, i64 %op, i64 %x, i64 %y)
    noinline cold nounwind {
entry:
  %code.p = getelementptr i8, ptr %frame, i64 16
  %op.p = getelementptr i8, ptr %frame, i64 24
  %x.p = getelementptr i8, ptr %frame, i64 32
  %y.p = getelementptr i8, ptr %frame, i64 40
  %old = load i64, ptr %code.p, align 8
  %old.op = load i64, ptr %op.p, align 8
  %none = icmp eq i64 %old, 0
  %lower = icmp slt i64 %op, %old.op
  %take = or i1 %none, %lower
  br i1 %take, label %write, label %end
write:
  store i64 %code, ptr %code.p, align 8
  store i64 %op, ptr %op.p, align 8
  store i64 %x, ptr %x.p, align 8
  store i64 %y, ptr %y.p, align 8
  br label %end
end:
  ret void
}
"""


def entry_lines(builder: Builder, kernel: Kernel) -> None:
    """Load the kernel's buffers (%b0...) and run-time integers (%d0...) from %frame by %slots."""
    tables = ("buffers", 0, kernel.buffers), ("dims", 8, range(kernel.dims))
    slot = 0
    for table, offset, entries in tables:
        if not entries:
            continue
        place = (
            builder.let("p", f"getelementptr i8, ptr %frame, i64 {offset}") if offset else "%frame"
        )
        base = builder.here(table, f"load ptr, ptr {place}, align 8")
        for number, _ in enumerate(entries):
            where_slot = builder.let("p", f"getelementptr i64, ptr %slots, i64 {slot}")
            index = builder.here("slot", f"load i64, ptr {where_slot}, align 8")
            address = builder.let("p", f"getelementptr i64, ptr {base}, i64 {index}")
            kind = "ptr" if table == "buffers" else "i64"
            builder.here(f"{table[0]}{number}", f"load {kind}, ptr {address}, align 8")
            slot += 1


class BodyEmitter:
    """Writes bodies of one kernel into one function."""

    def __init__(self, kernel: Kernel, features: Features, builder: Builder) -> None:
        self.kernel = kernel
        self.features = features
        self.builder = builder
        long = sum(i.op in MATH for stage in kernel.stages for i in stage.body)
        builder.compact = long > MOST_INLINED
        self.sites = Sites(kernel, features, builder)
        self.loads = Loads(self.sites)
        self.stores = Stores(self.loads)

    def emit(
        self, stage: Stage, point: Point, bound: Mapping[int, Value] | None = None
    ) -> dict[int, Value]:
        """Write `stage`'s instructions and then its stores at `point`.

        `bound` gives values that exist already, by number: the "acc" instruction, results of
        earlier stages. Returns `bound` and every value of the stage's body. May begin new basic
        blocks (checks, conditional stores): take `builder.block` afterwards for phis. Reductions
        are the caller's work.
        """
        values = dict(bound or {})
        self.instructions(stage.body, point, values)
        for store in stage.stores:
            self.store(store, point, values)
        return values

    def instructions(
        self, body: Sequence[Instruction], point: Point, values: dict[int, Value]
    ) -> None:
        """Write only the instructions; adds their values to `values`."""
        for instruction in body:
            if instruction.op != "acc":
                values[instruction.number] = self._instruction(instruction, point, values)
            else:
                assert instruction.number in values, f"acc is not bound: {instruction}"

    def load(
        self, access: Access, point: Point, values: Mapping[int, Value] | None = None
    ) -> Value:
        """One load, masked by the point's lanes and the access's predicates."""
        return self.loads.load(access, point, values or {}, "load")

    def store(self, store: Store, point: Point, values: Mapping[int, Value]) -> None:
        """One store, masked likewise."""
        self.stores.store(store, point, values)

    def size(self, size: Size) -> str:
        """A size as an i64 operand: "12" or "%d3"."""
        return size_name(size)

    def index(self, form: Affine, point: Point, values: Mapping[int, Value] | None = None) -> Value:
        """The int64 value of an affine form, a scalar if it is the same in all lanes."""
        name, width = self.sites.addressing.index(form, point, values or {})
        return Value(name, int64, width)

    def vector(self, value: Value, width: int) -> str:
        """The name of `value` as a vector of `width` lanes (splat if it is a scalar)."""
        return widen(self.builder, value, width)

    # -- instructions

    def _instruction(
        self, instruction: Instruction, point: Point, values: Mapping[int, Value]
    ) -> Value:
        hint = f"{instruction.op}_{instruction.number}"
        dtype = instruction.dtype
        args = [values[number] for number in instruction.args]
        match instruction.op:
            case "load":
                return self.loads.load(instruction.data, point, values, hint)
            case "const":
                return Value(literal(instruction.data, dtype), dtype)
            case "index":
                return self.index(instruction.data, point, values)
            case "dim":
                return Value(str(operand(instruction.data)), dtype)
            case "check":
                return self._check(instruction, args[0], point)
            case "fail_if":
                codes = CODES["CHECK"], operand(instruction.data)
                self._record(args[0], codes, (None, None), point)
                return args[0]
            case "convert":
                (x,), code = self._numbers(args, hint)
                result = convert(x, args[0].dtype, dtype)
                return Value(result.name, dtype, code.width)
            case "bitcast":
                (x,), code = self._numbers(args, hint)
                return Value(x.cast("bitcast", element_type(dtype)).name, dtype, code.width)
            case "philox" if (start := self._ramp(instruction.args[0], args, point)) is not None:
                names = (args[1].name, args[2].name, args[3].name)
                bits = neighbours(self.builder, self.features, start, names, args[0].width)
                return Value(bits, dtype, args[0].width)
        if instruction.op in DIVISIONS and dtype.is_integer:
            self._check_division(instruction, args, point)
        numbers, code = self._numbers(args, hint)
        kind = args[-1].dtype if instruction.op == "select" else args[0].dtype
        return Value(scalar_op(instruction.op, kind, *numbers).name, dtype, code.width)

    def _ramp(self, number: int, args: Sequence[Value], point: Point) -> str | None:
        """Where the elements of a philox instruction are neighbours, and nothing else changes in
        this function: the first of them.
        """
        form = self.sites.addressing.index_form(number, point)
        if form is None or form.varying or form.step not in (0, 1):
            return None
        if point.lanes is not None and form.step != 1:
            return None
        if any(a.width is not None or self.builder.depth(a.name) > 0 for a in args[1:]):
            return None
        return str(self.sites.addressing.start(form))

    def _numbers(self, args: Sequence[Value], hint: str) -> tuple[list[Num], Code]:
        """Arguments with one width: scalars if all are, else vectors."""
        width = next((a.width for a in args if a.width is not None), None)
        code = Code(self.builder, self.features, width, hint)
        return [code.num(widen(self.builder, a, width), element_type(a.dtype)) for a in args], code

    # -- failures

    def _check(self, instruction: Instruction, x: Value, point: Point) -> Value:
        limit, op = instruction.data
        (index,), code = self._numbers([x], f"check_{instruction.number}")
        bound = index.code.num(splat(self.builder, size_name(limit), "i64", x.width), "i64")
        known = literal_int(index)
        if known is not None and isinstance(limit, int) and 0 <= known < limit:
            return x
        bad = index.compare("uge", bound)
        codes = CODES["INDEX"], operand(op)
        self._record(
            Value(bad.name, bool_, x.width), codes, (x, Value(size_name(limit), int64)), point
        )
        return Value(where(bad, 0, index).name, int64, code.width)

    def _check_division(
        self, instruction: Instruction, args: Sequence[Value], point: Point
    ) -> None:
        y = args[1]
        (divisor,), _ = self._numbers([y], f"bad_{instruction.number}")
        power = instruction.op == "pow"
        known = literal_int(divisor)
        if known is not None and (known >= 0 if power else known != 0):
            return
        if power and y.dtype.is_unsigned:
            return
        bad = divisor < 0 if power else divisor.eq(0)
        codes = CODES["POWER" if power else "DIVIDE"], operand(instruction.data)
        self._record(Value(bad.name, bool_, y.width), codes, (args[0], y), point)

    def _record(
        self,
        bad: Value,
        codes: tuple[int, int | str],
        operands: tuple[Value | None, Value | None],
        point: Point,
    ) -> None:
        """Record a failure where `bad` holds in a real lane: the lowest such lane."""
        if bad.name == "false":
            return
        builder = self.builder
        mask = bad.name
        if bad.width is not None:
            mask = both(builder, mask, active_mask(builder, point), bad.width) or mask
        with builder.at(" ".join([mask, *(v.name for v in operands if v is not None)])):
            if builder.once(f"record {mask} {codes} {operands}"):
                self._record_here(Value(mask, bool_, bad.width), codes, operands)

    def _record_here(
        self,
        bad: Value,
        codes: tuple[int, int | str],
        operands: tuple[Value | None, Value | None],
    ) -> None:
        builder = self.builder
        builder.module.require("@record", _RECORD)
        with builder.when("fail", any_lane(builder, bad.name, bad.width)):
            lane = "0"  # a condition that is the same in all lanes fails in the first
            if bad.width is not None:
                kind = f"i{bad.width}"
                bits = builder.let("bits", f"bitcast <{bad.width} x i1> {bad.name} to {kind}")
                text = f"call {kind} @llvm.cttz.{kind}({kind} {bits}, i1 true)"
                lane = builder.here("lane", f"zext {kind} {builder.here('first', text)} to i64")
            x, y = (self._operand(value, lane) for value in operands)
            code, op = codes
            builder.line(f"call void @record(ptr %frame, i64 {code}, i64 {op}, i64 {x}, i64 {y})")

    def _operand(self, value: Value | None, lane: str) -> str:
        """A value of the failing lane as an i64."""
        if value is None:
            return "0"
        name, kind = value.name, element_type(value.dtype)
        if value.width is not None:
            name = self.builder.here("operand", f"extractelement {value.type} {name}, i64 {lane}")
        return _as_int64(self.builder, name, kind, value.dtype)


def _as_int64(builder: Builder, name: str, kind: str, dtype: DType) -> str:
    if kind == "i64":
        return name
    op = "zext" if dtype.is_unsigned or dtype.is_bool else "sext"
    return builder.here("operand", f"{op} {kind} {name} to i64")
