"""What the stages after the search will take: their networks are run, saved and loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from instatune.engine.baselines import reference_networks
from instatune.engine.rehearsal import timed
from instatune.engine.stopwatch import Course
from instatune.plugin.entries import ExporterEntry
from instatune.space import Architecture

if TYPE_CHECKING:
    from instatune.engine.forecast import Facts, Parts

_FORMS = 4  # forms of a network that are compared: slice, masked, extracted, reloaded
_PROBES = 2  # batches that they are compared on
_RANDOM = 4  # networks of the random search that are scored on the test split
_WARM_UP = 2  # rounds before those that are timed


def references(facts: Facts) -> list[Architecture]:
    """All baselines that are sub-networks."""
    roles = reference_networks(facts.space)
    return [architecture for role in roles.values() for architecture in role]


def verifying(facts: Facts) -> Parts:
    """Comparing the forms of the chosen networks, and scoring them on the test split."""
    shop, section = facts.shop, facts.shop.plan.spec.search
    encode, _ = timed(lambda: shop.features("test"))
    test = Course.over(shop, "test", section.batch_size)
    probes = Course.over(shop, "search", section.batch_size)
    chosen, median = _chosen(facts), facts.median
    scored = [median] * chosen
    if section.baselines:
        scored += references(facts) + [median] * _RANDOM
    probe = facts.scoring(probes, [median]) * min(1.0, _PROBES / len(probes.volumes))
    reading = (test.volume + probes.volume) * facts.paces.read
    return {
        "load": 3 * facts.loaded.model + facts.loaded.describe + encode + reading,
        "prove": chosen * (facts.store + _FORMS * probe),
        "score": facts.scoring(test, scored),
        "original": sum(facts.scoring(c, [facts.space.largest]) for c in (test, probes)),
    }


def exporting(facts: Facts) -> Parts:
    """Writing the chosen networks; formats that trace a network take longer."""
    return {"load": facts.loaded.model, "write": _chosen(facts) * facts.store}


def measuring(facts: Facts) -> Parts:
    """Running what was exported, on the test split and against the clock."""
    shop, deploy = facts.shop, facts.shop.plan.spec.deploy
    entries = [cast("ExporterEntry", part.entry) for part in shop.plan.exporters]
    formats = sum(entry.runs for entry in entries)
    networks = [facts.median] * _chosen(facts) + [facts.space.largest]
    test = Course.over(shop, "test", shop.plan.spec.search.batch_size)
    rounds = (deploy.repeats + _WARM_UP if deploy.repeats else 0) * sum(deploy.batch_sizes)
    length = test.volume / max(1, len(shop.features("test")))
    paces = float(facts.paces.infer.of(facts.sizes(networks)).sum())
    return {
        "load": facts.loaded.model + formats * len(networks) * facts.store / 2,
        "score": (1 + formats) * facts.scoring(test, networks),
        "time": formats * rounds * length * paces,
    }


def _chosen(facts: Facts) -> int:
    section = facts.shop.plan.spec.search
    return min(section.export_limit, section.evaluations, facts.space.size)
