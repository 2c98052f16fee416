"""Matrix products: square tiles of both operands in shared memory, one sum for each thread."""

from __future__ import annotations

from collections.abc import Callable

from graphc.codegen.cuda.printer import Printer
from graphc.codegen.cuda.scalar import combine, literal, size_text
from graphc.codegen.kernel import Access, Size


def write_tiles(p: Printer, epilogue: Callable[[], None]) -> None:
    """The body of a contraction; `epilogue` writes what follows the sum of one element."""
    kernel, contraction = p.kernel, p.kernel.contraction
    assert contraction is not None
    edge, outer = p.geometry.tile, kernel.outer
    row, column = outer - 2, outer - 1
    dtype, k = contraction.dtype, " * ".join(size_text(extent) for extent in contraction.k)
    for side in ("a", "b"):  # a column too many keeps transposed writes off one another's banks
        p.shared(f"tile_{side}", f"({edge}, {edge + 1})", dtype)
    p.line("x = int64(cuda.threadIdx.x)")
    p.line("y = int64(cuda.threadIdx.y)")
    p.line("rest = int64(cuda.blockIdx.x)")
    for axis, count, start, lane in (
        (column, "columns", "left", "x"),
        (row, "rows", "top", "y"),
    ):
        p.line(f"{count} = ({p.extent(axis)} + {edge - 1}) // {edge}")
        p.line(f"{start} = rest % {count} * {edge}")
        p.line(f"rest = rest // {count}")
        p.line(f"a{axis} = {start} + {lane}")
    p.split("rest", range(outer - 2))
    p.line(f"acc = {literal(0, dtype)}")
    with p.block(f"for start in range(0, {k}, {edge}):"):
        _fetch(p, "a", contraction.a, contraction.a_k, row)
        _fetch(p, "b", contraction.b, contraction.b_k, column)
        p.line("cuda.syncthreads()")
        with p.block(f"for step in range({edge}):"):
            total = combine("sum", dtype, "acc", "tile_a[y, step] * tile_b[step, x]")
            p.line(f"acc = {total}")
        p.line("cuda.syncthreads()")
    inside = f"a{row} < {p.extent(row)} and a{column} < {p.extent(column)}"
    with p.block(f"if {inside}:"):
        epilogue()


def _fetch(p: Printer, side: str, access: Access, steps: tuple[Size, ...], axis: int) -> None:
    """Copy a tile of an operand to shared memory; neighbouring x read neighbours in memory."""
    contraction = p.kernel.contraction
    assert contraction is not None
    is_a = side == "a"
    rows = contraction.rows if is_a else ()
    near = rows[-1][1] if rows else access.index.coefficient(axis)
    by_k, by_axis = steps[-1] == 1, near == 1
    x_walks_k = is_a if by_k == by_axis else by_k
    lane, other = ("x", "y") if x_walks_k else ("y", "x")
    total, position = " * ".join(size_text(extent) for extent in contraction.k), f"a{axis}"
    p.line(f"k = start + {lane}")
    if x_walks_k != is_a:
        position = "m" if is_a else "n"
        p.line(f"{position} = {'top' if is_a else 'left'} + {other}")
    terms = [p.affine(access.index, {axis: position})]
    terms += _digits(p, position, rows, f"{side}_row")
    terms += _digits(p, "k", tuple(zip(contraction.k, steps, strict=True)), f"{side}_k")
    place = f"{other}, {lane}" if is_a else f"{lane}, {other}"
    inside = f"{position} < {p.extent(axis)} and k < {total}"
    zero = literal(0, contraction.dtype)
    text = " + ".join(term for term in terms if term != "0") or "0"
    p.line(f"tile_{side}[{place}] = b{access.buffer}[{text}] if {inside} else {zero}")


def _digits(
    p: Printer, position: str, digits: tuple[tuple[Size, Size], ...], rest: str
) -> list[str]:
    """The terms of a position whose digits (extent, coefficient) are given, outermost first."""
    terms: list[str] = []
    for extent, step in reversed(digits[1:]):
        p.line(f"{rest}{len(terms)} = {position} % {size_text(extent)}")
        terms.append(_scaled(f"{rest}{len(terms)}", step))
        p.line(f"{rest} = {position} // {size_text(extent)}")
        position = rest
    return [*terms, _scaled(position, digits[0][1])] if digits else []


def _scaled(name: str, step: Size) -> str:
    return name if step == 1 else f"{name} * {size_text(step)}"
