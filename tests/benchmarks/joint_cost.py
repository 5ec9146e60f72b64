"""What does a candidate of a joint search cost, against the same architecture in full precision?

    make bench NAME=joint_cost

Random networks of the run of ``joint_sst2``; both ways are timed in turn over the same examples of
the search split. The quantized way is whole: activation ranges are gathered anew for each network
(a search shares them among policies of one architecture), weights are rounded, then it is scored.
"""

from __future__ import annotations

import time
from statistics import median
from typing import Any

from harness import machine, report
from joint import drawn, options, reopened

GOAL = 1.3


def main() -> None:
    """Time candidates, then write the line."""
    parser = options(__doc__)
    parser.add_argument("--networks", type=int, default=12)
    chosen = parser.parse_args()

    import torch

    from instatune.space.policy import structure_of

    torch.set_num_threads(1)
    run = reopened(chosen, "folder")
    bench = run.searching().bench
    pairs = []
    # Without the first one, in full precision: it would be compared with itself.
    for architecture in drawn(run.space, chosen.networks + 1)[1:]:
        full = structure_of(run.space, architecture)
        bench.quantization._ranges.cache_clear()
        low, high = _seconds(bench, architecture), _seconds(bench, full)
        share = len(run.space.kept_bits(architecture))
        pairs.append({"modules_low": share, "joint": low, "full": high, "ratio": low / high})
        print(f"{share} modules low: {low:.2f} s, in full precision {high:.2f} s", flush=True)
    value = round(sum(p["joint"] for p in pairs) / sum(p["full"] for p in pairs), 3)
    details = {
        "networks": pairs,
        "median_ratio": round(median(pair["ratio"] for pair in pairs), 3),
        "examples": bench.batches.n_examples,
        "range_examples": run.shop.plan.spec.search.range_examples,
        "machine": machine(),
    }
    report("joint_cost", value, GOAL, "x", value <= GOAL, details, save=True)


def _seconds(bench: Any, architecture: Any) -> float:
    begin = time.process_time()
    for _ in bench.outputs(architecture):
        pass
    return time.process_time() - begin


if __name__ == "__main__":
    main()
