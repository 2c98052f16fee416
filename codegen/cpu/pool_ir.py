"""The thread pool as LLVM IR: fork, join, and the workers.

The driver describes a *job* (see `share_ir`) and opens the pool's *gate* to as many workers as may
help. Whoever is inside claims chunks until there are none left; then the driver shuts the gate and
waits for those who came in. Nobody else looks at a job, so it may go away.

    pool: 0 taken by a run, 8 workers, 16 no more can be started, 24 job, 32 the end has come;
          64 gate; 128 workers that are done; 192 sleepers; 256 mutex; 384 condition; 512 threads

Idle workers look at the gate for `SPIN` nanoseconds, yield the processor between looks until
`YIELD`, and then sleep on the condition. A run that finds the pool taken works alone.
"""

from __future__ import annotations

from graphc.codegen.cpu.share_ir import WORKERS, share_ir
from graphc.codegen.cpu.target import Features

POOL_BYTES = 512 + 8 * (WORKERS + 1)
SPIN, YIELD = 40_000, 120_000  # nanoseconds without work
_STACK = 8 << 20  # bytes; the kernels with the most scratch take half a megabyte

_POOL = """\
declare i32 @pthread_create(ptr, ptr, ptr, ptr)
declare i32 @pthread_join(i64, ptr)
declare i32 @pthread_attr_init(ptr)
declare i32 @pthread_attr_setstacksize(ptr, i64)
declare i32 @pthread_attr_destroy(ptr)
declare i32 @pthread_sigmask(i32, ptr, ptr)
declare i32 @sigfillset(ptr)
declare i32 @sigdelset(ptr, i32)
declare i32 @pthread_mutex_init(ptr, ptr)
declare i32 @pthread_mutex_lock(ptr)
declare i32 @pthread_mutex_unlock(ptr)
declare i32 @pthread_cond_init(ptr, ptr)
declare i32 @pthread_cond_wait(ptr, ptr)
declare i32 @pthread_cond_signal(ptr)
declare i32 @pthread_cond_broadcast(ptr)
declare i32 @sched_yield()
declare i32 @clock_gettime(i32, ptr)

; Work off a job with helpers; returns when nobody is in it any more.
define internal void @together(ptr %pool, ptr %job, i64 %helpers) {attributes} {{
entry:
  %job.p = getelementptr i8, ptr %pool, i64 24
  %gate = getelementptr i8, ptr %pool, i64 64
  %done.p = getelementptr i8, ptr %pool, i64 128
  %sleepers.p = getelementptr i8, ptr %pool, i64 192
  %mutex = getelementptr i8, ptr %pool, i64 256
  %condition = getelementptr i8, ptr %pool, i64 384
  store ptr %job, ptr %job.p, align 8
  store atomic i64 0, ptr %done.p monotonic, align 8
  store atomic i64 %helpers, ptr %gate seq_cst, align 8
  %sleepers = load atomic i64, ptr %sleepers.p seq_cst, align 8
  %asleep = icmp sgt i64 %sleepers, 0
  br i1 %asleep, label %wake, label %work
wake:
  ; whoever was about to sleep holds the mutex until it does
  call i32 @pthread_mutex_lock(ptr %mutex)
  call i32 @pthread_mutex_unlock(ptr %mutex)
  %calls = call i64 @llvm.smin.i64(i64 %sleepers, i64 %helpers)
  br label %signal
signal:
  %left = phi i64 [ %calls, %wake ], [ %fewer, %signal ]
  call i32 @pthread_cond_signal(ptr %condition)
  %fewer = sub i64 %left, 1
  %more = icmp sgt i64 %fewer, 0
  br i1 %more, label %signal, label %work
work:
  call void @work(ptr %job)
  %unused = atomicrmw xchg ptr %gate, i64 0 acq_rel
  %inside = sub i64 %helpers, %unused
  br label %wait
wait:
  %looks = phi i64 [ 0, %work ], [ %looks.next, %again ]
  %done = load atomic i64, ptr %done.p acquire, align 8
  %all = icmp eq i64 %done, %inside
  br i1 %all, label %end, label %not.yet
not.yet:
  {pause}
  %looks.next = add i64 %looks, 1
  %long = icmp sgt i64 %looks.next, 1000
  br i1 %long, label %yield, label %again
yield:
  call i32 @sched_yield()
  br label %again
again:
  br label %wait
end:
  ret void
}}

; Start workers until there are `wanted`; how many of these there are.
define internal i64 @workers(ptr %pool, i64 %wanted) noinline {attributes} {{
entry:
  %attr = alloca [256 x i8], align 16
  %all = alloca [256 x i8], align 16
  %old = alloca [256 x i8], align 16
  %count.p = getelementptr i8, ptr %pool, i64 8
  %refused.p = getelementptr i8, ptr %pool, i64 16
  %threads = getelementptr i8, ptr %pool, i64 512
  %count = load i64, ptr %count.p, align 8
  %refused = load i64, ptr %refused.p, align 8
  %enough = icmp sge i64 %count, %wanted
  %never = icmp ne i64 %refused, 0
  %stay = or i1 %enough, %never
  br i1 %stay, label %end, label %start
start:
  ; signals are for the threads that know Python, but those that report a crash
  call i32 @sigfillset(ptr %all)
  call i32 @sigdelset(ptr %all, i32 4)
  call i32 @sigdelset(ptr %all, i32 8)
  call i32 @sigdelset(ptr %all, i32 11)
  call i32 @pthread_sigmask(i32 {setmask}, ptr %all, ptr %old)
  call i32 @pthread_attr_init(ptr %attr)
  call i32 @pthread_attr_setstacksize(ptr %attr, i64 {stack})
  br label %one
one:
  %number = phi i64 [ %count, %start ], [ %number.next, %started ]
  %thread = getelementptr i64, ptr %threads, i64 %number
  %result = call i32 @pthread_create(ptr %thread, ptr %attr, ptr @worker, ptr %pool)
  %good = icmp eq i32 %result, 0
  br i1 %good, label %started, label %refuse
started:
  %number.next = add i64 %number, 1
  store i64 %number.next, ptr %count.p, align 8
  %more = icmp slt i64 %number.next, %wanted
  br i1 %more, label %one, label %restore
refuse:
  store i64 1, ptr %refused.p, align 8
  br label %restore
restore:
  call i32 @pthread_attr_destroy(ptr %attr)
  call i32 @pthread_sigmask(i32 {setmask}, ptr %old, ptr null)
  br label %end
end:
  %now = load i64, ptr %count.p, align 8
  %here = call i64 @llvm.smin.i64(i64 %now, i64 %wanted)
  ret i64 %here
}}

define internal i64 @now(ptr %time) {attributes} {{
entry:
  call i32 @clock_gettime(i32 {clock}, ptr %time)
  %seconds = load i64, ptr %time, align 8
  %rest.p = getelementptr i64, ptr %time, i64 1
  %rest = load i64, ptr %rest.p, align 8
  %whole = mul i64 %seconds, 1000000000
  %nanoseconds = add i64 %whole, %rest
  ret i64 %nanoseconds
}}

define internal ptr @worker(ptr %pool) {attributes} {{
entry:
  %time = alloca [2 x i64], align 16
  %job.p = getelementptr i8, ptr %pool, i64 24
  %over.p = getelementptr i8, ptr %pool, i64 32
  %gate = getelementptr i8, ptr %pool, i64 64
  %done.p = getelementptr i8, ptr %pool, i64 128
  %sleepers.p = getelementptr i8, ptr %pool, i64 192
  %mutex = getelementptr i8, ptr %pool, i64 256
  %condition = getelementptr i8, ptr %pool, i64 384
  br label %idle
idle:
  %since = call i64 @now(ptr %time)
  br label %look
look:
  %looks = phi i64 [ 0, %idle ], [ %looks.next, %pause ], [ 0, %relaxed ]
  %open = load atomic i64, ptr %gate monotonic, align 8
  %may = icmp sgt i64 %open, 0
  br i1 %may, label %join, label %pause
pause:
  {pause}
  %looks.next = add i64 %looks, 1
  %often = icmp sgt i64 %looks.next, 32
  br i1 %often, label %clock, label %look
clock:
  %time.now = call i64 @now(ptr %time)
  %waited = sub i64 %time.now, %since
  %fresh = icmp slt i64 %waited, {spin}
  br i1 %fresh, label %relaxed, label %tired
tired:
  %patient = icmp slt i64 %waited, {yield}
  br i1 %patient, label %yield, label %sleep
yield:
  call i32 @sched_yield()
  br label %relaxed
relaxed:
  br label %look

join:
  %fewer = sub i64 %open, 1
  %pair = cmpxchg ptr %gate, i64 %open, i64 %fewer acq_rel monotonic
  %inside = extractvalue {{ i64, i1 }} %pair, 1
  br i1 %inside, label %work, label %pause
work:
  %job = load ptr, ptr %job.p, align 8
  call void @work(ptr %job)
  %others = atomicrmw add ptr %done.p, i64 1 release
  br label %idle

sleep:
  call i32 @pthread_mutex_lock(ptr %mutex)
  %asleep = atomicrmw add ptr %sleepers.p, i64 1 seq_cst
  %open.still = load atomic i64, ptr %gate seq_cst, align 8
  %over.still = load atomic i64, ptr %over.p monotonic, align 8
  %shut = icmp sle i64 %open.still, 0
  %alive = icmp eq i64 %over.still, 0
  %nothing = and i1 %shut, %alive
  br i1 %nothing, label %rest, label %awake
rest:
  ; once: who is woken for a short job finds the gate shut, but more will follow
  call i32 @pthread_cond_wait(ptr %condition, ptr %mutex)
  br label %awake
awake:
  %awake.before = atomicrmw sub ptr %sleepers.p, i64 1 seq_cst
  %over = load atomic i64, ptr %over.p monotonic, align 8
  call i32 @pthread_mutex_unlock(ptr %mutex)
  %ends = icmp ne i64 %over, 0
  br i1 %ends, label %end, label %idle
end:
  ret ptr null
}}

; Make the pool's memory a pool without workers: at first, and in a forked child.
define void @graphc_pool_reset(ptr %pool) {attributes} {{
entry:
  %mutex = getelementptr i8, ptr %pool, i64 256
  %condition = getelementptr i8, ptr %pool, i64 384
  call void @llvm.memset.p0.i64(ptr %pool, i8 0, i64 {bytes}, i1 false)
  call i32 @pthread_mutex_init(ptr %mutex, ptr null)
  call i32 @pthread_cond_init(ptr %condition, ptr null)
  ret void
}}

; End all workers and take the pool for good: runs after this work alone.
define void @graphc_pool_stop(ptr %pool) {attributes} {{
entry:
  %count.p = getelementptr i8, ptr %pool, i64 8
  %over.p = getelementptr i8, ptr %pool, i64 32
  %mutex = getelementptr i8, ptr %pool, i64 256
  %condition = getelementptr i8, ptr %pool, i64 384
  %threads = getelementptr i8, ptr %pool, i64 512
  br label %acquire
acquire:
  %pair = cmpxchg ptr %pool, i64 0, i64 1 acquire monotonic
  %got = extractvalue {{ i64, i1 }} %pair, 1
  br i1 %got, label %taken, label %busy
busy:
  call i32 @sched_yield()
  br label %acquire
taken:
  call i32 @pthread_mutex_lock(ptr %mutex)
  store atomic i64 1, ptr %over.p seq_cst, align 8
  call i32 @pthread_cond_broadcast(ptr %condition)
  call i32 @pthread_mutex_unlock(ptr %mutex)
  %count = load i64, ptr %count.p, align 8
  br label %next
next:
  %number = phi i64 [ 0, %taken ], [ %number.next, %one ]
  %some = icmp slt i64 %number, %count
  br i1 %some, label %one, label %end
one:
  %thread.p = getelementptr i64, ptr %threads, i64 %number
  %thread = load i64, ptr %thread.p, align 8
  call i32 @pthread_join(i64 %thread, ptr null)
  %number.next = add i64 %number, 1
  br label %next
end:
  store i64 0, ptr %count.p, align 8
  ret void
}}
"""

