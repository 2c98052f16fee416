"""The entry: a built-in function that Python calls and that runs a bound step without any Python.

`Entry` makes the function; `Record` says what it does: which arguments it accepts, where their
addresses and sizes go, what it returns. The function is one piece of native code for all records
(`entry_ir`). It relies on the layout of CPython's and NumPy's objects, so `available` looks whether
these are as expected before any use and tries it out; where they are not, runs go through Python.
"""

from __future__ import annotations

import ctypes
import struct
import sys
import sysconfig
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from graphc.codegen.cpu.driver import Frame, driver_address
from graphc.codegen.cpu.entry_ir import entry_ir
from graphc.codegen.cpu.jit import host_target
from graphc.codegen.cpu.recycle import LEAST, numpy_api, recycler
from graphc.codegen.cpu.words import Words, address_of, word_table
from graphc.ir import environment

# words of a step's record; `entry_ir` reads them by these numbers
(
    BUSY, VALID, COUNT, ARGUMENTS, FRAME, BUFFERS, DIMS, PREPARE, PROGRAM, STATE, VERSION, LOCKS,
    ARENA_SLOT, ARENA_SIZE, RESULTS, RESULT_COUNT, COPIES, COPY_COUNT, RANDOMS, RANDOM_COUNT,
    COUNTERS, COUNTER_COUNT, FORM, ITEMS, ITEM_COUNT, TOOK, FAIL, MADE, BUILDER, WORDS,
) = range(30)  # fmt: skip
SINGLE, NOTHING, LIST, TUPLE, BUILT = range(5)  # forms of what a call returns
OWN, SCALAR, LATE, EARLY = 0, 1, 2, 4  # kinds of results, as bits
MAXIMUM_RANK = 32
_NEVER = 1 << 62  # longer than any run: the first one gives up the interpreter's lock
_NUMBERS = {"float32": 1, "float64": 2, "int32": 3, "int64": 4, "bool": 5}
_METH_FASTCALL = 0x80


