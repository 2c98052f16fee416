"""What all sessions share: running parts of a graph, and keeping its variables' values.

A run is looked up by what is fetched and fed: the very objects that the user passed. What was
compiled once serves every later run of the same key, whatever the sizes; once it is bound, `run`
finds it without Python (`codegen.cpu.lookup`).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, Self

import numpy as np

from graphc.codegen.cpu.lookup import Table, method
from graphc.codegen.state import SessionState
from graphc.framework.config import (
    ConfigProto,
    DeviceStepStats,
    NodeExecStats,
    RunMetadata,
    RunOptions,
)
from graphc.framework.default_graph import SESSIONS, get_default_graph
from graphc.framework.errors import located
from graphc.framework.graph import Graph
from graphc.ir.graph import Tensor
from graphc.session.call import Call
from graphc.session.feeds import Feeds
from graphc.session.fetches import Fetches

if TYPE_CHECKING:
    from graphc.codegen.cpu.words import Words
    from graphc.codegen.program import Program

TARGETS = {"": "cpu", "cpu": "cpu", "numpy": "numpy", "cuda": "cuda"}


class DeviceAttributes(NamedTuple):
    """A device, as `Session.list_devices` describes it."""

    name: str
    device_type: str
    memory_limit_bytes: int
    incarnation: int = 1


class BaseSession:
    """What `Session` and `InteractiveSession` share.

    Args:
        target: "" or "cpu" (native code), "numpy" (the interpreter), "cuda".
        graph: the graph to run (default: the default graph).
        config: a `tf.ConfigProto`.

    Raises:
        TypeError: an argument is of another type; UnimplementedError: there is no such target.
    """

    __slots__ = ("__dict__", "__weakref__", "_known_words")
    _known: Table
    _known_words: Words

    def __new__(cls, *arguments: Any, **options: Any) -> Self:
        session = super().__new__(cls)
        session._known = Table(_RUN)
        session._known_words = session._known.words  # where native code looks
        return session

    def __init__(
        self, target: str = "", graph: Graph | None = None, config: ConfigProto | None = None
    ) -> None:
        if graph is not None and not isinstance(graph, Graph):
            raise TypeError(located(f"graph must be a tf.Graph, but got {type(graph)}"))
        self._graph = get_default_graph() if graph is None else graph
        self._target = _target(target)
        _check_config(config)
        self._config = config
        self._state = SessionState()
        if config is not None:
            self._state.threads = max(config.intra_op_parallelism_threads, 0)
        self._calls: dict[Any, Call] = {}
        self._programs: dict[Any, Program] = {}
        self._lock = threading.Lock()
        self._closed = False

    # -- running

    def run(
        self,
        fetches: Any,
        feed_dict: Any = None,
        options: RunOptions | None = None,
        run_metadata: RunMetadata | None = None,
    ) -> Any:
        """Compute `fetches`, running what they need.

        Args:
            fetches: a tensor, operation, variable, name, or lists, tuples and dicts of them.
            feed_dict: values for tensors of the graph, instead of what computes them.
            options, run_metadata: with a trace level set, `run_metadata` gets the time of the step.

        Returns:
            The structure of `fetches` with arrays (scalars as NumPy scalars, operations as None).
            The arrays belong to the caller.

        Raises:
            RuntimeError: the session is closed, or the graph is empty.
            TypeError, ValueError: a fetch, key or value that does not fit.
            OpError: the run failed; no variable has changed then.
        """
        if feed_dict is not None and feed_dict.__class__ is not dict:
            feed_dict = _as_dict(feed_dict)
        key = (
            (fetches.__class__, tuple(fetches)) if fetches.__class__ in (list, tuple) else fetches,
            tuple(feed_dict) if feed_dict else (),
        )
        try:
            call = self._calls[key]
        except KeyError:
            call = self._new_call(fetches, feed_dict, key)
        except TypeError:  # something in the structure cannot be hashed
            call = self._new_call(fetches, feed_dict, None)
        if options is not None or run_metadata is not None:
            if self._closed:
                raise closed_error()
            arrays = call.feeds.arrays(feed_dict) if feed_dict else []
            return self._traced(call, arrays, options, run_metadata)
        if not call.flat:
            return call.slow(*call.feeds.flatten(feed_dict))
        return call.run(*feed_dict.values()) if feed_dict else call.run()

    def optimized(self, fetches: Any, feed_dict: Any = None) -> Any:
        """The function that a run of `fetches` compiles to, after all passes; nothing is run.

        Returns:
            A `graphc.ir.function.Function`: what `graphc dump --stage optimized` prints.

        Raises:
            As `run`, for fetches and feeds that do not fit.
        """
        feeds = _as_dict(feed_dict or {})
        call = self._new_call(fetches, feeds, None)
        arrays = call.feeds.arrays(feeds) if feeds else []
        ranks = tuple([arrays[i].ndim for i in call.free_ranks])
        program = self._program(call, ranks, ())
        return program.optimize(program.resolve(arrays, self._state))

    def _new_call(self, fetches: Any, feed_dict: Any, key: Any) -> Call:
        if self._closed:
            raise closed_error()
        graph = self._graph
        if graph.version == 0:
            raise RuntimeError(
                located(
                    "The Session graph is empty. Add operations to the graph before calling "
                    "run(); was "
                    "this session made before tf.reset_default_graph() or for another graph?"
                )
            )
        found = Fetches(graph, fetches)
        call = Call(self, graph, found, Feeds(graph, feed_dict or ()))
        if key is not None and found.flat:
            self._calls[key] = call
            is_list = fetches.__class__ in (list, tuple)
            call.key = (fetches.__class__(fetches) if is_list else fetches, key[1])
        return call

    def _know(self, call: Call) -> None:
        """Let `run` find a call without Python from now on."""
        if call.key is not None and call.flat and self._known.add(*call.key, call.run):
            _look_up_natively()

    def _execute(self, call: Call, arrays: list[np.ndarray]) -> Any:
        """Run a call from Python."""
        if not call.runs_something:
            return call.fetches.build([])
        program, arrays = self._find(call, arrays)
        results = program.run(arrays, self._state)
        return call.fetches.build([r[()] if r.ndim == 0 else r for r in results])

    def _find(self, call: Call, arrays: list[np.ndarray]) -> tuple[Program, list[np.ndarray]]:
        """The program of a call for feeds of these ranks, and what it is fed with."""
        ranks = tuple([arrays[i].ndim for i in call.free_ranks]) if call.free_ranks else ()
        if call.lazy:
            return self._with_lazy_values(call, arrays, ranks)
        found = call.programs.get(ranks)
        if found is None:
            found = call.programs[ranks] = self._program(call, ranks, ())
        return found, arrays

    def _program(self, call: Call, ranks: tuple[int, ...], extra: tuple[Tensor, ...]) -> Program:
        """The program of a call; calls that differ in structure only share one."""
        fetches, targets = tuple(call.fetches.tensors), tuple(dict.fromkeys(call.fetches.targets))
        feeds = (*[slot.tensor for slot in call.feeds.slots], *extra)
        key = (fetches, targets, feeds, ranks)
        with self._lock:
            found = self._programs.get(key)
            if found is None:
                from graphc.codegen.program import Options, Program

                options = Options(target=self._target)
                found = Program(self._graph, fetches, targets, feeds, options)
                self._programs[key] = found
            return found

    def _with_lazy_values(
        self, call: Call, arrays: list[np.ndarray], ranks: tuple[int, ...]
    ) -> tuple[Program, list[np.ndarray]]:
        """Feed `initialized_value`s whose variables have a value."""
        with self._state.lock:
            values = self._state.variables
            present = [(t, values[name].copy()) for t, name in call.lazy if name in values]
        program = self._program(call, ranks, tuple([t for t, _ in present]))
        return program, arrays + [array for _, array in present]

    def _traced(
        self,
        call: Call,
        arrays: list[np.ndarray],
        options: RunOptions | None,
        run_metadata: RunMetadata | None,
    ) -> Any:
        if options is not None and not isinstance(options, RunOptions):
            raise TypeError(located(f"options must be a tf.RunOptions, not {type(options)}"))
        if run_metadata is not None and not isinstance(run_metadata, RunMetadata):
            raise TypeError(
                located(f"run_metadata must be a tf.RunMetadata, not {type(run_metadata)}")
            )
        if options is not None and options.timeout_in_ms:
            raise NotImplementedError(located("RunOptions(timeout_in_ms=…) is not supported"))
        begin = time.perf_counter_ns()
        start = time.time_ns()
        result = self._execute(call, arrays)
        if run_metadata is not None and options is not None and options.trace_level:
            took = (time.perf_counter_ns() - begin) // 1000
            step = NodeExecStats(
                node_name="step",
                all_start_micros=start // 1000,
                op_end_rel_micros=took,
                all_end_rel_micros=took,
            )
            device = DeviceStepStats(device=self.list_devices()[0].name, node_stats=[step])
            run_metadata.step_stats.dev_stats = [device]
        return result

    def make_callable(
        self, fetches: Any, feed_list: Sequence[Any] | None = None, accept_options: bool = False
    ) -> Callable[..., Any]:
        """A function that runs `fetches` with its arguments fed to the tensors of `feed_list`.

        With `accept_options` it takes `options=` and `run_metadata=` as well.

        Raises:
            TypeError: `feed_list` is no list, or a fetch or feed is no element of the graph.
        """
        if feed_list is not None and not isinstance(feed_list, (list, tuple)):
            raise TypeError(located("`feed_list` must be a list or tuple."))
        keys = list(feed_list or ())
        call = self._new_call(fetches, dict.fromkeys(keys), None)
        call.enter()
        if not accept_options:
            return call.run

        def run(
            *values: Any,
            options: RunOptions | None = None,
            run_metadata: RunMetadata | None = None,
        ) -> Any:
            if options is None and run_metadata is None:
                return call.run(*values)
            return self._traced(call, call.convert(values), options, run_metadata)

        return run

    def partial_run_setup(self, fetches: Any, feeds: Any = None) -> NoReturn:
        """Not available.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError(
            located(
                "partial runs are not supported; run the parts with sess.run one after the other"
            )
        )

    def partial_run(self, handle: Any, fetches: Any, feed_dict: Any = None) -> NoReturn:
        """Not available.

        Raises:
            NotImplementedError: always.
        """
        self.partial_run_setup(fetches)

    def _set_variables(self, values: Mapping[str, np.ndarray]) -> None:
        """Give variables values, by the names of their operations, all at once.

        Raises:
            RuntimeError: the session is closed.
        """
        self._check_open()
        owned = {name: np.array(value, order="C") for name, value in values.items()}
        with self._state.lock:
            self._state.update(owned)

    def _check_open(self) -> None:
        if self._closed:
            raise closed_error()

    # -- what it is

    @property
    def graph(self) -> Graph:
        return self._graph

    @property
    def graph_def(self) -> Any:
        return self._graph.as_graph_def()

    @property
    def sess_str(self) -> str:
        return self._target

    @property
    def statistics(self) -> Any:
        """Counters of this session: runs, compilations, …"""
        return self._state.statistics

    def list_devices(self) -> list[DeviceAttributes]:
        """The devices that this session runs on."""
        kind = "GPU" if self._target == "cuda" else "CPU"
        return [DeviceAttributes(f"/job:localhost/replica:0/task:0/device:{kind}:0", kind, 2**38)]

    def as_default(self) -> AbstractContextManager[Any]:
        """Make this the default session within a `with` block; it is not closed at its end."""
        return SESSIONS.push(self)

    def close(self) -> None:
        """Give up the values of all variables; the session cannot run any more."""
        self._closed = True
        self._calls.clear()
        self._known.clear()
        self._programs.clear()
        self._state.close()


