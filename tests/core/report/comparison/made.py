"""Comparisons with known answers, made without a search."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from instatune.interfaces import AimInfo
from instatune.interfaces.comparison import Comparison, Contestant, Trial

AIMS = (
    AimInfo(name="accuracy", label="accuracy", unit="", goal="max", exact=False),
    AimInfo(name="macs", label="MACs", unit="MACs", goal="min", exact=True),
)


def trial(label, seed, losses, **changes):
    """A search that measured these losses, a second each, thinking a tenth each."""
    table = np.array(losses, dtype=float).reshape(len(losses), -1)
    count = len(table)
    values = table.copy()
    values[:, 0] *= -1
    given = {
        "values": values,
        "losses": table,
        "overhead": 0.1 * np.arange(1, count + 1),
        "measuring": np.ones(count),
        "own_seconds": 0.1 * count,
        "asked": count,
        "record": f"cells/{label}{seed}.json",
    }
    return Trial(label=label, seed=seed, **{**given, **changes})


def failed(label, seed, error="it broke", blame="strategy 'x' of y"):
    empty = np.zeros((0, 2))
    return Trial(
        label=label,
        seed=seed,
        error=error,
        blame=blame,
        values=empty,
        losses=empty,
        overhead=np.zeros(0),
        measuring=np.zeros(0),
    )


def comparison(trials, **changes):
    labels = list(dict.fromkeys(item.label for item in trials))
    given = {
        "title": "made",
        "benchmark": "bench",
        "about": "made up",
        "facts": {"space": "many networks"},
        "aims": AIMS,
        "contestants": tuple(
            Contestant(label=label, strategy=label, origin="here 1") for label in labels
        ),
        "trials": tuple(trials),
        "baseline": labels[0],
        "budget": max(len(item.losses) for item in trials),
        "seeds": tuple(dict.fromkeys(item.seed for item in trials)),
        "bounds": ((-1.0, 0.0), (0.0, 10.0)),
        "worst": (0.0, np.inf),
        "environment": {"python": "3"},
        "spec": "compare: 1",
        "run_dir": Path("out"),
    }
    return Comparison(**{**given, **changes})


def race(curves, seeds=8, noise=1e-3, **changes):
    """Searches whose accuracy at one cost follows curves, shifted a little from seed to seed."""
    rng = np.random.default_rng(0)
    trials = [
        trial(label, seed, [(-(value + noise * rng.normal()), 5.0) for value in values])
        for label, values in curves.items()
        for seed in range(seeds)
    ]
    return comparison(trials, front=np.array([[-1.0, 5.0]]), **changes)
