"""Packing: copies of operands in the order in which micro-kernels read them.

A panel of B is `tile.columns` wide and as long as the stretch of k, padded with zeros. A block of A
whose rows are adjacent is cut into the tiles' rows. Nothing outside the operands is read.
"""

from __future__ import annotations

from collections.abc import Callable

from graphc.codegen.cpu.integers import Integers
from graphc.codegen.cpu.text import Builder, ModuleText, lanes_of, suffix, vector
from graphc.codegen.cpu.tiles import ROWS, Tile, cut_table, row_cuts

AHEAD = 6  # rows of memory between what is copied and what is fetched
# Steps of k between panels, and between the rows of a block: so that streams which are written side
# by side do not compete for cache sets.
PANEL_PADDING, BLOCK_PADDING = 1, 8


def function(
    module: ModuleText,
    tile: Tile,
    name: str,
    arguments: str,
    write: Callable[[Builder, Integers], None],
) -> str:
    """Define (once) the function `name` whose body `write` writes; its name."""
    if name not in module.parts:
        names = [word.rstrip(",") for word in arguments.split() if word.startswith("%")]
        builder = Builder(module, names)
        write(builder, Integers(builder))
        builder.line("ret void")
        signature = f"void {name}({arguments})"
        module.require(name, tile.define(signature, builder.lines))
    return name


def fetch(b: Builder, i: Integers, here: str) -> None:
    """Ask for what lies some rows after `here`."""
    ahead = i.address(here, i.mul("%row", str(AHEAD)))
    b.line(f"call void @llvm.prefetch.p0(ptr {ahead}, i32 0, i32 3, i32 1)")


def copy_panels(module: ModuleText, tile: Tile) -> str:
    """Define (once) `to[p][k][:] = from[k][p]` for neighbouring whole panels p; its name.

    Several panels at a time read longer pieces of each row of B. `%apart` are the bytes between
    panels.
    """

    def write(b: Builder, i: Integers) -> None:
        width = str(tile.columns * tile.size)
        with b.loop("k", "0", "%count") as loop:
            source = i.address("%from", i.mul(loop.index, "%row"))
            target = i.address("%to", i.mul(loop.index, width))
            with b.loop("panel", "0", "%panels", nonempty=True) as panel:
                here = i.address(source, i.mul(panel.index, width))
                there = i.address(target, i.mul(panel.index, "%apart"))
                fetch(b, i, here)
                for v in range(tile.vectors):
                    text = f"load {tile.kind}, ptr {_part(b, tile, here, v)}, align {tile.size}"
                    x = b.here("x", text)
                    b.line(
                        f"store {tile.kind} {x}, ptr {_part(b, tile, there, v)}, align {tile.size}"
                    )

    name = f"@copy_panels_x{tile.vectors}_{tile.dtype.name}"
    arguments = (
        "ptr noalias readonly %from, i64 %row, ptr noalias %to, i64 %count, i64 %panels, i64 %apart"
    )
    return function(module, tile, name, arguments, write)


def _part(b: Builder, tile: Tile, base: str, v: int) -> str:
    """The address of the v-th register's worth of elements after `base`."""
    return base if v == 0 else b.let("part", f"getelementptr {tile.kind}, ptr {base}, i64 {v}")


def copy_edge(module: ModuleText, tile: Tile) -> str:
    """Define (once) `to[k][:] = from[k][:]` where only `%width` columns exist; its name."""

    def write(b: Builder, i: Integers) -> None:
        masks = [_mask(b, tile, i.sub("%width", str(v * tile.lanes))) for v in range(tile.vectors)]
        with b.loop("k", "0", "%count") as loop:
            source = b.let(
                "source", f"getelementptr i8, ptr %from, i64 {i.mul(loop.index, '%row')}"
            )
            offset = i.mul(loop.index, str(tile.columns * tile.size))
            target = b.let("target", f"getelementptr i8, ptr %to, i64 {offset}")
            for v, mask in enumerate(masks):
                x = b.here("x", masked_load(tile, _part(b, tile, source, v), mask))
                b.line(f"store {tile.kind} {x}, ptr {_part(b, tile, target, v)}, align {tile.size}")

    name = f"@copy_edge_x{tile.vectors}_{tile.dtype.name}"
    arguments = "ptr noalias readonly %from, i64 %row, ptr noalias %to, i64 %count, i64 %width"
    return function(module, tile, name, arguments, write)


def _mask(b: Builder, tile: Tile, count: str) -> str:
    """The mask of the first `count` lanes (count may be negative or beyond the register)."""
    return lane_mask(b, count, tile.lanes)


def lane_mask(b: Builder, count: str, lanes: int) -> str:
    """The i1 vector whose first `count` lanes hold (it may be below 0 or above `lanes`)."""
    low = b.let("low", f"call i64 @llvm.smax.i64(i64 {count}, i64 0)")
    clipped = b.let("clipped", f"call i64 @llvm.smin.i64(i64 {low}, i64 {lanes})")
    narrow = b.let("narrow", f"trunc i64 {clipped} to i32")
    one = b.let("one", f"insertelement <{lanes} x i32> poison, i32 {narrow}, i64 0")
    kind = f"<{lanes} x i32>"
    every = b.let("every", f"shufflevector {kind} {one}, {kind} poison, {kind} zeroinitializer")
    return b.let("mask", f"icmp slt {kind} {lanes_of('i32', range(lanes))}, {every}")


