"""What the hook offers can be had, and offering it loads nothing heavy."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest

from instatune.interfaces import INTERFACES, Moment
from instatune.plugin.hookspecs import ENTRY_TYPES
from instatune_plugins.schedules import instatune_schedules

ENTRIES = {entry.name: entry for entry in instatune_schedules()}


def test_offers_what_the_documentation_names():
    assert list(ENTRIES) == ["instatune", "in_place", "alpha_divergence", "alternate", "plain"]


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES)
def test_every_entry_leads_to_a_component_of_its_kind(entry):
    module, _, name = entry.target.partition(":")

    target = getattr(import_module(module), name)

    assert type(entry) is ENTRY_TYPES["schedules"]
    assert issubclass(target, INTERFACES["schedules"])
    target(entry.config() if entry.config else None)


def test_offering_loads_nothing_heavy():
    code = (
        "import sys, instatune_plugins.schedules; "
        "print([m for m in ('torch', 'scipy', 'sklearn', 'transformers') if m in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES)
def test_needs_largest_says_whether_the_super_network_ever_teaches(entry):
    module, _, name = entry.target.partition(":")
    schedule = getattr(import_module(module), name)(entry.config() if entry.config else None)
    moment = Moment(step=0, total_steps=1, epoch=0, epochs=1)

    teaches = any(schedule.weights(moment, role).supernet for role in ("sampled", "smallest"))

    assert entry.needs_largest or not teaches
