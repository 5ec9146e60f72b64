"""Hooks: each one is documented with a plugin that really works."""

from __future__ import annotations

import doctest
import inspect
import re

import pytest

from instatune import interfaces
from instatune.plugin import hookspecs
from instatune.plugin.entries import ENTRY_TYPES, KINDS, kind_of, noun
from instatune.plugin.manager import discover


def hook(kind: str):
    return getattr(hookspecs, f"instatune_{kind}")


def example(kind: str) -> str:
    """The example of a hook as the text of a module."""
    examples = doctest.DocTestParser().get_examples(hook(kind).__doc__)
    return "".join(part.source for part in examples)


def test_there_is_a_hook_an_entry_and_an_interface_for_each_kind():
    hooks = {name for name, _ in inspect.getmembers(hookspecs, inspect.isfunction)}

    assert hooks >= {f"instatune_{kind}" for kind in KINDS}
    assert set(ENTRY_TYPES) == set(interfaces.INTERFACES) == set(KINDS)
    assert len(KINDS) == 14


@pytest.mark.parametrize("kind", KINDS)
def test_the_example_of_a_hook_runs_as_a_plugin(kind, tmp_path):
    file = tmp_path / f"example_{kind}.py"
    file.write_text(example(kind))

    plugins = discover(files=[file], strict=True)

    (offer,) = [o for o in plugins[kind].offers() if o.distribution == file.name]
    assert kind_of(offer.entry) == kind


@pytest.mark.parametrize("kind", KINDS)
def test_the_documentation_names_the_interface(kind):
    text = inspect.getdoc(hook(kind))
    name = interfaces.INTERFACES[kind].__name__

    assert "Example:" in text
    assert re.search(rf"Returns:\n.*\n?.*instatune\.interfaces\.{name}`", text)


@pytest.mark.parametrize("kind", KINDS)
def test_a_hook_takes_no_argument_and_names_its_entry(kind):
    signature = inspect.signature(hook(kind))

    assert not signature.parameters
    assert signature.return_annotation == f"Iterable[{ENTRY_TYPES[kind].__name__}]"
    assert tuple(hook(kind)()) == ()


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_has_a_contract(kind):
    from instatune.testing import contracts

    name = f"{interfaces.INTERFACES[kind].__name__}Contract"

    assert getattr(contracts, name).kind == kind
    assert noun(kind) in name.lower()
