"""Reference documentation of operation types, from the registry."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from graphc.cli.errors import UsageError
from graphc.ir.graph import Attr, NoGradient, OpDef, definitions


def find(name: str) -> OpDef:
    """The operation type of a name, or of the public function of a name (whatever the case).

    Raises:
        UsageError: there is none; the message names what is most like it.
    """
    name = name.removeprefix("tf.")
    names: dict[str, OpDef] = {}
    for definition in definitions():
        names[definition.name.lower()] = definition
        if definition.public:
            names.setdefault(definition.public.lower(), definition)
    if name.lower() in names:
        return names[name.lower()]
    near = [names[n].name for n in difflib.get_close_matches(name.lower(), names, 3, 0.5)]
    hint = f"; did you mean {' or '.join(dict.fromkeys(near))}?" if near else ""
    raise UsageError(f"there is no operation '{name}'{hint}")


def rows() -> Iterator[tuple[str, str, str, str]]:
    """Name, public function, whether it has a gradient, and the first line of its documentation."""
    for definition in definitions():
        gradient = "" if isinstance(definition.gradient, NoGradient) else "yes"
        public = f"tf.{definition.public}" if definition.public else ""
        yield definition.name, public, gradient, _paragraphs(definition.doc)[0]


def plain(definition: OpDef) -> str:
    """The documentation of one operation type for the terminal."""
    lines = [
        f"{definition.name}({', '.join(definition.inputs)}) -> {', '.join(definition.outputs)}",
        "",
    ]
    for paragraph in _paragraphs(definition.doc):
        lines += [paragraph, ""]
    for name, attr in definition.attrs.items():
        lines.append(f"  {name}: {_attribute(attr)}")
    if definition.attrs:
        lines.append("")
    lines += [f"{label}: {text}" for label, text in _facts(definition)]
    return "\n".join(lines) + "\n"


def markdown(definition: OpDef | None) -> str:
    """The documentation of one operation type, or of all with a table of contents, as Markdown."""
    if definition is not None:
        return _markdown_of(definition)
    found = definitions()
    contents = ", ".join(f"[{d.name}](#{d.name.lower()})" for d in found)
    return "\n".join(["# Operations", "", contents, "", *map(_markdown_of, found)])


def _markdown_of(definition: OpDef) -> str:
    inputs, outputs = ", ".join(definition.inputs), ", ".join(definition.outputs)
    lines = [f"## {definition.name}", "", f"`{definition.name}({inputs}) -> {outputs}`", ""]
    for paragraph in _paragraphs(definition.doc):
        lines += [paragraph, ""]
    if definition.attrs:
        lines += ["| attribute | |", "|---|---|"]
        for name, attr in definition.attrs.items():
            lines.append(f"| `{name}` | {_attribute(attr)} |".replace("\n", " "))
        lines.append("")
    lines += [f"- {label}: {text}" for label, text in _facts(definition)]
    return "\n".join(lines) + "\n"


def _attribute(attr: Attr) -> str:
    text = attr.kind
    if attr.choices:
        text += f", one of {', '.join(map(repr, attr.choices))}"
    text += ", required" if attr.default is ... else f", default {attr.default!r}"
    return f"{text}. {attr.doc}" if attr.doc else text


def _facts(definition: OpDef) -> list[tuple[str, str]]:
    gradient = definition.gradient
    facts = [
        ("function", f"tf.{definition.public}" if definition.public else ""),
        ("dtypes", ", ".join(dtype.name for dtype in definition.dtypes)),
        ("gradient", f"none: {gradient.reason}" if isinstance(gradient, NoGradient) else "yes"),
        ("effect", "" if definition.effect == "pure" else definition.effect),
        ("compiled", _lowering(definition)),
    ]
    return [(label, text) for label, text in facts if text]


def _lowering(definition: OpDef) -> str:
    if definition.decompose is not None:
        return "in terms of other operations"
    if definition.lowering is not None:
        return f"as {type(definition.lowering).__name__}"
    return ""


def _paragraphs(text: str) -> list[str]:
    return [" ".join(part.split()) for part in text.strip().split("\n\n")] or [""]
