"""Lookup: a method that knows, by its very arguments, which built-in function to call.

`Session.run(fetches, feed_dict)` finds what was run before by the identity of the fetched objects
and of the fed keys. In Python that takes four times as long as a small step; here it is a method in
native code over a table of known calls (`lookup_ir`). Anything unknown goes to the Python method.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from graphc.codegen.cpu.lookup_ir import MOST_KEYS, lookup_ir
from graphc.codegen.cpu.words import address_of, word_table

MOST = 64  # calls that a table knows
_KINDS: dict[type, int] = {list: 1, tuple: 2}
_HEAD = 10  # words before the known calls
_METH_FASTCALL_KEYWORDS = 0x80 | 0x02


class Table:
    """The known calls of one object, whose slot holds `words`.

    Args:
        fallback: the Python function of the method: called with the object and all arguments.
    """

    def __init__(self, fallback: Callable[..., Any]) -> None:
        self.words = word_table([0] * (_HEAD + MOST))
        self.words.keep.append(fallback)
        self.words[1:_HEAD] = [
            *(id(kind) for kind in (dict, list, tuple)),
            *_functions(),
            id(fallback),
            id(None),
        ]

    def add(self, fetches: Any, keys: Sequence[Any], function: Callable[..., Any]) -> bool:
        """Know a call from now on; False where there is no room for it.

        Args:
            fetches: the first argument, or a list or tuple of the same items as it.
            keys: those of the dictionary that is the second argument, in order.
            function: takes the dictionary's values.
        """
        count = int(self.words[0])
        if count == MOST or len(keys) > MOST_KEYS:
            return False
        kind = _KINDS.get(type(fetches), 0)
        items = list(fetches) if kind else [fetches]
        objects = [*items, *keys]
        head = [kind, len(items), len(keys), id(function)]
        known = np.array([*head, *map(id, objects)], np.int64)
        self.words.keep += [known, function, objects]
        self.words[_HEAD + count] = address_of(known)
        self.words[0] = count + 1
        return True

    def clear(self) -> None:
        """Know nothing any more."""
        self.words[0] = 0
        del self.words.keep[1:]


@cache
def _functions() -> tuple[int, ...]:
    names = ("PyDict_Next", "PyObject_Vectorcall", "Py_IncRef", "Py_DecRef")
    return tuple(
        ctypes.cast(getattr(ctypes.pythonapi, name), ctypes.c_void_p).value or 0 for name in names
    )


def method(owner: type, slot: str, fallback: Callable[..., Any]) -> Any:
    """A method of the class `owner` that looks calls up in the table in an object's `slot`.

    None where this interpreter is not as expected. Every object's slot must hold `Table.words`.
    """
    from graphc.codegen.cpu import entry
    from graphc.codegen.cpu.jit import host_target

    offset = _offset(owner, slot)
    if offset is None or not entry.available():
        return None
    target = host_target()
    code = target.load_text(lookup_ir(target.features, offset), ("graphc_lookup",))
    name, doc = fallback.__name__, fallback.__doc__ or ""
    signature = (
        f"{name}($self, /, fetches, feed_dict=None, options=None, run_metadata=None)\n--\n\n"
    )
    definition = entry.MethodDefinition(
        name.encode(), code["graphc_lookup"], _METH_FASTCALL_KEYWORDS, (signature + doc).encode()
    )
    _DEFINITIONS.append(definition)
    make = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.py_object, ctypes.c_void_p)(
        ("PyDescr_NewMethod", ctypes.pythonapi)
    )
    return make(owner, ctypes.addressof(definition))


_DEFINITIONS: list[Any] = []  # descriptors point to them for as long as the process lives


def _offset(owner: type, slot: str) -> int | None:
    """Where in an object of `owner` its slot lies, in bytes; found by trying."""
    mark = word_table([0])
    thing: Any = object.__new__(owner)
    words = (ctypes.c_int64 * (owner.__basicsize__ // 8)).from_address(id(thing))
    before = list(words)
    setattr(thing, slot, mark)
    changed = [n for n, (a, b) in enumerate(zip(before, words, strict=True)) if a != b]
    is_known = len(changed) == 1 and words[changed[0]] == id(mark)
    return 8 * changed[0] if is_known else None
