"""The greatest elements of rows: a heap of the best k so far, whose root is the worst of them.

Once the heap is full few elements enter it, so rows are read 16 keys at a time and compared with
the root's at once; those that are greater are put in its place. At the end the heap is emptied from
its root, which leaves the positions in order, the best first.
"""

from __future__ import annotations

from graphc.codegen.cpu.target import Features
from graphc.codegen.cpu.text import Builder, element_type
from graphc.codegen.kernel import Kernel

# worse(x, y): x's key is less, or equal and x stands further behind
_SIFT = """\
define internal void @sift.{t}(ptr %keys, ptr %heap, i64 %start, i64 %count) {attributes} {{
entry:
  %item.p = getelementptr i32, ptr %heap, i64 %start
  %item = load i32, ptr %item.p, align 4
  %item.x = zext i32 %item to i64
  %key.p = getelementptr {t}, ptr %keys, i64 %item.x
  %key = load {t}, ptr %key.p, align {a}
  br label %loop
loop:
  %i = phi i64 [ %start, %entry ], [ %child, %down ]
  %left = shl i64 %i, 1
  %l = add i64 %left, 1
  %more = icmp slt i64 %l, %count
  br i1 %more, label %look, label %end
look:
  %right = add i64 %left, 2
  %both = icmp slt i64 %right, %count
  %r = select i1 %both, i64 %right, i64 %l
  %l.p = getelementptr i32, ptr %heap, i64 %l
  %l.i = load i32, ptr %l.p, align 4
  %l.x = zext i32 %l.i to i64
  %l.kp = getelementptr {t}, ptr %keys, i64 %l.x
  %l.k = load {t}, ptr %l.kp, align {a}
  %r.p = getelementptr i32, ptr %heap, i64 %r
  %r.i = load i32, ptr %r.p, align 4
  %r.x = zext i32 %r.i to i64
  %r.kp = getelementptr {t}, ptr %keys, i64 %r.x
  %r.k = load {t}, ptr %r.kp, align {a}
  %r.less = icmp slt {t} %r.k, %l.k
  %r.same = icmp eq {t} %r.k, %l.k
  %r.behind = icmp ugt i32 %r.i, %l.i
  %r.tie = and i1 %r.same, %r.behind
  %r.worse = or i1 %r.less, %r.tie
  %child = select i1 %r.worse, i64 %r, i64 %l
  %c.i = select i1 %r.worse, i32 %r.i, i32 %l.i
  %c.k = select i1 %r.worse, {t} %r.k, {t} %l.k
  %c.less = icmp slt {t} %c.k, %key
  %c.same = icmp eq {t} %c.k, %key
  %c.behind = icmp ugt i32 %c.i, %item
  %c.tie = and i1 %c.same, %c.behind
  %c.worse = or i1 %c.less, %c.tie
  br i1 %c.worse, label %down, label %end
down:
  %i.p = getelementptr i32, ptr %heap, i64 %i
  store i32 %c.i, ptr %i.p, align 4
  br label %loop
end:
  %last.p = getelementptr i32, ptr %heap, i64 %i
  store i32 %item, ptr %last.p, align 4
  ret void
}}
"""

_ENTER = """\
define internal {t} @enter.{t}(ptr %keys, ptr %heap, i64 %i, i64 %k, {t} %least) {attributes} {{
entry:
  %p = getelementptr {t}, ptr %keys, i64 %i
  %key = load {t}, ptr %p, align {a}
  %better = icmp sgt {t} %key, %least
  br i1 %better, label %put, label %end
put:
  %short = trunc i64 %i to i32
  store i32 %short, ptr %heap, align 4
  call void @sift.{t}(ptr %keys, ptr %heap, i64 0, i64 %k)
  %root = load i32, ptr %heap, align 4
  %root.x = zext i32 %root to i64
  %root.p = getelementptr {t}, ptr %keys, i64 %root.x
  %new = load {t}, ptr %root.p, align {a}
  br label %end
end:
  %result = phi {t} [ %least, %entry ], [ %new, %put ]
  ret {t} %result
}}
"""

_LANES = 16


def write_top_k(builder: Builder, features: Features, kernel: Kernel) -> None:
    """b1[r][0..k) = positions of the greatest keys of b0[r][0..n); dims are rows, n and k."""
    kind = element_type(kernel.buffers[0].dtype)
    words = {"t": kind, "a": kernel.buffers[0].dtype.size, "attributes": features.attributes}
    builder.module.require(f"@sift.{kind}", _SIFT.format(**words))
    builder.module.require(f"@enter.{kind}", _ENTER.format(**words))
    some = builder.let("some", "icmp sgt i64 %d2, 0")
    with builder.when("any", some), builder.loop("row", "0", "%d0") as row:
        at = builder.let("at", f"mul i64 {row.index}, %d1")
        keys = builder.let("keys", f"getelementptr {kind}, ptr %b0, i64 {at}")
        to = builder.let("to", f"mul i64 {row.index}, %d2")
        heap = builder.let("heap", f"getelementptr i32, ptr %b1, i64 {to}")
        _first(builder, kind, keys, heap)
        _rest(builder, kind, keys, heap)
        _empty(builder, kind, keys, heap)


