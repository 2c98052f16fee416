"""Register tiles: the micro-kernels of matrix products and how rows are cut into them.

A micro-kernel computes `rows` x `vectors` registers of C = A B over one stretch of k. Its
accumulators are loop phis, one element of A is splatted per row, and every element's sum over the
stretch is one chain of multiply-adds in the order of k, to which the sum so far is added at the
end: whatever tile an element is in, its bits are the same.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from graphc.codegen.cpu.integers import Integers
from graphc.codegen.cpu.target import Features
from graphc.codegen.cpu.text import ModuleText, memory_type, suffix, vector
from graphc.ir.dtypes import DType

ROWS = 6  # rows of the largest tile: 12 accumulators of 16 registers, or 24 of 32
SPARE_ROWS = (6, 5, 4, 1)  # cuts any number of rows; 2 and 3 are rare, and a variant costs 2-3 ms
WINDOW_ROWS = (6, 4, 1)  # likewise for the many rows of products with windows
GROUP = 8 * ROWS  # rows whose sums wait in the first-level cache for the epilogue
MOST_ROWS = GROUP + 15  # rows of the last group: see `groups`
PREFETCH_K = 255  # stretches of k beyond which tiles are fetched for


@dataclass(frozen=True, slots=True)
class Tile:
    """The shape of the register tile for one element type on one processor."""

    dtype: DType
    lanes: int
    vectors: int
    fma: bool
    attributes: str

    @property
    def element(self) -> str:
        return memory_type(self.dtype)

    @property
    def size(self) -> int:
        return self.dtype.size

    @property
    def columns(self) -> int:
        return self.lanes * self.vectors

    @property
    def kind(self) -> str:
        """The type of one register."""
        return vector(self.element, self.lanes)

    def define(self, signature: str, body: Iterable[str]) -> str:
        """An internal function that is never inlined: what paths and modules' kernels share."""
        head = f"define internal fastcc {signature} noinline {self.attributes} {{"
        return "\n".join([head, "entry:", *body, "}"])

    def multiply_add(self, name: str, x: str, y: str, z: str) -> list[str]:
        """Lines for `name = x * y + z` on registers."""
        if self.dtype.is_floating:
            op = "fma" if self.fma else "fmuladd"
            callee = f"@llvm.{op}.{suffix(self.element, self.lanes)}"
            arguments = ", ".join(f"{self.kind} {operand}" for operand in (x, y, z))
            return [f"  {name} = call {self.kind} {callee}({arguments})"]
        product = f"{name}.product"
        return [
            f"  {product} = mul {self.kind} {x}, {y}",
            f"  {name} = add {self.kind} {product}, {z}",
        ]

    def splat(self, name: str, scalar: str) -> list[str]:
        """Lines for `name` = a register with `scalar` in every lane."""
        return [
            f"  {name}.one = insertelement {self.kind} poison, {self.element} {scalar}, i64 0",
            f"  {name} = shufflevector {self.kind} {name}.one, {self.kind} poison, "
            f"<{self.lanes} x i32> zeroinitializer",
        ]