_NO_POOL = """\
define internal void @together(ptr %pool, ptr %job, i64 %helpers) {attributes} {{
  call void @work(ptr %job)
  ret void
}}
define internal i64 @workers(ptr %pool, i64 %wanted) {attributes} {{
  ret i64 0
}}
"""

# by part of the triple: numbers of CLOCK_MONOTONIC and SIG_SETMASK
_SYSTEMS = {"linux": (1, 2), "darwin": (6, 3), "macosx": (6, 3)}


def has_pool(features: Features) -> bool:
    """Whether threads can be started on such a system."""
    return _system(features) is not None


def pool_ir(features: Features) -> str:
    """The functions behind PARALLEL; symbols `graphc_pool_reset` and `graphc_pool_stop`."""
    system = _system(features)
    clock, setmask = system or (0, 0)
    pause = ""
    if features.is_x86:
        pause = "call void @llvm.x86.sse2.pause()"
    elif features.triple.startswith(("aarch64", "arm64")):
        pause = "call void @llvm.aarch64.hint(i32 1)"  # yield
    text = (_POOL if system else _NO_POOL).format(
        attributes="nounwind",
        stack=_STACK,
        spin=SPIN,
        bytes=POOL_BYTES,
        clock=clock,
        setmask=setmask,
        pause=pause,
        **{"yield": YIELD},
    )
    return f"{share_ir()}\n{text}"


def _system(features: Features) -> tuple[int, int] | None:
    return next((s for name, s in _SYSTEMS.items() if name in features.triple), None)
