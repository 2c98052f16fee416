"""One row times a matrix: products that read every element of the matrix once.

"rank": the matrix's rows lie along the lanes; scaled rows are added to sums, a few at a time, so
that memory is read in order. "dot": its columns do; lanes run along k, several columns at a time.
A matrix times a vector is the same with the operands exchanged.
"""

from __future__ import annotations

from collections.abc import Sequence

from graphc.codegen.cpu.epilogue import width_of
from graphc.codegen.cpu.integers import Integers, known
from graphc.codegen.cpu.packing import function, lane_mask, masked_load
from graphc.codegen.cpu.text import Builder, ModuleText, lanes_of
from graphc.codegen.cpu.tiles import Tile
from graphc.codegen.cpu.writer import Writer

CHUNK_BYTES = 16 << 10  # sums that wait in the first-level cache
RANK = 4  # rows added per pass over the sums
DOTS = 4  # columns at a time
PARTS = 2  # registers of partial sums of each column


def write(w: Writer) -> None:
    """Write the product of the only row for all columns of this call and the current batch."""
    i, p = w.integers, w.problem
    w.axes[p.row_axis] = "0"
    # Where the row is axis 0, [begin, end) is the row or nothing.
    called = i.compare("slt", "%begin", "%end") if p.row_axis == 0 else "true"
    with w.when("called", called):
        low, high = w.range_of(p.column_axis)
        most = CHUNK_BYTES // w.tile.size
        sums = w.scratch("row_sums", CHUNK_BYTES + width_of(w.tile) * w.tile.size)
        if low == "0" and known(high) is not None and int(high) <= most:
            _write_chunk(w, "0", high, sums)
        else:
            with w.builder.loop("chunk", low, high, str(most)) as chunk:
                count = i.min(str(most), i.sub(high, chunk.index))
                _write_chunk(w, chunk.index, count, sums)


def _write_chunk(w: Writer, column: str, count: str, sums: str) -> None:
    """The sums and the epilogue of `count` columns."""
    (_write_rank if w.problem.vector_form == "rank" else _write_dots)(w, column, count, sums)
    w.finish((sums, "0"), ("0", "1"), (column, count))


def _operands(w: Writer, column: str) -> tuple[str, str, str, str, str]:
    """(address and stride of k of the row; address, strides of columns and of k of the matrix)."""
    i, p = w.integers, w.problem
    access, _, left_k = p.left
    left = w.base(access, (p.row_axis,))
    access, step, right_k = p.right
    step_bytes = w.bytes(w.size(step))
    right = i.address(w.base(access, (p.column_axis,)), i.mul(column, step_bytes))
    return left, w.bytes(w.size(left_k)), right, step_bytes, w.bytes(w.size(right_k))


# -- rows of the matrix along the lanes


def _write_rank(w: Writer, column: str, count: str, sums: str) -> None:
    i, module, lanes = w.integers, w.builder.module, w.tile.lanes
    left, left_k, right, _, right_k = _operands(w, column)
    full = i.round_down(count, lanes)
    k = w.problem.steps(i)
    size = w.bytes(full)
    w.builder.line(f"call void @llvm.memset.p0.i64(ptr {sums}, i8 0, i64 {size}, i1 false)")
    shared = f"ptr {left}", f"i64 {left_k}"
    if full != "0":
        even = known(k) is not None and int(k) % RANK == 0
        w.call(
            rank_function(module, w.tile, even), *shared, f"ptr {right}", f"i64 {right_k}",
            f"i64 {k}", f"ptr {sums}", f"i64 {full}",
        )  # fmt: skip
    rest = i.sub(count, full)
    with w.when("edge", i.compare("sgt", rest, "0")) as possible:
        if possible:
            right, target = i.address(right, w.bytes(full)), i.address(sums, w.bytes(full))
            w.call(
                rank_edge_function(module, w.tile), *shared, f"ptr {right}", f"i64 {right_k}",
                f"i64 {k}", f"ptr {target}", f"i64 {rest}",
            )  # fmt: skip


