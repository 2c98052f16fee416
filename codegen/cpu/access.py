"""Loads and stores of one element per lane: contiguous, broadcast, strided or gathered, and masked.

Nothing is touched where a predicate fails or a lane is not real. Where one element must be skipped,
its address becomes that of `@zeros` (loads) or `%nowhere`, scratch memory (stores), without a branch.
"""

from __future__ import annotations

from collections.abc import Mapping

from graphc.codegen.cpu.address import Addressing, Form
from graphc.codegen.cpu.arith import scalar_op
from graphc.codegen.cpu.memory import Memory
from graphc.codegen.cpu.numeric import Code
from graphc.codegen.cpu.points import (
    Point,
    Value,
    active_mask,
    any_lane,
    both,
    splat,
    widen,
)
from graphc.codegen.cpu.target import Features
from graphc.codegen.cpu.text import Builder, element_type, literal, memory_type, vector
from graphc.codegen.kernel import Access, Kernel, Store
from graphc.ir.dtypes import DType


class Accesses:
    """Writes the loads and stores of one kernel into one function."""

    def __init__(self, kernel: Kernel, features: Features, builder: Builder) -> None:
        self.kernel = kernel
        self.features = features
        self.builder = builder
        self.addressing = Addressing(kernel, builder)
        self.memory = Memory(builder, features)

    # -- loads

    def load(self, access: Access, point: Point, values: Mapping[int, Value], hint: str) -> Value:
        """The element(s) of `access` at `point`; a scalar if they are the same in all lanes."""
        buffer = self.kernel.buffers[access.buffer]
        element = memory_type(buffer.dtype)
        constant = buffer.role == "in"
        form = self.addressing.form(access.index, point, values)
        scalar, mask = self.addressing.predicate(access, point, values)
        exists = self.addressing.nonempty(access)
        other = _other(access, buffer.dtype)
        address = self.addressing.pointer(access, form, element)
        if point.lanes is None or form.uniform:
            return self._load_one(
                access, point, address, scalar, mask, exists, constant, f"{hint}"
            )
        width = point.lanes.width
        plain = point.whole and scalar is None and mask is None
        if form.step == -1 and plain and not form.varying:
            text = f"getelementptr {element}, ptr {address}, i64 {1 - width}"
            address = self._redirect(self.builder.let("p", text), exists, reading=True)
            name = self.memory.load(address, element, width, constant, hint)
            name = self.memory.reverse(name, element, width)
        elif form.step == 1 and not form.varying:
            address = self._redirect(address, exists, reading=True)
            name = self._load_run(point, address, element, scalar, mask, other, constant, hint)
        else:
            name = self._load_lanes(
                form, point, address, element, (scalar, exists), mask, other, constant, hint
            )
        return self._from_memory(name, buffer.dtype, width, hint)

    def _from_memory(self, name: str, dtype: DType, width: int | None, hint: str) -> Value:
        if dtype.is_bool:
            kind = vector("i8", width)
            zero = "0" if width is None else "zeroinitializer"
            name = self.builder.let(hint, f"icmp ne {kind} {name}, {zero}")
        return Value(name, dtype, width)

    def _fetch(self, hint: str, kind: str, address: str, align: int, constant: bool) -> str:
        write = self.builder.read if constant else self.builder.here
        return write(hint, f"load {kind}, ptr {address}, align {align}")

    def _redirect(self, address: str, condition: str | None, reading: bool) -> str:
        """`address` where the i1 condition holds, else where nothing is."""
        if condition is None:
            return address
        nowhere = self.memory.nowhere(reading)
        return self.builder.let("p", f"select i1 {condition}, ptr {address}, ptr {nowhere}")

    def _load_one(
        self,
        access: Access,
        point: Point,
        address: str,
        scalar: str | None,
        mask: str | None,
        exists: str | None,
        constant: bool,
        hint: str,
    ) -> Value:
        dtype = self.kernel.buffers[access.buffer].dtype
        other = _other(access, dtype)
        wanted = scalar
        if mask is not None:
            active = both(self.builder, mask, active_mask(self.builder, point), point.width)
            assert active is not None
            wanted = both(self.builder, scalar, any_lane(self.builder, active, point.width), None)
        address = self._redirect(address, both(self.builder, wanted, exists, None), True)
        element = memory_type(dtype)
        name = self._fetch(hint, element, address, dtype.size, constant)
        value = self._from_memory(name, dtype, None, hint)
        kind = element_type(dtype)
        name = value.name
        if scalar is not None:
            name = self.builder.let(hint, f"select i1 {scalar}, {kind} {name}, {kind} {other}")
        if mask is None:
            return Value(name, dtype)
        wide = splat(self.builder, name, kind, point.width)
        rest = splat(self.builder, other, kind, point.width)
        many = vector(kind, point.width)
        text = f"select {vector('i1', point.width)} {mask}, {many} {wide}, {many} {rest}"
        return Value(self.builder.let(hint, text), dtype, point.width)

    def _mask(self, point: Point, scalar: str | None, mask: str | None) -> str | None:
        """Everything that decides whether a lane is touched, as one vector mask."""
        assert point.width is not None
        if scalar is not None:
            mask = both(
                self.builder, mask, splat(self.builder, scalar, "i1", point.width), point.width
            )
        return both(self.builder, mask, active_mask(self.builder, point), point.width)

    def _load_run(
        self,
        point: Point,
        address: str,
        element: str,
        scalar: str | None,
        mask: str | None,
        other: str,
        constant: bool,
        hint: str,
    ) -> str:
        """Neighbouring elements."""
        assert point.lanes is not None
        width, count = point.lanes.width, point.lanes.count
        if scalar is None and mask is None:
            if point.whole:
                return self.memory.load(address, element, width, constant, hint)
            assert count is not None
            if isinstance(count, int):
                return self.memory.load_first(address, element, width, count, constant, hint)
            if not self.memory.masks(element):
                return self.memory.copy_in(address, element, width, count, hint)
        together = self._mask(point, scalar, mask)
        assert together is not None
        rest = _memory_other(other, element)
        return self.memory.load_masked(address, element, width, together, rest, constant, hint)

    def _lane_addresses(
        self,
        form: Form,
        point: Point,
        address: str,
        element: str,
        conditions: tuple[str | None, str | None],
        mask: str | None,
        reading: bool,
    ) -> list[tuple[int, str]]:
        """(lane, address) of every lane that may be touched; skipped ones go nowhere."""
        assert point.lanes is not None
        builder, lanes = self.builder, point.lanes
        scalar = both(builder, *conditions, None)
        bits = None
        if mask is not None:
            together = both(builder, mask, active_mask(builder, point), lanes.width)
            kind = f"i{lanes.width}"
            bits = builder.let("bits", f"bitcast <{lanes.width} x i1> {together} to {kind}")
        offsets = None
        if form.varying:
            offsets = self.addressing.spread(Form((), 0, form.step, form.varying), "0", lanes.width)
        known = lanes.count if isinstance(lanes.count, int) else lanes.width
        result = []
        for lane in range(known):
            if offsets is None:
                offset = str(self.addressing.multiply(form.step, lane))
            else:
                text = f"extractelement <{lanes.width} x i64> {offsets}, i64 {lane}"
                offset = builder.let("offset", text)
            place = address
            if offset != "0":
                place = builder.let("p", f"getelementptr {element}, ptr {address}, i64 {offset}")
            condition = scalar
            if bits is not None:
                bit = builder.let("bit", f"lshr i{lanes.width} {bits}, {lane}")
                on = builder.let("on", f"trunc i{lanes.width} {bit} to i1")
                condition = both(builder, condition, on, None)
            elif isinstance(lanes.count, str) and lane > 0:
                on = builder.let("on", f"icmp sgt i64 {lanes.count}, {lane}")
                condition = both(builder, condition, on, None)
            result.append((lane, self._redirect(place, condition, reading)))
        return result

    def _load_lanes(
        self,
        form: Form,
        point: Point,
        address: str,
        element: str,
        conditions: tuple[str | None, str | None],
        mask: str | None,
        other: str,
        constant: bool,
        hint: str,
    ) -> str:
        """One scalar load per lane."""
        assert point.width is not None
        width = point.width
        kind = vector(element, width)
        places = self._lane_addresses(form, point, address, element, conditions, mask, True)
        result = "poison" if len(places) == width else "zeroinitializer"
        align = self.memory.align(element)
        for lane, place in places:
            one = self._fetch("lane", element, place, align, constant)
            text = f"insertelement {kind} {result}, {element} {one}, i64 {lane}"
            result = self.builder.let(hint, text)
        if conditions[0] is None and mask is None:
            return result
        together = self._mask(point, conditions[0], mask)
        rest = splat(self.builder, _memory_other(other, element), element, width)
        text = f"select <{width} x i1> {together}, {kind} {result}, {kind} {rest}"
        return self.builder.let(hint, text)

    # -- stores

    def store(self, store: Store, point: Point, values: Mapping[int, Value]) -> None:
        """Write `store` at `point`; lanes in order."""
        access = store.access
        dtype = self.kernel.buffers[access.buffer].dtype
        element = memory_type(dtype)
        form = self.addressing.form(access.index, point, values)
        scalar, mask = self.addressing.predicate(access, point, values)
        exists = self.addressing.nonempty(access)
        address = self.addressing.pointer(access, form, element)
        value = values[store.value]
        if point.lanes is None or (
            form.uniform and store.mode == "set" and value.width is None and mask is None
        ):
            condition = both(self.builder, scalar, exists, None)
            place = self._redirect(address, condition, reading=False)
            self._update(store, dtype, place, value.name)
        elif form.step == 1 and not form.varying:
            place = self._redirect(address, exists, reading=False)
            self._store_run(store, point, place, scalar, mask, value)
        else:
            self._store_lanes(store, form, point, address, (scalar, exists), mask, value)

    def _update(self, store: Store, dtype: DType, address: str, name: str) -> None:
        """A scalar store, or read-modify-write."""
        element = memory_type(dtype)
        if store.mode != "set":
            old = self.builder.here("old", f"load {element}, ptr {address}, align {dtype.size}")
            name = self._combine(store, dtype, self._from_memory(old, dtype, None, "old").name, name, None)
        if dtype.is_bool:
            name = self.builder.let("byte", f"zext i1 {name} to i8")
        self.builder.line(f"store {element} {name}, ptr {address}, align {dtype.size}")

    def _combine(self, store: Store, dtype: DType, old: str, new: str, width: int | None) -> str:
        code = Code(self.builder, self.features, width, "new")
        element = element_type(dtype)
        return scalar_op(store.mode, dtype, code.num(old, element), code.num(new, element)).name

    def _store_run(
        self,
        store: Store,
        point: Point,
        address: str,
        scalar: str | None,
        mask: str | None,
        value: Value,
    ) -> None:
        """Neighbouring elements; under a scalar condition as a branch."""
        if scalar is None:
            self._store_vector(store, point, address, mask, value)
        else:
            with self.builder.when("store", scalar):
                self._store_vector(store, point, address, mask, value)

    def _store_vector(
        self, store: Store, point: Point, address: str, mask: str | None, value: Value
    ) -> None:
        assert point.lanes is not None
        width, count = point.lanes.width, point.lanes.count
        dtype = self.kernel.buffers[store.access.buffer].dtype
        element = memory_type(dtype)
        name = widen(self.builder, value, width)
        prefix = mask is None and not point.whole
        together = None
        if mask is not None or (prefix and isinstance(count, str) and self.memory.masks(element)):
            together = self._mask(point, None, mask)
        memory = self.memory
        if store.mode != "set":
            if together is not None:
                zero = "0x0000000000000000" if dtype.is_floating else "0"
                old = memory.load_masked(address, element, width, together, zero, False, "old")
            elif not prefix:
                old = memory.load(address, element, width, False, "old")
            elif isinstance(count, int):
                old = memory.load_first(address, element, width, count, False, "old")
            else:
                assert count is not None
                old = memory.copy_in(address, element, width, count, "old")
            old = self._from_memory(old, dtype, width, "old").name
            name = self._combine(store, dtype, old, name, width)
        if dtype.is_bool:
            name = self.builder.let("bytes", f"zext <{width} x i1> {name} to <{width} x i8>")
        if together is not None:
            memory.store_masked(address, element, width, together, name)
        elif not prefix:
            memory.store(address, element, width, name)
        elif isinstance(count, int):
            memory.store_first(address, element, width, count, name)
        else:
            assert count is not None
            memory.copy_out(address, element, width, count, name)

    def _store_lanes(
        self,
        store: Store,
        form: Form,
        point: Point,
        address: str,
        conditions: tuple[str | None, str | None],
        mask: str | None,
        value: Value,
    ) -> None:
        dtype = self.kernel.buffers[store.access.buffer].dtype
        element = memory_type(dtype)
        places = self._lane_addresses(form, point, address, element, conditions, mask, False)
        for lane, place in places:
            name = value.name
            if value.width is not None:
                text = f"extractelement {value.type} {value.name}, i64 {lane}"
                name = self.builder.let("lane", text)
            self._update(store, dtype, place, name)


def _other(access: Access, dtype: DType) -> str:
    """What a masked load gives, as a constant in a register."""
    return literal(access.other, dtype)


def _memory_other(other: str, element: str) -> str:
    """The same constant as it is in memory."""
    return {"true": "1", "false": "0"}.get(other, other) if element == "i8" else other
