"""Philox4x32-10 on registers: the same bits as `graphc.ir.random.random_bits`.

One block gives the bits of 64 neighbouring elements if 16 lanes compute it together. So where
elements are neighbours (`neighbours`), the bits of 128 of them are kept on the stack, in order, and
a vector of bits is a load from there, however it is aligned. Anything else computes a block per
lane.
"""

from __future__ import annotations

from graphc.codegen.cpu.numeric import Code, Num, where
from graphc.codegen.cpu.points import iota, splat
from graphc.codegen.cpu.target import Features
from graphc.codegen.cpu.text import Builder, ModuleText, vector
from graphc.ir.random import M0, M1, ROUNDS, W0, W1

GROUP = 64  # elements whose bits come from the same 16 blocks
_LANES = 16
_LOW = (1 << 32) - 1
_STATE = ("c0", "c1", "c2", "c3", "k0", "k1")
_TAG = 8 * GROUP  # where the first group's number is kept, in bytes


def philox(element: Num, key: Num, run: Num, stream: Num) -> Num:
    """The 32 random bits of each `element` (all arguments i64), as i32."""
    block = (element.ashr(6) << 4) + (element & 15)
    words = rounds(block, key, run, stream)
    word = (element.cast("trunc", "i32") >> 4) & 3
    low = where((word & 1).ne(0), words[1], words[0])
    high = where((word & 1).ne(0), words[3], words[2])
    return where((word & 2).ne(0), high, low)


def rounds(block: Num, key: Num, run: Num, stream: Num) -> tuple[Num, Num, Num, Num]:
    """The four output words of each block (a counter); the other arguments may be scalars.

    The rounds are a loop: ten copies of one would take 30 ms to compile and run no faster.
    """
    code, builder = block.code, block.code.builder
    start = [x for number in (block, _like(run, block), _like(stream, block), key)
             for x in _halves(number)]  # fmt: skip
    first = [start[0], start[1], start[2], start[4], *start[6:]]
    carried = [(name, x.type, x.name) for name, x in zip(_STATE, first, strict=True)]
    with builder.loop("round", "0", str(ROUNDS), carried=carried, nonempty=True) as loop:
        c0, c1, c2, c3, k0, k1 = (
            x.code.num(name, "i32") for name, x in zip(loop.carried, first, strict=True)
        )
        high0, low0 = _wide_product(c0, M0)
        high1, low1 = _wide_product(c2, M1)
        following = high1 ^ c1 ^ _like(k0, c1), low1, high0 ^ c3 ^ _like(k1, c3), low0
        loop.next = tuple(x.name for x in (*following, k0 + W0, k1 + W1))
    words = [code.num(name, "i32") for name in loop.results[:4]]
    return words[0], words[1], words[2], words[3]


def _halves(x: Num) -> tuple[Num, Num]:
    """The low and the high 32 bits of an i64."""
    return x.cast("trunc", "i32"), (x >> 32).cast("trunc", "i32")


def _like(x: Num, y: Num) -> Num:
    """x in as many lanes as y."""
    if x.code.width == y.code.width:
        return x
    return y.code.num(splat(y.code.builder, x.name, x.element, y.code.width), x.element)


