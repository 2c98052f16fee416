"""Executables of the CUDA target: a schedule run step by step on a device.

The schedule is the CPU's (same fusion, same plan). Feeds and variables are copied to the device
when a launch first needs them, results and new values of variables back at the end; what the
session holds is replaced only when the whole run has succeeded.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from graphc.codegen.cuda.adapter import Device, device
from graphc.codegen.cuda.forms import Form, choose_form, inner_points, launch_shape
from graphc.codegen.cuda.prelude import FAILURE_WORDS
from graphc.codegen.cuda.run import Run
from graphc.codegen.cuda.source import kernel_source
from graphc.codegen.draft import Launch, RandomDim
from graphc.codegen.executable import Executable
from graphc.codegen.fusion import fuse
from graphc.codegen.kernel import Kernel
from graphc.codegen.nested import runners
from graphc.codegen.plan import Schedule, plan
from graphc.codegen.running import bind, held, variable_value
from graphc.codegen.state import SessionState
from graphc.ir.function import Function

if TYPE_CHECKING:
    from graphc.codegen.bound import Structure

_compiled: dict[tuple[str, Form], Any] = {}
_compiling = threading.Lock()


class CudaExecutable:
    """One variant of a program, for the device of this process.

    Attributes:
        schedule: what was planned; its launches hold the kernels, which are compiled when they are
            first launched, since their form depends on sizes.

    Raises:
        UnavailableError: there is neither a GPU nor the simulator.
    """

    def __init__(self, function: Function, state: SessionState, fusion: bool = True) -> None:
        self.device: Device = device()
        fused = fuse(function, fusion)
        self.function = function
        self.schedule: Schedule = plan(fused)
        self.randoms = tuple(
            dict.fromkeys(
                size
                for launch in self.schedule.launches
                for size in launch.dims
                if isinstance(size, RandomDim)
            )
        )
        # branches and loops run on the host
        build = partial(Executable, fusion=fusion, private=True)
        self.nested = runners(self.schedule.steps, state, build)
        inner = [name for runner in self.nested.values() for name in runner.random_names]
        self.locks = bool(self.schedule.updates or self.randoms or inner)

    def bind(
        self,
        arrays: Sequence[np.ndarray],
        state: SessionState,
        structure: Structure,
        least: int = 0,
    ) -> None:
        """None: a step on a device is run from Python."""

    def run(self, arrays: Sequence[np.ndarray], state: SessionState) -> list[np.ndarray] | None:
        """Run with one array per feed; None where a guard does not hold.

        Raises:
            OpError: what went wrong; no variable has changed then.
        """
        with held(state.lock if self.locks else None):
            variables = {
                p.name: variable_value(p, state)
                for p in self.function.parameters
                if p.kind == "variable"
            }
            shapes = [array.shape for array in (*arrays, *variables.values())]
            symbols = bind(self.function, arrays, shapes)
            if symbols is None:
                return None
            results = Run(self, arrays, variables, symbols, state).go()
            state.count_run()
            return results

    def launch(
        self, launch: Launch, buffers: list[Any], dims: list[int], failure: Any, state: SessionState
    ) -> None:
        """Run one kernel, compiled if this form of it is new to the process."""
        kernel, geometry = launch.kernel, self.device.geometry
        form = choose_form(kernel, inner_points(kernel, dims), geometry)
        shape = launch_shape(kernel, form, dims, geometry)
        if shape is not None:
            function = self._function(kernel, form, state)
            self.device.launch(kernel, function, *shape, buffers, dims, failure)

    def new_failure(self) -> Any:
        """Memory for a failure record, in which nothing is recorded."""
        return self.device.upload(np.zeros(FAILURE_WORDS, np.int64))

    def _function(self, kernel: Kernel, form: Form, state: SessionState) -> Any:
        key = (kernel.key, form)
        with _compiling:
            if key not in _compiled:
                source = kernel_source(kernel, form, self.device.geometry)
                _compiled[key] = self.device.compile(kernel, source)
                state.statistics["kernels_compiled"] += 1
            return _compiled[key]