class MethodDefinition(ctypes.Structure):
    """`PyMethodDef`: a function that Python may call."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("function", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )


class Record:
    """What a step needs: built once, then read by native code at each call.

    Args:
        frame: the tables that the step owns; nobody else may run on them.
        prepare, program: instructions for sizes, and for the run itself.
        state: the words of the session's state (see `codegen.state`).
        fail: called when the run failed; it reads the frame and raises.
    """

    def __init__(
        self,
        frame: Frame,
        prepare: np.ndarray,
        program: np.ndarray,
        state: np.ndarray,
        fail: Callable[[], None],
    ) -> None:
        self.frame = frame
        self.words = word_table([0] * WORDS)
        self._arguments: list[int] = []
        self._results: list[int] = []
        self._copies: list[int] = []
        self._randoms: list[int] = []
        self._scalars: list[tuple[list[int], int]] = []
        self.keep(frame, prepare, program, state, fail)
        w = self.words
        w[FRAME], w[BUFFERS], w[DIMS] = frame.address, address_of(frame.buffers), _dims(frame)
        w[PREPARE], w[PROGRAM], w[STATE] = map(address_of, (prepare, program, state))
        w[FAIL], w[TOOK], w[VERSION] = id(fail), _NEVER, state[0]

    def keep(self, *objects: Any) -> None:
        """Keep objects alive that native code reads."""
        self.words.keep += objects

    def argument(
        self,
        dtype: np.dtype,
        slot: int,
        axes: Sequence[tuple[int, int]],
        elements: Sequence[tuple[int, int]] = (),
    ) -> None:
        """The next argument: an array whose address goes to buffer `slot`.

        Each axis is (dims slot, -) or (-1, fixed size); `elements` are (dims slot, flat index) of
        integers that are sizes themselves.
        """
        scratch = self._memory(16)
        kind = _NUMBERS.get(dtype.name, 0) if not axes else 0
        words = [id(dtype), len(axes), slot, kind, scratch, len(elements)]
        for axis in axes:
            words += axis
        for place, index in elements:
            words += (place, index, dtype.itemsize)
        self.keep(dtype)
        self._arguments += [len(words) + 1, *words]
        self.words[COUNT] += 1

    def result(self, kind: int, cell: int, dtype: np.dtype, shape: Sequence[int]) -> None:
        """The next result. `cell` is the address of the pointer to its memory (OWN: that the entry
        sets), `shape` its dims slots. A result without axes becomes a NumPy scalar.
        """
        scalar = 0 if shape else SCALAR
        words = [kind | scalar, cell, id(dtype), len(shape), self._memory(16), dtype.itemsize]
        self.keep(dtype)
        self._results += [len(words) + len(shape) + 1, *words, *shape]
        self.words[RESULT_COUNT] += 1

    def copy(self, target: np.ndarray, cell: int) -> None:
        """After a successful run, `target` gets what `cell` points to."""
        self.keep(target)
        self._copies += [address_of(target), cell, target.nbytes]
        self.words[COPY_COUNT] += 1

    def random(self, slot: int, counter: np.ndarray) -> None:
        """The dims slot of a random operation's counter."""
        self.keep(counter)
        self._randoms += [slot, address_of(counter)]
        self.words[RANDOM_COUNT] += 1

    def finish(
        self,
        form: int,
        items: Sequence[int] = (),
        builder: Callable[[list[Any]], Any] | None = None,
        counters: Sequence[np.ndarray] = (),
    ) -> None:
        """Close the record: `items` are numbers of results, -1 for None; `builder` gets the list of
        a BUILT form; `counters` count each successful run.
        """
        w = self.words
        w[ARGUMENTS], w[RESULTS] = self._table(self._arguments), self._table(self._results)
        w[COPIES], w[RANDOMS] = self._table(self._copies), self._table(self._randoms)
        w[MADE] = self._memory(8 * int(w[RESULT_COUNT]))
        w[COUNTERS], w[COUNTER_COUNT] = self._table([*map(address_of, counters)]), len(counters)
        w[FORM], w[ITEMS], w[ITEM_COUNT] = form, self._table(list(items)), len(items)
        w[BUILDER] = id(builder)
        self.keep(builder, *counters)

    @property
    def busy(self) -> bool:
        """Whether a call is under way."""
        return bool(self.words[BUSY])

    @property
    def room(self) -> int:
        """Bytes of working memory that the step may use."""
        return int(self.words[ARENA_SIZE])

    def cell(self, slot: int) -> int:
        """The address of the pointer in a buffer slot."""
        return address_of(self.frame.buffers) + 8 * slot

    def constant_cell(self, array: np.ndarray) -> int:
        """The address of a pointer to an array."""
        self.keep(array)
        return self._table([address_of(array)])

    def _table(self, words: list[int]) -> int:
        table = np.array(words or [0], np.int64)
        self.keep(table)
        return address_of(table)

    def _memory(self, size: int) -> int:
        memory = np.zeros(max(size, 16) // 8 + 1, np.int64)
        self.keep(memory)
        return address_of(memory)


def _dims(frame: Frame) -> int:
    return address_of(frame.dims)


class Entry:
    """A function of positional arguments: the installed record's, or else `fallback`.

    Attributes:
        call: the built-in function.
    """

    def __init__(self, fallback: Callable[..., Any]) -> None:
        words = word_table([address_of(_runtime()), 0, id(fallback)])
        self._words = words
        self.record: Record | None = None
        self._set(None, fallback)
        self.call: Callable[..., Any] = _builtin(words)

    def install(self, record: Record | None) -> bool:
        """Make calls run this record; False where the old one is in use just now."""
        if self.record is not None and self.record.busy:
            return False
        self._set(record, self._words.keep[0])
        return True

    def _set(self, record: Record | None, fallback: Callable[..., Any]) -> None:
        self._words[1] = 0 if record is None else address_of(record.words)
        self._words.keep = [fallback, record]
        self.record = record


@cache
def _method() -> MethodDefinition:
    target = host_target()
    code = target.load_text(entry_ir(target.features), ("graphc_entry",))["graphc_entry"]
    return MethodDefinition(b"run", code, _METH_FASTCALL, b"Run the step with these values fed.")


def _builtin(words: Words) -> Callable[..., Any]:
    make = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p)(
        ("PyCFunction_NewEx", ctypes.pythonapi)
    )
    function: Callable[..., Any] = make(ctypes.addressof(_method()), words, None)
    return function


