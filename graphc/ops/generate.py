"""Writes `graphc/ops/generated.py`: the public functions that are one operation and nothing more.

`python -m graphc.ops.generate` rewrites the file from the registry; a test compares them.
"""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

from graphc.ir.dtypes import DType
from graphc.ir.graph import OpDef, definitions

FILE = Path(__file__).with_name("generated.py")

HEADER = '''"""Public functions that are one operation and nothing more.

Generated from the registry by `python -m graphc.ops.generate`; do not edit.
"""

from __future__ import annotations

from typing import Any

from graphc.framework.op_support import apply

'''


def text() -> str:
    """The whole file."""
    public = sorted((d for d in definitions() if d.public), key=lambda d: str(d.public))
    names = [f"    {d.public!r},\n" for d in public]
    parts = [HEADER, "__all__ = [\n", *names, "]\n", *[function(d) for d in public]]
    return "".join(parts)


def function(definition: OpDef) -> str:
    """The wrapper of one operation type."""
    inputs = [name.lstrip("*") for name in definition.inputs]
    arguments = definition.arguments or (*inputs, *definition.attrs)
    unknown = set(arguments) - set(inputs) - set(definition.attrs)
    assert not unknown, (
        f"{definition.name}: arguments {sorted(unknown)} are neither inputs nor attributes"
    )
    parameters = [_parameter(definition, name) for name in arguments]
    given = [*definition.inputs]
    given += [f"{name}={name}" for name in arguments if name in definition.attrs]
    call = ", ".join([f'"{definition.name}"', *given, "name=name"])
    signature = ", ".join([*parameters, "name: str | None = None"])
    return (
        f"\n\ndef {definition.public}({signature}) -> Any:\n"
        f"{_docstring(definition)}"
        f"    return apply({call})\n"
    )


def _parameter(definition: OpDef, name: str) -> str:
    attr = definition.attrs.get(name)
    if attr is None or attr.default is ...:
        return f"{name}: Any"
    return f"{name}: Any = {_literal(attr.default)}"


def _literal(value: Any) -> str:
    assert not isinstance(value, DType), "write a wrapper by hand for attributes that are dtypes"
    return repr(value)


def _docstring(definition: OpDef) -> str:
    lines = textwrap.wrap(" ".join(definition.doc.split()), 94)
    if len(lines) == 1:
        return f'    """{lines[0]}"""\n'
    body = "".join(f"    {line}\n" for line in lines[1:])
    return f'    """{lines[0]}\n{body}    """\n'


def formatted(source: str) -> str:
    """The source as ruff formats it, where ruff is installed."""
    command = [sys.executable, "-m", "ruff", "format", "--line-length=100", "-"]
    done = subprocess.run(command, input=source, capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else source


def main() -> None:
    """Rewrite the file."""
    FILE.write_text(formatted(text()))
    print(f"wrote {FILE}")


if __name__ == "__main__":
    main()
