"""Payne and Hanek's reduction of huge arguments modulo pi/2, lane by lane.

x = m 2^e with a 53-bit integer m. Of the bits of 2/pi only those matter that make m 2^e (2/pi) less
than 4 and more than 2^-128 or so: a window of 192 bits that starts where e says. The product modulo
4, with 190 fractional bits, gives the quadrant and the rest, which is multiplied by pi/2.
"""

from __future__ import annotations

from graphc.codegen.cpu.numeric import Num
from graphc.codegen.cpu.text import suffix, vector

# 64 zero bits, then the first 1280 bits of 2/pi
_TWO_OVER_PI = (
    0, 0xA2F9836E4E441529, 0xFC2757D1F534DDC0, 0xDB6295993C439041, 0xFE5163ABDEBBC561,
    0xB7246E3A424DD2E0, 0x06492EEA09D1921C, 0xFE1DEB1CB129A73E, 0xE88235F52EBB4484,
    0xE99C7026B45F7E41, 0x3991D639835339F4, 0x9C845F8BBDF9283B, 0x1FF897FFDE05980F,
    0xEF2F118B5A0A6D1F, 0x6D367ECF27CB09B7, 0x4F463F669E5FEA2D, 0x7527BAC7EBE5F17B,
    0x3D0739F78A5292EA, 0x6BFB5FB11F8D5D08, 0x56033046FC7B6BAB, 0xF0CFBC209AF4361D,
)  # fmt: skip

_LANE = """\
  %bits = bitcast double %x to i64
  %size = and i64 %bits, 9223372036854775807
  %exponent = lshr i64 %size, 52
  %fraction = and i64 %bits, 4503599627370495
  %m = or i64 %fraction, 4503599627370496
  ; the window starts at bit e - 2 of 2/pi, where e = exponent - 1075; 64 zero bits come first
  %start.any = sub i64 %exponent, 1013
  %start.min = call i64 @llvm.smax.i64(i64 %start.any, i64 0)
  %start = call i64 @llvm.smin.i64(i64 %start.min, i64 1087)
  %word = lshr i64 %start, 6
  %shift = and i64 %start, 63
  %p0 = getelementptr i64, ptr @two_over_pi, i64 %word
  %p1 = getelementptr i64, ptr %p0, i64 1
  %p2 = getelementptr i64, ptr %p0, i64 2
  %p3 = getelementptr i64, ptr %p0, i64 3
  %t0 = load i64, ptr %p0, align 8
  %t1 = load i64, ptr %p1, align 8
  %t2 = load i64, ptr %p2, align 8
  %t3 = load i64, ptr %p3, align 8
  %w2 = call i64 @llvm.fshl.i64(i64 %t0, i64 %t1, i64 %shift)
  %w1 = call i64 @llvm.fshl.i64(i64 %t1, i64 %t2, i64 %shift)
  %w0 = call i64 @llvm.fshl.i64(i64 %t2, i64 %t3, i64 %shift)
  ; m * window modulo 2^192
  %m.wide = zext i64 %m to i128
  %w0.wide = zext i64 %w0 to i128
  %w1.wide = zext i64 %w1 to i128
  %q0 = mul i128 %m.wide, %w0.wide
  %q1 = mul i128 %m.wide, %w1.wide
  %q2 = mul i64 %m, %w2
  %q0.high = lshr i128 %q0, 64
  %low = add i128 %q1, %q0.high
  %low.high.wide = lshr i128 %low, 64
  %low.high = trunc i128 %low.high.wide to i64
  %high = add i64 %q2, %low.high
  %mid = trunc i128 %low to i64
  %last = trunc i128 %q0 to i64
  ; two integer bits, then the fraction; a fraction of one half or more counts as negative
  %quadrant.floor = lshr i64 %high, 62
  %f2 = call i64 @llvm.fshl.i64(i64 %high, i64 %mid, i64 2)
  %f1 = call i64 @llvm.fshl.i64(i64 %mid, i64 %last, i64 2)
  %negative = icmp slt i64 %f2, 0
  %carry = zext i1 %negative to i64
  %quadrant = add i64 %quadrant.floor, %carry
  %flip = sub i64 0, %carry
  %g2 = xor i64 %f2, %flip
  %g1 = xor i64 %f1, %flip
  ; normalise: 64 leading bits and 64 more
  %zeros = call i64 @llvm.ctlz.i64(i64 %g2, i1 false)
  %zeros.safe = call i64 @llvm.umin.i64(i64 %zeros, i64 63)
  %n2 = call i64 @llvm.fshl.i64(i64 %g2, i64 %g1, i64 %zeros.safe)
  %n1 = shl i64 %g1, %zeros.safe
  %lead = and i64 %n2, -4096
  %trail = shl i64 %n2, 52
  %n1.high = lshr i64 %n1, 12
  %rest = or i64 %trail, %n1.high
  %lead.float = uitofp i64 %lead to double
  %rest.float = uitofp i64 %rest to double
  %rest.scaled = fmul double %rest.float, 0x3CB0000000000000
  ; times 2^-64-zeros times pi/2
  %down = sub i64 959, %zeros.safe
  %down.bits = shl i64 %down, 52
  %unit = bitcast i64 %down.bits to double
  %a = fmul double %lead.float, %unit
  %b = fmul double %rest.scaled, %unit
  %product = fmul double %a, 0x3FF921FB54442D18
  %minus.product = fneg double %product
  %error.a = call double @llvm.FMA.f64(double %a, double 0x3FF921FB54442D18, double %minus.product)
  %error.b = call double @llvm.FMA.f64(double %a, double 0x3C91A62633145C07, double %error.a)
  %error = call double @llvm.FMA.f64(double %b, double 0x3FF921FB54442D18, double %error.b)
  %angle = fadd double %product, %error
  %minus.angle = fneg double %angle
  %x.negative = icmp slt i64 %bits, 0
  %other = xor i1 %x.negative, %negative
  %r = select i1 %other, double %minus.angle, double %angle
  %minus.quadrant = sub i64 0, %quadrant
  %q = select i1 %x.negative, i64 %minus.quadrant, i64 %quadrant
  ; infinity and NaN have no angle
  %special = icmp uge i64 %size, 9218868437227405312
  %nan = select i1 %special, double 0x7FF8000000000000, double %r
"""


