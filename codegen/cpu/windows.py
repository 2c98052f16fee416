"""Windows: register tiles that find their rows and their steps of k in tables.

An element of the left operand of a product with windows lies at (offset of its row) + (offset of
its step of k). Both offsets are a sum over digits, which a table holds for the rows of a block and
one for the steps of a stretch: so a tile may begin anywhere in an image and end in the next one,
and one loop runs over all taps of a filter with its sums in registers. A step costs one more load
than in a product of matrices, in a loop that waits for its multiply-adds.
"""

from __future__ import annotations

from collections.abc import Sequence

from graphc.codegen.cpu.integers import Integers
from graphc.codegen.cpu.packing import BLOCK_PADDING, function
from graphc.codegen.cpu.text import Builder, ModuleText, vector
from graphc.codegen.cpu.tiles import (
    ROWS,
    TILE_ARGUMENTS,
    Tile,
    Walk,
    cut_table,
    finish_tile,
    panel_over,
    row_cuts,
)

ENTRY = 8  # bytes of an entry of a table
_TABLES = "ptr noalias readonly %rows, ptr noalias readonly %steps"
_WALK = Walk(_TABLES, "%rows", str(ENTRY), "ptr %pa, ptr %steps", None)


def window_panel(module: ModuleText, tile: Tile, available: tuple[int, ...], resume: bool) -> str:
    """Define (once) the product of any number of rows with one panel of B; its name.

    As `tiles.panel_function`, but `%rows` is a table of the rows' addresses and `%steps` one of the
    offsets in bytes of the steps of k.
    """
    functions = {r: _tile_function(module, tile, r, resume) for r in available}
    stem = f"{''.join(map(str, available))}x{tile.vectors}_{tile.dtype.name}"
    name = f"@windows_{stem}{'_resume' if resume else ''}"
    return panel_over(module, tile, name, functions, _WALK, resume)


def _tile_function(module: ModuleText, tile: Tile, rows: int, resume: bool) -> str:
    """Define (once) `to[r][j] = from[r][j] + sum k: *(rows[r] + steps[k]) * b[k, j]`, k >= 1; its
    name. Without `resume`, `from` is not read: the sum alone.
    """
    name = f"@window_{rows}x{tile.vectors}_{tile.dtype.name}{'_resume' if resume else ''}"
    kind, size = tile.kind, tile.size
    lines = []
    for r in range(rows):
        lines.append(f"  %row{r}.at = getelementptr ptr, ptr %rows, i64 {r}")
        lines.append(f"  %row{r} = load ptr, ptr %row{r}.at")
    lines += [
        "  br label %loop",
        "loop:",
        "  %left = phi i64 [ %k, %entry ], [ %left.next, %loop ]",
        "  %ps = phi ptr [ %steps, %entry ], [ %ps.next, %loop ]",
        "  %pb = phi ptr [ %b, %entry ], [ %pb.next, %loop ]",
    ]
    places = [(r, v) for r in range(rows) for v in range(tile.vectors)]
    for r, v in places:
        incoming = f"[ zeroinitializer, %entry ], [ %sum{r}.{v}, %loop ]"
        lines.append(f"  %c{r}.{v} = phi {kind} {incoming}")
    lines.append("  %step = load i64, ptr %ps")
    for v in range(tile.vectors):
        lines.append(f"  %pb{v} = getelementptr {kind}, ptr %pb, i64 {v}")
        lines.append(f"  %b{v} = load {kind}, ptr %pb{v}, align {size}")
    for r in range(rows):
        lines.append(f"  %pa{r} = getelementptr i8, ptr %row{r}, i64 %step")
        lines.append(f"  %a{r} = load {tile.element}, ptr %pa{r}, align {size}")
        lines += tile.splat(f"%a{r}.all", f"%a{r}")
        for v in range(tile.vectors):
            lines += tile.multiply_add(f"%sum{r}.{v}", f"%a{r}.all", f"%b{v}", f"%c{r}.{v}")
    lines += [
        f"  %ps.next = getelementptr i8, ptr %ps, i64 {ENTRY}",
        "  %pb.next = getelementptr i8, ptr %pb, i64 %b_k",
        "  %left.next = add nsw i64 %left, -1",
        "  %done = icmp eq i64 %left.next, 0",
        "  br i1 %done, label %end, label %loop",
        "end:",
        *finish_tile(tile, rows, resume),
    ]
    return module.require(name, tile.define(f"void {name}({_TABLES}, {TILE_ARGUMENTS})", lines))


