"""Does the search see the accuracy that its user will get?

    make bench NAME=int8_agreement

Random networks and policies of the run of ``joint_sst2``: accuracy on the search split as the
search simulates it, against that of the exported INT8 file in ONNX Runtime. Rounding is chaotic, so
the noise is measured too: one weight of the first normalisation is moved by 1e-5 and everything is
simulated again; pairs of networks that differ by less than twice this noise have no order.

Beside it the same with activation ranges gathered once, of the largest network, for all.
"""

from __future__ import annotations

from itertools import combinations
from statistics import mean
from typing import Any

import numpy as np
from harness import machine, report
from joint import drawn, options, reopened

GOAL, TAU = 0.5, 0.8
RUNTIME = "onnx_int8"


def main() -> None:
    """Export and run everything, then write the line."""
    parser = options(__doc__)
    parser.add_argument("--networks", type=int, default=32)
    chosen = parser.parse_args()

    import torch

    torch.set_num_threads(1)
    run = reopened(chosen, RUNTIME)
    bench = run.searching().bench
    rows = []
    for architecture in drawn(run.space, chosen.networks + 1)[1:]:
        seen, logits = _simulated(bench, architecture)
        moved, shaken = _simulated(bench, architecture, shake=1e-5)
        rows.append(
            {
                "search": seen,
                "artefact": _run(bench, architecture),
                "shaken": moved,
                "noise_rms": float((logits - shaken).pow(2).mean().sqrt() / logits.std()),
                "ranges_of_largest": _shared(bench, architecture),
                "modules_low": len(run.space.kept_bits(architecture)),
            }
        )
        print(rows[-1], flush=True)
    noise = float(np.sqrt(mean((r["search"] - r["shaken"]) ** 2 for r in rows) / 2))
    value = round(mean(_points(rows, "artefact")), 3)
    tau = _tau(rows, "artefact", 2 * noise)
    details = {
        "kendall_tau": tau,
        "noise_in_points": round(100 * noise, 3),
        "noise_rms_of_logits": round(mean(r["noise_rms"] for r in rows), 5),
        "shared_ranges": {
            "mean_difference": round(mean(_points(rows, "ranges_of_largest")), 3),
            "kendall_tau": _tau(rows, "ranges_of_largest", 2 * noise),
        },
        "examples": bench.batches.n_examples,
        "networks": rows,
        "machine": machine(),
    }
    ok = value <= GOAL and tau >= TAU
    report("int8_agreement", value, GOAL, "points", ok, details, save=True)


def _simulated(bench: Any, architecture: Any, shake: float = 0.0) -> tuple[float, Any]:
    """Accuracy and logits of the simulation, with one weight moved for a while."""
    import torch

    weight = next(
        module.weight
        for module in bench.supernet.model.modules()
        if isinstance(module, torch.nn.LayerNorm)
    )
    with torch.no_grad():
        weight[0] += shake
    try:
        pairs = [
            (bench.task.correct(logits, b), logits) for logits, b in bench.outputs(architecture)
        ]
    finally:
        with torch.no_grad():
            weight[0] -= shake
    scores = torch.cat([score for score, _ in pairs])
    return float(scores.double().mean()), torch.cat([logits for _, logits in pairs])


def _run(bench: Any, architecture: Any) -> float:
    """Accuracy of the exported file."""
    import torch

    runner = bench.runner(architecture, RUNTIME, 1)
    scores = [
        bench.task.correct(runner({k: v for k, v in b.items() if k != "index"}), b)
        for b in bench.batches
    ]
    return float(torch.cat(scores).double().mean())


def _shared(bench: Any, architecture: Any) -> float:
    """Accuracy of the simulation with the ranges of the largest network."""
    import torch

    from instatune.space.policy import renumbered

    quantization, space, anatomy = bench.quantization, bench.space, bench.anatomy
    kept = space.kept_layers(architecture)
    full = quantization.ranges(space.largest)
    own = quantization.ranges(architecture)
    ranges = {
        name: bounds
        for module, bounds in full.items()
        if _kept(anatomy, module, kept) and (name := renumbered(module, anatomy, kept)) in own
    }
    scores = []
    with torch.inference_mode():
        with bench.supernet.active(architecture) as model:
            simulation = quantization.quantizer.simulation(
                model, quantization.policy(architecture), ranges
            )
        for batch in bench.batches:
            with bench.supernet.active(architecture), simulation.standing():
                scores.append(bench.task.correct(bench.supernet.logits(batch).float(), batch))
    return float(torch.cat(scores).double().mean())


def _kept(anatomy: Any, module: str, kept: Any) -> bool:
    home = anatomy.stack_of(f"{module}.")
    return home is None or home[1] in kept[home[0]]


def _points(rows: list[dict[str, Any]], key: str) -> list[float]:
    return [100 * abs(row["search"] - row[key]) for row in rows]


def _tau(rows: list[dict[str, Any]], key: str, least: float) -> float:
    """Share of pairs in the same order minus share in another, of those with an order."""
    signs = [
        np.sign((a["search"] - b["search"]) * (a[key] - b[key]))
        for a, b in combinations(rows, 2)
        if abs(a["search"] - b["search"]) > least
    ]
    return round(float(mean(signs)), 3) if signs else 0.0


if __name__ == "__main__":
    main()
