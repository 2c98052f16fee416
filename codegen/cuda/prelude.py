"""Device helpers that generated sources carry with them, each with those it calls.

A helper's name is its template's name, or template and dtypes: `div_int32`,
`saturate_float32_int8`. They are plain numba.cuda device functions; `device`, `libdevice`, the
dtypes, `inf` and `nan` are names that the adapter supplies.
"""

from __future__ import annotations

import re

from graphc.codegen.kernel import CODES
from graphc.ir.dtypes import as_dtype
from graphc.ir.random import M0, M1, ROUNDS, W0, W1

FAILURE_WORDS = 5  # code, operation, two operands, lock


def helper_text(name: str) -> str:
    """The source of a helper."""
    template, *words = name.split("_")
    if not words:
        return _HELPERS[template].strip("\n").format(**_CONSTANTS)
    source = as_dtype(words[0])
    names = {"t": source.name, "f": "f" if source.size == 4 else ""}
    # Dividing the least integer by -1 leaves the range: the quotient wraps, the remainder is 0.
    for result, value in (("wraps", f"{source.name}(0) - x"), ("nothing", "0")):
        lines = f"    if y == {source.name}(-1):\n        return {source.name}({value})\n"
        names[result] = "" if source.is_unsigned else lines
    if len(words) == 2:
        target = as_dtype(words[1])
        low, high = int(target.min), int(target.max)
        names |= {"to": target.name, "low": str(low), "high": str(high)}
        names |= {"least": repr(float(low)), "beyond": repr(float(high + 1))}
    return _HELPERS[template].strip("\n").format(**_CONSTANTS, **names)


def helpers_for(text: str) -> list[str]:
    """The sources of all helpers that a source calls, callees first."""
    found: dict[str, str] = {}
    pending = _calls(text)
    while pending:
        name = pending[-1]
        if name in found:
            pending.pop()
            continue
        body = helper_text(name)
        missing = [n for n in _calls(body) if n not in found and n != name]
        if missing:
            pending += missing
        else:
            pending.pop()
            found[name] = body
    return list(found.values())


def _calls(text: str) -> list[str]:
    return list(dict.fromkeys(_CALL.findall(text)))


# The asymptotic series of digamma: B_2k / 2k, B_2k the Bernoulli numbers.
_DIGAMMA = (1 / 12, -1 / 120, 1 / 252, -1 / 240, 1 / 132, -691 / 32760, 1 / 12)
_CONSTANTS = {
    **{f"code_{name}": number for name, number in CODES.items()},
    **{"M0": hex(M0), "M1": hex(M1), "W0": hex(W0), "W1": hex(W1), "rounds": ROUNDS},
    "pi": "float64(3.141592653589793)",
    "series": "\n".join(
        f"    series = (series + float64({c!r})) / (x * x)" for c in reversed(_DIGAMMA)
    ),
}