Digits = Sequence[tuple[str, str]]  # extent and step in bytes of each digit, outermost first


def fill(b: Builder, tile: Tile, to: str, base: str, span: tuple[str, str], digits: Digits) -> None:
    """Call the function that writes a table: base + the offset of each position of a span (start,
    count)."""
    name = _fill_function(b.module, tile, len(digits))
    start, count = span
    sizes = "".join(f", i64 {extent}, i64 {step}" for extent, step in digits)
    arguments = f"ptr {to}, i64 {base}, i64 {start}, i64 {count}"
    b.line(f"call fastcc void {name}({arguments}{sizes})")


def _fill_function(module: ModuleText, tile: Tile, count: int) -> str:
    """Define (once) `to[j] = base + offset(start + j)` for positions of so many digits; its name.

    A run of positions that differ in the last digit alone is one loop.
    """
    name = f"@offsets_{count}"
    if name in module.parts:
        return name
    digits = "".join(f", i64 %e{n}, i64 %s{n}" for n in range(count))
    signature = f"void {name}(ptr noalias %to, i64 %base, i64 %start, i64 %count{digits})"
    names = [word.rstrip(",)") for word in signature.split() if word.startswith("%")]
    b = Builder(module, names)
    i = Integers(b)
    with b.when("some", i.compare("sgt", "%count", "0")):
        _write_runs(b, i, count)
    b.line("ret void")
    return module.require(name, tile.define(signature, b.lines))


def _write_runs(b: Builder, i: Integers, count: int) -> None:
    """Runs of the last digit; the offset of the others is worked out anew for each."""
    last = count - 1
    extents = [i.max(f"%e{n}", "1") for n in range(count)]  # divisions may move to where k is empty
    extent = extents[last]
    first = i.div("%start", extent) if last else "0"
    stop = i.add("%start", "%count")
    after = i.add(i.div(i.sub(stop, "1"), extent), "1") if last else "1"
    with b.loop("run", first, after, nonempty=True) as run:
        offset, rest = "%base", run.index
        for n in range(last - 1, -1, -1):
            digit = rest
            if n:
                rest = i.div(digit, extents[n])
                digit = i.sub(digit, i.mul(rest, extents[n]))
            offset = i.add(offset, i.mul(digit, f"%s{n}"))
        begin = i.mul(run.index, extent) if last else "0"
        low = i.max(i.sub("%start", begin), "0")
        high = i.sub(stop, begin)
        if last:
            high = i.min(high, extent)
        target = i.address("%to", i.mul(i.sub(begin, "%start"), str(ENTRY)))
        with b.loop("place", low, high, nonempty=True) as place:
            value = i.add(offset, i.mul(place.index, f"%s{last}"))
            at = i.address(target, i.mul(place.index, str(ENTRY)))
            b.line(f"store i64 {value}, ptr {at}")


# -- packing