def register_tile(dtype: DType, features: Features, columns: int | None) -> Tile:
    """The tile for products with `columns` columns (None: not known when compiling).

    AVX2 has 16 registers: 6 rows of 2 vectors; AVX-512 and NEON have 32: 6 rows of 4. Few columns
    get narrower tiles, a count in between panels of equal width (80 = 48 + 32, not 64 + 16).
    """
    narrow = features.is_x86 and not features.avx512
    bits = 512 if features.avx512 else 256 if narrow and features.masked(4) else 128
    lanes, vectors = bits // 8 // dtype.size, 2 if narrow else 4
    if columns is not None and columns > 0:
        needed = -(-columns // lanes)
        panels = -(-needed // vectors)
        vectors = -(-needed // panels)
    return Tile(dtype, lanes, vectors, features.fma, features.attributes)


# -- cutting rows


@cache
def row_cuts(available: tuple[int, ...]) -> tuple[int, ...]:
    """For each number of remaining rows below the table's length, the rows of the next tile.

    From that length on the next tile is the largest. A tile of r rows costs about max(r, 4) (fewer
    than eight accumulators do not hide the latency of fma) and a little for the call.
    """
    best, cuts = [0.0], [0]
    for count in range(1, 4 * ROWS):
        costs = [(best[count - r] + max(r, 4) + 0.5, -r) for r in available if r <= count]
        cost, largest = min(costs, default=(math.inf, 0))
        best.append(cost)
        cuts.append(-largest)
    return tuple(cuts)


def groups(rows: str, i: Integers) -> str:
    """How many groups to make of `rows` > 0 rows: the last takes the rest, 16 to 63 if it can."""
    return i.max("1", i.div(i.add(rows, str(GROUP - 16)), str(GROUP)))


def rows_used(counts: Iterable[int]) -> tuple[int, ...]:
    """The tiles that the best cuts of these numbers of rows need, if all tiles were available."""
    cuts = row_cuts(tuple(range(ROWS, 0, -1)))
    used = set()
    for whole in counts:
        last = whole - GROUP * (max(1, (whole + GROUP - 16) // GROUP) - 1)
        for count in (whole, GROUP if last < whole else 0, last):
            used |= _rows_of(count, cuts)
    return tuple(sorted(used, reverse=True))


def _rows_of(count: int, cuts: tuple[int, ...]) -> set[int]:
    used = set()
    while count > 0:
        rows = cuts[count] if count < len(cuts) else ROWS
        used.add(rows)
        count -= rows
    return used


# -- micro-kernels

# Strides are in bytes.
_LEFT = "ptr noalias readonly %a, i64 %a_row, i64 %a_k"
TILE_ARGUMENTS = (
    "ptr noalias readonly %b, i64 %b_k, i64 %k, ptr %from, i64 %from_row, ptr %to, i64 %to_row"
)


# A copy that LLVM does not see through: its strength reduction would else turn the addresses of a
# tile's rows into a chain of additions as long as the chain of multiply-adds.
_OPAQUE = '"", "=r,0"'


def tile_function(module: ModuleText, tile: Tile, rows: int, resume: bool) -> str:
    """Define (once) `to[r][j] = from[r][j] + sum k: a[r, k] * b[k, j]` for k >= 1; its name.

    Without `resume`, `from` is not read: the sum alone.
    """
    name = f"@tile_{rows}x{tile.vectors}_{tile.dtype.name}{'_resume' if resume else ''}"
    places = [(r, v) for r in range(rows) for v in range(tile.vectors)]
    kind, size = tile.kind, tile.size
    heads = range(0, rows, 3)  # every third row has a pointer of its own
    lines = ["  %pa0.start = getelementptr i8, ptr %a, i64 0"]
    if rows > 2:
        lines += ["  %twice = shl i64 %a_row, 1", f"  %a_row2 = call i64 asm {_OPAQUE}(i64 %twice)"]
    if rows > 3:
        lines.append("  %thrice = add i64 %twice, %a_row")
        lines.append(f"  %a_row3 = call i64 asm {_OPAQUE}(i64 %thrice)")
        lines.append("  %pa3.start = getelementptr i8, ptr %a, i64 %a_row3")
    lines += [
        "  br label %loop",
        "loop:",
        "  %left = phi i64 [ %k, %entry ], [ %left.next, %loop ]",
        *(f"  %pa{r} = phi ptr [ %pa{r}.start, %entry ], [ %pa{r}.next, %loop ]" for r in heads),
        "  %pb = phi ptr [ %b, %entry ], [ %pb.next, %loop ]",
    ]
    for r, v in places:
        incoming = f"[ zeroinitializer, %entry ], [ %sum{r}.{v}, %loop ]"
        lines.append(f"  %c{r}.{v} = phi {kind} {incoming}")
    for v in range(tile.vectors):
        lines.append(f"  %pb{v} = getelementptr {kind}, ptr %pb, i64 {v}")
        lines.append(f"  %b{v} = load {kind}, ptr %pb{v}, align {size}")
    for r in range(rows):
        if r % 3:
            stride = "%a_row" if r % 3 == 1 else "%a_row2"
            lines.append(f"  %pa{r} = getelementptr i8, ptr %pa{r - r % 3}, i64 {stride}")
        lines.append(f"  %a{r} = load {tile.element}, ptr %pa{r}, align {size}")
        lines += tile.splat(f"%a{r}.all", f"%a{r}")
        for v in range(tile.vectors):
            lines += tile.multiply_add(f"%sum{r}.{v}", f"%a{r}.all", f"%b{v}", f"%c{r}.{v}")
    lines += [
        *(f"  %pa{r}.next = getelementptr i8, ptr %pa{r}, i64 %a_k" for r in heads),
        "  %pb.next = getelementptr i8, ptr %pb, i64 %b_k",
        "  %left.next = add nsw i64 %left, -1",
        "  %done = icmp eq i64 %left.next, 0",
        "  br i1 %done, label %end, label %loop",
        "end:",
        *finish_tile(tile, rows, resume),
    ]
    return module.require(name, tile.define(f"void {name}({_LEFT}, {TILE_ARGUMENTS})", lines))


def finish_tile(tile: Tile, rows: int, resume: bool) -> list[str]:
    """Lines that write the sums of a tile, added to what is at `from` with `resume`, and return."""
    kind, size = tile.kind, tile.size
    lines = _row_pointers("to", "%to", "%to_row", rows)
    if resume:
        lines += _row_pointers("from", "%from", "%from_row", rows)
    for r, v in [(r, v) for r in range(rows) for v in range(tile.vectors)]:
        total = f"%sum{r}.{v}"
        if resume:
            add = "fadd" if tile.dtype.is_floating else "add"
            lines.append(f"  %from{r}.{v} = getelementptr {kind}, ptr %from{r}, i64 {v}")
            lines.append(f"  %start{r}.{v} = load {kind}, ptr %from{r}.{v}, align {size}")
            lines.append(f"  %total{r}.{v} = {add} {kind} {total}, %start{r}.{v}")
            total = f"%total{r}.{v}"
        lines.append(f"  %to{r}.{v} = getelementptr {kind}, ptr %to{r}, i64 {v}")
        lines.append(f"  store {kind} {total}, ptr %to{r}.{v}, align {size}")
    return [*lines, "  ret void"]


def _row_pointers(hint: str, base: str, stride: str, rows: int) -> list[str]:
    """Lines for %hint0 = base, %hint1 = base + stride ... (a chain keeps few registers alive)."""
    lines = [f"  %{hint}0 = getelementptr i8, ptr {base}, i64 0"]
    for r in range(1, rows):
        lines.append(f"  %{hint}{r} = getelementptr i8, ptr %{hint}{r - 1}, i64 {stride}")
    return lines


def cut_table(module: ModuleText, available: tuple[int, ...]) -> str:
    """Define (once) `row_cuts` as a table of bytes; its name."""
    cuts = row_cuts(available)
    name = f"@cuts_{''.join(map(str, available))}"
    sizes = ", ".join(f"i8 {r}" for r in cuts)
    return module.require(name, f"{name} = internal constant [{len(cuts)} x i8] [{sizes}]")


@dataclass(frozen=True, slots=True)
class Walk:
    """How a panel function goes over rows of A.

    `formals` are the arguments for A of panel functions and micro-kernels, `passed` what is passed
    on to the latter. `%pa` begins at `start` and grows by `step` with each row. `row`: the stride
    by which the next tile's rows are fetched (None: they are not). `more`: further arguments of the
    panel function, from which the lines `before` compute what is passed.
    """

    formals: str
    start: str
    step: str
    passed: str
    row: str | None
    more: str = ""
    before: tuple[str, ...] = ()


_ROWS = Walk(_LEFT, "%a", "%a_row", "ptr %pa, i64 %a_row, i64 %a_k", "%a_row")
_ADJACENT = Walk(
    _LEFT,
    "%a",
    "%a_tile",
    "ptr %pa, i64 %a_row, i64 %a_k.tile",
    "%a_row",
    ", i64 %a_tile, i64 %a_tile_k",
    ("  %a_k.more = mul i64 %r, %a_tile_k", "  %a_k.tile = add i64 %a_k, %a_k.more"),
)


def panel_function(
    module: ModuleText, tile: Tile, available: tuple[int, ...], resume: bool, adjacent: bool
) -> str:
    """Define (once) the product of any number of rows of A with one panel of B; its name.

    The arguments are a micro-kernel's and `i64 %count`, the rows; k may be 0. A panel is
    `tile.columns` wide. With `adjacent` rows of A come two more: `i64 %a_tile`, what a tile's
    address grows with each row before it, and `i64 %a_tile_k`, to be added to `a_k` for each row of
    the tile.
    """
    functions = {r: tile_function(module, tile, r, resume) for r in available}
    stem = f"{''.join(map(str, available))}x{tile.vectors}_{tile.dtype.name}"
    name = f"@panel_{stem}{'_resume' if resume else ''}{'_adjacent' if adjacent else ''}"
    return panel_over(module, tile, name, functions, _ADJACENT if adjacent else _ROWS, resume)


def panel_over(
    module: ModuleText, tile: Tile, name: str, functions: dict[int, str], walk: Walk, resume: bool
) -> str:
    """Define (once) the function that cuts rows into tiles for the micro-kernels `functions` (by
    rows); its name."""
    available = tuple(functions)
    pointers = ", ".join(f"ptr {functions.get(r, 'null')}" for r in range(ROWS + 1))
    table = f"@tiles_{name[1:]}"
    module.require(table, f"{table} = internal constant [{ROWS + 1} x ptr] [{pointers}]")
    cut, cuts = cut_table(module, available), row_cuts(available)
    passed = (
        f"{walk.passed}, ptr %b, i64 %b_k, i64 %k, ptr %pf, i64 %from_row, ptr %pt, i64 %to_row"
    )
    lines = [
        "  %some = icmp ne i64 %k, 0",
        "  br i1 %some, label %loop, label %clear",
        "loop:",
        "  %left = phi i64 [ %count, %entry ], [ %left.next, %product ]",
        f"  %pa = phi ptr [ {walk.start}, %entry ], [ %pa.next, %product ]",
        "  %pf = phi ptr [ %from, %entry ], [ %pf.next, %product ]",
        "  %pt = phi ptr [ %to, %entry ], [ %pt.next, %product ]",
        f"  %many = icmp ugt i64 %left, {len(cuts) - 1}",
        f"  %place = select i1 %many, i64 {ROWS}, i64 %left",
        f"  %cut = getelementptr i8, ptr {cut}, i64 %place",
        "  %cut.byte = load i8, ptr %cut",
        "  %r = zext i8 %cut.byte to i64",
        "  br label %call",
        "call:",
        *(
            line
            for p, stride in (("pa", walk.step), ("pf", "%from_row"), ("pt", "%to_row"))
            for line in (
                f"  %{p}.step = mul i64 %r, {stride}",
                f"  %{p}.next = getelementptr i8, ptr %{p}, i64 %{p}.step",
            )
        ),
        f"  %long = icmp sgt i64 %k, {PREFETCH_K}",
        "  br i1 %long, label %fetch, label %product",
        "fetch:",
        *_prefetches(tile, "from" if resume else "to", walk.row),
        "  br label %product",
        "product:",
        f"  %entry.of = getelementptr ptr, ptr {table}, i64 %r",
        "  %f = load ptr, ptr %entry.of",
        *walk.before,
        f"  call fastcc void %f({passed})",
        "  %left.next = sub i64 %left, %r",
        "  %more = icmp sgt i64 %left.next, 0",
        "  br i1 %more, label %loop, label %end",
        "clear:",
        "  %c = phi ptr [ %to, %entry ], [ %c.next, %clear ]",
        "  %cleared = phi i64 [ 0, %entry ], [ %cleared.next, %clear ]",
        f"  call void @llvm.memset.p0.i64(ptr %c, i8 0, i64 {tile.columns * tile.size}, i1 false)",
        "  %c.next = getelementptr i8, ptr %c, i64 %to_row",
        "  %cleared.next = add i64 %cleared, 1",
        "  %again = icmp slt i64 %cleared.next, %count",
        "  br i1 %again, label %clear, label %end",
        "end:",
        "  ret void",
    ]
    signature = f"void {name}({walk.formals}, {TILE_ARGUMENTS}, i64 %count{walk.more})"
    return module.require(name, tile.define(signature, lines))


def _prefetches(tile: Tile, sums: str, row: str | None) -> list[str]:
    """Fetch where a tile's sums go ("to") or are added to ("from"), and the beginnings of the next
    tile's rows of A: the processor's own prefetching needs them to notice the rows (1024^3: 90.5 to
    93.1 GFLOP/s)."""
    width = tile.columns * tile.size
    lines = _row_pointers("next", "%pa.next", row, ROWS) if row is not None else []
    lines += _row_pointers("sums", f"%p{sums[0]}", f"%{sums}_row", ROWS)
    for r in range(ROWS):
        if row is not None:
            lines.append(f"  call void @llvm.prefetch.p0(ptr %next{r}, i32 0, i32 3, i32 1)")
        for offset in (*range(0, width - 1, 64), width - 1):
            place = f"%sums{r}.{offset}"
            lines.append(f"  {place} = getelementptr i8, ptr %sums{r}, i64 {offset}")
            lines.append(f"  call void @llvm.prefetch.p0(ptr {place}, i32 1, i32 3, i32 1)")
    return lines
