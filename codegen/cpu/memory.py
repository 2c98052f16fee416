"""Vector loads and stores: whole, of the first lanes, masked; as the processor does them best.

Masked intrinsics are written with the alignment as an operand, as LLVM had them up to version 21:
later versions upgrade that form when they parse it, older ones know no other.
"""

from __future__ import annotations

from graphc.codegen.cpu.numeric import BITS
from graphc.codegen.cpu.points import splat
from graphc.codegen.cpu.target import Features
from graphc.codegen.cpu.text import Builder, suffix, vector

NOWHERE_BYTES = 512  # the widest vector: 64 elements of 8 bytes


class Memory:
    """Writes vector memory instructions into one function."""

    def __init__(self, builder: Builder, features: Features) -> None:
        self.builder = builder
        self.features = features

    def align(self, element: str) -> int:
        """Buffers are aligned to their elements, no more."""
        return BITS[element] // 8

    def masks(self, element: str) -> bool:
        return self.features.masked(self.align(element))

    def nowhere(self, reading: bool) -> str:
        """The address that skipped accesses go to: zeros, or scratch memory on the stack."""
        kind = f"[{NOWHERE_BYTES} x i8]"
        if not reading:
            return self.builder.entry("nowhere", f"alloca {kind}, align 64")
        text = f"@zeros = internal unnamed_addr constant {kind} zeroinitializer, align 64\n"
        return self.builder.module.require("@zeros", text)

    def load(self, address: str, element: str, width: int, constant: bool, hint: str) -> str:
        write = self.builder.read if constant else self.builder.here
        kind = vector(element, width)
        return write(hint, f"load {kind}, ptr {address}, align {self.align(element)}")

    def store(self, address: str, element: str, width: int, name: str) -> None:
        kind = vector(element, width)
        self.builder.line(f"store {kind} {name}, ptr {address}, align {self.align(element)}")

    def reverse(self, name: str, element: str, width: int) -> str:
        order = ", ".join(f"i32 {lane}" for lane in reversed(range(width)))
        kind = vector(element, width)
        text = f"shufflevector {kind} {name}, {kind} poison, <{width} x i32> <{order}>"
        return self.builder.let("reversed", text)

    # -- the first `count` lanes, count known when compiling: a vector per power of two

    def load_first(
        self, address: str, element: str, width: int, count: int, constant: bool, hint: str
    ) -> str:
        """The first `count` elements; the other lanes are 0."""
        result = "zeroinitializer"
        whole = vector(element, width)
        for start, size in _pieces(count):
            place = self._offset(address, element, start)
            part = self.load(place, element, size, constant, hint)
            spread = ", ".join(f"i32 {lane if lane < size else 'poison'}" for lane in range(width))
            text = f"shufflevector <{size} x {element}> {part}, <{size} x {element}> poison"
            wide = self.builder.let("wide", f"{text}, <{width} x i32> <{spread}>")
            chosen = ", ".join(
                f"i32 {width + lane - start if start <= lane < start + size else lane}"
                for lane in range(width)
            )
            # piece into place: lanes of `wide` count from 0, the result's from `start`
            text = f"shufflevector {whole} {result}, {whole} {wide}, <{width} x i32> <{chosen}>"
            result = self.builder.let(hint, text)
        return result

    def store_first(self, address: str, element: str, width: int, count: int, name: str) -> None:
        whole = vector(element, width)
        for start, size in _pieces(count):
            lanes = ", ".join(f"i32 {start + lane}" for lane in range(size))
            text = f"shufflevector {whole} {name}, {whole} poison, <{size} x i32> <{lanes}>"
            part = self.builder.let("part", text)
            self.store(self._offset(address, element, start), element, size, part)

    def _offset(self, address: str, element: str, offset: int) -> str:
        if offset == 0:
            return address
        return self.builder.let("p", f"getelementptr {element}, ptr {address}, i64 {offset}")

    # -- the first `count` lanes, count a register, for elements without masked instructions

    def copy_in(self, address: str, element: str, width: int, count: str, hint: str) -> str:
        kind = vector(element, width)
        scratch = self.builder.entry(f"tail.{element}", f"alloca {kind}, align 64")
        self.builder.line(f"store {kind} zeroinitializer, ptr {scratch}, align 64")
        self._copy(scratch, address, element, count)
        return self.builder.here(hint, f"load {kind}, ptr {scratch}, align 64")

    def copy_out(self, address: str, element: str, width: int, count: str, name: str) -> None:
        kind = vector(element, width)
        scratch = self.builder.entry(f"tail.{element}", f"alloca {kind}, align 64")
        self.builder.line(f"store {kind} {name}, ptr {scratch}, align 64")
        self._copy(address, scratch, element, count)

    def _copy(self, target: str, source: str, element: str, count: str) -> None:
        size = count
        if self.align(element) > 1:
            size = self.builder.let("size", f"mul i64 {count}, {self.align(element)}")
        self.builder.line(
            f"call void @llvm.memcpy.p0.p0.i64(ptr {target}, ptr {source}, i64 {size}, i1 false)"
        )

    # -- any mask

    def load_masked(
        self,
        address: str,
        element: str,
        width: int,
        mask: str,
        other: str,
        constant: bool,
        hint: str,
    ) -> str:
        """The elements where `mask` holds, `other` elsewhere."""
        kind = vector(element, width)
        rest = splat(self.builder, other, element, width)
        write = self.builder.read if constant else self.builder.here
        mangled = suffix(element, width)
        if self.masks(element):
            source = f"ptr {address}, i32 {self.align(element)}"
            call = f"call {kind} @llvm.masked.load.{mangled}.p0({source}"
        else:
            self._require("load", element, width)
            call = f"call {kind} @load_masked.{mangled}(ptr {address}"
        return write(hint, f"{call}, <{width} x i1> {mask}, {kind} {rest})")

    def store_masked(self, address: str, element: str, width: int, mask: str, name: str) -> None:
        value = f"{vector(element, width)} {name}"
        mangled = suffix(element, width)
        if self.masks(element):
            target = f"ptr {address}, i32 {self.align(element)}"
            call = f"call void @llvm.masked.store.{mangled}.p0({value}, {target}"
            self.builder.line(f"{call}, <{width} x i1> {mask})")
        else:
            self._require("store", element, width)
            call = f"call void @store_masked.{mangled}(ptr {address}"
            self.builder.line(f"{call}, <{width} x i1> {mask}, {value})")

    def _require(self, verb: str, element: str, width: int) -> None:
        """A function that copies the elements where a mask holds, one by one: from memory to a
        vector ("load") or from a vector to memory ("store")."""
        kind = vector(element, width)
        name = f"@{verb}_masked.{suffix(element, width)}"
        load = verb == "load"
        result = kind if load else "void"
        end = f"%result = load {kind}, ptr %copy, align 64\n  ret {kind} %result"
        self.builder.module.require(
            name,
            f"""define internal {result} {name}(ptr %p, <{width} x i1> %mask, {kind} %vector)
    noinline nounwind {{
entry:
  %copy = alloca {kind}, align 64
  store {kind} %vector, ptr %copy, align 64
  %bits = bitcast <{width} x i1> %mask to i{width}
  %any = icmp ne i{width} %bits, 0
  br i1 %any, label %loop, label %end
loop:
  %left = phi i{width} [ %bits, %entry ], [ %rest, %loop ]
  %first = call i{width} @llvm.cttz.i{width}(i{width} %left, i1 true)
  %lane = zext i{width} %first to i64
  %source = getelementptr {element}, ptr {"%p" if load else "%copy"}, i64 %lane
  %target = getelementptr {element}, ptr {"%copy" if load else "%p"}, i64 %lane
  %one = load {element}, ptr %source, align {self.align(element)}
  store {element} %one, ptr %target, align {self.align(element)}
  %less = add i{width} %left, -1
  %rest = and i{width} %left, %less
  %more = icmp ne i{width} %rest, 0
  br i1 %more, label %loop, label %end
end:
  {end if load else "ret void"}
}}
""",
        )


def _pieces(count: int) -> list[tuple[int, int]]:
    """(start, size) with sizes the powers of two that make up `count`, greatest first."""
    pieces, start = [], 0
    for bit in reversed(range(count.bit_length())):
        if count >> bit & 1:
            pieces.append((start, 1 << bit))
            start += 1 << bit
    return pieces
