target triple = "x86_64-unknown-linux-gnu"

; gelu: Gelu (model.py:12)
; kernel(b0: in float32, b1: out float32; 1 dims) vector=0
;   for a0 < d0:
;     stage:
;       %0: float32 = load(b0[a0])
;       %1: float32 = const(0.7071067811865476)
;       %2: float32 = mul(%0, %1)
;       %3: float32 = const(0.5)
;       %4: float32 = mul(%0, %3)
;       %5: float32 = erf(%2)
;       %6: float32 = const(1.0)
;       %7: float32 = add(%5, %6)
;       %8: float32 = mul(%4, %7)
;       b1[a0] = %8
define void @kernel_323c47e7ad35b54000f2aa67(ptr %frame, ptr %slots, i64 %begin, i64 %end) nounwind {
entry:
  %buffers = load ptr, ptr %frame, align 8
  %p = getelementptr i64, ptr %slots, i64 0
  %slot = load i64, ptr %p, align 8
  %p.2 = getelementptr i64, ptr %buffers, i64 %slot
  %b0 = load ptr, ptr %p.2, align 8
  %p.3 = getelementptr i64, ptr %slots, i64 1
  %slot.2 = load i64, ptr %p.3, align 8
  %p.4 = getelementptr i64, ptr %buffers, i64 %slot.2
  %b1 = load ptr, ptr %p.4, align 8
  %p.5 = getelementptr i8, ptr %frame, i64 8
  %dims = load ptr, ptr %p.5, align 8
  %p.6 = getelementptr i64, ptr %slots, i64 2
  %slot.3 = load i64, ptr %p.6, align 8
  %p.7 = getelementptr i64, ptr %dims, i64 %slot.3
  %d0 = load i64, ptr %p.7, align 8
  %length = sub i64 %end, %begin
  %i.any = icmp slt i64 %begin, %end
  br i1 %i.any, label %i.head, label %i.end
i.head:
  br label %i.loop
i.loop:
  %i = phi i64 [ %begin, %i.head ], [ %i.next, %store.end ]
  %left = sub i64 %end, %i
  %count = call i64 @llvm.smin.i64(i64 %left, i64 16)
  %full = icmp sge i64 %left, 16
  %p.8 = getelementptr float, ptr %b0, i64 %i
  br i1 %full, label %load_0.yes, label %load_0.no
load_0.yes:
  %load_0 = load <16 x float>, ptr %p.8, align 4
  br label %load_0.end
load_0.no:
  %count.2 = trunc i64 %count to i32
  %count.2.0 = insertelement <16 x i32> poison, i32 %count.2, i64 0
  %count.2.v = shufflevector <16 x i32> %count.2.0, <16 x i32> poison, <16 x i32> zeroinitializer
  %active = icmp ult <16 x i32> <i32 0, i32 1, i32 2, i32 3, i32 4, i32 5, i32 6, i32 7, i32 8, i32 9, i32 10, i32 11, i32 12, i32 13, i32 14, i32 15>, %count.2.v
  %load_0.2 = call <16 x float> @llvm.masked.load.v16f32.p0(ptr %p.8, i32 4, <16 x i1> %active, <16 x float> splat (float 0x0000000000000000))
  br label %load_0.end
load_0.end:
  %load_0.3 = phi <16 x float> [ %load_0, %load_0.yes ], [ %load_0.2, %load_0.no ]
  %mul_2 = fmul <16 x float> %load_0.3, splat (float 0x3FE6A09E60000000)
  %mul_4 = fmul <16 x float> %load_0.3, splat (float 0x3FE0000000000000)
  %erf_5 = call <16 x float> @erf.v16f32(<16 x float> %mul_2)
  %add_7 = fadd <16 x float> %erf_5, splat (float 0x3FF0000000000000)
  %mul_8 = fmul <16 x float> %mul_4, %add_7
  %p.9 = getelementptr float, ptr %b1, i64 %i
  br i1 %full, label %store.yes, label %store.no
store.yes:
  store <16 x float> %mul_8, ptr %p.9, align 4
  br label %store.end
store.no:
  %count.3 = trunc i64 %count to i32
  %count.3.0 = insertelement <16 x i32> poison, i32 %count.3, i64 0
  %count.3.v = shufflevector <16 x i32> %count.3.0, <16 x i32> poison, <16 x i32> zeroinitializer
  %active.2 = icmp ult <16 x i32> <i32 0, i32 1, i32 2, i32 3, i32 4, i32 5, i32 6, i32 7, i32 8, i32 9, i32 10, i32 11, i32 12, i32 13, i32 14, i32 15>, %count.3.v
  call void @llvm.masked.store.v16f32.p0(<16 x float> %mul_8, ptr %p.9, i32 4, <16 x i1> %active.2)
  br label %store.end
store.end:
  %i.next = add nsw i64 %i, 16
  %i.more = icmp slt i64 %i.next, %end
  br i1 %i.more, label %i.loop, label %i.end
i.end:
  ret void
}

