"""Stores, and read-modify-writes: like loads; several lanes that share an address go in order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from graphc.codegen.cpu.access import Site
from graphc.codegen.cpu.arith import scalar_op
from graphc.codegen.cpu.loads import Loads
from graphc.codegen.cpu.memory import Memory
from graphc.codegen.cpu.numeric import Code
from graphc.codegen.cpu.points import Point, Value, both, widen
from graphc.codegen.cpu.text import Builder, element_type, literal
from graphc.codegen.kernel import Store
from graphc.ir.dtypes import DType
from graphc.ir.records import record


@record
class Stores:
    """Writes the stores of one kernel into one function."""

    loads: Loads

    @property
    def builder(self) -> Builder:
        return self.loads.builder

    @property
    def memory(self) -> Memory:
        return self.loads.memory

    def store(self, store: Store, point: Point, values: Mapping[int, Value]) -> None:
        """Write `store` at `point`; lanes in order."""
        sites = self.loads.sites
        site = sites.site(store.access, point, values)
        value = values[store.value]
        same = site.form.uniform and site.mask is None and value.width is None
        if point.lanes is None or (same and store.mode == "set"):
            condition = both(self.builder, site.scalar, site.exists, None)
            place = sites.redirect(site.address, condition, reading=False)
            self._one(store, site.dtype, place, value.name)
        elif not site.neighbours:
            self._lanes(store, site, value)
        elif site.scalar is None:
            self._run(store, site, value)
        else:
            with self.builder.when("store", site.scalar):
                self._run(store, replace(site, scalar=None), value)

    def _one(self, store: Store, dtype: DType, address: str, name: str) -> None:
        """A scalar store, or read-modify-write."""
        sites = self.loads.sites
        element = "i8" if dtype.is_bool else element_type(dtype)
        if store.mode != "set":
            old = self.builder.here("old", f"load {element}, ptr {address}, align {dtype.size}")
            old = sites.from_memory(old, dtype, None, "old")
            name = self._combine(store, dtype, old, name, None)
        name = sites.to_memory(name, dtype, None)
        self.builder.line(f"store {element} {name}, ptr {address}, align {dtype.size}")

    def _combine(self, store: Store, dtype: DType, old: str, new: str, width: int | None) -> str:
        code = Code(self.builder, self.loads.sites.features, width, "new")
        element = element_type(dtype)
        return scalar_op(store.mode, dtype, code.num(old, element), code.num(new, element)).name

    def _run(self, store: Store, site: Site, value: Value) -> None:
        """Consecutive elements."""
        sites, element, width = self.loads.sites, site.element, site.width
        count, full = site.lanes.count, site.lanes.full
        address = sites.redirect(site.address, site.exists, reading=False)
        name = widen(self.builder, value, width)
        if store.mode != "set":
            old = self.loads.run(site, address, literal(0, site.dtype), False, "old")
            old = sites.from_memory(old, site.dtype, width, "old")
            name = self._combine(store, site.dtype, old, name, width)
        name = sites.to_memory(name, site.dtype, width)

        def whole() -> None:
            self.memory.store(address, element, width, name)

        def masked() -> None:
            self.memory.store_masked(address, element, width, sites.mask(site), name)

        def some() -> None:
            if self.memory.masks(element):
                masked()
            else:
                assert isinstance(count, str)
                self.memory.copy_out(address, element, width, count, name)

        if site.mask is not None:
            masked()
        elif site.point.whole or count is None:
            whole()
        elif isinstance(count, int):
            self.memory.store_first(address, element, width, count, name)
        elif full is None:
            some()
        else:
            self.builder.either("store", full, None, whole, some)

    def _lanes(self, store: Store, site: Site, value: Value) -> None:
        """One scalar store per lane."""
        for lane, place in enumerate(self.loads.sites.lane_addresses(site, reading=False)):
            name = value.name
            if value.width is not None:
                text = f"extractelement {value.type} {value.name}, i64 {lane}"
                name = self.builder.let("lane", text)
            self._one(store, site.dtype, place, name)
