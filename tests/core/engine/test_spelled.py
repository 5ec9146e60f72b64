"""What identifies a component in the key of a stage."""

from __future__ import annotations

import attrs
import pytest

from instatune.engine.stages.stage import spelled
from instatune.plugin.entries import ScheduleEntry
from instatune.plugin.settings import NEWER
from instatune.spec.plan import Part
from instatune_plugins.schedules import InstaTuneConfig


@attrs.frozen(kw_only=True)
class Settings:
    old: float = 0.5
    new: float = attrs.field(default=0.0, metadata={NEWER: True})


def part_of(config) -> Part:
    entry = ScheduleEntry(name="mine", target="a:B", config=type(config), summary="a part")
    return Part(kind="schedules", entry=entry, config=config, distribution="d", version="1")


def test_a_newer_setting_counts_once_it_is_set():
    assert spelled(part_of(Settings())) == ["schedules", "mine", "d", {"old": 0.5}]
    assert spelled(part_of(Settings(old=0.0, new=0.1)))[3] == {"old": 0.0, "new": 0.1}


@pytest.mark.parametrize("changes", [{"hidden": 0.1}, {"relation": 0.1}, {"relation_heads": 6}])
def test_losses_are_spelled_as_before_there_were_terms_inside_of_networks(changes):
    before = {"alpha": 0.3, "gamma": "low_cost", "teacher_epochs": None, "rho": 1.0}

    assert spelled(part_of(InstaTuneConfig()))[3] == before
    assert spelled(part_of(InstaTuneConfig(**changes)))[3] == {**before, **changes}
