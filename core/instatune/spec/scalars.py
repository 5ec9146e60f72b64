"""Scalars of YAML 1.2 (core schema, https://yaml.org/spec/1.2.2/#103-core-schema), a bit stricter.

PyYAML speaks YAML 1.1, where ``3e-4`` is text, ``no`` is false, ``1:30`` is ninety and a bare date
becomes an object. Here ``true`` and ``false`` are the only booleans, and dates stay text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import yaml

NULL = "tag:yaml.org,2002:null"
BOOL = "tag:yaml.org,2002:bool"
INT = "tag:yaml.org,2002:int"
FLOAT = "tag:yaml.org,2002:float"
STR = "tag:yaml.org,2002:str"

_RULES: tuple[tuple[str, str, str], ...] = (  # tag, pattern, possible first characters
    (NULL, r"(~|null|Null|NULL|)", "~nN\0"),
    (BOOL, r"(true|false)", "tf"),
    (INT, r"([-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)", "-+0123456789"),
    (
        FLOAT,
        r"([-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"
        r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))",
        "-+.0123456789",
    ),
)


def _resolvers() -> dict[str, list[tuple[str, re.Pattern[str]]]]:
    """The rules in the form that PyYAML wants: by first character, first match wins."""
    table: dict[str, list[tuple[str, re.Pattern[str]]]] = {}
    for tag, pattern, firsts in _RULES:
        for first in firsts:
            key = "" if first == "\0" else first
            table.setdefault(key, []).append((tag, re.compile(f"{pattern}\\Z")))
    return table


class StrictLoader(yaml.SafeLoader):
    """Composes nodes with the rules above; nodes are never turned into objects by PyYAML."""

    yaml_implicit_resolvers = _resolvers()


class StrictDumper(yaml.SafeDumper):
    """Quotes text that either YAML 1.1 or the rules above would take for something else."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's own way to configure a class
        key: [*yaml.SafeDumper.yaml_implicit_resolvers.get(key, []), *_resolvers().get(key, [])]
        for key in {*yaml.SafeDumper.yaml_implicit_resolvers, *_resolvers()}
    }

    def ignore_aliases(self, data: Any) -> bool:
        """Write equal values twice rather than as anchor and alias."""
        return True

    def represent_sequence(
        self, tag: str, sequence: Iterable[Any], flow_style: bool | None = None
    ) -> yaml.SequenceNode:
        """Write lists of scalars in one line, and everything else in blocks."""
        node = super().represent_sequence(tag, sequence, flow_style)
        node.flow_style = all(isinstance(item, yaml.ScalarNode) for item in node.value)
        return node


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    """PyYAML loses Unicode's own line breaks, except between double quotes."""
    style = '"' if set(text) & set("\x85\u2028\u2029") else None
    return dumper.represent_scalar(STR, text, style=style)


StrictDumper.add_representer(str, _represent_text)


def value_of(tag: str, text: str) -> Any:
    """Turn the text of a scalar into a Python value.

    Raises:
        ValueError: An explicit tag does not fit the text, or the number is absurdly long.
    """
    if tag == STR:
        return text
    if tag == NULL:
        return None
    for known, pattern, _ in _RULES:
        if known == tag and re.fullmatch(pattern, text):
            return _CONVERT[tag](text)
    raise ValueError(f"{text!r} does not fit its tag")


def _int(text: str) -> int:
    base = {"0o": 8, "0x": 16}.get(text[:2], 10)
    return int(text[2:] if base != 10 else text, base)


def _float(text: str) -> float:
    return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))


_CONVERT = {BOOL: lambda text: text == "true", INT: _int, FLOAT: _float}
