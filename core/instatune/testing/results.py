"""A made-up result of a run, consistent in itself, for reporters and report pages. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from instatune.interfaces import AimInfo, CurvePoint, Measurement, Row, Summary, Trace
from instatune.space import Architecture
from instatune.testing.fakes import Landscape

_ACCURACY = AimInfo(name="accuracy", label="accuracy", unit="", goal="max", exact=False)
_MACS = AimInfo(name="macs", label="MACs", unit="", goal="min", exact=True)
_EVALUATED = 12


def summary(run_dir: Path, seed: int = 0) -> Summary:
    """A finished run on :class:`Landscape`: 12 evaluations, its front, three baselines.

    Args:
        run_dir: Folder of the run.
        seed: Of the architectures that were evaluated.
    """
    land = Landscape()
    space = land.space
    drawn = space.decode(space.sample(np.random.default_rng(seed), _EVALUATED))
    front = [
        _row(land, f"sub-network {i + 1}", "front", a) for i, a in enumerate(_front(land, drawn))
    ]
    largest = _row(land, "largest", "largest", space.largest)
    rows = (*front, largest, _row(land, "smallest", "smallest", space.smallest))
    plain = Row(name="plain fine-tuning", role="plain", search=largest.search, test=largest.test)
    return Summary(
        title="tiny run",
        facts={"model": "tiny transformer", "task": "tiny", "size of the space": str(space.size)},
        aims=(_ACCURACY, _MACS),
        layers=3,
        widths=dict(space.full_units),
        kept={row.key: kept for row in rows for kept in [_kept(land, row.architecture)]},
        front=tuple(front),
        baselines=(plain, *rows[len(front) :]),
        evaluated=tuple(_values(land, a) for a in drawn),
        random=tuple(_values(land, a) for a in reversed(drawn)),
        traces=(
            Trace(name="random", hypervolume=tuple(np.linspace(0.2, 0.6, _EVALUATED).tolist())),
        ),
        reference="accuracy 0, MACs of the full model",
        curves=tuple(_curves()),
        stage_seconds={"load": 0.1, "tune": 12.0, "search": 5.0},
        stage_notes={"search": f"{_EVALUATED} evaluations"},
        environment={"python": "3.12", "machine": "a made-up one"},
        spec="spec: 1\nname: tiny run\n",
        run_dir=run_dir,
    )


def _front(land: Landscape, architectures: list[Architecture]) -> list[Architecture]:
    """Those that no other beats in both aims, most accurate first."""
    points = {a: _values(land, a) for a in architectures}
    best = [
        a
        for a, mine in points.items()
        if not any(
            other["accuracy"] > mine["accuracy"] and other["macs"] <= mine["macs"]
            for other in points.values()
        )
    ]
    return sorted(best, key=lambda a: -points[a]["accuracy"])


def _values(land: Landscape, architecture: Architecture) -> dict[str, float]:
    values = land.measure([architecture])[0].values
    return {name: measurement.value for name, measurement in values.items()}


def _row(land: Landscape, name: str, role: str, architecture: Architecture) -> Row:
    measured = land.measure([architecture])[0].values
    return Row(
        name=name,
        role=role,
        architecture=architecture.as_dict(),
        key=architecture.key,
        search=measured,
        test={"accuracy": Measurement(measured["accuracy"].value - 0.01, 0.012, 120)},
        folder=f"subnets/{architecture.key}" if role == "front" else "",
        exactness={"masked": 0.0, "extracted": 1e-7, "reloaded": 1e-7} if role == "front" else {},
    )


def _kept(land: Landscape, values: Mapping[str, int]) -> tuple[int, ...]:
    return land.space.kept_layers(land.space.architecture(values))["layers"]


def _curves() -> list[CurvePoint]:
    plain = [
        CurvePoint(stage="teach", epoch=e, series="plain", value=0.5 + 0.1 * e) for e in (1, 2)
    ]
    tuned = [
        CurvePoint(stage="tune", epoch=e, series=series, value=start + 0.1 * e)
        for e in (0.5, 1.0, 1.5, 2.0)
        for series, start in (("full", 0.5), ("random", 0.45), ("smallest", 0.4))
    ]
    return plain + tuned