@cache
def _runtime() -> np.ndarray:
    """The addresses of what the entry calls and compares with."""
    api = numpy_api()
    names = {
        8: "PyList_New", 9: "PyTuple_New", 10: "PyEval_SaveThread", 11: "PyEval_RestoreThread",
        12: "PyObject_Vectorcall", 13: "Py_IncRef", 14: "Py_DecRef",
        15: "PyLong_AsLongLongAndOverflow", 16: "PyErr_Clear", 18: "PyList_SetItem",
        19: "PyTuple_SetItem",
    }  # fmt: skip
    objects: dict[int, Any] = {3: float, 4: int, 5: True, 6: False, 7: None}
    table = np.zeros(25, np.int64)
    table[0], table[1], table[2] = api[2], api[94], api[60]
    for number, thing in objects.items():
        table[number] = id(thing)
    for number, name in names.items():
        table[number] = ctypes.cast(getattr(ctypes.pythonapi, name), ctypes.c_void_p).value or 0
    table[17] = driver_address()
    table[23] = np.iinfo(np.int64).max
    if _handler_is_known(api):
        found = recycler()
        table[20:25] = address_of(found.pool), found.take, id(found.capsule), LEAST, found.give
    return table


def _handler_is_known(api: Any) -> bool:
    """Whether an array keeps the handler of its memory where the entry writes it."""
    if np.ndarray.__basicsize__ != 96:
        return False
    current = ctypes.PYFUNCTYPE(ctypes.py_object)(api[305])()
    array = np.empty(3)
    return ctypes.c_void_p.from_address(id(array) + 88).value == id(current)


@cache
def available() -> bool:
    """Whether this interpreter and this NumPy are as the entry expects them."""
    if not environment.use_entry():
        return False
    if sys.implementation.name != "cpython" or sysconfig.get_config_var("Py_GIL_DISABLED"):
        return False
    if struct.calcsize("P") != 8 or sys.byteorder != "little":
        return False
    try:
        return _layout_is_known() and _works()
    except (AttributeError, ImportError, RuntimeError, OSError):
        return False


def _layout_is_known() -> bool:
    """Whether objects' fields are where the entry reads them."""
    array = np.zeros((3, 5), np.float32)
    number = 0.1 + 0.2
    if type(array).__basicsize__ < 72 or type(number).__basicsize__ < 24:
        return False
    words = (ctypes.c_int64 * 9).from_address(id(array))
    shape = (ctypes.c_int64 * 2).from_address(words[4])
    flags = words[8] & 0xFFFFFFFF
    return (
        words[1] == id(np.ndarray)
        and words[2] == address_of(array)
        and words[3] & 0xFFFFFFFF == 2
        and tuple(shape) == (3, 5)
        and words[7] == id(array.dtype)
        and array.dtype is np.dtype(np.float32)
        and flags & 0x101 == 0x101
        and array.T.flags.num & 1 == 0
        and (ctypes.c_int64 * 2).from_address(id(number))[1] == id(float)
        and ctypes.c_double.from_address(id(number) + 16).value == number
    )


def _works() -> bool:
    """Run a record that hands back its arguments, and look at what comes out."""
    end = np.array([0, 2], np.int64)
    frame = Frame(np.zeros(2, np.int64), np.zeros(3, np.int64))
    record = Record(frame, end, end, np.zeros(4, np.int64), _nothing_fails)
    record.argument(np.dtype(np.float32), 0, [(0, 0), (-1, 2)])
    record.argument(np.dtype(np.float64), 1, [])
    record.result(LATE, record.cell(0), np.dtype(np.float32), [0, 1])
    record.result(LATE, record.cell(1), np.dtype(np.float64), [])
    frame.dims[1], record.words[ARENA_SLOT] = 2, 2
    record.finish(LIST, [0, -1, 1, 0])
    entry = Entry(_decline)
    if entry.call(1, 2) is not NotImplemented:
        return False
    entry.install(record)
    array = np.arange(6, dtype=np.float32).reshape(3, 2)
    before = sys.getrefcount(array)
    for number in (2.5, 7):
        got = entry.call(array, number)
        if not (
            type(got) is list
            and [type(item) for item in got] == [np.ndarray, type(None), np.float64, np.ndarray]
            and got[0] is got[3]
            and np.array_equal(got[0], array)
            and got[0].flags.owndata
            and got[2] == number
            and sys.getrefcount(got[0]) == 3
        ):
            return False
        del got
    refused = (array.T, array.astype(np.float64), array[:, :1], [1.0, 2.0], None)
    return (
        all(entry.call(value, 1.0) is NotImplemented for value in refused)
        and entry.call(array, "1") is NotImplemented
        and entry.call(array) is NotImplemented
        and before == sys.getrefcount(array)
    )


def _nothing_fails() -> None:
    raise AssertionError("a program without instructions failed")


def _decline(*values: Any) -> Any:
    return NotImplemented
