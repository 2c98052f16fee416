"""Formulas as LLVM functions of a module: written when first called, shared by name and type."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from graphc.codegen.cpu.numeric import Code, Num
from graphc.codegen.cpu.text import Builder, suffix

Formula = Callable[..., Num]


def apply(name: str, formula: Formula, args: Sequence[Num], inline: bool) -> Num:
    """Call `formula` on `args` (one type) as the function "@name.type" of this module.

    `inline`: the always-inliner puts its code in place of the call, unless the caller is `compact`.
    """
    code, element = args[0].code, args[0].element
    symbol = f"@{name}.{suffix(element, code.width)}"
    if inline and code.builder.compact:
        inline, symbol = False, f"{symbol}.called"
    if symbol not in code.builder.module.parts:
        code.builder.module.require(symbol, _define(symbol, formula, args[0], len(args), inline))
    operands = ", ".join(f"{x.type} {x.name}" for x in args)
    return code.let(f"call {code.type(element)} {symbol}({operands})", element, name)


def _define(symbol: str, formula: Formula, like: Num, count: int, inline: bool) -> str:
    """The text of a function of `count` arguments of `like`'s type."""
    names = ("%x", "%y")[:count]
    builder = Builder(like.code.builder.module, names)
    code = Code(builder, like.code.features, like.code.width)
    result = formula(*(code.num(name, like.element) for name in names))
    kind = code.type(like.element)
    parameters = ", ".join(f"{kind} {name}" for name in names)
    how = "alwaysinline" if inline else "noinline"
    head = f"define internal {kind} {symbol}({parameters}) {how} memory(none)"
    lines = [f"{head} {like.code.features.attributes} {{", "entry:", *builder.lines]
    return "\n".join([*lines, f"  ret {kind} {result.name}", "}", ""])
