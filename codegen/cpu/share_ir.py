"""Sharing a launch out over axis 0, as LLVM IR: its chunks, and the work of each thread.

A launch that is worth it is cut into *chunks*, whose number and bounds depend on sizes alone. They
are described by a *job* on the stack of the driver; every thread that takes part claims chunks
until there are none left. `pool_ir` brings the threads together.

    job: 0 frame, 8 kernel, 16 slots, 24 extent, 32 rows of a chunk, 40 chunks, 48 chunks a claim,
         56 chunk of the failure noted in the frame; 64 next chunk; 128 lock of the failure
"""

from __future__ import annotations

WORTH = 12_000_000  # picoseconds of work from which a launch is shared out
LEAST = 3_000_000  # picoseconds of work in a chunk, at the least
CHUNKS = 64  # chunks of a launch, at the most
WORKERS = 63  # workers of the pool, at the most

_WORK = """\
define internal void @work(ptr %job) {attributes} {{
entry:
  %own = alloca [80 x i8], align 16
  %frame = load ptr, ptr %job, align 8
  %kernel.p = getelementptr i8, ptr %job, i64 8
  %kernel = load ptr, ptr %kernel.p, align 8
  %slots.p = getelementptr i8, ptr %job, i64 16
  %slots = load ptr, ptr %slots.p, align 8
  %extent.p = getelementptr i8, ptr %job, i64 24
  %extent = load i64, ptr %extent.p, align 8
  %rows.p = getelementptr i8, ptr %job, i64 32
  %rows = load i64, ptr %rows.p, align 8
  %chunks.p = getelementptr i8, ptr %job, i64 40
  %chunks = load i64, ptr %chunks.p, align 8
  %run.p = getelementptr i8, ptr %job, i64 48
  %run = load i64, ptr %run.p, align 8
  %next.p = getelementptr i8, ptr %job, i64 64
  %cancel.p = getelementptr i8, ptr %frame, i64 48
  %code.p = getelementptr i8, ptr %own, i64 16
  call void @llvm.memcpy.p0.p0.i64(ptr %own, ptr %frame, i64 80, i1 false)
  br label %fresh
fresh:
  store i64 0, ptr %code.p, align 8
  br label %claim
claim:
  %cancel = load atomic i64, ptr %cancel.p monotonic, align 8
  %stopped = icmp ne i64 %cancel, 0
  br i1 %stopped, label %end, label %take
take:
  %first = atomicrmw add ptr %next.p, i64 %run monotonic
  %some = icmp slt i64 %first, %chunks
  br i1 %some, label %one, label %end
one:
  %low = mul i64 %first, %rows
  %past = add i64 %first, %run
  %far = mul i64 %past, %rows
  %high = call i64 @llvm.smin.i64(i64 %far, i64 %extent)
  call void %kernel(ptr %own, ptr %slots, i64 %low, i64 %high)
  %code = load i64, ptr %code.p, align 8
  %failed = icmp ne i64 %code, 0
  br i1 %failed, label %fail, label %claim
fail:
  call void @note(ptr %job, ptr %own, i64 %first)
  br label %fresh
end:
  ret void
}}

; Take over a chunk's failure: the lowest operation counts, then the lowest chunk.
define internal void @note(ptr %job, ptr %own, i64 %chunk) noinline cold {attributes} {{
entry:
  %frame = load ptr, ptr %job, align 8
  %lock = getelementptr i8, ptr %job, i64 128
  %at.p = getelementptr i8, ptr %job, i64 56
  %code.p = getelementptr i8, ptr %frame, i64 16
  %op.p = getelementptr i8, ptr %frame, i64 24
  %own.code.p = getelementptr i8, ptr %own, i64 16
  %own.op.p = getelementptr i8, ptr %own, i64 24
  %op = load i64, ptr %own.op.p, align 8
  br label %acquire
acquire:
  %pair = cmpxchg ptr %lock, i64 0, i64 1 acquire monotonic
  %got = extractvalue {{ i64, i1 }} %pair, 1
  br i1 %got, label %locked, label %acquire
locked:
  %old = load i64, ptr %code.p, align 8
  %old.op = load i64, ptr %op.p, align 8
  %old.at = load i64, ptr %at.p, align 8
  %none = icmp eq i64 %old, 0
  %lower = icmp slt i64 %op, %old.op
  %same = icmp eq i64 %op, %old.op
  %before = icmp slt i64 %chunk, %old.at
  %first = and i1 %same, %before
  %better = or i1 %lower, %first
  %wins = or i1 %none, %better
  br i1 %wins, label %write, label %release
write:
  call void @llvm.memcpy.p0.p0.i64(ptr %code.p, ptr %own.code.p, i64 32, i1 false)
  store i64 %chunk, ptr %at.p, align 8
  br label %release
release:
  store atomic i64 0, ptr %lock release, align 8
  ret void
}}

; Run a kernel over [0, extent), extent > 0: at once, or in chunks, alone or with helpers.
define internal void @share(ptr %frame, ptr %kernel, ptr %slots, i64 %extent, i64 %cost,
    i64 %granule, i64 %merge) noinline {attributes} {{
entry:
  %job = alloca [192 x i8], align 64
  %some.cost = call i64 @llvm.smax.i64(i64 %cost, i64 1)
  %product = call {{ i64, i1 }} @llvm.umul.with.overflow.i64(i64 %extent, i64 %some.cost)
  %total = extractvalue {{ i64, i1 }} %product, 0
  %over = extractvalue {{ i64, i1 }} %product, 1
  %worth = icmp uge i64 %total, {worth}
  %much = or i1 %over, %worth
  br i1 %much, label %cut, label %whole
whole:
  call void %kernel(ptr %frame, ptr %slots, i64 0, i64 %extent)
  ret void
cut:
  %least = udiv i64 {least}, %some.cost
  %less = sub i64 %extent, 1
  %even = udiv i64 %less, {chunks}
  %wanted = call i64 @llvm.umax.i64(i64 %least, i64 %even)
  %granules = udiv i64 %wanted, %granule
  %rounded = add i64 %granules, 1
  %rows = mul i64 %rounded, %granule
  %last = udiv i64 %less, %rows
  %chunks = add i64 %last, 1
  %single = icmp eq i64 %last, 0
  br i1 %single, label %whole, label %describe
describe:
  %kernel.p = getelementptr i8, ptr %job, i64 8
  %slots.p = getelementptr i8, ptr %job, i64 16
  %extent.p = getelementptr i8, ptr %job, i64 24
  %rows.p = getelementptr i8, ptr %job, i64 32
  %chunks.p = getelementptr i8, ptr %job, i64 40
  %run.p = getelementptr i8, ptr %job, i64 48
  %at.p = getelementptr i8, ptr %job, i64 56
  %next.p = getelementptr i8, ptr %job, i64 64
  %lock.p = getelementptr i8, ptr %job, i64 128
  store ptr %frame, ptr %job, align 8
  store ptr %kernel, ptr %kernel.p, align 8
  store ptr %slots, ptr %slots.p, align 8
  store i64 %extent, ptr %extent.p, align 8
  store i64 %rows, ptr %rows.p, align 8
  store i64 %chunks, ptr %chunks.p, align 8
  store i64 0, ptr %at.p, align 8
  store i64 0, ptr %next.p, align 8
  store i64 0, ptr %lock.p, align 8
  %merging = icmp ne i64 %merge, 0
  %run.alone = select i1 %merging, i64 %chunks, i64 1
  store i64 %run.alone, ptr %run.p, align 8
  %threads.p = getelementptr i8, ptr %frame, i64 64
  %threads = load i64, ptr %threads.p, align 8
  %pool.p = getelementptr i8, ptr %frame, i64 72
  %pool = load ptr, ptr %pool.p, align 8
  %one = icmp slt i64 %threads, 2
  %none = icmp eq ptr %pool, null
  %alone = or i1 %one, %none
  br i1 %alone, label %work, label %enter
enter:
  %pair = cmpxchg ptr %pool, i64 0, i64 1 acquire monotonic
  %got = extractvalue {{ i64, i1 }} %pair, 1
  br i1 %got, label %helpers, label %work
helpers:
  %spare = sub i64 %threads, 1
  %fewer = call i64 @llvm.smin.i64(i64 %spare, i64 %last)
  %helpers.wanted = call i64 @llvm.smin.i64(i64 %fewer, i64 {workers})
  %helpers.here = call i64 @workers(ptr %pool, i64 %helpers.wanted)
  %helped = icmp sgt i64 %helpers.here, 0
  br i1 %helped, label %together, label %leave
together:
  %team = add i64 %helpers.here, 1
  %run.parts = udiv i64 %last, %team
  %run.each = add i64 %run.parts, 1
  %run.team = select i1 %merging, i64 %run.each, i64 1
  store i64 %run.team, ptr %run.p, align 8
  call void @together(ptr %pool, ptr %job, i64 %helpers.here)
  store atomic i64 0, ptr %pool release, align 8
  ret void
leave:
  store atomic i64 0, ptr %pool release, align 8
  br label %work
work:
  call void @work(ptr %job)
  ret void
}}
"""


def share_ir() -> str:
    """The functions `work` (a thread's part of a job) and `share` (PARALLEL); they call `together`
    and `workers`, which `pool_ir` writes.
    """
    return _WORK.format(
        attributes="nounwind", worth=WORTH, least=LEAST, chunks=CHUNKS, workers=WORKERS
    )