def rank_function(module: ModuleText, tile: Tile, even: bool) -> str:
    """Define (once) `y[:count] += sum k: a[k] * b[k, :count]`, count a multiple of lanes; its name.

    `even` promises that k is a multiple of `RANK`.
    """

    def write(b: Builder, i: Integers) -> None:
        whole = i.round_down("%k", RANK)
        with b.loop("k0", "0", whole, str(RANK)) as loop:
            _add_rows(b, i, tile, loop.index, RANK)
        if not even:
            with b.loop("k1", whole, "%k") as loop:
                _add_rows(b, i, tile, loop.index, 1)

    arguments = (
        "ptr noalias readonly %a, i64 %a_k, ptr noalias readonly %b, i64 %b_k, i64 %k, "
        "ptr noalias %y, i64 %count"
    )
    name = f"@rank{'' if even else '_any'}_{tile.dtype.name}"
    return function(module, tile, name, arguments, write)


def _add_rows(b: Builder, i: Integers, tile: Tile, k: str, rows: int) -> None:
    """Add `rows` scaled rows to the sums, in order."""
    at = i.address("%a", i.mul(k, "%a_k"))
    row = i.address("%b", i.mul(k, "%b_k"))
    factors, places = [], []
    for _ in range(rows):
        x = b.here("x", f"load {tile.element}, ptr {at}, align {tile.size}")
        factors.append(_splat(b, tile, x))
        places.append(row)
        at, row = i.address(at, "%a_k"), i.address(row, "%b_k")
    with b.loop("j", "0", "%count", str(tile.lanes)) as loop:
        offset = i.mul(loop.index, str(tile.size))
        target = i.address("%y", offset)
        total = b.here("sum", f"load {tile.kind}, ptr {target}, align {tile.size}")
        for factor, place in zip(factors, places, strict=True):
            x = b.here("b", f"load {tile.kind}, ptr {i.address(place, offset)}, align {tile.size}")
            total = _multiply_add(b, tile, factor, x, total)
        b.line(f"store {tile.kind} {total}, ptr {target}, align {tile.size}")


def rank_edge_function(module: ModuleText, tile: Tile) -> str:
    """Define (once) `y[:count] = sum k: a[k] * b[k, :count]` for count < lanes; its name.

    Writes a whole register to y.
    """

    def write(b: Builder, i: Integers) -> None:
        mask = lane_mask(b, "%count", tile.lanes)
        carried = [("sum", tile.kind, "zeroinitializer")]
        with b.loop("k", "0", "%k", carried=carried) as loop:
            place = i.address("%a", i.mul(loop.index, "%a_k"))
            x = b.here("x", f"load {tile.element}, ptr {place}, align {tile.size}")
            row = i.address("%b", i.mul(loop.index, "%b_k"))
            y = b.here("b", masked_load(tile, row, mask))
            loop.next = (_multiply_add(b, tile, _splat(b, tile, x), y, loop.carried[0]),)
        b.line(f"store {tile.kind} {loop.results[0]}, ptr %y, align {tile.size}")

    arguments = (
        "ptr noalias readonly %a, i64 %a_k, ptr noalias readonly %b, i64 %b_k, i64 %k, "
        "ptr noalias %y, i64 %count"
    )
    return function(module, tile, f"@rank_edge_{tile.dtype.name}", arguments, write)


def _splat(b: Builder, tile: Tile, scalar: str) -> str:
    one = b.let("one", f"insertelement {tile.kind} poison, {tile.element} {scalar}, i64 0")
    zeros = f"<{tile.lanes} x i32> zeroinitializer"
    return b.let("all", f"shufflevector {tile.kind} {one}, {tile.kind} poison, {zeros}")


def _multiply_add(b: Builder, tile: Tile, x: str, y: str, z: str) -> str:
    name = b.fresh("sum")
    for line in tile.multiply_add(name, x, y, z):
        b.line(line.strip())
    return name


# -- columns of the matrix along the lanes


