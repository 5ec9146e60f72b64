"""A realistic summary: MiniLM (6 layers of 12 heads and 1536 neurons), all faked."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np

from instatune.interfaces import AimInfo, CurvePoint, Measurement, Row, Summary, Trace
from instatune.space import Architecture

LAYERS, HIDDEN, HEADS, HEAD, FFN, TOKENS = 6, 384, 12, 32, 1536, 64
N_SEARCH, N_TEST = 690, 1012
HEAD_CHOICES, FFN_CHOICES, DEPTH_CHOICES = (6, 8, 10, 12), (512, 1024, 1536), (3, 4, 5, 6)
STAGES = ("load", "teach", "elastic", "order", "tune", "search", "verify", "export", "report")

ACCURACY = AimInfo(name="accuracy", label="accuracy", unit="", goal="max", exact=False)
MACS = AimInfo(name="macs", label="MACs", unit="", goal="min", exact=True)
PARAMS = AimInfo(name="params", label="parameters", unit="", goal="min", exact=True)


def macs(architecture: dict[str, int]) -> float:
    total = HIDDEN * HIDDEN + HIDDEN * 9
    for layer in range(architecture["depth"]):
        width = HEAD * architecture[f"heads.{layer}"]
        total += 4 * TOKENS * HIDDEN * width + 2 * TOKENS**2 * width
        total += 2 * TOKENS * HIDDEN * architecture[f"ffn.{layer}"]
    return float(total)


def params(architecture: dict[str, int]) -> float:
    total = 30522 * HIDDEN + 512 * HIDDEN + HIDDEN * HIDDEN + HIDDEN * 9
    for layer in range(architecture["depth"]):
        total += 4 * HIDDEN * HEAD * architecture[f"heads.{layer}"]
        total += 2 * HIDDEN * architecture[f"ffn.{layer}"] + 4 * HIDDEN
    return float(total)


def network(depth: int, heads: int, ffn: int) -> dict[str, int]:
    values = {"depth": depth}
    for layer in range(depth):
        values |= {f"heads.{layer}": heads, f"ffn.{layer}": ffn}
    return values


FULL = network(LAYERS, HEADS, FFN)


def accuracy(architecture: dict[str, int], rng: np.random.Generator) -> float:
    share = macs(architecture) / macs(FULL)
    shallow = 0.035 * (LAYERS - architecture["depth"]) / 3
    return float(0.812 - 0.14 * (1 - share) ** 2.2 - shallow + rng.normal(0, 0.006))


def measured(fraction: float, n: int) -> Measurement:
    value = round(fraction * n) / n
    return Measurement(value, (value * (1 - value) / n) ** 0.5, n)


def row(name: str, role: str, values: dict[str, int], rng: np.random.Generator, **more) -> Row:
    truth = accuracy(values, rng) + more.pop("bonus", 0.0)
    return Row(
        name=name,
        role=role,
        architecture=values,
        key=Architecture(values).key,
        search={
            "accuracy": measured(truth, N_SEARCH),
            "macs": Measurement(macs(values)),
            "params": Measurement(params(values)),
        },
        test={"accuracy": measured(truth - 0.004 + rng.normal(0, 0.005), N_TEST)},
        **more,
    )


def sample(rng: np.random.Generator, skill: float) -> dict[str, int]:
    depth = int(rng.choice(DEPTH_CHOICES))
    values = {"depth": depth}
    for layer in range(depth):
        values[f"heads.{layer}"] = int(rng.choice(HEAD_CHOICES))
        values[f"ffn.{layer}"] = int(
            rng.choice(FFN_CHOICES, p=[(1 + skill) / 3, 1 / 3, (1 - skill) / 3])
        )
    return values


def front_rows(rng: np.random.Generator) -> tuple[Row, ...]:
    values = [sample(rng, 0.3) for _ in range(400)]
    cheapest_first = sorted(values, key=macs)
    edges = np.linspace(macs(cheapest_first[0]), macs(FULL) * 0.95, 13)
    rows: list[Row] = []
    for index, (low, high) in enumerate(pairwise(edges)):
        inside = [v for v in cheapest_first if low <= macs(v) < high]
        if not inside:
            continue
        best = max(inside, key=lambda v: accuracy(v, np.random.default_rng(0)))
        rows.append(
            row(
                f"sub-network {12 - index}",
                "front",
                best,
                rng,
                bonus=0.006,
                folder=f"subnets/{Architecture(best).key}",
                exactness={
                    "masked": float(abs(rng.normal(0, 2e-6))),
                    "extracted": float(abs(rng.normal(0, 8e-7))),
                    "reloaded": float(abs(rng.normal(0, 8e-7))),
                },
            )
        )
    return tuple(sorted(rows, key=lambda r: -r.search["accuracy"].value))


def trace(values: list[dict[str, float]]) -> tuple[float, ...]:
    """Staircase hypervolume against (1.05, 1.0) of MACs share and error."""
    points = [(v["macs"] / macs(FULL), 1 - v["accuracy"]) for v in values]
    result = []
    for count in range(1, len(points) + 1):
        area, best = 0.0, 1.0
        for x, y in sorted(points[:count]):
            if y < best:
                area += (1.05 - x) * (best - y)
                best = y
        result.append(area)
    return tuple(result)


def cloud(seed: int, count: int, skill: float) -> tuple[dict[str, float], ...]:
    rng = np.random.default_rng(seed)
    found = []
    for index in range(count):
        values = sample(rng, skill)
        gain = skill * 0.02 * min(1.0, index / 40)
        found.append(
            {
                "accuracy": measured(accuracy(values, rng) + gain, N_SEARCH).value,
                "macs": macs(values),
            }
        )
    return tuple(found)


def curves() -> tuple[CurvePoint, ...]:
    points = [
        CurvePoint(stage="teach", epoch=e, series="plain", value=v)
        for e, v in ((0.0, 0.12), (1.0, 0.734), (2.0, 0.79), (3.0, 0.806))
    ]
    tops = {"full": 0.812, "random": 0.768, "smallest": 0.702}
    for series, top in tops.items():
        for step in range(9):
            epoch = step * 0.5
            points.append(
                CurvePoint(
                    stage="tune",
                    epoch=epoch,
                    series=series,
                    value=top - (top - 0.12) * float(np.exp(-1.6 * epoch)),
                )
            )
    return tuple(points)


def plain_row(rng: np.random.Generator) -> Row:
    return Row(
        name="plain fine-tuning",
        role="plain",
        search={
            "accuracy": measured(0.806, N_SEARCH),
            "macs": Measurement(macs(FULL)),
            "params": Measurement(params(FULL)),
        },
        test={"accuracy": measured(0.803, N_TEST)},
    )


def baselines(rng: np.random.Generator) -> tuple[Row, ...]:
    return (
        plain_row(rng),
        row("largest", "largest", FULL, rng),
        row("uniform shrink, 8 heads of 1024", "uniform", network(6, 8, 1024), rng, bonus=-0.012),
        row("uniform shrink, 6 heads of 512", "uniform", network(6, 6, 512), rng, bonus=-0.012),
        row("first 5 layers", "first_layers", network(5, 12, 1536), rng, bonus=-0.02),
        row("first 4 layers", "first_layers", network(4, 12, 1536), rng, bonus=-0.02),
        row("best of random search", "random", sample(rng, 0.0), rng),
        row("smallest", "smallest", network(3, 6, 512), rng),
    )


def example_summary(run_dir: Path = Path("runs/bert-docs")) -> Summary:
    rng = np.random.default_rng(5)
    front, base = front_rows(rng), baselines(rng)
    evaluated, random = cloud(1, 120, 0.6), cloud(2, 120, 0.0)
    return Summary(
        title="bert-docs",
        facts={
            "model": "all-MiniLM-L6-v2 (bert), 6 layers of 12 heads and 1536 neurons",
            "task": "python_docs, 9 classes",
            "splits": "5,098 train, 690 search, 1,012 test",
            "space": "2,990,736 sub-networks: depth 3–6, heads 6–12, ffn 512–1536",
            "strategy": "linas with ridge, 120 evaluations, seed 0",
            "tuning": "Equation 1, low_cost, α = 0.3, 1 sub-network a step",
        },
        aims=(ACCURACY, MACS),
        extras=(PARAMS,),
        layers=LAYERS,
        widths={f"heads.{i}": HEADS for i in range(LAYERS)}
        | {f"ffn.{i}": FFN for i in range(LAYERS)},
        kept={r.key: tuple(range(r.architecture["depth"])) for r in front + base if r.architecture},
        front=front,
        baselines=base,
        evaluated=evaluated,
        random=random,
        traces=(
            Trace(name="linas", hypervolume=trace(list(evaluated))),
            Trace(name="random", hypervolume=trace(list(random))),
        ),
        reference="reference point: MACs 1.05 × those of the full model, accuracy 0 (a loose box)",
        curves=curves(),
        stage_seconds={
            "load": 2.1,
            "teach": 151.2,
            "elastic": 0.4,
            "order": 6.8,
            "tune": 243.9,
            "search": 131.5,
            "verify": 9.3,
            "export": 3.2,
            "report": 1.4,
        },
        stage_notes={
            "teach": "3 epochs, 480 steps",
            "tune": "4 epochs, 640 steps, 8 curve points",
            "search": "120 evaluations at 0.9 s, 12,400 predictions",
            "verify": "12 networks in 4 forms",
        },
        stage_steps={"teach": 480, "tune": 640},
        environment={
            "instatune": "0.1.0",
            "torch": "2.15.0",
            "transformers": "5.23.0",
            "python": "3.11.2",
            "machine": "2 cores, 8 GB",
            "seed": "0",
        },
        spec="spec: 1\nname: bert-docs\nmodel:\n  adapter: bert\n  checkpoint: package:gt/model\n",
        run_dir=run_dir,
    )