def masked_load(tile: Tile, address: str, mask: str) -> str:
    """The instruction that loads a register where `mask` holds, and zeros elsewhere."""
    kind, lanes = tile.kind, tile.lanes
    return (
        f"call {kind} @llvm.masked.load.{suffix(tile.element, lanes)}.p0"
        f"(ptr {address}, i32 {tile.size}, <{lanes} x i1> {mask}, {kind} zeroinitializer)"
    )


def pack_rows(module: ModuleText, tile: Tile, available: tuple[int, ...]) -> str:
    """Define (once) the packing of a block of A whose rows are adjacent; its name.

    A tile of r rows becomes `to[k][:r] = from[k][:r]`, and tiles follow each other as the panel
    function cuts them.
    """
    functions = {r: copy_rows(module, tile, r) for r in available}
    pointers = ", ".join(f"ptr {functions.get(r, 'null')}" for r in range(ROWS + 1))
    digits = "".join(map(str, available))
    table = f"@packs_{digits}_{tile.dtype.name}"
    module.require(table, f"{table} = internal constant [{ROWS + 1} x ptr] [{pointers}]")
    cut, last = cut_table(module, available), len(row_cuts(available)) - 1

    def write(b: Builder, i: Integers) -> None:
        step = i.mul(i.add("%steps", str(BLOCK_PADDING)), str(tile.size))
        whole = "0"
        if ROWS in functions:  # largest tiles for as long as there are many rows
            count = i.div(i.max(i.add(i.sub("%rows", str(last)), str(ROWS - 1)), "0"), str(ROWS))
            whole = i.mul(count, str(ROWS))
            b.line(
                f"call fastcc void {functions[ROWS]}(ptr %from, i64 %row, ptr %to, i64 %steps, "
                f"i64 {count})"
            )
        with b.loop("place", whole, "%rows", "%cut") as loop:
            left = i.min(i.sub("%rows", loop.index), str(last))
            byte = b.here("byte", f"load i8, ptr {i.address(cut, left)}")
            b.line(f"%cut = zext i8 {byte} to i64")
            which = b.here("which", f"getelementptr ptr, ptr {table}, i64 %cut")
            copy = b.here("copy", f"load ptr, ptr {which}")
            source = i.address("%from", i.mul(loop.index, str(tile.size)))
            target = i.address("%to", i.mul(loop.index, step))
            b.line(
                f"call fastcc void {copy}(ptr {source}, i64 %row, ptr {target}, i64 %steps, i64 1)"
            )

    name = f"@pack_rows_{digits}_{tile.dtype.name}"
    arguments = "ptr noalias readonly %from, i64 %row, ptr noalias %to, i64 %steps, i64 %rows"
    return function(module, tile, name, arguments, write)


def copy_rows(module: ModuleText, tile: Tile, rows: int) -> str:
    """Define (once) `to[t][k][:] = from[k][t]` for neighbouring tiles t of `rows` rows; its name.

    Several tiles at a time read longer pieces of memory.
    """
    kind, size = vector(tile.element, rows), tile.size

    def write(b: Builder, i: Integers) -> None:
        width = str(rows * size)
        tile_bytes = i.mul(i.add("%steps", str(BLOCK_PADDING)), width)
        with b.loop("k", "0", "%steps") as loop:
            source = i.address("%from", i.mul(loop.index, "%row"))
            target = i.address("%to", i.mul(loop.index, width))
            with b.loop("tile", "0", "%count") as tiles:
                here = i.address(source, i.mul(tiles.index, width))
                there = i.address(target, i.mul(tiles.index, tile_bytes))
                x = b.here("x", f"load {kind}, ptr {here}, align {size}")
                b.line(f"store {kind} {x}, ptr {there}, align {size}")
                fetch(b, i, here)

    name = f"@copy_rows_{rows}_{tile.dtype.name}"
    arguments = "ptr noalias readonly %from, i64 %row, ptr noalias %to, i64 %steps, i64 %count"
    return function(module, tile, name, arguments, write)


def copy_scalar(module: ModuleText, tile: Tile) -> str:
    """Define (once) `to[i, j] = from[i, j]` with any strides, one by one; its name."""

    def write(b: Builder, i: Integers) -> None:
        with b.loop("i", "0", "%rows") as rows:
            source = i.address("%from", i.mul(rows.index, "%from_row"))
            target = i.address("%to", i.mul(rows.index, "%to_row"))
            with b.loop("j", "0", "%columns") as columns:
                place = i.address(source, i.mul(columns.index, "%from_column"))
                x = b.here("x", f"load {tile.element}, ptr {place}, align {tile.size}")
                place = i.address(target, i.mul(columns.index, "%to_column"))
                b.line(f"store {tile.element} {x}, ptr {place}, align {tile.size}")

    name = f"@copy_{tile.dtype.name}"
    arguments = (
        "ptr noalias readonly %from, i64 %from_row, i64 %from_column, "
        "ptr noalias %to, i64 %to_row, i64 %to_column, i64 %rows, i64 %columns"
    )
    return function(module, tile, name, arguments, write)


