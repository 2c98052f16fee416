"""The entry as LLVM IR: from Python's call straight to the native driver.

`graphc_entry(self, args, nargs)` is a `METH_FASTCALL` function, the same code for every step; what
it does is in the records that `self` leads to (see `entry` for their layout, in words of 64 bits).
Whatever is not plain (another dtype, a list, a variable that moved, sizes that break a guard) goes
to the Python function that the record names, before anything has been changed.
"""

from __future__ import annotations

from graphc.codegen.cpu.target import Features

_TEMPLATE = """\
target triple = "@triple"

declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
@declare_clock

define ptr @graphc_entry(ptr %self, ptr %args, i64 %nargs) nounwind {
entry:
  %longword = alloca i64, align 8
  %shape = alloca [32 x i64], align 8
  %one = alloca ptr, align 8
  %record.p = getelementptr i8, ptr %self, i64 16
  %record = load ptr, ptr %record.p, align 8
  %runtime = load ptr, ptr %record, align 8
  %step.p = getelementptr i64, ptr %record, i64 1
  %step = load ptr, ptr %step.p, align 8
  %bound = icmp ne ptr %step, null
  br i1 %bound, label %check.busy, label %fallback
check.busy:
  %busy = load i64, ptr %step, align 8
  %idle = icmp eq i64 %busy, 0
  br i1 %idle, label %check.count, label %fallback
check.count:
  %count.p = getelementptr i64, ptr %step, i64 2
  %count = load i64, ptr %count.p, align 8
  %fits = icmp eq i64 %count, %nargs
  br i1 %fits, label %check.state, label %fallback
check.state:
  %state.p = getelementptr i64, ptr %step, i64 9
  %state = load ptr, ptr %state.p, align 8
  %version = load i64, ptr %state, align 8
  %bound.version.p = getelementptr i64, ptr %step, i64 10
  %bound.version = load i64, ptr %bound.version.p, align 8
  %current = icmp eq i64 %version, %bound.version
  br i1 %current, label %check.lock, label %fallback
check.lock:
  %locks.p = getelementptr i64, ptr %step, i64 11
  %locks = load i64, ptr %locks.p, align 8
  %held.p = getelementptr i64, ptr %state, i64 1
  %held.native.p = getelementptr i64, ptr %state, i64 2
  %held = load i64, ptr %held.p, align 8
  %held.native = load i64, ptr %held.native.p, align 8
  %held.any = or i64 %held, %held.native
  %is.held = icmp ne i64 %held.any, 0
  %takes.lock = icmp ne i64 %locks, 0
  %must.wait = and i1 %is.held, %takes.lock
  br i1 %must.wait, label %fallback, label %start
start:
  %valid.p = getelementptr i64, ptr %step, i64 1
  %table.p = getelementptr i64, ptr %step, i64 3
  %table = load ptr, ptr %table.p, align 8
  %frame.p = getelementptr i64, ptr %step, i64 4
  %frame = load ptr, ptr %frame.p, align 8
  %buffers.p = getelementptr i64, ptr %step, i64 5
  %buffers = load ptr, ptr %buffers.p, align 8
  %dims.p = getelementptr i64, ptr %step, i64 6
  %dims = load ptr, ptr %dims.p, align 8
  %array.type = load ptr, ptr %runtime, align 8
  %float.type.p = getelementptr i64, ptr %runtime, i64 3
  %float.type = load ptr, ptr %float.type.p, align 8
  %long.type.p = getelementptr i64, ptr %runtime, i64 4
  %long.type = load ptr, ptr %long.type.p, align 8
  br label %arg

; -- arguments: length, descr, rank, buffer slot, scalar kind, scratch, elements, then per axis
;    (dims slot or -1, fixed size), then per element (dims slot, index, 4 or 8)

arg:
  %i = phi i64 [ 0, %start ], [ %i.next, %arg.done ]
  %entry.at = phi ptr [ %table, %start ], [ %entry.next, %arg.done ]
  %more = icmp ult i64 %i, %count
  br i1 %more, label %arg.one, label %prepare
arg.one:
  %object.p = getelementptr ptr, ptr %args, i64 %i
  %object = load ptr, ptr %object.p, align 8
  %length = load i64, ptr %entry.at, align 8
  %entry.next = getelementptr i64, ptr %entry.at, i64 %length
  %rank.p = getelementptr i64, ptr %entry.at, i64 2
  %rank = load i64, ptr %rank.p, align 8
  %scratch.p = getelementptr i64, ptr %entry.at, i64 5
  %scratch = load ptr, ptr %scratch.p, align 8
  %type.p = getelementptr i8, ptr %object, i64 8
  %type = load ptr, ptr %type.p, align 8
  %is.array = icmp eq ptr %type, %array.type
  br i1 %is.array, label %array, label %number
array:
  %descr.p = getelementptr i64, ptr %entry.at, i64 1
  %descr = load ptr, ptr %descr.p, align 8
  %its.descr.p = getelementptr i8, ptr %object, i64 56
  %its.descr = load ptr, ptr %its.descr.p, align 8
  %its.rank.p = getelementptr i8, ptr %object, i64 24
  %its.rank.short = load i32, ptr %its.rank.p, align 4
  %its.rank = sext i32 %its.rank.short to i64
  %flags.p = getelementptr i8, ptr %object, i64 64
  %flags = load i32, ptr %flags.p, align 4
  %plain = and i32 %flags, 257
  %same.descr = icmp eq ptr %descr, %its.descr
  %same.rank = icmp eq i64 %rank, %its.rank
  %is.plain = icmp eq i32 %plain, 257
  %same = and i1 %same.descr, %same.rank
  %good = and i1 %same, %is.plain
  br i1 %good, label %axes, label %fallback
axes:
  %its.dims.p = getelementptr i8, ptr %object, i64 32
  %its.dims = load ptr, ptr %its.dims.p, align 8
  %its.data.p = getelementptr i8, ptr %object, i64 16
  %its.data = load ptr, ptr %its.data.p, align 8
  %axes.at = getelementptr i64, ptr %entry.at, i64 7
  br label %axis
axis:
  %k = phi i64 [ 0, %axes ], [ %k.next, %axis.done ]
  %total = phi i64 [ 1, %axes ], [ %total.next, %axis.done ]
  %axis.at = phi ptr [ %axes.at, %axes ], [ %axis.next, %axis.done ]
  %axis.more = icmp ult i64 %k, %rank
  br i1 %axis.more, label %axis.one, label %data
axis.one:
  %size.p = getelementptr i64, ptr %its.dims, i64 %k
  %size = load i64, ptr %size.p, align 8
  %total.next = mul i64 %total, %size
  %axis.slot = load i64, ptr %axis.at, align 8
  %axis.fixed.p = getelementptr i64, ptr %axis.at, i64 1
  %axis.fixed = load i64, ptr %axis.fixed.p, align 8
  %axis.next = getelementptr i64, ptr %axis.at, i64 2
  %k.next = add i64 %k, 1
  %axis.is.fixed = icmp slt i64 %axis.slot, 0
  br i1 %axis.is.fixed, label %axis.static, label %axis.symbol
axis.static:
  %axis.same = icmp eq i64 %size, %axis.fixed
  br i1 %axis.same, label %axis.done, label %fallback
axis.symbol:
  %axis.target = getelementptr i64, ptr %dims, i64 %axis.slot
  %axis.old = load i64, ptr %axis.target, align 8
  %axis.kept = icmp eq i64 %axis.old, %size
  br i1 %axis.kept, label %axis.done, label %axis.change
axis.change:
  store i64 %size, ptr %axis.target, align 8
  store i64 0, ptr %valid.p, align 8
  br label %axis.done
axis.done:
  br label %axis

; a Python number for a scalar: 1 float32, 2 float64, 3 int32, 4 int64, 5 bool
number:
  %kind.p = getelementptr i64, ptr %entry.at, i64 4
  %kind = load i64, ptr %kind.p, align 8
  %its.type.float = icmp eq ptr %type, %float.type
  br i1 %its.type.float, label %float, label %not.float
float:
  %float.value.p = getelementptr i8, ptr %object, i64 16
  %float.value = load double, ptr %float.value.p, align 8
  switch i64 %kind, label %fallback [
    i64 1, label %store.f32
    i64 2, label %store.f64
  ]
not.float:
  %its.type.long = icmp eq ptr %type, %long.type
  br i1 %its.type.long, label %long, label %truth
long:
  %long.known = icmp ne i64 %kind, 0
  br i1 %long.known, label %long.read, label %fallback
long.read:
  %as.long.p = getelementptr i64, ptr %runtime, i64 15
  %as.long = load ptr, ptr %as.long.p, align 8
  store i64 0, ptr %longword, align 8
  %long.value = call i64 %as.long(ptr %object, ptr %longword)
  %long.over = load i32, ptr %longword, align 4
  %long.fits = icmp eq i32 %long.over, 0
  br i1 %long.fits, label %long.kind, label %fallback
long.kind:
  %long.double = sitofp i64 %long.value to double
  switch i64 %kind, label %fallback [
    i64 1, label %long.f32
    i64 2, label %long.f64
    i64 3, label %long.i32
    i64 4, label %store.i64
  ]
long.f32:
  %long.up24 = add i64 %long.value, 16777216
  %long.in24 = icmp ule i64 %long.up24, 33554432
  br i1 %long.in24, label %store.f32, label %fallback
long.f64:
  %long.up53 = add i64 %long.value, 9007199254740992
  %long.in53 = icmp ule i64 %long.up53, 18014398509481984
  br i1 %long.in53, label %store.f64, label %fallback
long.i32:
  %long.short = trunc i64 %long.value to i32
  %long.back = sext i32 %long.short to i64
  %long.in32 = icmp eq i64 %long.back, %long.value
  br i1 %long.in32, label %store.i32, label %fallback
truth:
  %true.p = getelementptr i64, ptr %runtime, i64 5
  %true = load ptr, ptr %true.p, align 8
  %false.p = getelementptr i64, ptr %runtime, i64 6
  %false = load ptr, ptr %false.p, align 8
  %is.true = icmp eq ptr %object, %true
  %is.false = icmp eq ptr %object, %false
  %is.truth = or i1 %is.true, %is.false
  %wants.truth = icmp eq i64 %kind, 5
  %truth.good = and i1 %is.truth, %wants.truth
  br i1 %truth.good, label %store.bool, label %fallback
store.f32:
  %wide = phi double [ %float.value, %float ], [ %long.double, %long.f32 ]
  %narrow = fptrunc double %wide to float
  store float %narrow, ptr %scratch, align 8
  br label %data
store.f64:
  %double = phi double [ %float.value, %float ], [ %long.double, %long.f64 ]
  store double %double, ptr %scratch, align 8
  br label %data
store.i32:
  store i32 %long.short, ptr %scratch, align 8
  br label %data
store.i64:
  store i64 %long.value, ptr %scratch, align 8
  br label %data
store.bool:
  %truth.byte = zext i1 %is.true to i8
  store i8 %truth.byte, ptr %scratch, align 8
  br label %data

data:
  %address = phi ptr [ %its.data, %axis ], [ %scratch, %store.f32 ], [ %scratch, %store.f64 ],
    [ %scratch, %store.i32 ], [ %scratch, %store.i64 ], [ %scratch, %store.bool ]
  %elements.most = phi i64 [ %total, %axis ], [ 1, %store.f32 ], [ 1, %store.f64 ],
    [ 1, %store.i32 ], [ 1, %store.i64 ], [ 1, %store.bool ]
  %slot.p = getelementptr i64, ptr %entry.at, i64 3
  %slot = load i64, ptr %slot.p, align 8
  %buffer.p = getelementptr ptr, ptr %buffers, i64 %slot
  store ptr %address, ptr %buffer.p, align 8
  %elements.p = getelementptr i64, ptr %entry.at, i64 6
  %elements = load i64, ptr %elements.p, align 8
  %elements.skip = mul i64 %rank, 2
  %elements.first = add i64 %elements.skip, 7
  %elements.at = getelementptr i64, ptr %entry.at, i64 %elements.first
  br label %element
element:
  %e = phi i64 [ 0, %data ], [ %e.next, %element.done ]
  %element.at = phi ptr [ %elements.at, %data ], [ %element.next, %element.done ]
  %element.more = icmp ult i64 %e, %elements
  br i1 %element.more, label %element.one, label %arg.done
element.one:
  %element.slot = load i64, ptr %element.at, align 8
  %element.index.p = getelementptr i64, ptr %element.at, i64 1
  %element.index = load i64, ptr %element.index.p, align 8
  %element.size.p = getelementptr i64, ptr %element.at, i64 2
  %element.size = load i64, ptr %element.size.p, align 8
  %element.next = getelementptr i64, ptr %element.at, i64 3
  %e.next = add i64 %e, 1
  %element.there = icmp slt i64 %element.index, %elements.most
  br i1 %element.there, label %element.read, label %fallback
element.read:
  %element.short = icmp eq i64 %element.size, 4
  br i1 %element.short, label %element.4, label %element.8
element.4:
  %element.p4 = getelementptr i32, ptr %address, i64 %element.index
  %element.i32 = load i32, ptr %element.p4, align 4
  %element.wide = sext i32 %element.i32 to i64
  br label %element.store
element.8:
  %element.p8 = getelementptr i64, ptr %address, i64 %element.index
  %element.i64 = load i64, ptr %element.p8, align 8
  br label %element.store
element.store:
  %element.value = phi i64 [ %element.wide, %element.4 ], [ %element.i64, %element.8 ]
  %element.target = getelementptr i64, ptr %dims, i64 %element.slot
  %element.old = load i64, ptr %element.target, align 8
  %element.kept = icmp eq i64 %element.old, %element.value
  br i1 %element.kept, label %element.done, label %element.change
element.change:
  store i64 %element.value, ptr %element.target, align 8
  store i64 0, ptr %valid.p, align 8
  br label %element.done
element.done:
  br label %element
arg.done:
  %i.next = add i64 %i, 1
  br label %arg

; -- sizes: computed again where one has changed

prepare:
  %drive.p = getelementptr i64, ptr %runtime, i64 17
  %drive = load ptr, ptr %drive.p, align 8
  %valid = load i64, ptr %valid.p, align 8
  %is.valid = icmp ne i64 %valid, 0
  br i1 %is.valid, label %results, label %prepare.run
prepare.run:
  %prepare.p = getelementptr i64, ptr %step, i64 7
  %prepare.program = load ptr, ptr %prepare.p, align 8
  %prepare.code = call i64 %drive(ptr %frame, ptr %prepare.program)
  %prepared = icmp eq i64 %prepare.code, 0
  br i1 %prepared, label %prepare.arena, label %prepare.failed
prepare.failed:
  %failed.code.p = getelementptr i8, ptr %frame, i64 16
  store i64 0, ptr %failed.code.p, align 8
  %failed.op.p = getelementptr i8, ptr %frame, i64 24
  store i64 0, ptr %failed.op.p, align 8
  br label %fallback
prepare.arena:
  %arena.slot.p = getelementptr i64, ptr %step, i64 12
  %arena.slot = load i64, ptr %arena.slot.p, align 8
  %arena.need.p = getelementptr i64, ptr %dims, i64 %arena.slot
  %arena.need = load i64, ptr %arena.need.p, align 8
  %arena.have.p = getelementptr i64, ptr %step, i64 13
  %arena.have = load i64, ptr %arena.have.p, align 8
  %arena.fits = icmp ule i64 %arena.need, %arena.have
  br i1 %arena.fits, label %prepare.done, label %fallback
prepare.done:
  store i64 1, ptr %valid.p, align 8
  br label %results

; -- results: length, kind, cell, descr, rank, scratch, item size, then dims slots
;    kind: 1 scalar (else an array), 2 copied after the run from *cell, 4 copied before it

results:
  %results.p = getelementptr i64, ptr %step, i64 14
  %results.table = load ptr, ptr %results.p, align 8
  %results.n.p = getelementptr i64, ptr %step, i64 15
  %results.n = load i64, ptr %results.n.p, align 8
  %made.p = getelementptr i64, ptr %step, i64 27
  %made = load ptr, ptr %made.p, align 8
  %new.p = getelementptr i64, ptr %runtime, i64 1
  %new = load ptr, ptr %new.p, align 8
  %incref.p = getelementptr i64, ptr %runtime, i64 13
  %incref = load ptr, ptr %incref.p, align 8
  %decref.p = getelementptr i64, ptr %runtime, i64 14
  %decref = load ptr, ptr %decref.p, align 8
  br label %result
result:
  %r = phi i64 [ 0, %results ], [ %r.next, %result.done ]
  %result.at = phi ptr [ %results.table, %results ], [ %result.next, %result.done ]
  %result.more = icmp ult i64 %r, %results.n
  br i1 %result.more, label %result.one, label %randoms
result.one:
  %result.length = load i64, ptr %result.at, align 8
  %result.next = getelementptr i64, ptr %result.at, i64 %result.length
  %r.next = add i64 %r, 1
  %result.kind.p = getelementptr i64, ptr %result.at, i64 1
  %result.kind = load i64, ptr %result.kind.p, align 8
  %result.cell.p = getelementptr i64, ptr %result.at, i64 2
  %result.cell = load ptr, ptr %result.cell.p, align 8
  %result.rank.p = getelementptr i64, ptr %result.at, i64 4
  %result.rank = load i64, ptr %result.rank.p, align 8
  %result.scratch.p = getelementptr i64, ptr %result.at, i64 5
  %result.scratch = load ptr, ptr %result.scratch.p, align 8
  %result.item.p = getelementptr i64, ptr %result.at, i64 6
  %result.item = load i64, ptr %result.item.p, align 8
  %made.at = getelementptr ptr, ptr %made, i64 %r
  store ptr null, ptr %made.at, align 8
  %result.scalar.bit = and i64 %result.kind, 1
  %result.is.scalar = icmp ne i64 %result.scalar.bit, 0
  br i1 %result.is.scalar, label %result.memory, label %result.array
result.array:
  %result.descr.p = getelementptr i64, ptr %result.at, i64 3
  %result.descr = load ptr, ptr %result.descr.p, align 8
  %result.dims = getelementptr i64, ptr %result.at, i64 7
  br label %result.axis
result.axis:
  %q = phi i64 [ 0, %result.array ], [ %q.next, %result.axis.one ]
  %result.bytes = phi i64 [ %result.item, %result.array ], [ %result.bytes.next, %result.axis.one ]
  %q.more = icmp ult i64 %q, %result.rank
  br i1 %q.more, label %result.axis.one, label %result.make
result.axis.one:
  %q.slot.p = getelementptr i64, ptr %result.dims, i64 %q
  %q.slot = load i64, ptr %q.slot.p, align 8
  %q.size.p = getelementptr i64, ptr %dims, i64 %q.slot
  %q.size = load i64, ptr %q.size.p, align 8
  %q.shape.p = getelementptr i64, ptr %shape, i64 %q
  store i64 %q.size, ptr %q.shape.p, align 8
  %result.bytes.next = mul i64 %result.bytes, %q.size
  %q.next = add i64 %q, 1
  br label %result.axis
result.make:
  %least.p = getelementptr i64, ptr %runtime, i64 23
  %least = load i64, ptr %least.p, align 8
  %is.big = icmp uge i64 %result.bytes, %least
  br i1 %is.big, label %result.recycle, label %result.create
result.recycle:
  ; a size that is too large or negative (then huge, unsigned) gets no memory here: NumPy says so
  %pool.p = getelementptr i64, ptr %runtime, i64 20
  %pool = load ptr, ptr %pool.p, align 8
  %take.p = getelementptr i64, ptr %runtime, i64 21
  %take = load ptr, ptr %take.p, align 8
  %recycled = call ptr %take(ptr %pool, i64 %result.bytes)
  br label %result.create
result.create:
  %given = phi ptr [ null, %result.make ], [ %recycled, %result.recycle ]
  %was.given = icmp ne ptr %given, null
  %given.flags = select i1 %was.given, i32 1024, i32 0
  call void %incref(ptr %result.descr)
  %result.rank.short = trunc i64 %result.rank to i32
  %fresh = call ptr %new(ptr %array.type, ptr %result.descr, i32 %result.rank.short, ptr %shape,
    ptr null, ptr %given, i32 %given.flags, ptr null)
  store ptr %fresh, ptr %made.at, align 8
  %fresh.ok = icmp ne ptr %fresh, null
  br i1 %fresh.ok, label %result.owner, label %result.failed
result.failed:
  br i1 %was.given, label %result.return, label %no.memory
result.return:
  %give.p = getelementptr i64, ptr %runtime, i64 24
  %give.back = load ptr, ptr %give.p, align 8
  %give.pool.p = getelementptr i64, ptr %runtime, i64 20
  %give.pool = load ptr, ptr %give.pool.p, align 8
  call void %give.back(ptr %give.pool, ptr %given, i64 0)
  br label %no.memory
result.owner:
  br i1 %was.given, label %result.mark, label %result.data
result.mark:
  ; the array owns its memory, and NumPy gives it back to the recycler
  %fresh.flags.p = getelementptr i8, ptr %fresh, i64 64
  %fresh.flags = load i32, ptr %fresh.flags.p, align 4
  %fresh.owning = or i32 %fresh.flags, 4
  store i32 %fresh.owning, ptr %fresh.flags.p, align 4
  %handler.p = getelementptr i64, ptr %runtime, i64 22
  %handler = load ptr, ptr %handler.p, align 8
  call void %incref(ptr %handler)
  %fresh.handler.p = getelementptr i8, ptr %fresh, i64 88
  store ptr %handler, ptr %fresh.handler.p, align 8
  br label %result.data
result.data:
  %fresh.data.p = getelementptr i8, ptr %fresh, i64 16
  %fresh.data = load ptr, ptr %fresh.data.p, align 8
  br label %result.memory
result.memory:
  %memory = phi ptr [ %fresh.data, %result.data ], [ %result.scratch, %result.one ]
  %memory.bytes = phi i64 [ %result.bytes, %result.data ], [ %result.item, %result.one ]
  %result.copy = and i64 %result.kind, 6
  switch i64 %result.copy, label %result.done [
    i64 0, label %result.own
    i64 4, label %result.early
  ]
result.own:
  store ptr %memory, ptr %result.cell, align 8
  br label %result.done
result.early:
  %early.source = load ptr, ptr %result.cell, align 8
  call void @llvm.memcpy.p0.p0.i64(ptr %memory, ptr %early.source, i64 %memory.bytes, i1 false)
  br label %result.done
result.done:
  br label %result

no.memory:
  ; give back what was made; Python says what is wrong
  %clear.p = getelementptr i64, ptr %runtime, i64 16
  %clear = load ptr, ptr %clear.p, align 8
  call void %clear()
  br label %unmake
unmake:
  %u = phi i64 [ 0, %no.memory ], [ %u.next, %unmake.done ]
  %u.more = icmp ult i64 %u, %r
  br i1 %u.more, label %unmake.one, label %fallback
unmake.one:
  %u.p = getelementptr ptr, ptr %made, i64 %u
  %u.object = load ptr, ptr %u.p, align 8
  %u.next = add i64 %u, 1
  %u.some = icmp ne ptr %u.object, null
  br i1 %u.some, label %unmake.release, label %unmake.done
unmake.release:
  call void %decref(ptr %u.object)
  br label %unmake.done
unmake.done:
  br label %unmake

; -- counters of random operations: (dims slot, counter)*

randoms:
  %randoms.p = getelementptr i64, ptr %step, i64 18
  %randoms.table = load ptr, ptr %randoms.p, align 8
  %randoms.n.p = getelementptr i64, ptr %step, i64 19
  %randoms.n = load i64, ptr %randoms.n.p, align 8
  br label %random
random:
  %n = phi i64 [ 0, %randoms ], [ %n.next, %random.one ]
  %random.at = phi ptr [ %randoms.table, %randoms ], [ %random.next, %random.one ]
  %random.more = icmp ult i64 %n, %randoms.n
  br i1 %random.more, label %random.one, label %run
random.one:
  %random.slot = load i64, ptr %random.at, align 8
  %random.counter.p = getelementptr i64, ptr %random.at, i64 1
  %random.counter = load ptr, ptr %random.counter.p, align 8
  %random.value = load i64, ptr %random.counter, align 8
  %random.target = getelementptr i64, ptr %dims, i64 %random.slot
  store i64 %random.value, ptr %random.target, align 8
  %random.next = getelementptr i64, ptr %random.at, i64 2
  %n.next = add i64 %n, 1
  br label %random

; -- the run: without the interpreter's lock if the last one was long

run:
  store i64 1, ptr %step, align 8
  br i1 %takes.lock, label %run.lock, label %run.start
run.lock:
  store i64 1, ptr %held.native.p, align 8
  br label %run.start
run.start:
  %last.p = getelementptr i64, ptr %step, i64 25
  %last = load i64, ptr %last.p, align 8
  %long.run = icmp ugt i64 %last, @patience
  %save.p = getelementptr i64, ptr %runtime, i64 10
  %save = load ptr, ptr %save.p, align 8
  %restore.p = getelementptr i64, ptr %runtime, i64 11
  %restore = load ptr, ptr %restore.p, align 8
  %program.p = getelementptr i64, ptr %step, i64 8
  %program = load ptr, ptr %program.p, align 8
  br i1 %long.run, label %run.release, label %run.go
run.release:
  %released = call ptr %save()
  br label %run.go
run.go:
  %thread = phi ptr [ null, %run.start ], [ %released, %run.release ]
@clock_begin
  %code = call i64 %drive(ptr %frame, ptr %program)
  %succeeded = icmp eq i64 %code, 0
  br i1 %succeeded, label %commit, label %ran

; new values of variables that were not written in place: (target, source cell, bytes)*
commit:
  %copies.p = getelementptr i64, ptr %step, i64 16
  %copies.table = load ptr, ptr %copies.p, align 8
  %copies.n.p = getelementptr i64, ptr %step, i64 17
  %copies.n = load i64, ptr %copies.n.p, align 8
  br label %copy
copy:
  %c = phi i64 [ 0, %commit ], [ %c.next, %copy.one ]
  %copy.at = phi ptr [ %copies.table, %commit ], [ %copy.next, %copy.one ]
  %copy.more = icmp ult i64 %c, %copies.n
  br i1 %copy.more, label %copy.one, label %late
copy.one:
  %copy.target = load ptr, ptr %copy.at, align 8
  %copy.cell.p = getelementptr i64, ptr %copy.at, i64 1
  %copy.cell = load ptr, ptr %copy.cell.p, align 8
  %copy.source = load ptr, ptr %copy.cell, align 8
  %copy.bytes.p = getelementptr i64, ptr %copy.at, i64 2
  %copy.bytes = load i64, ptr %copy.bytes.p, align 8
  call void @llvm.memcpy.p0.p0.i64(ptr %copy.target, ptr %copy.source, i64 %copy.bytes, i1 false)
  %copy.next = getelementptr i64, ptr %copy.at, i64 3
  %c.next = add i64 %c, 1
  br label %copy

; results that live elsewhere
late:
  br label %late.result
late.result:
  %l = phi i64 [ 0, %late ], [ %l.next, %late.done ]
  %late.at = phi ptr [ %results.table, %late ], [ %late.next, %late.done ]
  %late.more = icmp ult i64 %l, %results.n
  br i1 %late.more, label %late.one, label %ran
late.one:
  %late.length = load i64, ptr %late.at, align 8
  %late.next = getelementptr i64, ptr %late.at, i64 %late.length
  %late.kind.p = getelementptr i64, ptr %late.at, i64 1
  %late.kind = load i64, ptr %late.kind.p, align 8
  %late.made.p = getelementptr ptr, ptr %made, i64 %l
  %l.next = add i64 %l, 1
  %late.bit = and i64 %late.kind, 2
  %late.is = icmp ne i64 %late.bit, 0
  br i1 %late.is, label %late.copy, label %late.done
late.copy:
  %late.cell.p = getelementptr i64, ptr %late.at, i64 2
  %late.cell = load ptr, ptr %late.cell.p, align 8
  %late.source = load ptr, ptr %late.cell, align 8
  %late.item.p = getelementptr i64, ptr %late.at, i64 6
  %late.item = load i64, ptr %late.item.p, align 8
  %late.made = load ptr, ptr %late.made.p, align 8
  %late.scalar = icmp eq ptr %late.made, null
  br i1 %late.scalar, label %late.number, label %late.array
late.number:
  %late.scratch.p = getelementptr i64, ptr %late.at, i64 5
  %late.scratch = load ptr, ptr %late.scratch.p, align 8
  br label %late.move
late.array:
  %late.rank.p = getelementptr i64, ptr %late.at, i64 4
  %late.rank = load i64, ptr %late.rank.p, align 8
  %late.data.p = getelementptr i8, ptr %late.made, i64 16
  %late.data = load ptr, ptr %late.data.p, align 8
  br label %late.axis
late.axis:
  %late.k = phi i64 [ 0, %late.array ], [ %late.k.next, %late.axis.one ]
  %late.bytes = phi i64 [ %late.item, %late.array ], [ %late.bytes.next, %late.axis.one ]
  %late.k.more = icmp ult i64 %late.k, %late.rank
  br i1 %late.k.more, label %late.axis.one, label %late.move
late.axis.one:
  %late.dims.first = add i64 %late.k, 7
  %late.slot.p = getelementptr i64, ptr %late.at, i64 %late.dims.first
  %late.slot = load i64, ptr %late.slot.p, align 8
  %late.size.p = getelementptr i64, ptr %dims, i64 %late.slot
  %late.size = load i64, ptr %late.size.p, align 8
  %late.bytes.next = mul i64 %late.bytes, %late.size
  %late.k.next = add i64 %late.k, 1
  br label %late.axis
late.move:
  %late.target = phi ptr [ %late.scratch, %late.number ], [ %late.data, %late.axis ]
  %late.amount = phi i64 [ %late.item, %late.number ], [ %late.bytes, %late.axis ]
  call void @llvm.memcpy.p0.p0.i64(ptr %late.target, ptr %late.source, i64 %late.amount, i1 false)
  br label %late.done
late.done:
  br label %late.result

ran:
@clock_end
  store i64 %took, ptr %last.p, align 8
  %was.released = icmp ne ptr %thread, null
  br i1 %was.released, label %ran.restore, label %ran.done
ran.restore:
  call void %restore(ptr %thread)
  br label %ran.done
ran.done:
  br i1 %takes.lock, label %unlock, label %unlocked
unlock:
  store i64 0, ptr %held.native.p, align 8
  br label %unlocked
unlocked:
  br i1 %succeeded, label %count.run, label %failed
failed:
  %fail.p = getelementptr i64, ptr %step, i64 26
  %fail = load ptr, ptr %fail.p, align 8
  %call.p = getelementptr i64, ptr %runtime, i64 12
  %call = load ptr, ptr %call.p, align 8
  br label %drop
drop:
  %d = phi i64 [ 0, %failed ], [ %d.next, %drop.done ]
  %d.more = icmp ult i64 %d, %results.n
  br i1 %d.more, label %drop.one, label %raise
drop.one:
  %d.p = getelementptr ptr, ptr %made, i64 %d
  %d.object = load ptr, ptr %d.p, align 8
  %d.next = add i64 %d, 1
  %d.some = icmp ne ptr %d.object, null
  br i1 %d.some, label %drop.release, label %drop.done
drop.release:
  call void %decref(ptr %d.object)
  br label %drop.done
drop.done:
  br label %drop
raise:
  %raised = call ptr %call(ptr %fail, ptr null, i64 0, ptr null)
  store i64 0, ptr %step, align 8
  ret ptr %raised

; -- afterwards: counters, then what the caller gets

count.run:
  %runs.p = getelementptr i64, ptr %state, i64 3
  %runs = load i64, ptr %runs.p, align 8
  %runs.more = add i64 %runs, 1
  store i64 %runs.more, ptr %runs.p, align 8
  %counters.p = getelementptr i64, ptr %step, i64 20
  %counters.table = load ptr, ptr %counters.p, align 8
  %counters.n.p = getelementptr i64, ptr %step, i64 21
  %counters.n = load i64, ptr %counters.n.p, align 8
  br label %counter
counter:
  %m = phi i64 [ 0, %count.run ], [ %m.next, %counter.one ]
  %counter.more = icmp ult i64 %m, %counters.n
  br i1 %counter.more, label %counter.one, label %scalars
counter.one:
  %counter.p.p = getelementptr ptr, ptr %counters.table, i64 %m
  %counter.p = load ptr, ptr %counter.p.p, align 8
  %counter.value = load i64, ptr %counter.p, align 8
  %counter.next = add i64 %counter.value, 1
  store i64 %counter.next, ptr %counter.p, align 8
  %m.next = add i64 %m, 1
  br label %counter
scalars:
  %scalar.p = getelementptr i64, ptr %runtime, i64 2
  %scalar = load ptr, ptr %scalar.p, align 8
  br label %finish
finish:
  %f = phi i64 [ 0, %scalars ], [ %f.next, %finish.done ]
  %finish.at = phi ptr [ %results.table, %scalars ], [ %finish.next, %finish.done ]
  %finish.more = icmp ult i64 %f, %results.n
  br i1 %finish.more, label %finish.one, label %structure
finish.one:
  %finish.length = load i64, ptr %finish.at, align 8
  %finish.next = getelementptr i64, ptr %finish.at, i64 %finish.length
  %finish.p = getelementptr ptr, ptr %made, i64 %f
  %finish.object = load ptr, ptr %finish.p, align 8
  %f.next = add i64 %f, 1
  %finish.scalar = icmp eq ptr %finish.object, null
  br i1 %finish.scalar, label %finish.make, label %finish.done
finish.make:
  %finish.descr.p = getelementptr i64, ptr %finish.at, i64 3
  %finish.descr = load ptr, ptr %finish.descr.p, align 8
  %finish.scratch.p = getelementptr i64, ptr %finish.at, i64 5
  %finish.scratch = load ptr, ptr %finish.scratch.p, align 8
  %finish.fresh = call ptr %scalar(ptr %finish.scratch, ptr %finish.descr, ptr null)
  store ptr %finish.fresh, ptr %finish.p, align 8
  %finish.ok = icmp ne ptr %finish.fresh, null
  br i1 %finish.ok, label %finish.done, label %lost
finish.done:
  br label %finish
lost:
  store i64 0, ptr %step, align 8
  ret ptr null

; -- structure: 0 the only result, 1 None, 2 a list, 3 a tuple, 4 a list for the builder

structure:
  %form.p = getelementptr i64, ptr %step, i64 22
  %form = load i64, ptr %form.p, align 8
  %items.p = getelementptr i64, ptr %step, i64 23
  %items = load ptr, ptr %items.p, align 8
  %items.n.p = getelementptr i64, ptr %step, i64 24
  %items.n = load i64, ptr %items.n.p, align 8
  %none.p = getelementptr i64, ptr %runtime, i64 7
  %none = load ptr, ptr %none.p, align 8
  switch i64 %form, label %sequence [
    i64 0, label %single
    i64 1, label %nothing
  ]
single:
  %only = load ptr, ptr %made, align 8
  store i64 0, ptr %step, align 8
  ret ptr %only
nothing:
  store i64 0, ptr %step, align 8
  call void %incref(ptr %none)
  ret ptr %none
sequence:
  %is.tuple = icmp eq i64 %form, 3
  %maker = select i1 %is.tuple, i64 9, i64 8
  %maker.p = getelementptr i64, ptr %runtime, i64 %maker
  %make = load ptr, ptr %maker.p, align 8
  %setter = select i1 %is.tuple, i64 19, i64 18
  %setter.p = getelementptr i64, ptr %runtime, i64 %setter
  %set = load ptr, ptr %setter.p, align 8
  %whole = call ptr %make(i64 %items.n)
  %whole.ok = icmp ne ptr %whole, null
  br i1 %whole.ok, label %item, label %lost
item:
  %t = phi i64 [ 0, %sequence ], [ %t.next, %item.set ]
  %item.more = icmp ult i64 %t, %items.n
  br i1 %item.more, label %item.one, label %release
item.one:
  %item.p = getelementptr i64, ptr %items, i64 %t
  %item.number = load i64, ptr %item.p, align 8
  %item.none = icmp slt i64 %item.number, 0
  br i1 %item.none, label %item.set, label %item.made
item.made:
  %item.made.p = getelementptr ptr, ptr %made, i64 %item.number
  %item.object = load ptr, ptr %item.made.p, align 8
  br label %item.set
item.set:
  %item.value = phi ptr [ %none, %item.one ], [ %item.object, %item.made ]
  call void %incref(ptr %item.value)
  %item.ignored = call i32 %set(ptr %whole, i64 %t, ptr %item.value)
  %t.next = add i64 %t, 1
  br label %item
release:
  %v = phi i64 [ 0, %item ], [ %v.next, %release.one ]
  %release.more = icmp ult i64 %v, %results.n
  br i1 %release.more, label %release.one, label %built
release.one:
  %release.p = getelementptr ptr, ptr %made, i64 %v
  %release.object = load ptr, ptr %release.p, align 8
  call void %decref(ptr %release.object)
  %v.next = add i64 %v, 1
  br label %release
built:
  store i64 0, ptr %step, align 8
  %is.built = icmp eq i64 %form, 4
  br i1 %is.built, label %build, label %give
give:
  ret ptr %whole
build:
  %build.p = getelementptr i64, ptr %step, i64 28
  %builder = load ptr, ptr %build.p, align 8
  %build.call.p = getelementptr i64, ptr %runtime, i64 12
  %build.call = load ptr, ptr %build.call.p, align 8
  store ptr %whole, ptr %one, align 8
  %building = call ptr %build.call(ptr %builder, ptr %one, i64 1, ptr null)
  call void %decref(ptr %whole)
  ret ptr %building

fallback:
  %fallback.p = getelementptr i64, ptr %record, i64 2
  %slow = load ptr, ptr %fallback.p, align 8
  %slow.call.p = getelementptr i64, ptr %runtime, i64 12
  %slow.call = load ptr, ptr %slow.call.p, align 8
  %slow.result = call ptr %slow.call(ptr %slow, ptr %args, i64 %nargs, ptr null)
  ret ptr %slow.result
}
"""

_CLOCK = {
    "@declare_clock": "declare i64 @llvm.readcyclecounter()",
    "@clock_begin": "  %begin = call i64 @llvm.readcyclecounter()",
    "@clock_end": "  %end = call i64 @llvm.readcyclecounter()\n  %took = sub i64 %end, %begin",
    "@patience": "6000",
}
# where counting cycles is not for everyone, each run counts as a long one
_NO_CLOCK = {
    "@declare_clock": "",
    "@clock_begin": "",
    "@clock_end": "  %took = add i64 0, 1",
    "@patience": "0",
}


def entry_ir(features: Features) -> str:
    """The entry's module for a processor; its symbol is `graphc_entry`."""
    text = _TEMPLATE.replace("@triple", features.triple)
    for name, code in (_CLOCK if features.is_x86 else _NO_CLOCK).items():
        text = text.replace(name, code)
    return text
