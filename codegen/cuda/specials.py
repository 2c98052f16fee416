"""Hand-written kernels (`codegen.kernel.SPECIALS`) as CUDA source: one thread, in order."""

from __future__ import annotations

from graphc.codegen.cuda.printer import Printer
from graphc.ir.errors import UnimplementedError


def write_special(p: Printer, name: str) -> None:
    """The body of a hand-written kernel.

    Raises:
        UnimplementedError: this target does not have it.
    """
    match name:
        case "permutation":
            _permutation(p)
        case "top_k":
            _top_k(p)
        case _:
            message = f"the CUDA target has no special kernel {name!r}"
            raise UnimplementedError(None, None, message)


def _permutation(p: Printer) -> None:
    with p.block("for i in range(d0):"):
        p.line("b0[i] = int64(i)")
    with p.block("for i in range(d0 - 1, 0, -1):"):
        for half, element in (("high", "2 * i"), ("low", "2 * i + 1")):
            p.line(f"{half} = uint64(philox(int64({element}), int64(d1), int64(d2), int64(1)))")
        p.line("j = int64(((high << uint64(32)) | low) % uint64(i + 1))")
        p.line("other = b0[j]")
        p.line("b0[j] = b0[i]")
        p.line("b0[i] = other")


def _top_k(p: Printer) -> None:
    """Insertion into the positions so far, the worst of which is the last."""
    with p.block("for row in range(d0):"), p.block("for i in range(d1):"):
        p.line("key = b0[row * d1 + i]")
        p.line("place = min(i, d2)")
        with p.block("while place > 0 and key > b0[row * d1 + b1[row * d2 + place - 1]]:"):
            with p.block("if place < d2:"):
                p.line("b1[row * d2 + place] = b1[row * d2 + place - 1]")
            p.line("place -= 1")
        with p.block("if place < d2:"):
            p.line("b1[row * d2 + place] = i")
