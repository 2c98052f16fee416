"""Loads: contiguous, broadcast, reversed, strided or gathered, and masked."""

from __future__ import annotations

from collections.abc import Mapping

from graphc.codegen.cpu.access import Site, Sites
from graphc.codegen.cpu.memory import Memory
from graphc.codegen.cpu.points import Point, Value, active_mask, any_lane, both, splat
from graphc.codegen.cpu.text import Builder, element_type, literal, vector
from graphc.codegen.kernel import Access
from graphc.ir.records import record


@record
class Loads:
    """Writes the loads of one kernel into one function."""

    sites: Sites

    @property
    def builder(self) -> Builder:
        return self.sites.builder

    @property
    def memory(self) -> Memory:
        return self.sites.memory

    def load(self, access: Access, point: Point, values: Mapping[int, Value], hint: str) -> Value:
        """The element(s) of `access` at `point`; a scalar if they are the same in all lanes."""
        site = self.sites.site(access, point, values)
        constant = self.sites.kernel.buffers[access.buffer].role == "in"
        other = literal(access.other, site.dtype)
        if point.lanes is None or site.form.uniform:
            return self._one(site, other, constant, hint)
        if site.form.step == -1 and not site.form.varying and site.free and point.whole:
            name = self._reversed(site, constant, hint)
        elif site.neighbours:
            address = self.sites.redirect(site.address, site.exists, reading=True)
            name = self.run(site, address, other, constant, hint)
        else:
            name = self._lanes(site, other, constant, hint)
        return Value(
            self.sites.from_memory(name, site.dtype, site.width, hint), site.dtype, site.width
        )

    def _one(self, site: Site, other: str, constant: bool, hint: str) -> Value:
        """One element for all lanes; where lanes have predicates, `other` for some."""
        builder, width, dtype = self.builder, site.point.width, site.dtype
        wanted = site.scalar
        if site.mask is not None:
            active = both(builder, site.mask, active_mask(builder, site.point), width)
            assert active is not None
            wanted = both(builder, wanted, any_lane(builder, active, width), None)
        wanted = both(builder, wanted, site.exists, None)
        address = self.sites.redirect(site.address, wanted, reading=True)
        name = self._fetch(hint, site, address, constant)
        name = self.sites.from_memory(name, dtype, None, hint)
        kind = element_type(dtype)
        if site.scalar is not None:
            name = builder.let(hint, f"select i1 {site.scalar}, {kind} {name}, {kind} {other}")
        if site.mask is None:
            return Value(name, dtype)
        sides = [f"{vector(kind, width)} {splat(builder, x, kind, width)}" for x in (name, other)]
        text = f"select {vector('i1', width)} {site.mask}, {sides[0]}, {sides[1]}"
        return Value(builder.let(hint, text), dtype, width)

    def _fetch(self, hint: str, site: Site, address: str, constant: bool) -> str:
        """A scalar load."""
        write = self.builder.read if constant else self.builder.here
        return write(hint, f"load {site.element}, ptr {address}, align {site.dtype.size}")

    def _reversed(self, site: Site, constant: bool, hint: str) -> str:
        """Consecutive elements downwards: one load and a shuffle."""
        text = f"getelementptr {site.element}, ptr {site.address}, i64 {1 - site.width}"
        address = self.sites.redirect(self.builder.let("p", text), site.exists, reading=True)
        name = self.memory.load(address, site.element, site.width, constant, hint)
        return self.memory.reverse(name, site.element, site.width)

    def run(self, site: Site, address: str, other: str, constant: bool, hint: str) -> str:
        """Consecutive elements, as they are in memory; `other` where a predicate fails."""
        element, width = site.element, site.width
        count, full = site.lanes.count, site.lanes.full

        def whole() -> str:
            return self.memory.load(address, element, width, constant, hint)

        def masked() -> str:
            rest = _memory_literal(other, element)
            mask = self.sites.mask(site)
            return self.memory.load_masked(address, element, width, mask, rest, constant, hint)

        def some() -> str:
            if self.memory.masks(element):
                return masked()
            assert isinstance(count, str)
            return self.memory.copy_in(address, element, width, count, hint)

        if not site.free:
            return masked()
        if site.point.whole or count is None:
            return whole()
        if isinstance(count, int):
            return self.memory.load_first(address, element, width, count, constant, hint)
        if full is None:
            return some()
        return self.builder.either(hint, full, site.kind, whole, some)

    def _lanes(self, site: Site, other: str, constant: bool, hint: str) -> str:
        """One scalar load per lane."""
        places = self.sites.lane_addresses(site, reading=True)
        result = "poison" if len(places) == site.width else "zeroinitializer"
        for lane, place in enumerate(places):
            one = self._fetch("lane", site, place, constant)
            text = f"insertelement {site.kind} {result}, {site.element} {one}, i64 {lane}"
            result = self.builder.let(hint, text)
        if site.free:
            return result
        mask = self.sites.mask(site)
        rest = splat(self.builder, _memory_literal(other, site.element), site.element, site.width)
        sides = f"{site.kind} {result}, {site.kind} {rest}"
        return self.builder.let(hint, f"select <{site.width} x i1> {mask}, {sides}")


def _memory_literal(name: str, element: str) -> str:
    """A constant as it is in memory."""
    return {"true": "1", "false": "0"}.get(name, name) if element == "i8" else name
