"""The text form of graphs and functions: one operation a line, exact, and read back by `parse_*`.

    graphc.graph v1
    %0 = Placeholder() {dtype = <float32>, shape = (?, 4)} : float32[?,4] "x" // train.py:3
    %1 = Relu(%0) : float32[?,4] "Relu" // train.py:4, in model

A value is `%3` or, of several results, `%3:1`. Constants of more than a few elements are named by a
digest of their content, `@1f3a…`, and live in a dict beside the text. A function in an attribute is
`function` there, and follows the operation, indented:

    %2 = While(%0, %1) {cond = function, body = function, carries = 1, …} : …
      cond = graphc.function v1 "while/While/cond"
        …
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from graphc.ir.bodies import Body
from graphc.ir.dims import Dim, Unknown
from graphc.ir.dtypes import DType, as_dtype
from graphc.ir.function import Function
from graphc.ir.graph import Graph, Operation, Source, Tensor
from graphc.ir.types import TensorType

GRAPH_HEADER = "graphc.graph v1"
FUNCTION_HEADER = "graphc.function v1"

# Constants of more elements go beside the text.
LARGEST_INLINE = 64

Constants = dict[str, np.ndarray]


def print_graph(graph: Graph, constants: Constants | None = None) -> str:
    """The text of a graph; large constants are added to `constants` by digest.

    Collections hold Python objects and are not part of the text.
    """
    lines = [GRAPH_HEADER]
    if graph.seed is not None:
        lines.append(f"seed {graph.seed}")
    lines += _operation_lines(graph.operations, constants)
    return "\n".join(lines) + "\n"


def print_function(function: Function, constants: Constants | None = None) -> str:
    """The text of a function; large constants are added to `constants` by digest."""
    environment = function.environment
    lines = [f"{FUNCTION_HEADER} {json.dumps(function.name)}"]
    for name, hint in environment.hints.items():
        signed = " signed" if name in environment.signed else ""
        dynamic = " dynamic" if name in environment.dynamic else ""
        unhinted = " unhinted" if name in environment.unhinted else ""
        lines.append(f"symbol {name} = {hint}{signed}{dynamic}{unhinted}")
    lines += [f"same {name} = {dim}" for name, dim in environment.substitutions.items()]
    for guard in environment.guards:
        reason = f" {json.dumps(guard.reason)}" if guard.reason else ""
        lines.append(f"guard {guard}{reason}")
    lines += _operation_lines(function.operations, constants)
    for p in function.parameters:
        lines.append(f"parameter {p.kind} {json.dumps(p.name)} = {_value(p.tensor)}")
    lines += [f"result {_value(tensor)}" for tensor in function.results]
    lines += [f"update {json.dumps(name)} = {_value(tensor)}" for name, tensor in function.updates]
    lines += [f"effect %{op.number}" for op in function.effects]
    for name, tensor, element in function.sizes:
        lines.append(f"size {name} = {_value(tensor)}[{element}]")
    return "\n".join(lines) + "\n"


def parse_graph(text: str, constants: Mapping[str, np.ndarray] | None = None) -> Graph:
    """The graph of a text.

    Raises:
        ParseError: with the line number: malformed text, an unknown operation or attribute, types
            that the operation cannot have, or a large constant that is missing or damaged.
    """
    from graphc.ir.text_reader import GraphReader

    return GraphReader(text, constants or {}).read()


def parse_function(text: str, constants: Mapping[str, np.ndarray] | None = None) -> Function:
    """The function of a text.

    Raises:
        ParseError: as for `parse_graph`, or the function breaks an invariant of functions.
    """
    from graphc.ir.text_reader import FunctionReader

    return FunctionReader(text, constants or {}).read()


def _operation_lines(operations: list[Operation], constants: Constants | None) -> list[str]:
    """The lines of operations, with the functions and bodies that they hold beneath them."""
    lines: list[str] = []
    for op in operations:
        lines.append(operation_text(op, constants))
        if op.definition.effect == "nested":
            for name, value in op.attrs.items():
                if isinstance(value, Function):
                    first, *rest = print_function(value, constants).splitlines()
                elif isinstance(value, Body):
                    first, *rest = _body_lines(value, constants)
                else:
                    continue
                lines += [f"  {name} = {first}", *(f"    {line}" for line in rest)]
    return lines


def _body_lines(body: Body, constants: Constants | None) -> list[str]:
    lines = ["graphc.body", *_operation_lines(body.operations, constants)]
    lines += [f"argument {_value(tensor)}" for tensor in body.arguments]
    lines += [f"capture {_value(a)} = {json.dumps(o.name)}" for o, a in body.captures.items()]
    return [*lines, *(f"result {_value(tensor)}" for tensor in body.results)]


# -------------------------------------------------------------------------------------- one line


def operation_text(op: Operation, constants: Constants | None = None) -> str:
    """The line of an operation."""
    inputs = ", ".join(map(_value, op.inputs))
    parts = [f"%{op.number} = {op.type}({inputs})"]
    if op.attrs:
        attrs = (f"{name} = {attribute_text(v, constants)}" for name, v in op.attrs.items())
        parts.append(f"{{{', '.join(attrs)}}}")
    types = [type_text(t.type) for t in op.outputs]
    parts.append(f": {types[0]}" if len(types) == 1 else f": ({', '.join(types)})")
    parts.append(json.dumps(op.name))
    if op.control_inputs:
        parts.append(f"after({', '.join(f'%{c.number}' for c in op.control_inputs)})")
    if op.role != "forward":
        parts.append(f"role({op.role})")
    if op.device:
        parts.append(f"device({json.dumps(op.device)})")
    if op.source is not None:
        parts.append(f"// {source_text(op.source)}")
    return " ".join(parts)


def _value(tensor: Tensor) -> str:
    suffix = f":{tensor.index}" if tensor.index else ""
    return f"%{tensor.op.number}{suffix}"


def source_text(source: Source) -> str:
    """``train.py:12, in model``, on one line whatever the names hold."""
    file, line, function = source
    inside = "" if function == "<module>" else f", in {function}"
    text = f"{file}:{line}{inside}"
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")


def type_text(type: TensorType) -> str:
    """``float32[s0,4]``, ``float32[*]`` for an unknown rank."""
    return str(type)


def attribute_text(value: Any, constants: Constants | None = None) -> str:
    """An attribute's value. What has no text form is `opaque("…")`, which cannot be read."""
    match value:
        case None:
            return "none"
        case bool() | np.bool_():
            return "true" if value else "false"
        case int() | np.integer():
            return str(int(value))
        case float() | np.floating():
            return repr(float(value))
        case str():
            return json.dumps(value)
        case bytes():
            return f"b{json.dumps(value.decode('latin-1'))}"
        case DType():
            return f"<{value.name}>"
        case Function():
            return "function"
        case Body():
            return "body"
        case Tensor():
            return f"opaque({json.dumps(value.name)})"
        case Unknown():
            return "?"
        case Dim():
            return f"|{value}|"
        case np.ndarray():
            return _array_text(value, constants)
        case tuple():
            inner = ", ".join(attribute_text(v, constants) for v in value)
            return f"({inner},)" if len(value) == 1 else f"({inner})"
        case list():
            return f"[{', '.join(attribute_text(v, constants) for v in value)}]"
        case dict() if all(isinstance(key, str) for key in value):
            items = (f"{json.dumps(k)} = {attribute_text(v, constants)}" for k, v in value.items())
            return f"{{{', '.join(items)}}}"
    name = getattr(value, "__qualname__", type(value).__qualname__)
    return f"opaque({json.dumps(name)})"


