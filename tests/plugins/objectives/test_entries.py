"""What the hook offers can be had, and offering it loads nothing heavy."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import attrs
import pytest

from instatune.interfaces import INTERFACES, ExactObjective
from instatune.plugin.hookspecs import ENTRY_TYPES
from instatune_plugins.objectives import instatune_objectives

ENTRIES = {entry.name: entry for entry in instatune_objectives()}


def test_offers_what_the_documentation_names():
    names = ["accuracy", "entity_f1", "correlation", "macs", "params", "model_size", "roofline"]
    assert list(ENTRIES) == [*names, "latency", "latency_table", "latency_mlp"]


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES)
def test_every_entry_leads_to_a_component_of_its_kind(entry, tmp_path):
    module, _, name = entry.target.partition(":")

    target = getattr(import_module(module), name)

    assert type(entry) is ENTRY_TYPES["objectives"]
    assert issubclass(target, INTERFACES["objectives"])
    (tmp_path / "samples.csv").touch()
    needed = {"samples": (str(tmp_path / "samples.csv"),)}
    wanted = {field.name for field in attrs.fields(entry.config)} if entry.config else set()
    settings = {name: value for name, value in needed.items() if name in wanted}
    target(entry.config(**settings) if entry.config else None)


def test_offering_loads_nothing_heavy():
    code = (
        "import sys, instatune_plugins.objectives; "
        "print([m for m in ('torch', 'scipy', 'sklearn', 'transformers') if m in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES)
def test_exact_objectives_and_no_others_say_so(entry):
    module, _, name = entry.target.partition(":")

    exact = issubclass(getattr(import_module(module), name), ExactObjective)

    assert (entry.cost == "exact") == exact
