"""Hand-written kernels: what does not fit the loop form (`SPECIALS`)."""

from __future__ import annotations

from collections.abc import Callable

from graphc.codegen.cpu.body import entry_lines
from graphc.codegen.cpu.numeric import Code, Num
from graphc.codegen.cpu.philox import rounds
from graphc.codegen.cpu.sorting import write_top_k
from graphc.codegen.cpu.target import Features
from graphc.codegen.cpu.text import Builder, ModuleText
from graphc.codegen.kernel import Kernel


def emit_special(kernel: Kernel, features: Features, module: ModuleText, name: str) -> str:
    """The LLVM function `name` of a special kernel."""
    assert kernel.special in _SPECIALS, kernel.special
    builder = Builder(module, ("%frame", "%slots", "%begin", "%end"))
    entry_lines(builder, kernel)
    _SPECIALS[kernel.special](builder, features, kernel)
    head = f"define void @{name}(ptr %frame, ptr %slots, i64 %begin, i64 %end)"
    body = "\n".join(builder.lines)
    return f"{head} {features.attributes} {{\nentry:\n{body}\n  ret void\n}}\n"


def _permutation(builder: Builder, features: Features, kernel: Kernel) -> None:
    """b0[0..n) = a permutation, Fisher-Yates from the end; n = %d0, key = %d1, counter = %d2."""
    code = Code(builder, features, None)
    with builder.loop("i", "0", "%d0") as loop:
        place = builder.let("p", f"getelementptr i64, ptr %b0, i64 {loop.index}")
        builder.line(f"store i64 {loop.index}, ptr {place}, align 8")
    last = builder.let("last", "sub i64 %d0, 1")
    with builder.loop("step", "0", last) as loop:
        i = code.num(builder.let("i", f"sub i64 {last}, {loop.index}"), "i64")
        draw = _draw(i, code)
        count = i + 1
        other = builder.let("j", f"urem i64 {draw.name}, {count.name}")
        places = [
            builder.let("p", f"getelementptr i64, ptr %b0, i64 {index}")
            for index in (i.name, other)
        ]
        values = [builder.here("value", f"load i64, ptr {place}, align 8") for place in places]
        for place, value in zip(places, reversed(values), strict=True):
            builder.line(f"store i64 {value}, ptr {place}, align 8")


def _draw(i: Num, code: Code) -> Num:
    """The 64 random bits of step i: those of elements 2i (high half) and 2i + 1 of stream 1.

    The two elements have neighbouring lanes and the same word.
    """
    key, run = code.num("%d1", "i64"), code.num("%d2", "i64")
    halves = []
    for element in (i << 1, (i << 1) | 1):
        block = (element >> 6 << 4) + (element & 15)
        words = rounds(block, key, run, code.constant(1, "i64"))
        word = (element >> 4) & 3
        chosen = words[0]
        for number in (1, 2, 3):
            one = code.let(
                f"select i1 {word.eq(number).name}, i32 {words[number].name}, i32 {chosen.name}",
                "i32",
            )
            chosen = one
        halves.append(chosen.cast("zext", "i64"))
    return (halves[0] << 32) | halves[1]


_SPECIALS: dict[str, Callable[[Builder, Features, Kernel], None]] = {
    "permutation": _permutation,
    "top_k": write_top_k,
}
