"""Records: what a frozen, slotted dataclass is, without the time that one takes to define."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from dataclasses import FrozenInstanceError, field
from typing import Any, ClassVar

import pytest

from graphc.ir.records import record


@record
class Pair:
    first: int
    second: tuple[int, ...] = ()
    note: str = field(default="", compare=False)
    made: list[int] = field(default_factory=list, compare=False, repr=False)
    kind: ClassVar[str] = "pair"

    def total(self) -> int:
        return self.first + sum(self.second)


@record
class Derived:
    value: int
    double: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "double", 2 * self.value)


@dataclasses.dataclass(frozen=True, slots=True)
class Like:
    first: int
    second: tuple[int, ...] = ()


def test_value_and_hash() -> None:
    assert Pair(1, (2,)) == Pair(1, (2,), note="other")
    assert Pair(1) != Pair(2)
    assert hash(Pair(1, (2,), "a")) == hash(Pair(1, (2,), "b")) == hash(Like(1, (2,)))
    other: Any = (1, (2,))
    assert Pair(1, (2,)) != other
    assert Pair(1, (2,)).total() == 3 and Pair.kind == "pair"


def test_repr_and_positions() -> None:
    assert repr(Pair(1, (2,), "x")) == "Pair(first=1, second=(2,), note='x')"
    match Pair(3, (4,)):
        case Pair(first, second):
            assert (first, second) == (3, (4,))


def test_defaults_are_fresh() -> None:
    assert Pair(1).made is not Pair(1).made
    assert Pair(1, made=[5]).made == [5]


def test_frozen_and_slotted() -> None:
    pair: Any = Pair(1)
    with pytest.raises(FrozenInstanceError):
        pair.first = 2
    with pytest.raises(FrozenInstanceError):
        del pair.first
    assert not hasattr(pair, "__dict__")


def test_it_is_a_dataclass() -> None:
    assert dataclasses.is_dataclass(Pair)
    assert [f.name for f in dataclasses.fields(Pair)] == ["first", "second", "note", "made"]
    assert dataclasses.replace(Pair(1, (2,)), first=5) == Pair(5, (2,))


def test_post_init() -> None:
    assert Derived(4).double == 8
    assert dataclasses.replace(Derived(4), value=5).double == 10


def test_copies() -> None:
    pair = Pair(1, (2,), "x", [3])
    assert copy.deepcopy(pair) == pair and copy.deepcopy(pair).made == [3]
    assert pickle.loads(pickle.dumps(pair)).note == "x"


def test_missing_arguments() -> None:
    make: Any = Pair
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'first'"):
        make()
    with pytest.raises(TypeError, match="unexpected keyword argument 'third'"):
        make(1, third=2)