def transpose(module: ModuleText, tile: Tile) -> str:
    """Define (once) `to[j][i] = from[i][j]` (both with rows of adjacent elements); its name.

    Squares of `lanes` x `lanes` elements go through registers; strips beside them one by one.
    """
    scalar = copy_scalar(module, tile)
    lanes, size = tile.lanes, str(tile.size)

    def strip(b: Builder, i: Integers, row: str, column: str, rows: str, columns: str) -> None:
        source = i.address(i.address("%from", i.mul(row, "%from_row")), i.mul(column, size))
        target = i.address(i.address("%to", i.mul(column, "%to_row")), i.mul(row, size))
        b.line(
            f"call fastcc void {scalar}(ptr {source}, i64 %from_row, i64 {size}, "
            f"ptr {target}, i64 {size}, i64 %to_row, i64 {rows}, i64 {columns})"
        )

    def write(b: Builder, i: Integers) -> None:
        full_rows, full_columns = i.round_down("%rows", lanes), i.round_down("%columns", lanes)
        with (
            b.loop("i", "0", full_rows, str(lanes)) as rows,
            b.loop("j", "0", full_columns, str(lanes)) as columns,
        ):
            row = i.address("%from", i.mul(rows.index, "%from_row"))
            source = i.address(row, i.mul(columns.index, size))
            row = i.address("%to", i.mul(columns.index, "%to_row"))
            target = i.address(row, i.mul(rows.index, size))
            _transpose_square(b, i, tile, source, target)
        strip(b, i, "0", full_columns, full_rows, i.sub("%columns", full_columns))
        strip(b, i, full_rows, "0", i.sub("%rows", full_rows), "%columns")

    name = f"@transpose_{tile.dtype.name}"
    arguments = (
        "ptr noalias readonly %from, i64 %from_row, ptr noalias %to, i64 %to_row, "
        "i64 %rows, i64 %columns"
    )
    return function(module, tile, name, arguments, write)


def _transpose_square(b: Builder, i: Integers, tile: Tile, source: str, target: str) -> None:
    """Transpose a square: rows interleave inside 128-bit parts, then parts change places."""
    lanes, kind = tile.lanes, tile.kind
    part = max(1, min(lanes, 16 // tile.size))  # elements of a 128-bit part
    rows = []
    for r in range(lanes):
        rows.append(b.here("row", f"load {kind}, ptr {source}, align {tile.size}"))
        if r + 1 < lanes:
            source = i.address(source, "%from_row")

    def shuffle(x: str, y: str, picks: list[int]) -> str:
        mask = lanes_of("i32", picks)
        return b.here("mix", f"shufflevector {kind} {x}, {kind} {y}, <{lanes} x i32> {mask}")

    # Inside parts: with group g, lane order (block, g) of x and y interleaves to blocks of 2g.
    group = 1
    while group < part:
        low, high = _interleavings(lanes, part, group)
        mixed = list(rows)
        for r in range(lanes):
            if r & group == 0:
                mixed[r] = shuffle(rows[r], rows[r + group], low)
                mixed[r + group] = shuffle(rows[r], rows[r + group], high)
        rows = mixed
        group *= 2
    # Row r of a part-by-part square now holds column reversed(r); whole parts change places.
    step = part
    while step < lanes:
        mixed = list(rows)
        for r in range(lanes):
            if r & step == 0:
                first = [e if e & step == 0 else lanes + e - step for e in range(lanes)]
                second = [e + step if e & step == 0 else lanes + e for e in range(lanes)]
                mixed[r] = shuffle(rows[r], rows[r + step], first)
                mixed[r + step] = shuffle(rows[r], rows[r + step], second)
        rows = mixed
        step *= 2
    order = _bit_reversed(part)
    for r in range(lanes):
        column = r - r % part + order[r % part]
        b.line(f"store {kind} {rows[column]}, ptr {target}, align {tile.size}")
        if r + 1 < lanes:
            target = i.address(target, "%to_row")


def _interleavings(lanes: int, part: int, group: int) -> tuple[list[int], list[int]]:
    """Shuffles that interleave groups of x and y: of the low and of the high half of every part."""
    low: list[int] = []
    high: list[int] = []
    for start in range(0, lanes, part):
        for half, picks in ((0, low), (part // 2, high)):
            for g in range(0, part // 2, group):
                at = start + half + g
                picks += [*range(at, at + group), *range(lanes + at, lanes + at + group)]
    return low, high


def _bit_reversed(count: int) -> list[int]:
    bits = count.bit_length() - 1
    return [int(f"{n:0{bits}b}"[::-1], 2) if bits else 0 for n in range(count)]
