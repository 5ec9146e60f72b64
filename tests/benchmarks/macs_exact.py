"""Do the analytic counts give the MACs that the literature gives?

    ViT-B/16 at 224 px, 17.56 G        Dosovitskiy et al., ICLR 2021; timm
    BERT-base at 128 tokens, 11.17 G   InstaTune, arXiv 2308.15609, Table 1

The value is the largest relative difference. Each count is also compared with torch's flop counter,
which runs the real module on the meta device: these must be equal.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from typing import Any

import torch
from harness import report
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from instatune.interfaces import Adapter, Batch
from instatune.space.counting import macs
from instatune_plugins.adapters.bert import Bert
from instatune_plugins.adapters.vit import Vit

GOAL = 0.003
Case = tuple[str, float, Adapter, Callable[[], nn.Module], Batch]


def cases() -> Iterator[Case]:
    """Name, GMACs of the literature, adapter, model, input."""
    with torch.device("meta"):
        words = {"input_ids": torch.ones(1, 128, dtype=torch.long)}
        image = {"pixel_values": torch.zeros(1, 3, 224, 224)}
    yield "BERT-base at 128 tokens", 11.17, Bert(), bert_base, words
    yield "ViT-B/16 at 224 px", 17.56, Vit(), lambda: timm_model("vit_base_patch16_224"), image
    yield (
        "BEiT-3 base (vision) at 224 px",
        17.6,
        Vit(),
        lambda: timm_model("beit3_base_patch16_224"),
        image,
    )


def bert_base() -> nn.Module:
    """BERT-base with two classes, of which only the shapes are there."""
    from transformers import BertConfig, BertForSequenceClassification

    with torch.device("meta"):
        return BertForSequenceClassification(BertConfig(attn_implementation="sdpa")).eval()


def timm_model(name: str) -> nn.Module:
    """A classifier of 1000 classes."""
    import timm

    with torch.device("meta"):
        model: nn.Module = timm.create_model(name, weight_init="skip")
    return model.eval()


def counted(adapter: Adapter, model: nn.Module) -> int:
    """MACs of the full model as its anatomy tells them."""
    anatomy = adapter.describe(model)
    units = {group.name: group.units for group in anatomy.groups}
    layers = {stack.name: tuple(range(stack.layers)) for stack in anatomy.stacks}
    return macs(anatomy).at(units, layers)


def seen(adapter: Adapter, model: nn.Module, batch: Batch) -> int:
    """MACs that torch sees when the model runs."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        adapter.logits(model, batch)
    return counter.get_total_flops() // 2


def main() -> None:
    """Count and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--save", action="store_true", help="write the results file")
    options = parser.parse_args()
    details: dict[str, Any] = {}
    worst, equal = 0.0, True
    for name, published, adapter, make, batch in cases():
        model = make()
        ours, real = counted(adapter, model), seen(adapter, model, batch)
        off = ours / 1e9 / published - 1
        details[name] = {
            "published_gmacs": published,
            "counted": ours,
            "seen_by_torch": real,
            "difference": round(off, 6),
        }
        print(f"{name}: {ours / 1e9:.4f} G, published {published} G ({off:+.2%}), torch {real:,}")
        worst, equal = max(worst, abs(off)), equal and ours == real
    ok = worst <= GOAL and equal
    report("macs_exact", round(worst, 6), GOAL, "relative", ok, details, save=options.save)
    sys.exit(0 if ok else 1)


if __name__ == "__main__":
    main()
