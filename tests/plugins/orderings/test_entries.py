"""What the hook offers can be had, and offering it loads nothing heavy."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest

from instatune.interfaces import INTERFACES
from instatune.plugin.hookspecs import ENTRY_TYPES
from instatune_plugins.orderings import instatune_orderings

ENTRIES = {entry.name: entry for entry in instatune_orderings()}


def test_offers_what_the_documentation_names():
    assert list(ENTRIES) == [
        "none",
        "l1",
        "l2",
        "taylor",
        "activation",
        "movement",
        "sensitivity",
    ]


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES)
def test_every_entry_leads_to_a_component_of_its_kind(entry):
    module, _, name = entry.target.partition(":")

    target = getattr(import_module(module), name)

    assert type(entry) is ENTRY_TYPES["orderings"]
    assert issubclass(target, INTERFACES["orderings"])
    target(entry.config() if entry.config else None)


def test_offering_loads_nothing_heavy():
    code = (
        "import sys, instatune_plugins.orderings; "
        "print([m for m in ('torch', 'scipy', 'sklearn', 'transformers') if m in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