_RUN = BaseSession.run


@cache
def _look_up_natively() -> None:
    """Put the native method in the place of `BaseSession.run`, unless somebody else has."""
    native = method(BaseSession, "_known_words", _RUN)
    if native is not None and BaseSession.run is _RUN:
        BaseSession.run = native  # type: ignore[method-assign]


def closed_error() -> RuntimeError:
    """The error for using a session after its end."""
    return RuntimeError(located("Attempted to use a closed Session."))


def _as_dict(feed_dict: Any) -> dict[Any, Any]:
    if not hasattr(feed_dict, "items"):
        raise TypeError(
            located(f"feed_dict must be a dict from tensors to values, not {type(feed_dict)}")
        )
    return dict(feed_dict.items())


def _target(target: Any) -> str:
    if not isinstance(target, str):
        raise TypeError(
            located(f"target must be a string, but got {type(target)}; a graph is given as graph=")
        )
    if target not in TARGETS:
        raise NotImplementedError(
            located(
                f"there is no target {target!r}: distributed TensorFlow is not supported; use "
                "one of "
                f"{', '.join(map(repr, TARGETS))}"
            )
        )
    return TARGETS[target]


def _check_config(config: Any) -> None:
    if config is None:
        return
    if not isinstance(config, ConfigProto):
        raise TypeError(located(f"config must be a tf.ConfigProto, but got {type(config)}"))
    if config.operation_timeout_in_ms:
        raise NotImplementedError(
            located("ConfigProto(operation_timeout_in_ms=…) is not supported")
        )
