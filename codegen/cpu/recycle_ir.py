"""The recycler as LLVM IR: big results' memory is kept for the next result of about that size.

Fresh memory of tens of megabytes costs more in page faults than the kernel that fills it. A block
is 64 bytes with its capacity, then the data. The pool is a table of words: 0 blocks kept, 1 bytes
kept, 2 most bytes to keep, then for each block its address and capacity, oldest first. Everything
here runs under the interpreter's lock.
"""

from __future__ import annotations

from graphc.codegen.cpu.target import Features

BLOCKS = 32
_ADVICE = """\
  %is.huge = icmp uge i64 %capacity, 4194304
  br i1 %is.huge, label %advise, label %fresh
advise:
  %advised = call i32 @madvise(ptr %block, i64 %whole, i32 14)
  br label %fresh
fresh:
"""
_NO_ADVICE = """\
  br label %fresh
fresh:
"""
_TEMPLATE = """\
target triple = "@triple"

declare i32 @posix_memalign(ptr, i64, i64)
declare void @free(ptr)
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
declare void @llvm.memmove.p0.p0.i64(ptr, ptr, i64, i1)
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)
@declare_advice

; Memory for `size` bytes: the tightest block kept that wastes at most a quarter, or a fresh one.
define ptr @graphc_take(ptr %pool, i64 %size) nounwind {
entry:
  %place = alloca ptr, align 8
  %bad = icmp ugt i64 %size, 1152921504606846976
  br i1 %bad, label %none, label %round
none:
  ret ptr null
round:
  %up = add i64 %size, 4095
  %capacity = and i64 %up, -4096
  %quarter = lshr i64 %capacity, 2
  %most = add i64 %capacity, %quarter
  %count = load i64, ptr %pool, align 8
  %table = getelementptr i64, ptr %pool, i64 3
  br label %look
look:
  %i = phi i64 [ 0, %round ], [ %i.next, %next ]
  %best = phi i64 [ -1, %round ], [ %best.next, %next ]
  %best.size = phi i64 [ %most, %round ], [ %best.size.next, %next ]
  %more = icmp ult i64 %i, %count
  br i1 %more, label %one, label %looked
one:
  %word = mul i64 %i, 2
  %block.p = getelementptr i64, ptr %table, i64 %word
  %block.size.p = getelementptr i64, ptr %block.p, i64 1
  %block.size = load i64, ptr %block.size.p, align 8
  %enough = icmp uge i64 %block.size, %capacity
  %tight = icmp ule i64 %block.size, %best.size
  %good = and i1 %enough, %tight
  br label %next
next:
  %best.next = select i1 %good, i64 %i, i64 %best
  %best.size.next = select i1 %good, i64 %block.size, i64 %best.size
  %i.next = add i64 %i, 1
  br label %look
looked:
  %found = icmp sge i64 %best, 0
  br i1 %found, label %reuse, label %make
reuse:
  %best.word = mul i64 %best, 2
  %best.p = getelementptr i64, ptr %table, i64 %best.word
  %kept = load ptr, ptr %best.p, align 8
  call void @graphc_forget(ptr %pool, i64 %best)
  %kept.data = getelementptr i8, ptr %kept, i64 64
  ret ptr %kept.data
make:
  %whole = add i64 %capacity, 64
  %is.large = icmp uge i64 %capacity, 4194304
  %alignment = select i1 %is.large, i64 2097152, i64 64
  %status = call i32 @posix_memalign(ptr %place, i64 %alignment, i64 %whole)
  %made = icmp eq i32 %status, 0
  br i1 %made, label %have, label %none
have:
  %block = load ptr, ptr %place, align 8
@advice
  store i64 %capacity, ptr %block, align 8
  %data = getelementptr i8, ptr %block, i64 64
  ret ptr %data
}

; Take block `i` out of the table.
define void @graphc_forget(ptr %pool, i64 %i) nounwind {
  %count = load i64, ptr %pool, align 8
  %less = sub i64 %count, 1
  store i64 %less, ptr %pool, align 8
  %table = getelementptr i64, ptr %pool, i64 3
  %word = mul i64 %i, 2
  %at = getelementptr i64, ptr %table, i64 %word
  %size.p = getelementptr i64, ptr %at, i64 1
  %size = load i64, ptr %size.p, align 8
  %bytes.p = getelementptr i64, ptr %pool, i64 1
  %bytes = load i64, ptr %bytes.p, align 8
  %bytes.less = sub i64 %bytes, %size
  store i64 %bytes.less, ptr %bytes.p, align 8
  %later = getelementptr i64, ptr %at, i64 2
  %behind = sub i64 %less, %i
  %moved = mul i64 %behind, 16
  call void @llvm.memmove.p0.p0.i64(ptr %at, ptr %later, i64 %moved, i1 false)
  ret void
}

; Give memory back: it is kept, and the oldest blocks go where there is too much.
define void @graphc_give(ptr %pool, ptr %data, i64 %size) nounwind {
entry:
  %some = icmp ne ptr %data, null
  br i1 %some, label %block.of, label %done
block.of:
  %block = getelementptr i8, ptr %data, i64 -64
  %capacity = load i64, ptr %block, align 8
  %bytes.p = getelementptr i64, ptr %pool, i64 1
  %limit.p = getelementptr i64, ptr %pool, i64 2
  %limit = load i64, ptr %limit.p, align 8
  %table = getelementptr i64, ptr %pool, i64 3
  %too.big = icmp ugt i64 %capacity, %limit
  br i1 %too.big, label %release, label %check
release:
  call void @free(ptr %block)
  ret void
check:
  %count = load i64, ptr %pool, align 8
  %bytes = load i64, ptr %bytes.p, align 8
  %after = add i64 %bytes, %capacity
  %over = icmp ugt i64 %after, %limit
  %full = icmp uge i64 %count, @blocks
  %must = or i1 %over, %full
  br i1 %must, label %evict, label %keep
evict:
  %oldest = load ptr, ptr %table, align 8
  call void @graphc_forget(ptr %pool, i64 0)
  call void @free(ptr %oldest)
  br label %check
keep:
  %word = mul i64 %count, 2
  %at = getelementptr i64, ptr %table, i64 %word
  store ptr %block, ptr %at, align 8
  %size.p = getelementptr i64, ptr %at, i64 1
  store i64 %capacity, ptr %size.p, align 8
  store i64 %after, ptr %bytes.p, align 8
  %more = add i64 %count, 1
  store i64 %more, ptr %pool, align 8
  br label %done
done:
  ret void
}

; What NumPy's handler offers besides: calloc(pool, elements, size) and realloc(pool, data, size).
define ptr @graphc_take_zeros(ptr %pool, i64 %elements, i64 %size) nounwind {
  %product = call { i64, i1 } @llvm.umul.with.overflow.i64(i64 %elements, i64 %size)
  %bytes = extractvalue { i64, i1 } %product, 0
  %over = extractvalue { i64, i1 } %product, 1
  %asked = select i1 %over, i64 -1, i64 %bytes
  %data = call ptr @graphc_take(ptr %pool, i64 %asked)
  %some = icmp ne ptr %data, null
  br i1 %some, label %clear, label %done
clear:
  call void @llvm.memset.p0.i64(ptr %data, i8 0, i64 %bytes, i1 false)
  br label %done
done:
  ret ptr %data
}

define ptr @graphc_take_again(ptr %pool, ptr %old, i64 %size) nounwind {
entry:
  %data = call ptr @graphc_take(ptr %pool, i64 %size)
  %made = icmp ne ptr %data, null
  %had = icmp ne ptr %old, null
  %both = and i1 %made, %had
  br i1 %both, label %copy, label %done
copy:
  %capacity.p = getelementptr i8, ptr %old, i64 -64
  %capacity = load i64, ptr %capacity.p, align 8
  %shorter = icmp ult i64 %capacity, %size
  %bytes = select i1 %shorter, i64 %capacity, i64 %size
  call void @llvm.memcpy.p0.p0.i64(ptr %data, ptr %old, i64 %bytes, i1 false)
  call void @graphc_give(ptr %pool, ptr %old, i64 0)
  br label %done
done:
  ret ptr %data
}
"""
SYMBOLS = ("graphc_take", "graphc_take_zeros", "graphc_take_again", "graphc_give")


def recycle_ir(features: Features) -> str:
    """The recycler's module for a processor; its functions are `SYMBOLS`."""
    linux = "linux" in features.triple
    declared = "declare i32 @madvise(ptr, i64, i32)" if linux else ""
    text = _TEMPLATE.replace("@triple", features.triple).replace("@declare_advice", declared)
    text = text.replace("@advice\n", _ADVICE if linux else _NO_ADVICE)
    return text.replace("@blocks", str(BLOCKS)) + (
        "declare { i64, i1 } @llvm.umul.with.overflow.i64(i64, i64)\n"
    )
