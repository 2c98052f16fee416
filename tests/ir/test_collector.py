"""Holding off the garbage collector."""

import gc

import pytest

from graphc.ir import collector


def test_blocks_nest_and_restore_what_was() -> None:
    assert gc.isenabled()
    with collector.held():
        with collector.held():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()


def test_a_disabled_collector_stays_disabled() -> None:
    gc.disable()
    try:
        with collector.held():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_an_error_restores_it() -> None:
    with pytest.raises(ValueError, match="inside"), collector.held():
        raise ValueError("inside")
    assert gc.isenabled()
