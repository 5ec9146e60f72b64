"""What the hook offers can be had, and offering it loads nothing heavy."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest

from instatune.interfaces import INTERFACES
from instatune.plugin.hookspecs import ENTRY_TYPES
from instatune_plugins.dimensions import instatune_dimensions

ENTRIES = {entry.name: entry for entry in instatune_dimensions()}


def test_offers_what_the_documentation_names():
    assert list(ENTRIES) == ["depth", "heads", "kv_groups", "ffn", "embed", "channels", "bits"]


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES)
def test_every_entry_leads_to_a_component_of_its_kind(entry):
    module, _, name = entry.target.partition(":")

    target = getattr(import_module(module), name)

    assert type(entry) is ENTRY_TYPES["dimensions"]
    assert issubclass(target, INTERFACES["dimensions"])
    target(entry.config() if entry.config else None)


def test_offering_loads_nothing_heavy():
    code = (
        "import sys, instatune_plugins.dimensions.depth, instatune_plugins.dimensions.heads, "
        "instatune_plugins.dimensions.ffn, instatune_plugins.dimensions.embed, "
        "instatune_plugins.dimensions.bits; "
        "print([m for m in ('torch', 'scipy', 'sklearn', 'transformers') if m in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