def pack_rows(module: ModuleText, tile: Tile, available: tuple[int, ...]) -> str:
    """Define (once) the packing of a block of rows by its tables; its name.

    A tile of r rows becomes `to[k][:r]`, and tiles follow each other as the panel function cuts
    them: what `packing.pack_rows` gives for rows that are all adjacent.
    """
    digits = "".join(map(str, available))
    functions = {r: _copy_function(module, tile, r) for r in available}
    pointers = ", ".join(f"ptr {functions.get(r, 'null')}" for r in range(ROWS + 1))
    table = f"@packs_windows_{digits}_{tile.dtype.name}"
    module.require(table, f"{table} = internal constant [{ROWS + 1} x ptr] [{pointers}]")
    cut, last = cut_table(module, available), len(row_cuts(available)) - 1
    gather = _gather_function(module, tile)

    def write(b: Builder, i: Integers) -> None:
        step = i.mul(i.add("%count", str(BLOCK_PADDING)), str(tile.size))
        with b.loop("place", "0", "%height", "%cut") as loop:
            left = i.min(i.sub("%height", loop.index), str(last))
            byte = b.here("byte", f"load i8, ptr {i.address(cut, left)}")
            b.line(f"%cut = zext i8 {byte} to i64")
            rows = i.address("%rows", i.mul(loop.index, str(ENTRY)))
            first = b.here("first", f"load ptr, ptr {rows}")
            target = i.address("%to", i.mul(loop.index, step))
            which = b.here("which", f"getelementptr ptr, ptr {table}, i64 %cut")
            copy = b.here("copy", f"load ptr, ptr {which}")
            passed = f"ptr %steps, ptr {target}, i64 %count"

            def together() -> None:
                b.line(f"call fastcc void {copy}(ptr {first}, {passed})")

            def apart() -> None:
                b.line(f"call fastcc void {gather}(ptr {rows}, {passed}, i64 %cut)")

            b.either("tile", _adjacent(b, i, tile, rows, first), None, together, apart)

    name = f"@pack_windows_{digits}_{tile.dtype.name}"
    arguments = f"{_TABLES}, ptr noalias %to, i64 %count, i64 %height"
    return function(module, tile, name, arguments, write)


def _adjacent(b: Builder, i: Integers, tile: Tile, rows: str, first: str) -> str:
    """The condition that the `%cut` rows from `first` on follow each other in memory."""
    wanted = b.here("wanted", f"ptrtoint ptr {first} to i64")
    carried = [("all", "i1", "true"), ("wanted", "i64", wanted)]
    with b.loop("row", "0", "%cut", carried=carried, nonempty=True) as loop:
        at = i.address(rows, i.mul(loop.index, str(ENTRY)))
        row = b.here("row", f"load i64, ptr {at}")
        same = b.here("same", f"icmp eq i64 {row}, {loop.carried[1]}")
        every = b.here("every", f"and i1 {same}, {loop.carried[0]}")
        loop.next = (every, i.add(loop.carried[1], str(tile.size)))
    return loop.results[0]


def _copy_function(module: ModuleText, tile: Tile, rows: int) -> str:
    """Define (once) `to[k][:] = from[steps[k]][:rows]`; its name."""
    kind = vector(tile.element, rows)

    def write(b: Builder, i: Integers) -> None:
        with b.loop("k", "0", "%count") as loop:
            at = i.address("%steps", i.mul(loop.index, str(ENTRY)))
            here = i.address("%from", b.here("step", f"load i64, ptr {at}"))
            there = i.address("%to", i.mul(loop.index, str(rows * tile.size)))
            x = b.here("x", f"load {kind}, ptr {here}, align {tile.size}")
            b.line(f"store {kind} {x}, ptr {there}, align {tile.size}")

    name = f"@copy_window_{rows}_{tile.dtype.name}"
    arguments = (
        "ptr noalias readonly %from, ptr noalias readonly %steps, ptr noalias %to, i64 %count"
    )
    return function(module, tile, name, arguments, write)


def _gather_function(module: ModuleText, tile: Tile) -> str:
    """Define (once) `to[k][r] = *(rows[r] + steps[k])` for r < height; its name."""

    def write(b: Builder, i: Integers) -> None:
        with b.loop("r", "0", "%height") as r:
            at = i.address("%rows", i.mul(r.index, str(ENTRY)))
            row = b.here("row", f"load ptr, ptr {at}")
            target = i.address("%to", i.mul(r.index, str(tile.size)))
            with b.loop("k", "0", "%count") as k:
                at = i.address("%steps", i.mul(k.index, str(ENTRY)))
                here = i.address(row, b.here("step", f"load i64, ptr {at}"))
                x = b.here("x", f"load {tile.element}, ptr {here}, align {tile.size}")
                there = i.address(target, i.mul(i.mul(k.index, "%height"), str(tile.size)))
                b.line(f"store {tile.element} {x}, ptr {there}, align {tile.size}")

    name = f"@gather_windows_{tile.dtype.name}"
    arguments = f"{_TABLES}, ptr noalias %to, i64 %count, i64 %height"
    return function(module, tile, name, arguments, write)
