"""One run of a schedule on a device.

A storage lives on the host, on the device, or on both with equal contents; a launch that writes it
leaves the device's copy only. Storages that share an arena slot share one piece of device memory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from graphc.codegen.cuda.prelude import FAILURE_WORDS
from graphc.codegen.draft import Launch, OperationId, RandomDim
from graphc.codegen.fusion import dims
from graphc.codegen.plan import HostStep, SizeStep
from graphc.codegen.running import call_host, failure, released
from graphc.codegen.state import SessionState
from graphc.ir.dims import as_symbol, evaluate, product, symbols
from graphc.ir.errors import InvalidArgumentError
from graphc.ir.graph import Tensor
from graphc.ir.nested import untaken
from graphc.ir.shapes import Guard

if TYPE_CHECKING:
    from graphc.codegen.cuda.executable import CudaExecutable


class Run:
    """The state of one run: where storages are, and the values of sizes."""

    def __init__(
        self,
        executable: CudaExecutable,
        arrays: Sequence[np.ndarray],
        variables: Mapping[str, np.ndarray],
        values: dict[Any, int],
        state: SessionState,
    ) -> None:
        self.executable, self.device = executable, executable.device
        self.schedule, self.function = executable.schedule, executable.function
        self.environment = self.function.environment
        self.state, self.values = state, values
        self.given: dict[Tensor, np.ndarray] = {}  # parameters at the start of the run
        feeds = iter(arrays)
        for parameter in self.function.parameters:
            if parameter.kind == "feed":
                self.given[parameter.tensor] = next(feeds)
            elif parameter.kind == "variable":
                self.given[parameter.tensor] = variables[parameter.name]
            else:
                self.given[parameter.tensor] = np.array(parameter.name in state.variables)
        self.variable_tensor = {
            p.name: p.tensor for p in self.function.parameters if p.kind == "variable"
        }
        self.host: dict[Tensor, np.ndarray] = dict(self.given)
        self.memory: dict[Tensor, Any] = {}
        self.arena: dict[int, Any] = {}
        self.random = {
            dim: state.random_key(dim.name, dim.seed, dim.seed2) if dim.part == "key"
            else state.random_run(dim.name)
            for dim in executable.randoms
        }  # fmt: skip
        self.draws: Counter[str] = Counter()  # of random operations in branches and loops
        self.failure = executable.new_failure()
        self.can_fail = False  # whether a kernel that can fail was launched since the last check
        guards = self.environment.guards
        self.waiting = [g for g in guards if self._unknown(g)]

    def go(self) -> list[np.ndarray]:
        """Run all steps, commit and give the results."""
        for step in self.schedule.steps:
            match step:
                case Launch():
                    self._launch(step)
                case HostStep():
                    self._check_failure()
                    self._host(step)
                    self._check_guards()
                case SizeStep():
                    self._check_failure()
                    for symbol, storage, element in step.sizes:
                        self.values[symbol] = int(self._array(storage).flat[element])
                    self._check_guards()
        self._check_failure()
        return self._commit()

    # -- sizes

    def _size(self, size: Any) -> int:
        if isinstance(size, RandomDim):
            return self.random[size]
        if isinstance(size, OperationId):
            return size.number
        return evaluate(size, self.values)

    def _known(self, size: Any) -> int | None:
        """A size if it is known by now."""
        missing = any(s not in self.values for s in symbols(size))
        return None if missing else evaluate(size, self.values)

    def _shape(self, tensor: Tensor) -> tuple[int, ...]:
        return tuple([self._size(d) for d in dims(tensor)])

    def _unknown(self, guard: Guard) -> bool:
        return any(s not in self.values for s in (*symbols(guard.a), *symbols(guard.b)))

    def _check_guards(self) -> None:
        """Check the guards over sizes that have just become known."""
        for guard in [g for g in self.waiting if not self._unknown(g)]:
            self.waiting.remove(guard)
            a, b = self._size(guard.a), self._size(guard.b)
            if not guard.holds(a, b):
                raise InvalidArgumentError(None, guard.op, guard.broken(a, b))

    # -- memory

    def _home(self, storage: Tensor) -> Tensor:
        """The storage in whose memory this one lives: a new value in place has its variable's."""
        place = self.schedule.places[storage]
        return self.variable_tensor[place.name] if place.kind == "variable" else storage

    def _on_device(self, storage: Tensor) -> Any:
        """The memory of a storage, filled if the host has its contents."""
        place, home = self.schedule.places[storage], self._home(storage)
        if home in self.memory:
            return self.memory[home]
        if home in self.host:
            memory = self.device.upload(self.host[home])
        elif place.kind == "constant":
            memory = self.device.upload(place.name)
        elif place.kind == "arena":
            memory = self._slot(place.name)
        else:
            memory = self.device.allocate(self._bytes(storage))
        self.memory[home] = memory
        return memory

    def _bytes(self, storage: Tensor) -> int:
        shape = self._shape(storage)
        if min(shape, default=0) < 0:
            raise InvalidArgumentError(
                None, storage.op, f"a tensor would get the shape {tuple(shape)}"
            )
        size: int = product(shape) * storage.dtype.size
        return size

    def _slot(self, number: int) -> Any:
        if number not in self.arena:
            size = max(self._size(s) for s in self.schedule.slots[number])
            self.arena[number] = self.device.allocate(size)
        return self.arena[number]

    def _array(self, storage: Tensor) -> np.ndarray:
        """A storage's contents on the host; whoever hands them out copies them."""
        place, home = self.schedule.places[storage], self._home(storage)
        if home not in self.host:
            if place.kind == "constant":
                constant: np.ndarray = place.name
                return constant
            memory = self._on_device(storage)
            shape = self._shape(storage)
            self.host[home] = self.device.read(memory, shape, storage.dtype.numpy)
        return self.host[home]

    # -- steps

    def _launch(self, launch: Launch) -> None:
        buffers = [self._on_device(storage) for storage in launch.buffers]
        sizes = [self._size(d) for d in launch.dims]
        self.executable.launch(launch, buffers, sizes, self.failure, self.state)
        self.can_fail |= launch.kernel.can_fail
        for buffer, storage in zip(launch.kernel.buffers, launch.buffers, strict=True):
            if buffer.role != "in":
                self.host.pop(self._home(storage), None)

    def _host(self, step: HostStep) -> None:
        op = step.operation
        inputs = [
            self._array(storage).reshape(self._shape(tensor)).copy()
            for tensor, storage in zip(op.inputs, step.inputs, strict=True)
        ]
        lock = self.state.lock if self.executable.locks else None
        runner = self.executable.nested.get(op)
        if runner is not None:
            with released(lock if runner.blocks else None):
                outputs, draws = runner.run(inputs, self.state)
            self.draws.update(draws)
            outputs = [
                untaken(tensor.type, self._known) if value is None else value
                for tensor, value in zip(op.outputs, outputs, strict=True)
            ]
        else:
            outputs = list(call_host(op, inputs, lock))
        for tensor, value in zip(op.outputs, outputs, strict=True):
            self._receive(tensor, np.array(value, tensor.dtype.numpy, order="C"))

    def _receive(self, tensor: Tensor, value: np.ndarray) -> None:
        """Take over what a host operation returned."""
        if tensor not in self.schedule.places:
            return
        expected = dims(tensor)
        if len(expected) == value.ndim:
            for size, actual in zip(expected, value.shape, strict=True):
                symbol = as_symbol(size)
                if symbol is not None and symbol in self.environment.dynamic:
                    self.values[symbol] = actual
        if len(expected) != value.ndim or value.shape != self._shape(tensor):
            raise InvalidArgumentError(
                None, tensor.op,
                f"{tensor.op.type} returned an array of shape {value.shape}, "
                f"declared is {expected}",
            )  # fmt: skip
        self.host[tensor] = value

    # -- the end

    def _commit(self) -> list[np.ndarray]:
        """Collect the results and replace the variables' values."""
        schedule, function = self.schedule, self.function
        updated = {
            name: self._value(storage, tensor)
            for (name, storage), (_, tensor) in zip(schedule.updates, function.updates, strict=True)
        }
        results = [
            self._value(storage, tensor)
            for storage, tensor in zip(schedule.results, function.results, strict=True)
        ]
        with self.state.lock:
            self.state.update(updated)
            names = dict.fromkeys(dim.name for dim in self.executable.randoms)
            self.state.advance_random(names)
            self.state.advance_random(self.draws.elements())
        return results

    def _value(self, storage: Tensor, tensor: Tensor) -> np.ndarray:
        """A fresh array; of a parameter, its value at the start of the run."""
        array = self.given[storage] if storage in self.given else self._array(storage)
        return np.array(array, order="C").reshape(self._shape(tensor))

    def _check_failure(self) -> None:
        """Raise what a kernel has recorded."""
        if not self.can_fail:
            return
        self.can_fail = False
        record = self.device.read(self.failure, (FAILURE_WORDS,), np.dtype(np.int64))
        code, number, a, b = (int(word) for word in record[:4])
        if code:
            raise failure(self.function, code, number, a, b)
