"""How much faster is the best network that a joint search found, as its user will run it?

    make bench NAME=int8_latency

The network of the run of ``joint_sst2`` that is fastest at most one point below plain fine-tuning
(accuracy of the artefact on dev; if none is, the one that loses least), against the full model in
full precision, in each runtime: in turn, on one thread, at batch 32 and 1. FP32, bf16 and INT8 of
both networks stand side by side.

The value is the largest speed-up at batch 32 within one runtime; at batch 1 it is to be 3.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from harness import machine, report
from joint import options, reopened

GOAL, GOAL_AT_1, LOSS = 5.0, 3.0, 0.01
FORMATS = ("onnx", "onnx_int8", "openvino")


def main() -> None:
    """Export both networks in all formats, time them, then write the line."""
    parser = options(__doc__)
    parser.add_argument("--length", type=int, default=32, help="tokens of each example")
    parser.add_argument("--repeats", type=int, default=21)
    chosen = parser.parse_args()

    from joint import joint_spec

    import instatune
    from instatune.engine.threads import torch_threads
    from instatune.metrics.timing import time_interleaved
    from instatune.space.policy import structure_of

    summary = instatune.run(joint_spec(chosen)).summary
    run = reopened(chosen, *FORMATS)
    bench, space = run.searching().bench, run.space
    row, loss = _best(summary)
    best = space.architecture(dict(row.architecture))
    networks = {"full": space.largest, "best": best}
    found: dict[str, dict[str, float]] = {}
    calls: dict[str, Callable[[Any], object]] = {}
    for name, network in networks.items():
        float_ = structure_of(space, network)
        low = space.architecture({**network.as_dict(), **_int8(space)}) if name == "full" else best
        calls |= _eager(bench, name, float_, low)
        for runtime in ("onnx", "openvino"):
            calls[f"{runtime} fp32 {name}"] = bench.runner(float_, runtime, 1)
        for runtime in ("onnx_int8", "openvino"):
            calls[f"{runtime.removesuffix('_int8')} int8 {name}"] = bench.runner(low, runtime, 1)
    for size in (32, 1):
        batch = bench.example(size, chosen.length)
        timings = time_interleaved(
            {name: partial(call, batch) for name, call in calls.items()},
            repeats=chosen.repeats,
            warmup=3,
            threads=torch_threads(1),
        )
        found[str(size)] = {name: timing.median for name, timing in timings.items()}
        for name, seconds in sorted(found[str(size)].items(), key=lambda item: item[1]):
            print(f"batch {size}: {1000 * seconds:8.2f} ms  {name}", flush=True)
    gains = {size: _gains(times) for size, times in found.items()}
    value = round(max(gains["32"].values()), 2)
    ok = loss <= LOSS and value >= GOAL and max(gains["1"].values()) >= GOAL_AT_1
    details = {
        "seconds": found,
        "gains": gains,
        "best": {"name": row.name, "loss_in_points": round(100 * loss, 2), **best.as_dict()},
        "length": chosen.length,
        "machine": machine(),
    }
    report("int8_latency", value, GOAL, "x faster", ok, details, save=True)


def _best(summary: Any) -> tuple[Any, float]:
    """The fastest network that loses at most a point, else the one that loses least; its loss."""
    plain = next(r for r in summary.baselines if r.role == "plain").test["accuracy"].value
    rows = [
        (plain - artefact.accuracy.value, artefact.seconds["32"].value, row.key, row)
        for row in summary.front
        for artefact in row.artefacts
        if not artefact.problem and "32" in artefact.seconds
    ]
    good = [row for row in rows if row[0] <= LOSS]
    loss, _, _, best = min(good, key=lambda row: row[1]) if good else min(rows)
    return best, loss


def _int8(space: Any) -> dict[str, int]:
    from instatune.engine.quantization import Bits

    return dict(Bits(space).usual)


def _eager(bench: Any, name: str, full: Any, low: Any) -> dict[str, Callable[[Any], object]]:
    """The same network in torch: fp32, bf16, and quantized with the kernels of the search."""
    import torch

    model = bench.extracted(full)
    brief = bench.extracted(full).to(torch.bfloat16)

    def in_fp32(batch: Any) -> object:
        with torch.inference_mode():
            return bench.forward(model, batch)

    def in_bf16(batch: Any) -> object:
        with torch.inference_mode():
            return bench.forward(brief, batch)

    simulation = bench.quantization.simulation(low)

    def in_int8(batch: Any) -> object:
        with torch.inference_mode(), bench.supernet.active(low), simulation.standing():
            return bench.supernet.logits(batch)

    return {
        f"torch fp32 {name}": in_fp32,
        f"torch bf16 {name}": in_bf16,
        f"torch int8 {name}": in_int8,
    }


def _gains(times: dict[str, float]) -> dict[str, float]:
    """By runtime: the full network in full precision against the best one as it is fastest."""
    runtimes = {name.split()[0] for name in times}
    return {
        runtime: times[f"{runtime} fp32 full"]
        / min(s for name, s in times.items() if name.startswith(runtime) and name.endswith("best"))
        for runtime in sorted(runtimes)
    }


if __name__ == "__main__":
    main()