def digest(array: np.ndarray) -> str:
    """The name of a large constant: a digest of dtype, shape and content."""
    state = hashlib.blake2b(f"{as_dtype(array.dtype).name}{array.shape}".encode(), digest_size=16)
    if array.dtype == object:
        for item in array.ravel().tolist():
            state.update(len(item).to_bytes(8, "little") + item)
    else:
        state.update(np.ascontiguousarray(array).tobytes())
    return state.hexdigest()


def _array_text(array: np.ndarray, constants: Constants | None) -> str:
    dtype = as_dtype(array.dtype)
    dims = ",".join(map(str, array.shape))
    if array.size > LARGEST_INLINE:
        name = digest(array)
        if constants is not None:
            constants[name] = array
        content = f"@{name}"
    elif array.dtype.kind in "fc" and np.isnan(array).any():
        content = f"#{np.ascontiguousarray(array).tobytes().hex()}"  # keeps what NaNs carry
    elif array.dtype.kind == "c":
        content = f"#{np.ascontiguousarray(array).tobytes().hex()}"
    else:
        # str of a NumPy float is the shortest text that reads back as the same float of its dtype
        content = ", ".join(_element_text(item) for item in array.ravel())
    return f"array<{dtype.name}[{dims}]>({content})"


def _element_text(item: Any) -> str:
    return str(item) if isinstance(item, np.floating) else attribute_text(item)