def _write_dots(w: Writer, column: str, count: str, sums: str) -> None:
    b, i, module = w.builder, w.integers, w.builder.module
    left, _, right, step, _ = _operands(w, column)
    full = i.round_down(count, DOTS)
    k = w.problem.steps(i)
    for start, stop, columns in (("0", full, DOTS), (full, count, 1)):
        if start == stop:
            continue
        with b.loop("dot", start, stop, str(columns)) as loop:
            place = i.address(right, i.mul(loop.index, step))
            target = i.address(sums, w.bytes(loop.index))
            w.call(
                dot_function(module, w.tile, columns), f"ptr {left}", f"ptr {place}", f"i64 {step}",
                f"i64 {k}", f"ptr {target}",
            )  # fmt: skip


def dot_function(module: ModuleText, tile: Tile, columns: int) -> str:
    """Define (once) `y[c] = sum k: a[k] * b[c, k]` for some columns c, lanes along k; its name.

    The order of additions depends on k alone: lanes of `PARTS` registers, then a tree.
    """

    def write(b: Builder, i: Integers) -> None:
        rows = ["%b"]
        for _ in range(columns - 1):
            rows.append(i.address(rows[-1], "%b_row"))
        step = tile.lanes * PARTS
        whole = i.round_down("%k", step)
        carried = [("sum", tile.kind, "zeroinitializer")] * (columns * PARTS)
        with b.loop("k0", "0", whole, str(step), carried=carried) as loop:
            loop.next = _dot_step(b, i, tile, rows, loop.index, loop.carried, None)
        rest = i.sub("%k", whole)
        some = i.compare("sgt", rest, "0")
        carried = [("sum", tile.kind, value) for value in loop.results]
        with b.when("rest", some, carried=carried) as region:
            masks = [
                lane_mask(b, i.sub(rest, str(part * tile.lanes)), tile.lanes)
                for part in range(PARTS)
            ]
            region.next = _dot_step(b, i, tile, rows, whole, region.carried, masks)
        for c in range(columns):
            total = _tree(b, tile, region.results[c * PARTS : (c + 1) * PARTS])
            place = i.address("%y", str(c * tile.size))
            b.line(f"store {tile.element} {total}, ptr {place}, align {tile.size}")

    arguments = (
        "ptr noalias readonly %a, ptr noalias readonly %b, i64 %b_row, i64 %k, ptr noalias %y"
    )
    return function(module, tile, f"@dot{columns}_{tile.dtype.name}", arguments, write)


def _dot_step(
    b: Builder,
    i: Integers,
    tile: Tile,
    rows: Sequence[str],
    k: str,
    sums: Sequence[str],
    masks: Sequence[str] | None,
) -> tuple[str, ...]:
    """Add the products of `PARTS` registers from step k on; with masks, of some lanes only."""

    def load(base: str, part: int) -> str:
        offset = i.mul(i.add(k, str(part * tile.lanes)), str(tile.size))
        place = i.address(base, offset)
        if masks is not None:
            return b.here("x", masked_load(tile, place, masks[part]))
        return b.here("x", f"load {tile.kind}, ptr {place}, align {tile.size}")

    factors = [load("%a", part) for part in range(PARTS)]
    return tuple(
        _multiply_add(b, tile, factors[part], load(row, part), sums[c * PARTS + part])
        for c, row in enumerate(rows)
        for part in range(PARTS)
    )


def _tree(b: Builder, tile: Tile, parts: Sequence[str]) -> str:
    """The sum of all lanes of all parts, by halves."""
    add = "fadd" if tile.dtype.is_floating else "add"
    total = parts[0]
    for part in parts[1:]:
        total = b.here("sum", f"{add} {tile.kind} {total}, {part}")
    width = tile.lanes
    while width > 1:
        width //= 2
        picks = [lane + width if lane < width else "poison" for lane in range(tile.lanes)]
        mask = lanes_of("i32", picks)
        text = f"shufflevector {tile.kind} {total}, {tile.kind} poison, <{tile.lanes} x i32> {mask}"
        half = b.here("half", text)
        total = b.here("sum", f"{add} {tile.kind} {total}, {half}")
    return b.here("total", f"extractelement {tile.kind} {total}, i64 0")
