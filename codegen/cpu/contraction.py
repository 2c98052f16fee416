"""Contractions: matrix products with any epilogue, as loop nests around register tiles.

    text = emit_contraction(kernel, features, module, "kernel_3")  # has the ABI's signature

The nest, from outside: batches; rows, as many as have room for partial sums; chunks of columns;
stretches of k (only where k is long); blocks of rows, which stay in the second-level cache; panels
of B as wide as a register tile; row tiles. The panels of a chunk are packed just before its use and
serve all blocks; A is read where it lies, and packed block by block if its rows are adjacent. Sums
leave a tile either straight to the output (an epilogue that only stores them) or through a small
group of rows in the first-level cache, over which the epilogue runs as on any vectors.

Products with windows (convolutions) take the same way: the rows are all positions of all images,
k runs over all taps, and register tiles find both in tables (`windows`). Nothing is unfolded.

Scratch memory is on the stack, about 500 KB: panels of B (260 KB), partial sums (184 KB, only where
k is split), 20 KB of sums. Where A is packed, 850 KB: panels take 520 KB, the block of A 110 KB.
Pages that are not needed are never touched.

Every element's sum is one chain in the order of k for each stretch, added up in order (inner
products of vectors: a fixed tree), whatever the range [begin, end): results are the same for any
split between threads. A split at multiples of `tiles.ROWS` rows is cheap; each call packs B for
itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from graphc.codegen.cpu import nest, skinny
from graphc.codegen.cpu.body import entry_lines
from graphc.codegen.cpu.target import Features
from graphc.codegen.cpu.text import Builder, ModuleText
from graphc.codegen.cpu.writer import Writer
from graphc.codegen.kernel import Kernel


def emit_contraction(kernel: Kernel, features: Features, module: ModuleText, name: str) -> str:
    """The LLVM function `name` of a kernel with a contraction; helpers go to `module`.

    Helpers that do not depend on the kernel are shared by all kernels of the module.
    """
    builder = Builder(module, ["%frame", "%slots", "%begin", "%end"])
    entry_lines(builder, kernel)
    _write(Writer(kernel, features, builder, name))
    head = f"define void @{name}(ptr %frame, ptr %slots, i64 %begin, i64 %end)"
    body = "\n".join(builder.lines)
    return f"{head} {features.attributes} {{\nentry:\n{body}\n  ret void\n}}\n"


def _write(w: Writer) -> None:
    """Write the loops over batches, and the product inside."""
    if any(axis.extent == 0 for axis in w.kernel.axes[: w.kernel.outer]):
        return
    if w.problem.shares_right(w.tile):
        nest.write_batches(w, lambda: _batches(w))
        return
    with _batches(w):
        _choose(w)


@contextmanager
def _batches(w: Writer) -> Iterator[None]:
    """The loops over batches."""
    with ExitStack() as stack:
        for axis in w.problem.batch_axes:
            loop = stack.enter_context(w.builder.loop("batch", *w.range_of(axis)))
            w.axes[axis] = loop.index
        yield


def _choose(w: Writer) -> None:
    """One row times a matrix, or any product; decided when running if the rows are not known."""
    i, form = w.integers, w.problem.vector_form
    single = i.compare("eq", w.size(w.problem.rows), "1") if form == "rank" else "false"
    if form == "dot" and w.problem.rows == 1:
        single = "true"
    for condition, write in ((single, skinny.write), (i.invert(single), nest.write)):
        with w.when("single", condition) as possible:
            if possible:
                write(w)