_HELPERS = {
    # Independent thread scheduling (compute capability 7.0 on) makes the lock safe within a warp.
    "record": '''
@device
def record(failure, code, op, a, b):
    """Record a failure; the lowest (op, a, b) stays, whatever the order of threads."""
    waiting = True
    while waiting:
        if cuda.atomic.cas(failure, 4, 0, 1) == 0:
            old_code = cuda.atomic.add(failure, 0, 0)
            old_op = cuda.atomic.add(failure, 1, 0)
            old_a = cuda.atomic.add(failure, 2, 0)
            old_b = cuda.atomic.add(failure, 3, 0)
            lower = a < old_a or (a == old_a and b < old_b)
            if old_code == 0 or op < old_op or (op == old_op and lower):
                cuda.atomic.exch(failure, 0, code)
                cuda.atomic.exch(failure, 1, op)
                cuda.atomic.exch(failure, 2, a)
                cuda.atomic.exch(failure, 3, b)
            cuda.threadfence()
            cuda.atomic.exch(failure, 4, 0)
            waiting = False
''',
    "checked": '''
@device
def checked(index, bound, op, failure):
    """The index if it is in [0, bound); else record the failure and give 0."""
    if 0 <= index and index < bound:
        return index
    record(failure, {code_INDEX}, op, index, bound)
    return int64(0)
''',
    "maximum": '''
@device
def maximum(x, y):
    """The greater; NaN if either is NaN."""
    return x if x > y or x != x else y
''',
    "minimum": '''
@device
def minimum(x, y):
    """The less; NaN if either is NaN."""
    return x if x < y or x != x else y
''',
    "philox": '''
@device
def philox(element, key, run, stream):
    """The 32 random bits of an element: Philox4x32-10 as in graphc.ir.random."""
    mask = uint64(0xFFFFFFFF)
    block = uint64(((element >> int64(6)) << int64(4)) + (element & int64(15)))
    c0 = block & mask
    c1 = block >> uint64(32)
    c2 = uint64(run) & mask
    c3 = uint64(stream) & mask
    k0 = uint64(key) & mask
    k1 = uint64(key) >> uint64(32)
    for _ in range({rounds}):
        p0 = c0 * uint64({M0})
        p1 = c2 * uint64({M1})
        c0 = (p1 >> uint64(32)) ^ c1 ^ k0
        c1 = p1 & mask
        c2 = (p0 >> uint64(32)) ^ c3 ^ k1
        c3 = p0 & mask
        k0 = (k0 + uint64({W0})) & mask
        k1 = (k1 + uint64({W1})) & mask
    word = (element >> int64(4)) & int64(3)
    low = c0 if word == int64(0) else c1
    high = c2 if word == int64(2) else c3
    return uint32(low if word < int64(2) else high)
''',
    "div": '''
@device
def div_{t}(x, y, op, failure):
    """x / y rounded to zero, as C does."""
    if y == {t}(0):
        record(failure, {code_DIVIDE}, op, 0, 0)
    return quotient_{t}(x, y)
''',
    "quotient": '''
@device
def quotient_{t}(x, y):
    """x / y rounded to zero; 0 where y is 0."""
    if y == {t}(0):
        return {t}(0)
{wraps}    q = {t}(x // y)
    if {t}(q * y) != x and (x < {t}(0)) != (y < {t}(0)):
        return {t}(q + {t}(1))
    return q
''',
    "rem": '''
@device
def rem_{t}(x, y, op, failure):
    """The remainder of C's division: the sign of x."""
    if y == {t}(0):
        record(failure, {code_DIVIDE}, op, 0, 0)
        return {t}(0)
{nothing}    r = {t}(x % y)
    if r != {t}(0) and (r < {t}(0)) != (x < {t}(0)):
        return {t}(r - y)
    return r
''',
    "floordiv": '''
@device
def floordiv_{t}(x, y, op, failure):
    """floor(x / y)."""
    if y == {t}(0):
        record(failure, {code_DIVIDE}, op, 0, 0)
        return {t}(0)
{wraps}    return {t}(x // y)
''',
    "floormod": '''
@device
def floormod_{t}(x, y, op, failure):
    """x - floor(x / y) * y: the sign of y."""
    if y == {t}(0):
        record(failure, {code_DIVIDE}, op, 0, 0)
        return {t}(0)
{nothing}    return {t}(x % y)
''',
    "power": '''
@device
def power_{t}(x, y, op, failure):
    """x ** y by squaring."""
    if y < {t}(0):
        record(failure, {code_POWER}, op, 0, 0)
        return {t}(0)
    result = {t}(1)
    base = x
    exponent = int64(y)
    while exponent > int64(0):
        if exponent & int64(1) != int64(0):
            result = {t}(result * base)
        base = {t}(base * base)
        exponent = exponent >> int64(1)
    return result
''',
    "modulo": '''
@device
def modulo_{t}(x, y):
    """x - floor(x / y) * y of floats: the sign of y."""
    r = libdevice.fmod{f}(x, y)
    if r == {t}(0):
        return libdevice.copysign{f}(r, y)
    return r + y if (r < {t}(0)) != (y < {t}(0)) else r
''',
    "sigmoid": '''
@device
def sigmoid_{t}(x):
    """1 / (1 + exp(-x)) without overflow."""
    e = libdevice.exp{f}(-libdevice.fabs{f}(x))
    return (e if x < {t}(0) else {t}(1)) / ({t}(1) + e)
''',
    "saturate": '''
@device
def saturate_{t}_{to}(x):
    """x rounded to zero and into the range of {to}; NaN gives 0."""
    if x != x:
        return {to}(0)
    if x <= {t}({least}):
        return {to}({low})
    if x >= {t}({beyond}):
        return {to}({high})
    return {to}(x)
''',
    # Reflection and recurrence lead to x >= 10, where the asymptotic series holds.
    "digamma": '''
@device
def digamma_{t}(value):
    """The derivative of log gamma."""
    x = float64(value)
    result = float64(0)
    if x <= float64(0):
        if x == libdevice.floor(x) or x < float64(-1e15):
            return {t}(nan)
        turn = x - libdevice.floor(x)
        result = -{pi} / libdevice.tan({pi} * turn)
        x = float64(1) - x
    while x < float64(10):
        result = result - float64(1) / x
        x = x + float64(1)
    if x != x or x == float64(inf):
        return {t}(x)
    series = float64(0)
{series}
    return {t}(result + libdevice.log(x) - float64(0.5) / x - series)
''',
}

_DTYPE = "(?:u?int(?:8|16|32|64)|float(?:32|64))"
_CALL = re.compile(rf"\b(?:{'|'.join(_HELPERS)})(?:_{_DTYPE})*(?=\()")