def _wide_product(x: Num, constant: int) -> tuple[Num, Num]:
    """High and low half of the 64-bit product of unsigned 32-bit numbers."""
    width = x.code.width
    if width is None or width % 2:
        product = x.cast("zext", "i64") * constant
        return (product >> 32).cast("trunc", "i32"), product.cast("trunc", "i32")
    # Even and odd lanes apart, as processors multiply; lane 2i is the low half of pair i.
    pairs = Code(x.code.builder, x.code.features, width // 2, x.code.hint)
    text = f"bitcast {x.type} {x.name} to {pairs.type('i64')}"
    both = pairs.let(text, "i64")
    even, odd = ((half * constant) for half in (both & _LOW, both >> 32))
    high, low = (even >> 32) | (odd & ~_LOW), (even & _LOW) | (odd << 32)
    return _lanes(high, x), _lanes(low, x)


def _lanes(pairs: Num, like: Num) -> Num:
    """Pairs of i32 as the i32 vector that they lie in."""
    return like.code.let(f"bitcast {pairs.type} {pairs.name} to {like.type}", "i32")


def neighbours(
    builder: Builder,
    features: Features,
    start: str,
    arguments: tuple[str, str, str],
    width: int | None,
) -> str:
    """The bits of elements start, start + 1, ... (`width` of them), as i32.

    `arguments`: key, run and stream, i64 operands that are the same throughout the function.
    """
    assert width is None or width <= GROUP, width
    fill = _fill(builder.module, features)
    identity = ".".join(arguments).replace("%", "")
    cache = builder.entry(f"bits.{identity}", f"alloca [{_TAG + 8} x i8], align 64")
    tag = f"{cache}.tag"
    builder.prologue(f"{tag} = getelementptr i8, ptr {cache}, i64 {_TAG}")
    builder.prologue(f"store i64 {-(2**62)}, ptr {tag}, align 8")
    group = builder.let("group", f"ashr i64 {start}, 6")
    offset = builder.let("offset", f"and i64 {start}, 63")
    kept = builder.here("kept", f"load i64, ptr {tag}, align 8")
    stale = builder.here("stale", f"icmp ne i64 {kept}, {group}")
    with builder.when("bits", stale):
        operands = ", ".join(f"i64 {name}" for name in (group, *arguments))
        builder.line(f"call void {fill}(ptr {cache}, {operands})")
    place = builder.let("p", f"getelementptr i32, ptr {cache}, i64 {offset}")
    return builder.here("philox", f"load {vector('i32', width)}, ptr {place}, align 4")


def _fill(module: ModuleText, features: Features) -> str:
    """The function that makes a cache hold the groups `group` and `group + 1`.

    Mostly the first of them is there already, as the second of the last two.
    """
    name = "@philox_fill"
    if name in module.parts:
        return name
    builder = Builder(module, ("%cache", "%group", "%key", "%run", "%stream"))
    tag = builder.let("tag", f"getelementptr i8, ptr %cache, i64 {_TAG}")
    kept = builder.here("kept", f"load i64, ptr {tag}, align 8")
    following = builder.let("following", f"add i64 {kept}, 1")
    step = builder.let("step", f"icmp eq i64 {following}, %group")
    half = 4 * GROUP
    upper = builder.let("upper", f"getelementptr i8, ptr %cache, i64 {half}")
    kind = f"<{GROUP} x i32>"
    old = builder.here("old", f"load {kind}, ptr {upper}, align 64")
    builder.line(f"store {kind} {old}, ptr %cache, align 64")
    first = builder.let("first", f"zext i1 {step} to i64")
    code = Code(builder, features, _LANES)
    with builder.loop("half", first, "2", nonempty=True) as loop:
        block = builder.let("block", f"add i64 %group, {loop.index}")
        base = builder.let("base", f"shl i64 {block}, 4")
        lanes = code.num(iota("i64", _LANES), "i64") + _splat(code, base)
        scalar = Code(builder, features, None)
        words = rounds(lanes, *(scalar.num(f"%{name}", "i64") for name in ("key", "run", "stream")))
        place = builder.let("place", f"getelementptr [{half} x i8], ptr %cache, i64 {loop.index}")
        for number, word in enumerate(words):
            row = builder.let("row", f"getelementptr <16 x i32>, ptr {place}, i64 {number}")
            builder.line(f"store <16 x i32> {word.name}, ptr {row}, align 64")
    builder.line(f"store i64 %group, ptr {tag}, align 8")
    signature = "ptr %cache, i64 %group, i64 %key, i64 %run, i64 %stream"
    head = f"define internal void {name}({signature}) noinline {features.attributes} {{"
    return module.require(name, "\n".join([head, "entry:", *builder.lines, "  ret void", "}", ""]))


def _splat(code: Code, name: str) -> Num:
    return code.num(splat(code.builder, name, "i64", code.width), "i64")
