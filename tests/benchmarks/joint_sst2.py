"""How small does a joint search over architecture and bits make MiniLM at its own accuracy?

    make bench NAME=joint_sst2

The setting of the InstaTune paper's Figure 5 in small: example 02 with bits of each linear layer
among its genes. Everything is measured of artefacts: bytes of the saved weights, accuracy of what
was saved and loaded back on the dev set of SST-2, which the search never saw.

The value is how many times smaller than the full-precision network the smallest one is that loses
at most half a point against plain fine-tuning. Also wanted: one that is smaller *and* more accurate
than the fully quantized network. Hours on two cores; an interrupted run goes on.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from harness import machine, report
from joint import joint_spec, options

GOAL, LOSS = 6.0, 0.005
FORMAT = "folder"  # the same container for all, so that sizes compare


def main() -> None:
    """Run or resume the search, then write the line."""
    chosen = options(__doc__).parse_args()

    import instatune

    summary = instatune.run(joint_spec(chosen)).summary
    rows = {row.role: row for row in summary.baselines}
    plain = rows["plain"].test["accuracy"].value
    full, int8 = (next(_artefacts(rows[role])) for role in ("largest", "quantized"))
    found = [artefact for row in summary.front for artefact in _artefacts(row)]
    good = [a for a in found if a["accuracy"] >= plain - LOSS]
    value = max((full["bytes"] / a["bytes"] for a in good), default=0.0)
    better = [a for a in found if a["bytes"] < int8["bytes"] and a["accuracy"] > int8["accuracy"]]
    details = {
        "plain_accuracy": plain,
        "full_precision": full,
        "fully_quantized": int8,
        "at_one_and_a_half_points_less": max(
            (full["bytes"] / a["bytes"] for a in found if a["accuracy"] >= plain - 0.015),
            default=0.0,
        ),
        "smaller_and_more_accurate_than_fully_quantized": better,
        "networks": found,
        "hypervolume": {trace.name: trace.hypervolume[-1] for trace in summary.traces},
        "settings": {k: v for k, v in vars(chosen).items() if k not in ("data", "runs")},
        "seconds": {name: round(s) for name, s in summary.stage_seconds.items()},
        "machine": machine(),
    }
    ok = value >= GOAL and bool(better)
    report("joint_sst2", round(value, 2), GOAL, "x smaller", ok, details, save=True)


def _artefacts(row: Any) -> Iterator[dict[str, Any]]:
    """The artefacts of a row that are of the compared format."""
    for artefact in row.artefacts:
        if artefact.format == FORMAT:
            yield {
                "name": row.name,
                "bytes": artefact.bytes,
                "accuracy": round(artefact.accuracy.value, 5),
                "agreement": round(artefact.agreement, 4),
                "search_accuracy": round(row.search["accuracy"].value, 5),
                "bits_8": sum(bits == 8 for bits in row.bits.values()),
                "modules": len(row.bits),
                "architecture": {
                    k: v for k, v in row.architecture.items() if not k.startswith("bits.")
                },
            }


if __name__ == "__main__":
    main()
