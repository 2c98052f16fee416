"""`tf.ConfigProto` and its kin: plain objects with TF1's fields.

What they say about devices, threads and memory is accepted, since programs set it everywhere; where
a field asks for something a session here cannot do, the session refuses it.
"""

from __future__ import annotations

from typing import Any, ClassVar

from graphc.framework.errors import located

__all__ = [
    "ConfigProto",
    "GPUOptions",
    "GraphOptions",
    "OptimizerOptions",
    "RunMetadata",
    "RunOptions",
]


class Message:
    """An object with a fixed set of fields, all of which may be assigned.

    Raises:
        TypeError: a keyword is no field; AttributeError: an assigned name is no field.
    """

    FIELDS: ClassVar[dict[str, Any]] = {}  # name -> default value, or a class to make one of

    def __init__(self, **fields: Any) -> None:
        for name, default in self.FIELDS.items():
            value = default() if isinstance(default, type) else default
            object.__setattr__(self, name, value)
        for name, value in fields.items():
            if name not in self.FIELDS:
                raise TypeError(
                    located(f"{type(self).__name__} has no field {name!r}; {self._known()}")
                )
            setattr(self, name, value)

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in self.FIELDS:
            raise AttributeError(
                located(f"{type(self).__name__} has no field {name!r}; {self._known()}")
            )
        object.__setattr__(self, name, value)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"{type(self).__name__} has no field {name!r}; {self._known()}")

    def _known(self) -> str:
        return "its fields are " + ", ".join(self.FIELDS)

    def CopyFrom(self, other: Message) -> None:
        """Take over all fields of `other`."""
        for name in self.FIELDS:
            setattr(self, name, getattr(other, name))

    def HasField(self, name: str) -> bool:
        default = self.FIELDS[name]
        value = getattr(self, name)
        return value != default if not isinstance(default, type) else bool(value)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and all(
            getattr(self, name) == getattr(other, name) for name in self.FIELDS
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        shown = []
        for name, default in self.FIELDS.items():
            value = getattr(self, name)
            if value != (default() if isinstance(default, type) else default):
                shown.append(f"{name}: {value!r}")
        return "\n".join(shown)


class GPUOptions(Message):
    """Memory options of GPUs; accepted."""

    FIELDS: ClassVar[dict[str, Any]] = {
        "per_process_gpu_memory_fraction": 0.0,
        "allow_growth": False,
        "allocator_type": "",
        "deferred_deletion_bytes": 0,
        "visible_device_list": "",
        "polling_active_delay_usecs": 0,
        "polling_inactive_delay_msecs": 0,
        "force_gpu_compatible": False,
        "experimental": dict,
    }


class OptimizerOptions(Message):
    """What TensorFlow's own optimizer should do; accepted, graphc's pipeline always runs."""

    L1 = 0
    L0 = -1
    DEFAULT = 0
    OFF = -1
    ON_1 = 1
    ON_2 = 2
    FIELDS: ClassVar[dict[str, Any]] = {
        "do_common_subexpression_elimination": False,
        "do_constant_folding": False,
        "max_folded_constant_in_bytes": 0,
        "do_function_inlining": False,
        "opt_level": 0,
        "global_jit_level": 0,
    }


class GraphOptions(Message):
    """Options of graph execution; accepted."""

    FIELDS: ClassVar[dict[str, Any]] = {
        "enable_recv_scheduling": False,
        "optimizer_options": OptimizerOptions,
        "build_cost_model": 0,
        "build_cost_model_after": 0,
        "infer_shapes": False,
        "place_pruned_graph": False,
        "enable_bfloat16_sendrecv": False,
        "timeline_step": 0,
        "rewrite_options": dict,
    }


class ConfigProto(Message):
    """The configuration of a session."""

    FIELDS: ClassVar[dict[str, Any]] = {
        "device_count": dict,
        "intra_op_parallelism_threads": 0,
        "inter_op_parallelism_threads": 0,
        "use_per_session_threads": False,
        "session_inter_op_thread_pool": list,
        "placement_period": 0,
        "device_filters": list,
        "gpu_options": GPUOptions,
        "allow_soft_placement": False,
        "log_device_placement": False,
        "graph_options": GraphOptions,
        "operation_timeout_in_ms": 0,
        "rpc_options": dict,
        "cluster_def": dict,
        "isolate_session_state": False,
        "share_cluster_devices_in_session": False,
        "experimental": dict,
    }


class RunOptions(Message):
    """Options of one `Session.run`."""

    NO_TRACE = 0
    SOFTWARE_TRACE = 1
    HARDWARE_TRACE = 2
    FULL_TRACE = 3
    FIELDS: ClassVar[dict[str, Any]] = {
        "trace_level": 0,
        "timeout_in_ms": 0,
        "inter_op_thread_pool": 0,
        "output_partition_graphs": False,
        "debug_options": dict,
        "report_tensor_allocations_upon_oom": False,
        "experimental": dict,
    }


class NodeExecStats(Message):
    """The time that one part of a run took, in microseconds."""

    FIELDS: ClassVar[dict[str, Any]] = {
        "node_name": "",
        "all_start_micros": 0,
        "op_end_rel_micros": 0,
        "all_end_rel_micros": 0,
    }


class DeviceStepStats(Message):
    """What ran on one device."""

    FIELDS: ClassVar[dict[str, Any]] = {"device": "", "node_stats": list}


class StepStats(Message):
    """What ran, by device."""

    FIELDS: ClassVar[dict[str, Any]] = {"dev_stats": list}


class RunMetadata(Message):
    """What `Session.run` reports of a traced run: the time of the whole step."""

    FIELDS: ClassVar[dict[str, Any]] = {
        "step_stats": StepStats,
        "cost_graph": dict,
        "partition_graphs": list,
    }
