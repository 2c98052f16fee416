"""Accesses at a point: what loads and stores have in common.

Nothing is touched where a predicate fails or a lane is not real. Where one element must be skipped,
its address becomes that of `@zeros` (loads) or `%nowhere`, scratch memory (stores): no branch.
"""

from __future__ import annotations

from collections.abc import Mapping

from graphc.codegen.cpu.address import Addressing, Form
from graphc.codegen.cpu.memory import Memory
from graphc.codegen.cpu.points import Lanes, Point, Value, active_mask, both, splat
from graphc.codegen.cpu.target import Features
from graphc.codegen.cpu.text import Builder, memory_type, vector
from graphc.codegen.kernel import Access, Kernel
from graphc.ir.dtypes import DType
from graphc.ir.records import record


@record
class Site:
    """An access at a point: `address` is that of lane 0; `scalar` (an i1) and `mask` (a vector of
    them) are its predicates, `exists` whether its checked indices have any valid value; None stands
    for true."""

    point: Point
    dtype: DType
    form: Form
    address: str
    scalar: str | None
    mask: str | None
    exists: str | None

    @property
    def element(self) -> str:
        return memory_type(self.dtype)

    @property
    def lanes(self) -> Lanes:
        assert self.point.lanes is not None
        return self.point.lanes

    @property
    def width(self) -> int:
        return self.lanes.width

    @property
    def kind(self) -> str:
        """The type of the whole vector in memory."""
        return vector(self.element, self.width)

    @property
    def neighbours(self) -> bool:
        """Whether the lanes are consecutive elements."""
        return self.form.step == 1 and not self.form.varying

    @property
    def free(self) -> bool:
        """Whether there are no predicates."""
        return self.scalar is None and self.mask is None


class Sites:
    """Evaluates accesses of one kernel in one function."""

    def __init__(self, kernel: Kernel, features: Features, builder: Builder) -> None:
        self.kernel = kernel
        self.features = features
        self.builder = builder
        self.addressing = Addressing(kernel, builder)
        self.memory = Memory(builder, features)

    def site(self, access: Access, point: Point, values: Mapping[int, Value]) -> Site:
        """Evaluate address and predicates."""
        dtype = self.kernel.buffers[access.buffer].dtype
        form = self.addressing.form(access.index, point, values)
        scalar, mask = self.addressing.predicate(access, point, values)
        exists = self.addressing.nonempty(access)
        address = self.addressing.pointer(access, form, memory_type(dtype))
        return Site(point, dtype, form, address, scalar, mask, exists)

    def redirect(self, address: str, condition: str | None, reading: bool) -> str:
        """`address` where the i1 condition holds, else where nothing is."""
        if condition is None:
            return address
        nowhere = self.memory.nowhere(reading)
        return self.builder.let("p", f"select i1 {condition}, ptr {address}, ptr {nowhere}")

    def mask(self, site: Site) -> str:
        """Everything that decides whether a lane is touched, as one vector mask."""
        mask = site.mask
        if site.scalar is not None:
            wide = splat(self.builder, site.scalar, "i1", site.width)
            mask = both(self.builder, mask, wide, site.width)
        mask = both(self.builder, mask, active_mask(self.builder, site.point), site.width)
        assert mask is not None
        return mask

    def lane_addresses(self, site: Site, reading: bool) -> list[str]:
        """The address of every lane that may be touched, from lane 0; skipped ones go nowhere."""
        builder, lanes = self.builder, site.lanes
        condition = both(builder, site.scalar, site.exists, None)
        count = lanes.count if isinstance(lanes.count, int) else lanes.width
        offsets = self._offsets(site, count)
        present = self._present(site, count)
        result = []
        for offset, on in zip(offsets, present, strict=True):
            place = site.address
            if offset != "0":
                text = f"getelementptr {site.element}, ptr {site.address}, i64 {offset}"
                place = builder.let("p", text)
            result.append(self.redirect(place, both(builder, condition, on, None), reading))
        return result

    def _offsets(self, site: Site, count: int) -> list[str]:
        """How many elements each lane is away from lane 0's address."""
        step = site.form.step
        if not site.form.varying:
            return [str(self.addressing.multiply(step, lane)) for lane in range(count)]
        apart = Form((), 0, step, site.form.varying)
        offsets = self.addressing.spread(apart, "0", site.width)
        kind = f"<{site.width} x i64>"
        return [
            self.builder.let("offset", f"extractelement {kind} {offsets}, i64 {lane}")
            for lane in range(count)
        ]

    def _present(self, site: Site, count: int) -> list[str | None]:
        """Whether each lane is real and its predicates hold, as far as that differs by lane."""
        builder, lanes = self.builder, site.lanes
        if site.mask is not None:
            together = both(builder, site.mask, active_mask(builder, site.point), site.width)
            kind = f"i{site.width}"
            bits = builder.let("bits", f"bitcast <{site.width} x i1> {together} to {kind}")
            moved = [builder.let("bit", f"lshr {kind} {bits}, {lane}") for lane in range(count)]
            return [builder.let("on", f"trunc {kind} {bit} to i1") for bit in moved]
        if isinstance(lanes.count, str):
            rest = [
                builder.let("on", f"icmp sgt i64 {lanes.count}, {lane}") for lane in range(1, count)
            ]
            return [None, *rest]
        return [None] * count

    def from_memory(self, name: str, dtype: DType, width: int | None, hint: str) -> str:
        """A value as registers hold it: a bool's byte becomes i1."""
        if not dtype.is_bool:
            return name
        zero = "0" if width is None else "zeroinitializer"
        return self.builder.let(hint, f"icmp ne {vector('i8', width)} {name}, {zero}")

    def to_memory(self, name: str, dtype: DType, width: int | None) -> str:
        """A value as memory holds it."""
        if not dtype.is_bool:
            return name
        kinds = vector("i1", width), vector("i8", width)
        return self.builder.let("byte", f"zext {kinds[0]} {name} to {kinds[1]}")