def _sift(builder: Builder, kind: str, keys: str, heap: str, start: str, count: str) -> None:
    builder.line(f"call void @sift.{kind}(ptr {keys}, ptr {heap}, i64 {start}, i64 {count})")


def _first(builder: Builder, kind: str, keys: str, heap: str) -> None:
    """The first k positions as a heap."""
    with builder.loop("fill", "0", "%d2") as fill:
        place = builder.let("p", f"getelementptr i32, ptr {heap}, i64 {fill.index}")
        short = builder.let("short", f"trunc i64 {fill.index} to i32")
        builder.line(f"store i32 {short}, ptr {place}, align 4")
    half = builder.let("half", "lshr i64 %d2, 1")
    with builder.loop("heapify", "0", half) as step:
        back = builder.let("back", f"sub i64 {half}, {step.index}")
        start = builder.let("start", f"sub i64 {back}, 1")
        _sift(builder, kind, keys, heap, start, "%d2")


def _rest(builder: Builder, kind: str, keys: str, heap: str) -> None:
    """All other positions: sixteen at a time, then one by one."""
    size = "4" if kind == "i32" else "8"
    root = builder.here("root", f"load i32, ptr {heap}, align 4")
    root_x = builder.here("root.x", f"zext i32 {root} to i64")
    root_p = builder.here("root.p", f"getelementptr {kind}, ptr {keys}, i64 {root_x}")
    least = builder.here("least", f"load {kind}, ptr {root_p}, align {size}")
    rest = builder.let("rest", "sub i64 %d1, %d2")
    whole = builder.let("whole", f"and i64 {rest}, -{_LANES}")
    middle = builder.let("middle", f"add i64 %d2, {whole}")
    with builder.loop("far", "%d2", middle, str(_LANES), [("least", kind, least)]) as block:
        bits = _greater(builder, kind, keys, block.index, block.carried[0])
        found = builder.here("found", f"icmp ne i{_LANES} {bits}, 0")
        carried = [("least", kind, block.carried[0])]
        with builder.when("enter", found, carried) as region:
            stop = builder.here("stop", f"add i64 {block.index}, {_LANES}")
            region.next = (_one_by_one(builder, kind, keys, heap, block.index, stop, carried[0]),)
        block.next = region.results
    start = ("least", kind, block.results[0])
    _one_by_one(builder, kind, keys, heap, middle, "%d1", start)


def _greater(builder: Builder, kind: str, keys: str, index: str, least: str) -> str:
    """The bits of those of sixteen keys that are greater than `least`."""
    vector, size = f"<{_LANES} x {kind}>", "4" if kind == "i32" else "8"
    place = builder.here("p", f"getelementptr {kind}, ptr {keys}, i64 {index}")
    values = builder.here("many", f"load {vector}, ptr {place}, align {size}")
    one = builder.here("one", f"insertelement {vector} poison, {kind} {least}, i64 0")
    zeros = f"<{_LANES} x i32> zeroinitializer"
    all_lanes = builder.here("all", f"shufflevector {vector} {one}, {vector} poison, {zeros}")
    better = builder.here("better", f"icmp sgt {vector} {values}, {all_lanes}")
    return builder.here("bits", f"bitcast <{_LANES} x i1> {better} to i{_LANES}")


def _one_by_one(
    builder: Builder, kind: str, keys: str, heap: str, first: str, stop: str,
    least: tuple[str, str, str],
) -> str:  # fmt: skip
    """Some positions one after the other; gives the least key in the heap after them."""
    with builder.loop("near", first, stop, carried=[least]) as loop:
        call = f"call {kind} @enter.{kind}(ptr {keys}, ptr {heap}, i64 {loop.index}, i64 %d2, "
        loop.next = (builder.here("least", f"{call}{kind} {loop.carried[0]})"),)
    return loop.results[0]


def _empty(builder: Builder, kind: str, keys: str, heap: str) -> None:
    """The heap in order: its root, the worst of those left, goes behind them."""
    last = builder.let("last", "sub i64 %d2, 1")
    with builder.loop("take", "0", last) as step:
        end = builder.let("end", f"sub i64 {last}, {step.index}")
        place = builder.let("p", f"getelementptr i32, ptr {heap}, i64 {end}")
        worst = builder.here("worst", f"load i32, ptr {heap}, align 4")
        other = builder.here("other", f"load i32, ptr {place}, align 4")
        builder.line(f"store i32 {worst}, ptr {place}, align 4")
        builder.line(f"store i32 {other}, ptr {heap}, align 4")
        _sift(builder, kind, keys, heap, "0", end)
