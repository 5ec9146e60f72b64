"""Strict reading of YAML: plain data with a line for every value, or a list of problems.

Nodes are walked here instead of being constructed by PyYAML, so no tag can ever build an object.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path as File
from typing import Any, TypeAlias

import yaml

from instatune.errors import Problem, SpecError
from instatune.spec.document import Document, Path
from instatune.spec.scalars import BOOL, FLOAT, INT, NULL, STR, StrictLoader, value_of

Source: TypeAlias = "str | os.PathLike[str] | Mapping[str, Any] | Document"
"""A path, a YAML document as text (it has a line break), a mapping, or what was read before."""

_MOST_NODES = 100_000  # aliases of aliases can make a short file huge
_SCALARS = {NULL, BOOL, INT, FLOAT, STR}


def open_source(source: Source) -> Document:
    """Read whatever a user may call a spec.

    Raises:
        SpecError: It cannot be read at all.
    """
    if isinstance(source, Document):
        return source
    if isinstance(source, Mapping):
        return from_mapping(source)
    if isinstance(source, str) and ("\n" in source or source.lstrip().startswith("{")):
        return parse(source)
    return read(source)


def read(path: str | os.PathLike[str]) -> Document:
    """Read a YAML file.

    Raises:
        SpecError: Missing, not text, or not YAML. Lesser problems are kept in the document.
    """
    name = os.fspath(path)
    try:
        text = File(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise _unreadable(name, "there is no such file") from None
    except IsADirectoryError:
        raise _unreadable(name, "this is a folder; give the spec file inside it") from None
    except UnicodeDecodeError:
        raise _unreadable(name, "this is not text in UTF-8") from None
    except OSError as error:
        raise _unreadable(name, f"cannot be read: {error.strerror}") from error
    return parse(text, name)


def parse(text: str, source: str = "spec") -> Document:
    """Read a YAML document; see :func:`read`."""
    data, lines, problems = parse_value(text, source)
    if not isinstance(data, dict):
        found = "empty" if data is None else f"a {_NOUNS.get(type(data), 'scalar')}"
        message = f"a spec is a mapping such as 'spec: 1', this is {found}"
        raise SpecError([*problems, Problem(path=(), message=message)], source)
    return Document(data=data, source=source, lines=lines, problems=tuple(problems))


def parse_value(text: str, source: str) -> tuple[Any, dict[Path, int], list[Problem]]:
    """Read any YAML value: data, lines, problems.

    Raises:
        SpecError: Not YAML, so nothing can be told about the rest.
    """
    try:
        loader = StrictLoader(text)
        try:
            node = loader.get_single_node()
        finally:
            loader.dispose()
        walk = _Walk()
        data = None if node is None else walk.value(node, ())
    except yaml.MarkedYAMLError as error:
        raise SpecError([_syntax(error)], source) from None
    except yaml.YAMLError as error:  # e.g. a control character
        raise _unreadable(source, f"not YAML: {str(error).splitlines()[0]}") from None
    except RecursionError:
        raise _unreadable(source, "nested too deeply") from None
    return data, walk.lines, walk.problems


def from_mapping(data: Mapping[str, Any], source: str = "spec") -> Document:
    """Take a mapping of the Python API; tuples count as lists and paths as text."""
    problems: list[Problem] = []
    try:
        plain = _plain(data, (), problems)
    except RecursionError:
        raise _unreadable(source, "the mapping contains itself") from None
    return Document(data=plain, source=source, problems=tuple(problems))


class _Walk:
    """One pass over the nodes of a document."""

    def __init__(self) -> None:
        self.lines: dict[Path, int] = {}
        self.problems: list[Problem] = []
        self._open: list[yaml.Node] = []
        self._count = 0

    def value(self, node: yaml.Node, path: Path) -> Any:
        self.lines.setdefault(path, node.start_mark.line + 1)
        self._count += 1
        if self._count > _MOST_NODES:
            raise yaml.MarkedYAMLError(
                problem=f"more than {_MOST_NODES} values", problem_mark=node.start_mark
            )
        if any(node is outer for outer in self._open):
            raise yaml.MarkedYAMLError(
                problem="an alias refers to what it is inside of", problem_mark=node.start_mark
            )
        self._open.append(node)
        try:
            return self._inside(node, path)
        finally:
            self._open.pop()

    def _inside(self, node: yaml.Node, path: Path) -> Any:
        if isinstance(node, yaml.MappingNode) and node.tag.endswith(",2002:map"):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode) and node.tag.endswith(",2002:seq"):
            return [self.value(item, (*path, i)) for i, item in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode) and node.tag in _SCALARS:
            try:
                return value_of(node.tag, node.value)
            except ValueError as error:
                self._report(node, path, str(error))
                return None
        self._report(node, path, f"the tag {node.tag!r} is not allowed; remove it")
        return None

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        first: dict[str, int] = {}
        for key_node, value_node in node.value:
            key, line = self._key(key_node, path), key_node.start_mark.line + 1
            if key is None:
                continue
            if key in found:
                message = f"{key!r} is given twice, first in line {first[key]}; remove one"
                self._report(key_node, (*path, key), message)
                continue
            first[key] = self.lines[(*path, key)] = line
            found[key] = self.value(value_node, (*path, key))
        return found

    def _key(self, node: yaml.Node, path: Path) -> str | None:
        if not isinstance(node, yaml.ScalarNode):
            self._report(node, path, "a key must be a word, not a list or a mapping")
        elif node.value == "<<" and node.style is None:
            self._report(node, path, "merge keys ('<<') are not read; write the settings out")
        elif node.tag != STR:
            self._report(node, path, f"a key must be text; write '{node.value}' in quotes")
        else:
            return str(node.value)
        return None

    def _report(self, node: yaml.Node, path: Path, message: str) -> None:
        self.problems.append(Problem(path=path, message=message, line=node.start_mark.line + 1))


_NOUNS: dict[type, str] = {list: "list", str: "text", int: "number", float: "number"}


def _plain(value: Any, path: Path, problems: list[Problem]) -> Any:
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                message = f"a key must be text, not {type(key).__name__} {key!r}"
                problems.append(Problem(path=path, message=message))
        return {
            key: _plain(item, (*path, key), problems)
            for key, item in value.items()
            if isinstance(key, str)
        }
    if isinstance(value, (list, tuple)):
        return [_plain(item, (*path, i), problems) for i, item in enumerate(value)]
    return os.fspath(value) if isinstance(value, os.PathLike) else value


def _syntax(error: yaml.MarkedYAMLError) -> Problem:
    mark = error.problem_mark or error.context_mark
    where = f" (column {mark.column + 1})" if mark else ""
    parts = [part for part in (error.context, error.problem) if part]
    message = "not YAML: " + ", ".join(parts) + where
    hints = ("indent with spaces, not tabs",) if "'\\t'" in message else ()
    return Problem(path=(), message=message, line=mark.line + 1 if mark else None, hints=hints)


def _unreadable(source: str, message: str) -> SpecError:
    return SpecError([Problem(path=(), message=message)], source)
