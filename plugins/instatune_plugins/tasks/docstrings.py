"""Reading the docstrings of Python's standard library.

Sources are parsed, never imported, so nothing of the library runs. Only compiled modules, which
have no source to parse, are imported; the caller names them.
"""

from __future__ import annotations

import ast
import importlib
import re
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import BuiltinFunctionType, ModuleType
from typing import TypeAlias

Documented: TypeAlias = "tuple[str, str]"
"""Dotted name of an object and its docstring as it is written."""

TEST_FOLDERS = frozenset({"test", "tests", "idle_test"})
"""They hold no documentation of the library; ``unittest`` and ``doctest`` are not tests."""

OTHER_FOLDERS = frozenset({"__pycache__", "site-packages", "dist-packages", "lib-dynload"})

_SIGNATURE = re.compile(r"[\w.]+\(.*\)(\s*->.*)?", re.DOTALL)


def first_paragraph(docstring: str) -> str:
    """Give the first paragraph of prose, white space normalised.

    Compiled functions often begin with their signature, some functions with an example; such a
    paragraph says nothing in words and is passed over. Empty where there is no prose.
    """
    for paragraph in re.split(r"\n[ \t]*\n", docstring.strip()):
        text = " ".join(paragraph.split())
        if text and not text.startswith(">>>") and not _SIGNATURE.fullmatch(text):
            return text
    return ""


def from_sources(library: Path, wanted: Callable[[str], object]) -> Iterator[Documented]:
    """Read the docstrings of modules, classes, functions and methods in ``.py`` files.

    Private objects are left out, special methods are not. Files that do not parse are left out:
    the library carries a few on purpose.

    Args:
        library: Folder of the standard library.
        wanted: Whether a module, given by its dotted name, is to be read.

    Yields:
        In the order of dotted module names, then of the source.
    """
    for name, path in sorted(_modules(library)):
        if not wanted(name):
            continue
        tree = _parsed(path)
        if tree is not None:
            yield from _of_node(tree, name)


def _parsed(path: Path) -> ast.Module | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the library has some old spellings
            return ast.parse(path.read_bytes(), filename=str(path))
    except (SyntaxError, ValueError, OSError):
        return None


def _modules(library: Path) -> Iterator[tuple[str, Path]]:
    for path in library.rglob("*.py"):
        parts = path.relative_to(library).with_suffix("").parts
        if not (TEST_FOLDERS | OTHER_FOLDERS).intersection(parts[:-1]):
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def _of_node(node: ast.AST, name: str) -> Iterator[Documented]:
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        docstring = ast.get_docstring(node)
        if docstring:
            yield name, docstring
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            return  # what is defined inside a function is private to it
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            if not _private(child.name):
                yield from _of_node(child, f"{name}.{child.name}")
        elif isinstance(child, ast.If | ast.Try | ast.ExceptHandler):  # versions and platforms
            yield from _of_node(child, name)


def _private(name: str) -> bool:
    return name.startswith("_") and not (name.startswith("__") and name.endswith("__"))


def from_compiled(names: Iterable[str]) -> Iterator[Documented]:
    """Read the docstrings of compiled modules; those that this Python lacks are left out.

    Special methods are left out: every type has the same ones with the same words.
    """
    for name in names:
        module = _imported(name)
        if module is not None:
            yield from _of_module(module, name)


def _imported(name: str) -> ModuleType | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            return importlib.import_module(name)
    except ImportError:
        return None


def _of_module(module: ModuleType, name: str) -> Iterator[Documented]:
    yield from _documented(module, name)
    for key in sorted(vars(module)):
        member = vars(module)[key]
        if key.startswith("_") or not _is_own(key, member):
            continue
        yield from _documented(member, f"{name}.{key}")
        if isinstance(member, type):
            for method in sorted(vars(member)):
                if not method.startswith("_"):
                    yield from _documented(vars(member)[method], f"{name}.{key}.{method}")


def _is_own(key: str, member: object) -> bool:
    # Constants have their type's docstring; Python functions were put there by other modules, and
    # hooks are there to be replaced: what else the process runs must not change the data.
    return isinstance(member, type | BuiltinFunctionType) and not key.endswith("hook")


def _documented(thing: object, name: str) -> Iterator[Documented]:
    docstring = getattr(thing, "__doc__", None)
    if isinstance(docstring, str) and docstring.strip():
        yield name, docstring
