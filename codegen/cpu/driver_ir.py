"""The native driver as LLVM IR.

`graphc_drive(frame, program)` is a loop around a switch over opcodes. Instructions of several
groups (DIMS, BIND, ALIAS) loop over their groups inside. After each instruction the driver looks at
the frame's failure code and its cancel flag. PARALLEL goes to the functions of `pool_ir`.
"""

from __future__ import annotations

from graphc.codegen.cpu.pool_ir import pool_ir
from graphc.codegen.cpu.target import Features
from graphc.codegen.kernel import CODES

_TEMPLATE = """\
target triple = "{triple}"

define i64 @graphc_drive(ptr %frame, ptr %program) {attributes} {{
entry:
  %buffers = load ptr, ptr %frame, align 8
  %dims.p = getelementptr i8, ptr %frame, i64 8
  %dims = load ptr, ptr %dims.p, align 8
  %code.p = getelementptr i8, ptr %frame, i64 16
  %op.p = getelementptr i8, ptr %frame, i64 24
  %x.p = getelementptr i8, ptr %frame, i64 32
  %y.p = getelementptr i8, ptr %frame, i64 40
  %cancel.p = getelementptr i8, ptr %frame, i64 48
  %arena.p = getelementptr i8, ptr %frame, i64 56
  br label %fetch

fetch:
  %at = phi ptr [ %program, %entry ], [ %after, %checked ]
  %cancel = load atomic i64, ptr %cancel.p monotonic, align 8
  %stopped = icmp ne i64 %cancel, 0
  br i1 %stopped, label %cancelled, label %decode
decode:
  %opcode = load i64, ptr %at, align 8
  %length.p = getelementptr i64, ptr %at, i64 1
  %length = load i64, ptr %length.p, align 8
  %after = getelementptr i64, ptr %at, i64 %length
  %w = getelementptr i64, ptr %at, i64 2
  %w1 = getelementptr i64, ptr %at, i64 3
  %w2 = getelementptr i64, ptr %at, i64 4
  %w3 = getelementptr i64, ptr %at, i64 5
  switch i64 %opcode, label %unknown [
    i64 0, label %end
    i64 1, label %call
    i64 2, label %dims.start
    i64 3, label %host
    i64 4, label %bind.start
    i64 5, label %alias.start
    i64 6, label %load.dim
    i64 7, label %copy
    i64 8, label %zero
    i64 9, label %parallel
  ]
next:
  %code = load i64, ptr %code.p, align 8
  %failed = icmp ne i64 %code, 0
  br i1 %failed, label %failure, label %checked
checked:
  br label %fetch
end:
  ret i64 0
failure:
  ret i64 %code
cancelled:
  ret i64 -1
unknown:
  store i64 {host}, ptr %code.p, align 8
  store i64 %opcode, ptr %op.p, align 8
  ret i64 {host}

; 1 CALL address, extent slot, slots...
call:
  %kernel.bits = load i64, ptr %w, align 8
  %kernel = inttoptr i64 %kernel.bits to ptr
  %extent.slot = load i64, ptr %w1, align 8
  %single = icmp slt i64 %extent.slot, 0
  br i1 %single, label %call.now, label %call.extent
call.extent:
  %extent.p = getelementptr i64, ptr %dims, i64 %extent.slot
  %extent = load i64, ptr %extent.p, align 8
  %some = icmp sgt i64 %extent, 0
  br i1 %some, label %call.now, label %checked
call.now:
  %stop = phi i64 [ 1, %call ], [ %extent, %call.extent ]
  call void %kernel(ptr %frame, ptr %w2, i64 0, i64 %stop)
  br label %next

; 9 PARALLEL address, extent slot, cost slot, granule, merge, slots...
parallel:
  %p.kernel.bits = load i64, ptr %w, align 8
  %p.kernel = inttoptr i64 %p.kernel.bits to ptr
  %p.extent.slot = load i64, ptr %w1, align 8
  %p.extent.p = getelementptr i64, ptr %dims, i64 %p.extent.slot
  %p.extent = load i64, ptr %p.extent.p, align 8
  %p.some = icmp sgt i64 %p.extent, 0
  br i1 %p.some, label %parallel.now, label %checked
parallel.now:
  %p.cost.slot = load i64, ptr %w2, align 8
  %p.cost.p = getelementptr i64, ptr %dims, i64 %p.cost.slot
  %p.cost = load i64, ptr %p.cost.p, align 8
  %p.granule = load i64, ptr %w3, align 8
  %w4 = getelementptr i64, ptr %at, i64 6
  %p.merge = load i64, ptr %w4, align 8
  %w5 = getelementptr i64, ptr %at, i64 7
  call void @share(ptr %frame, ptr %p.kernel, ptr %w5, i64 %p.extent, i64 %p.cost,
    i64 %p.granule, i64 %p.merge)
  br label %next

; 3 HOST callback, argument
host:
  %callback.bits = load i64, ptr %w, align 8
  %callback = inttoptr i64 %callback.bits to ptr
  %argument = load i64, ptr %w1, align 8
  %result = call i64 %callback(i64 %argument)
  %refused = icmp ne i64 %result, 0
  br i1 %refused, label %host.failed, label %next
host.failed:
  store i64 {host}, ptr %code.p, align 8
  store i64 %argument, ptr %op.p, align 8
  store i64 %result, ptr %x.p, align 8
  ret i64 {host}

; 4 BIND (slot, offset slot)*
bind.start:
  %arena = load ptr, ptr %arena.p, align 8
  br label %bind
bind:
  %bind.at = phi ptr [ %w, %bind.start ], [ %bind.next, %bind.one ]
  %bind.more = icmp ult ptr %bind.at, %after
  br i1 %bind.more, label %bind.one, label %checked
bind.one:
  %bind.slot = load i64, ptr %bind.at, align 8
  %bind.offset.p = getelementptr i64, ptr %bind.at, i64 1
  %bind.offset.slot = load i64, ptr %bind.offset.p, align 8
  %bind.dim = getelementptr i64, ptr %dims, i64 %bind.offset.slot
  %bind.offset = load i64, ptr %bind.dim, align 8
  %bind.address = getelementptr i8, ptr %arena, i64 %bind.offset
  %bind.target = getelementptr ptr, ptr %buffers, i64 %bind.slot
  store ptr %bind.address, ptr %bind.target, align 8
  %bind.next = getelementptr i64, ptr %bind.at, i64 2
  br label %bind

; 5 ALIAS (slot, base slot, offset slot or -1)*
alias.start:
  br label %alias
alias:
  %alias.at = phi ptr [ %w, %alias.start ], [ %alias.next, %alias.store ]
  %alias.more = icmp ult ptr %alias.at, %after
  br i1 %alias.more, label %alias.one, label %checked
alias.one:
  %alias.slot = load i64, ptr %alias.at, align 8
  %alias.base.p = getelementptr i64, ptr %alias.at, i64 1
  %alias.base.slot = load i64, ptr %alias.base.p, align 8
  %alias.offset.p = getelementptr i64, ptr %alias.at, i64 2
  %alias.offset.slot = load i64, ptr %alias.offset.p, align 8
  %alias.source = getelementptr ptr, ptr %buffers, i64 %alias.base.slot
  %alias.base = load ptr, ptr %alias.source, align 8
  %alias.shifted = icmp sge i64 %alias.offset.slot, 0
  br i1 %alias.shifted, label %alias.shift, label %alias.store
alias.shift:
  %alias.dim = getelementptr i64, ptr %dims, i64 %alias.offset.slot
  %alias.offset = load i64, ptr %alias.dim, align 8
  br label %alias.store
alias.store:
  %alias.by = phi i64 [ 0, %alias.one ], [ %alias.offset, %alias.shift ]
  %alias.address = getelementptr i8, ptr %alias.base, i64 %alias.by
  %alias.target = getelementptr ptr, ptr %buffers, i64 %alias.slot
  store ptr %alias.address, ptr %alias.target, align 8
  %alias.next = getelementptr i64, ptr %alias.at, i64 3
  br label %alias

; 6 LOAD_DIM dst, buffer slot, element, 4 or 8
load.dim:
  %load.slot = load i64, ptr %w, align 8
  %load.buffer.slot = load i64, ptr %w1, align 8
  %load.element = load i64, ptr %w2, align 8
  %load.size = load i64, ptr %w3, align 8
  %load.source = getelementptr ptr, ptr %buffers, i64 %load.buffer.slot
  %load.base = load ptr, ptr %load.source, align 8
  %load.target = getelementptr i64, ptr %dims, i64 %load.slot
  %load.short = icmp eq i64 %load.size, 4
  br i1 %load.short, label %load.4, label %load.8
load.4:
  %load.p4 = getelementptr i32, ptr %load.base, i64 %load.element
  %load.i32 = load i32, ptr %load.p4, align 4
  %load.wide = sext i32 %load.i32 to i64
  store i64 %load.wide, ptr %load.target, align 8
  br label %checked
load.8:
  %load.p8 = getelementptr i64, ptr %load.base, i64 %load.element
  %load.i64 = load i64, ptr %load.p8, align 8
  store i64 %load.i64, ptr %load.target, align 8
  br label %checked

; 7 COPY dst, src, dims slot
copy:
  %copy.target.slot = load i64, ptr %w, align 8
  %copy.source.slot = load i64, ptr %w1, align 8
  %copy.size.slot = load i64, ptr %w2, align 8
  %copy.target.p = getelementptr ptr, ptr %buffers, i64 %copy.target.slot
  %copy.source.p = getelementptr ptr, ptr %buffers, i64 %copy.source.slot
  %copy.size.p = getelementptr i64, ptr %dims, i64 %copy.size.slot
  %copy.target = load ptr, ptr %copy.target.p, align 8
  %copy.source = load ptr, ptr %copy.source.p, align 8
  %copy.size = load i64, ptr %copy.size.p, align 8
  call void @llvm.memcpy.p0.p0.i64(ptr %copy.target, ptr %copy.source, i64 %copy.size, i1 false)
  br label %checked

; 8 ZERO dst, dims slot
zero:
  %zero.slot = load i64, ptr %w, align 8
  %zero.size.slot = load i64, ptr %w1, align 8
  %zero.target.p = getelementptr ptr, ptr %buffers, i64 %zero.slot
  %zero.size.p = getelementptr i64, ptr %dims, i64 %zero.size.slot
  %zero.target = load ptr, ptr %zero.target.p, align 8
  %zero.size = load i64, ptr %zero.size.p, align 8
  call void @llvm.memset.p0.i64(ptr %zero.target, i8 0, i64 %zero.size, i1 false)
  br label %checked

; 2 DIMS (op, dst, a, b)*
dims.start:
  br label %dims.group
dims.group:
  %d.at = phi ptr [ %w, %dims.start ], [ %d.next, %dims.done ]
  %d.more = icmp ult ptr %d.at, %after
  br i1 %d.more, label %dims.one, label %checked
dims.one:
  %d.op = load i64, ptr %d.at, align 8
  %d.p1 = getelementptr i64, ptr %d.at, i64 1
  %d.p2 = getelementptr i64, ptr %d.at, i64 2
  %d.p3 = getelementptr i64, ptr %d.at, i64 3
  %d.slot = load i64, ptr %d.p1, align 8
  %d.a = load i64, ptr %d.p2, align 8
  %d.b = load i64, ptr %d.p3, align 8
  %d.next = getelementptr i64, ptr %d.at, i64 4
  %d.literal = icmp eq i64 %d.op, 0
  br i1 %d.literal, label %dims.write, label %dims.load
dims.load:
  %d.x.p = getelementptr i64, ptr %dims, i64 %d.a
  %d.x = load i64, ptr %d.x.p, align 8
  %d.round = icmp eq i64 %d.op, 12
  br i1 %d.round, label %dims.round, label %dims.both
dims.round:
  ; floor((x + b - 1) / b) * b
  %d.less = sub i64 %d.b, 1
  %d.up = call {{ i64, i1 }} @llvm.sadd.with.overflow.i64(i64 %d.x, i64 %d.less)
  %d.up.value = extractvalue {{ i64, i1 }} %d.up, 0
  %d.up.over = extractvalue {{ i64, i1 }} %d.up, 1
  %d.unit.bad = icmp slt i64 %d.b, 1
  %d.unit = select i1 %d.unit.bad, i64 1, i64 %d.b
  %d.over.part = srem i64 %d.up.value, %d.unit
  %d.over.low = icmp slt i64 %d.over.part, 0
  %d.over.lift = select i1 %d.over.low, i64 %d.unit, i64 0
  %d.over.mod = add i64 %d.over.part, %d.over.lift
  %d.rounded = sub i64 %d.up.value, %d.over.mod
  br i1 %d.up.over, label %dims.overflow, label %dims.write
dims.both:
  %d.y.p = getelementptr i64, ptr %dims, i64 %d.b
  %d.y = load i64, ptr %d.y.p, align 8
  switch i64 %d.op, label %unknown [
    i64 1, label %dims.add
    i64 2, label %dims.sub
    i64 3, label %dims.mul
    i64 4, label %dims.divide
    i64 5, label %dims.divide
    i64 6, label %dims.min
    i64 7, label %dims.max
    i64 8, label %guard.eq
    i64 9, label %guard.ne
    i64 10, label %guard.le
    i64 11, label %guard.lt
  ]
dims.add:
  %d.sum = call {{ i64, i1 }} @llvm.sadd.with.overflow.i64(i64 %d.x, i64 %d.y)
  br label %dims.checked
dims.sub:
  %d.difference = call {{ i64, i1 }} @llvm.ssub.with.overflow.i64(i64 %d.x, i64 %d.y)
  br label %dims.checked
dims.mul:
  %d.product = call {{ i64, i1 }} @llvm.smul.with.overflow.i64(i64 %d.x, i64 %d.y)
  br label %dims.checked
dims.checked:
  %d.pair = phi {{ i64, i1 }} [ %d.sum, %dims.add ], [ %d.difference, %dims.sub ],
    [ %d.product, %dims.mul ]
  %d.value = extractvalue {{ i64, i1 }} %d.pair, 0
  %d.over = extractvalue {{ i64, i1 }} %d.pair, 1
  br i1 %d.over, label %dims.overflow, label %dims.write
dims.divide:
  ; by zero: 0; by -1: the wrapped negation
  %d.by.zero = icmp eq i64 %d.y, 0
  %d.by.minus = icmp eq i64 %d.y, -1
  %d.unsafe = or i1 %d.by.zero, %d.by.minus
  %d.safe = select i1 %d.unsafe, i64 1, i64 %d.y
  %d.trunc = sdiv i64 %d.x, %d.safe
  %d.part = mul i64 %d.trunc, %d.safe
  %d.rest = sub i64 %d.x, %d.part
  %d.inexact = icmp ne i64 %d.rest, 0
  %d.signs = xor i64 %d.x, %d.safe
  %d.opposite = icmp slt i64 %d.signs, 0
  %d.lower = and i1 %d.inexact, %d.opposite
  %d.one = zext i1 %d.lower to i64
  %d.floor.safe = sub i64 %d.trunc, %d.one
  %d.lift = select i1 %d.lower, i64 %d.safe, i64 0
  %d.mod.safe = add i64 %d.rest, %d.lift
  %d.negated = sub i64 0, %d.x
  %d.floor.minus = select i1 %d.by.minus, i64 %d.negated, i64 %d.floor.safe
  %d.floor = select i1 %d.by.zero, i64 0, i64 %d.floor.minus
  %d.mod = select i1 %d.unsafe, i64 0, i64 %d.mod.safe
  %d.wants.floor = icmp eq i64 %d.op, 4
  %d.divided = select i1 %d.wants.floor, i64 %d.floor, i64 %d.mod
  br label %dims.write
dims.min:
  %d.min = call i64 @llvm.smin.i64(i64 %d.x, i64 %d.y)
  br label %dims.write
dims.max:
  %d.max = call i64 @llvm.smax.i64(i64 %d.x, i64 %d.y)
  br label %dims.write
dims.write:
  %d.result = phi i64 [ %d.a, %dims.one ], [ %d.rounded, %dims.round ],
    [ %d.value, %dims.checked ], [ %d.divided, %dims.divide ],
    [ %d.min, %dims.min ], [ %d.max, %dims.max ]
  %d.target = getelementptr i64, ptr %dims, i64 %d.slot
  store i64 %d.result, ptr %d.target, align 8
  br label %dims.done
dims.done:
  br label %dims.group
dims.overflow:
  %d.seen.y = phi i64 [ %d.b, %dims.round ], [ %d.y, %dims.checked ]
  store i64 {memory}, ptr %code.p, align 8
  store i64 %d.slot, ptr %op.p, align 8
  store i64 %d.x, ptr %x.p, align 8
  store i64 %d.seen.y, ptr %y.p, align 8
  ret i64 {memory}
guard.eq:
  %g.eq = icmp eq i64 %d.x, %d.y
  br label %guard
guard.ne:
  %g.ne = icmp ne i64 %d.x, %d.y
  br label %guard
guard.le:
  %g.le = icmp sle i64 %d.x, %d.y
  br label %guard
guard.lt:
  %g.lt = icmp slt i64 %d.x, %d.y
  br label %guard
guard:
  %holds = phi i1 [ %g.eq, %guard.eq ], [ %g.ne, %guard.ne ],
    [ %g.le, %guard.le ], [ %g.lt, %guard.lt ]
  br i1 %holds, label %dims.done, label %guard.failed
guard.failed:
  store i64 {guard}, ptr %code.p, align 8
  store i64 %d.slot, ptr %op.p, align 8
  store i64 %d.x, ptr %x.p, align 8
  store i64 %d.y, ptr %y.p, align 8
  ret i64 {guard}
}}
"""


def driver_ir(features: Features) -> str:
    """The driver's module for a processor; its symbols are `graphc_drive` and the pool's."""
    driver = _TEMPLATE.format(
        triple=features.triple,
        attributes="nounwind",
        host=CODES["HOST"],
        memory=CODES["MEMORY"],
        guard=CODES["GUARD"],
    )
    return f"{driver}\n{pool_ir(features)}"
