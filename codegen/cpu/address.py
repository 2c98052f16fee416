"""Affine forms and predicates at a point: what an access's address and mask come down to.

The one idea: along the lanes an affine form is `start + lane * step` (plus gathered values), with
`start` a sum of scalars. Each scalar term is added in the scope where it is known, outermost first,
so that address arithmetic of outer loops happens there.
"""

from __future__ import annotations

from collections.abc import Mapping

from graphc.codegen.cpu.points import Lanes, Point, Value, both, iota, splat
from graphc.codegen.cpu.text import Builder
from graphc.codegen.kernel import Access, Affine, Bound, D, Instruction, Kernel, Size
from graphc.ir.records import record


@record
class Form:
    """An affine form at a point: sum of `terms` (i64 names) + `constant` + lane * `step` + the i64
    vectors `varying` (gathered values that differ between lanes)."""

    terms: tuple[str, ...]
    constant: int
    step: int | str
    varying: tuple[str, ...]

    @property
    def uniform(self) -> bool:
        return self.step == 0 and not self.varying


def size_name(size: Size) -> str:
    """A size as an i64 operand."""
    return f"%{size}" if isinstance(size, D) else str(size)


class Addressing:
    """Evaluates index arithmetic of one kernel in one function."""

    def __init__(self, kernel: Kernel, builder: Builder) -> None:
        self.kernel = kernel
        self.builder = builder
        self._instructions = {i.number: i for stage in kernel.stages for i in stage.body}

    # -- scalar arithmetic

    def add(self, x: str | int, y: str | int) -> str | int:
        """x + y as i64, folding what is known."""
        if isinstance(x, int) and isinstance(y, int):
            return x + y
        if x == 0 or y == 0:
            return y if x == 0 else x
        return self.builder.let("sum", f"add i64 {x}, {y}")

    def multiply(self, x: str | int, y: str | int) -> str | int:
        """x * y as i64, folding what is known."""
        if isinstance(x, int) and isinstance(y, int):
            return x * y
        if x == 0 or y == 0:
            return 0
        if x == 1 or y == 1:
            return y if x == 1 else x
        x, y = (y, x) if isinstance(x, int) else (x, y)
        return self.builder.let("scaled", f"mul i64 {x}, {y}")

    def _scaled_vector(self, name: str, factor: int | str, width: int) -> str:
        if factor == 1:
            return name
        by = splat(self.builder, str(factor), "i64", width)
        return self.builder.let("scaled", f"mul <{width} x i64> {name}, {by}")

    # -- forms

    def form(self, affine: Affine, point: Point, values: Mapping[int, Value]) -> Form:
        """Evaluate `affine` at `point`."""
        constant = 0
        step: int | str = 0
        terms: list[str] = []
        varying: list[str] = []

        def include(term: int | str) -> None:
            nonlocal constant
            if isinstance(term, int):
                constant += term
            else:
                terms.append(term)

        include(operand(affine.offset))
        for axis, coefficient in affine.axes:
            factor = operand(coefficient)
            include(self.multiply(point.axes[axis], factor) if factor != 0 else 0)
            if point.lanes is not None and axis == point.lanes.axis:
                step = self.add(step, factor)
        for number, coefficient in affine.values:
            value = values[number]
            if value.width is None:
                name: int | str = value.name
                name = int(name) if not value.name.startswith("%") else name
                include(self.multiply(name, operand(coefficient)))
            else:
                varying.append(self._scaled_vector(value.name, operand(coefficient), value.width))
        terms.sort(key=self.builder.depth)
        return Form(tuple(terms), constant, step, tuple(varying))

    def index_form(self, number: int, point: Point) -> Form | None:
        """The form of value `number` if that is an "index" instruction of axes alone."""
        instruction = self._instructions.get(number)
        if instruction is None or instruction.op != "index" or instruction.data.values:
            return None
        return self.form(instruction.data, point, {})

    def start(self, form: Form) -> str | int:
        """The scalar part of a form as one i64: a name or an int."""
        total: str | int = 0
        for term in form.terms:
            total = self.add(total, term)
        return self.add(total, form.constant)

    def index(
        self, affine: Affine, point: Point, values: Mapping[int, Value]
    ) -> tuple[str, int | None]:
        """The i64 value of a form: (name, width), a scalar (width None) if equal in all lanes."""
        form = self.form(affine, point, values)
        start = str(self.start(form))
        if form.uniform:
            return start, None
        assert point.width is not None
        return self.spread(form, start, point.width), point.width

    def spread(self, form: Form, start: str, width: int) -> str:
        """The i64 vector of a form whose scalar part is `start`."""
        vectors = list(form.varying)
        if form.step != 0:
            vectors.append(self._scaled_vector(iota("i64", width), form.step, width))
        if start != "0":
            vectors.append(splat(self.builder, start, "i64", width))
        total = vectors[0]
        for other in vectors[1:]:
            total = self.builder.let("index", f"add <{width} x i64> {total}, {other}")
        return total

    def pointer(self, access: Access, form: Form, element: str) -> str:
        """The address of lane 0 (without the varying part)."""
        address = f"%b{access.buffer}"
        for term in form.terms:
            address = self.builder.let("p", f"getelementptr {element}, ptr {address}, i64 {term}")
        if form.constant:
            text = f"getelementptr {element}, ptr {address}, i64 {form.constant}"
            address = self.builder.let("p", text)
        return address

    # -- predicates

    def holds(
        self, bound: Bound, point: Point, values: Mapping[int, Value]
    ) -> tuple[str, int | None]:
        """The i1 (or vector of i1) of a predicate, real lanes or not: (name, width)."""
        form = self.form(bound.index, point, values)
        start = self.start(form)
        low, high = size_name(bound.low), size_name(bound.high)
        if form.uniform:
            if (
                isinstance(start, int)
                and isinstance(bound.low, int)
                and isinstance(bound.high, int)
            ):
                return ("true" if bound.low <= start < bound.high else "false"), None
            parts = [
                self.builder.let("above", f"icmp sge i64 {start}, {low}"),
                self.builder.let("below", f"icmp slt i64 {start}, {high}"),
            ]
            return self.builder.let("inside", f"and i1 {parts[0]}, {parts[1]}"), None
        assert point.lanes is not None
        if form.step == 1 and not form.varying:
            return self._window(str(start), low, high, point.lanes), point.lanes.width
        width = point.lanes.width
        index = self.spread(form, str(start), width)
        limits = [splat(self.builder, limit, "i64", width) for limit in (low, high)]
        kind = f"<{width} x i64>"
        above = self.builder.let("above", f"icmp sge {kind} {index}, {limits[0]}")
        below = self.builder.let("below", f"icmp slt {kind} {index}, {limits[1]}")
        return self.builder.let("inside", f"and <{width} x i1> {above}, {below}"), width

    def _window(self, start: str, low: str, high: str, lanes: Lanes) -> str:
        """low <= start + lane < high by comparing 32-bit lane numbers with clamped limits."""
        width = lanes.width
        edges = []
        for name, limit in (("first", low), ("last", high)):
            if start == "0":
                away = limit
            else:
                away = self.builder.let(name, f"sub i64 {limit}, {start}")
            away = self.builder.let(name, f"call i64 @llvm.smax.i64(i64 {away}, i64 0)")
            away = self.builder.let(name, f"call i64 @llvm.smin.i64(i64 {away}, i64 {width})")
            short = self.builder.let(name, f"trunc i64 {away} to i32")
            edges.append(splat(self.builder, short, "i32", width))
        kind = f"<{width} x i32> {iota('i32', width)}"
        above = self.builder.let("above", f"icmp uge {kind}, {edges[0]}")
        below = self.builder.let("below", f"icmp ult {kind}, {edges[1]}")
        return self.builder.let("inside", f"and <{width} x i1> {above}, {below}")

    def predicate(
        self, access: Access, point: Point, values: Mapping[int, Value]
    ) -> tuple[str | None, str | None]:
        """(scalar condition, vector mask) of an access's predicates; None where there is none."""
        scalar: str | None = None
        mask: str | None = None
        for bound in access.where:
            name, width = self.holds(bound, point, values)
            if width is None:
                scalar = both(self.builder, scalar, name, None)
            else:
                mask = both(self.builder, mask, name, width)
        return scalar, mask

    def nonempty(self, access: Access) -> str | None:
        """An i1 that is false where a checked index of `access` has an empty range (so that even
        index 0, which a failed check gives, is no element); None if that cannot be."""
        condition: str | None = None
        for limit in self._limits(access):
            some = self.builder.let("exists", f"icmp sgt i64 {limit}, 0")
            condition = both(self.builder, condition, some, None)
        return condition

    def _limits(self, access: Access) -> list[str]:
        """Run-time bounds of the checks that `access`'s gathered values come from."""
        pending = [number for number, _ in access.index.values]
        seen: set[int] = set()
        limits: list[str] = []
        while pending:
            number = pending.pop()
            instruction: Instruction | None = self._instructions.get(number)
            if number in seen or instruction is None:
                continue
            seen.add(number)
            pending += instruction.args
            if instruction.op == "check":
                bound = instruction.data[0]
                if isinstance(bound, D) or bound <= 0:
                    limits.append(size_name(bound))
        return sorted(set(limits))


def operand(size: Size) -> int | str:
    """A size as an int or an i64 name."""
    return f"%{size}" if isinstance(size, D) else size