define internal <16 x float> @erf.v16f32(<16 x float> %x) noinline memory(none) nounwind {
entry:
  %fabs = call <16 x float> @llvm.fabs.v16f32(<16 x float> %x)
  %fmul = fmul <16 x float> %x, %x
  %fma = call <16 x float> @llvm.fma.v16f32(<16 x float> splat (float 0x3F1496A300000000), <16 x float> %fmul, <16 x float> splat (float 0xBF4A3F7000000000))
  %fma.2 = call <16 x float> @llvm.fma.v16f32(<16 x float> %fma, <16 x float> %fmul, <16 x float> splat (float 0x3F75405B20000000))
  %fma.3 = call <16 x float> @llvm.fma.v16f32(<16 x float> %fma.2, <16 x float> %fmul, <16 x float> splat (float 0xBF9B7F90E0000000))
  %fma.4 = call <16 x float> @llvm.fma.v16f32(<16 x float> %fma.3, <16 x float> %fmul, <16 x float> splat (float 0x3FBCE2CF80000000))
  %fma.5 = call <16 x float> @llvm.fma.v16f32(<16 x float> %fma.4, <16 x float> %fmul, <16 x float> splat (float 0xBFD81273E0000000))
  %fma.6 = call <16 x float> @llvm.fma.v16f32(<16 x float> %fma.5, <16 x float> %fmul, <16 x float> splat (float 0x3FC06EBA80000000))
  %fma.7 = call <16 x float> @llvm.fma.v16f32(<16 x float> %x, <16 x float> %fma.6, <16 x float> %x)
  %is = fcmp ogt <16 x float> %fabs, splat (float 0x4010000000000000)
  %select = select <16 x i1> %is, <16 x float> splat (float 0x4010000000000000), <16 x float> %fabs
  %fma.8 = call <16 x float> @llvm.fma.v16f32(<16 x float> splat (float 0x3EF6C063C0000000), <16 x float> %select, <16 x float> splat (float 0xBF3CEEAB00000000))
  %fma.9 = call <16 x float> @llvm.fma.v16f32(<16 x float> %fma.8, <16 x float> %select, <16 x float> splat (float 0x3F71398E80000000))
  %fma.10 = call <16 x float> @llvm.fma.v16f32(<16 x float> %fma.9, <16 x float> %select, <16 x float> splat (float 0xBF99D0BC80000000))
  %fma.11 = call <16 x float> @llvm.fma.v16f32(<16 x float> %fma.10, <16 x float> %select, <16 x float> splat (float 0x3FBBC18CC0000000))
  %fma.12 = call <16 x float> @llvm.fma.v16f32(<16 x float> %fma.11, <16 x float> %select, <16 x float> splat (float 0x3FE4434F20000000))
  %fma.13 = call <16 x float> @llvm.fma.v16f32(<16 x float> %fma.12, <16 x float> %select, <16 x float> splat (float 0x3FF212C2C0000000))
  %fma.14 = call <16 x float> @llvm.fma.v16f32(<16 x float> %fma.13, <16 x float> %select, <16 x float> splat (float 0xBF28B3E260000000))
  %fneg = fneg <16 x float> %fma.14
  %is.2 = fcmp olt <16 x float> %fneg, splat (float 0xC05A000000000000)
  %select.2 = select <16 x i1> %is.2, <16 x float> splat (float 0xC05A000000000000), <16 x float> %fneg
  %fma.15 = call <16 x float> @llvm.fma.v16f32(<16 x float> %select.2, <16 x float> splat (float 0x3FF7154760000000), <16 x float> splat (float 0x41680017E0000000))
  %fsub = fsub <16 x float> %fma.15, splat (float 0x41680017E0000000)
  %fma.16 = call <16 x float> @llvm.fma.v16f32(<16 x float> %fsub, <16 x float> splat (float 0xBFE62E3000000000), <16 x float> %select.2)
  %fma.17 = call <16 x float> @llvm.fma.v16f32(<16 x float> %fsub, <16 x float> splat (float 0xBEE2FEFA20000000), <16 x float> %fma.16)
  %bitcast = bitcast <16 x float> %fma.15 to <16 x i32>
  %shl = shl <16 x i32> %bitcast, splat (i32 23)
  %fmul.2 = fmul <16 x float> %fma.17, %fma.17
  %fma.18 = call <16 x float> @llvm.fma.v16f32(<16 x float> %fma.17, <16 x float> splat (float 0x3FC55548A0000000), <16 x float> splat (float 0x3FDFFFFFC0000000))
  %fma.19 = call <16 x float> @llvm.fma.v16f32(<16 x float> %fma.17, <16 x float> splat (float 0x3F8123FC80000000), <16 x float> splat (float 0x3FA5559160000000))
  %fma.20 = call <16 x float> @llvm.fma.v16f32(<16 x float> %fmul.2, <16 x float> splat (float 0x3F56A1A740000000), <16 x float> %fma.19)
  %fma.21 = call <16 x float> @llvm.fma.v16f32(<16 x float> %fmul.2, <16 x float> %fma.20, <16 x float> %fma.18)
  %fma.22 = call <16 x float> @llvm.fma.v16f32(<16 x float> %fmul.2, <16 x float> %fma.21, <16 x float> %fma.17)
  %fadd = fadd <16 x float> %fma.22, splat (float 0x3FF0000000000000)
  %bitcast.2 = bitcast <16 x i32> %shl to <16 x float>
  %fmul.3 = fmul <16 x float> %fadd, %bitcast.2
  %fmul.4 = fmul <16 x float> %fmul.3, splat (float 0x3BF0000000000000)
  %fsub.2 = fsub <16 x float> splat (float 0x3FF0000000000000), %fmul.4
  %copysign = call <16 x float> @llvm.copysign.v16f32(<16 x float> %fsub.2, <16 x float> %x)
  %is.3 = fcmp ole <16 x float> %fabs, splat (float 0x3FF0000000000000)
  %is.4 = fcmp uno <16 x float> %x, %x
  %select.3 = select <16 x i1> %is.4, <16 x float> %x, <16 x float> %copysign
  %select.4 = select <16 x i1> %is.3, <16 x float> %fma.7, <16 x float> %select.3
  ret <16 x float> %select.4
}