def reduce_huge(x: Num) -> tuple[Num, Num]:
    """(r, q) of every lane with |x| >= 4: x = (4j + q) pi/2 + r; q has the integer type of x's
    size.

    A call of a function; it is written in place, since it must not run where it is not needed.
    """
    code, builder = x.code, x.code.builder
    words = ", ".join(f"i64 {w - (1 << 64) if w >> 63 else w}" for w in _TWO_OVER_PI)
    count = len(_TWO_OVER_PI)
    builder.module.require(
        "@two_over_pi",
        f"@two_over_pi = internal unnamed_addr constant [{count} x i64] [{words}], align 64\n",
    )
    integer = "i32" if x.element == "float" else "i64"
    name = f"@reduce_huge.{suffix(x.element, code.width)}"
    pair = f"{{ {code.type(x.element)}, {code.type(integer)} }}"
    fused = "fma" if code.features.fma else "fmuladd"
    builder.module.require(name, _function(name, x.element, integer, code.width, fused))
    both = builder.here("huge", f"call {pair} {name}({x.type} {x.name})")
    r, q = (builder.here("part", f"extractvalue {pair} {both}, {part}") for part in (0, 1))
    return code.num(r, x.element), code.num(q, integer)


def _function(name: str, element: str, integer: str, width: int | None, fused: str) -> str:
    """A loop over the lanes, which are copied to the stack."""
    kind, whole = vector(element, width), vector(integer, width)
    pair = f"{{ {kind}, {whole} }}"
    short = element == "float"
    load = "fpext float %one to double" if short else "fadd double %one, -0.0"
    narrow = "fptrunc double %nan to float" if short else "fadd double %nan, -0.0"
    count = "trunc i64 %q to i32" if short else "add i64 %q, 0"
    lane = _LANE.replace("FMA", fused)
    return f"""\
define internal {pair} {name}({kind} %all) noinline memory(none) nounwind {{
entry:
  %xs = alloca {kind}, align 64
  %qs = alloca {whole}, align 64
  store {kind} %all, ptr %xs, align 64
  br label %loop
loop:
  %lane = phi i64 [ 0, %entry ], [ %next, %loop ]
  %x.p = getelementptr {element}, ptr %xs, i64 %lane
  %q.p = getelementptr {integer}, ptr %qs, i64 %lane
  %one = load {element}, ptr %x.p
  %x = {load}
{lane}  %r.out = {narrow}
  %q.out = {count}
  store {element} %r.out, ptr %x.p
  store {integer} %q.out, ptr %q.p
  %next = add i64 %lane, 1
  %more = icmp slt i64 %next, {width or 1}
  br i1 %more, label %loop, label %end
end:
  %r.all = load {kind}, ptr %xs, align 64
  %q.all = load {whole}, ptr %qs, align 64
  %pair = insertvalue {pair} poison, {kind} %r.all, 0
  %result = insertvalue {pair} %pair, {whole} %q.all, 1
  ret {pair} %result
}}
"""
