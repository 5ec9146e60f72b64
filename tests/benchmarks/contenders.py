"""A small random model of every adapter, and a batch for it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import torch
from torch import Tensor

from instatune.interfaces import Adapter, Batch
from instatune.plugin.manager import Plugins
from instatune.plugin.registry import load_target
from instatune.space import Anatomy, Gene
from instatune.supernet.build import search_space
from instatune.supernet.supernet import Supernet

CLASSES = 9


@attrs.frozen(kw_only=True)
class Contender:
    """One model.

    Attributes:
        name: For people.
        adapter: Name of the adapter.
        settings: Of the adapter.
        write: Writes a checkpoint into a folder.
        batch: Makes inputs, with ``labels`` for :func:`torch.nn.functional.cross_entropy`.
        outputs: Size of the head; 0 for language models, which keep theirs.
    """

    name: str
    adapter: str
    settings: Mapping[str, Any] = attrs.field(factory=dict)
    write: Callable[[Path], None]
    batch: Callable[[], Batch]
    outputs: int = CLASSES

    def super_network(self, plugins: Plugins, folder: Path) -> Supernet:
        """Load the checkpoint that is in a folder; everything but ``embed`` is elastic.

        Raises:
            PluginError: The adapter is not offered, or something that it needs is not installed.
        """
        offer = plugins["adapters"].find(self.adapter)
        config = None if offer.entry.config is None else offer.entry.config(**self.settings)
        adapter: Adapter = load_target(offer, Adapter)(config)
        generator = torch.Generator().manual_seed(0)
        model = adapter.load(str(folder), self.outputs, generator).train()
        anatomy = adapter.describe(model)
        return Supernet(model, anatomy, search_space(anatomy, genes(anatomy)), adapter.logits)


def genes(anatomy: Anatomy) -> list[Gene]:
    """A half, three quarters or all of each group and each stack."""
    depths = [
        Gene(
            name=f"depth of {stack.name}",
            choices=_shares(max(1, len(stack.required)), stack.layers),
            effect="depth",
            targets=(stack.name,),
        )
        for stack in anatomy.stacks
    ]
    widths = [
        Gene(
            name=group.name,
            choices=_shares(max(1, group.minimum), group.units),
            effect="width",
            targets=(group.name,),
            stack=group.stack,
            layer=group.layer,
        )
        for group in anatomy.groups
        if group.kind != "embed"
    ]
    return [*depths, *widths]


def _shares(least: int, units: int) -> tuple[int, ...]:
    return tuple(sorted({max(least, units // 2), max(least, 3 * units // 4), units}))


def _of_transformers(model_type: str, auto: str, sizes: Mapping[str, Any], folder: Path) -> None:
    import transformers

    config = transformers.AutoConfig.for_model(model_type, **sizes)
    transformers.utils.logging.disable_progress_bar()
    torch.manual_seed(0)
    getattr(transformers, auto).from_config(config).save_pretrained(folder)


def _description(contents: Mapping[str, Any], folder: Path) -> None:
    (folder / "config.json").write_text(json.dumps(contents), encoding="utf-8")


def _tokens(examples: int, length: int, words: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(1)
    return {
        "input_ids": torch.randint(10, words, (examples, length), generator=generator),
        "attention_mask": torch.ones(examples, length, dtype=torch.long),
        "labels": torch.randint(0, CLASSES, (examples,), generator=generator),
    }


def _words(examples: int, length: int, words: int) -> dict[str, Tensor]:
    """Tokens, each of which is to be told again."""
    batch = _tokens(examples, length, words)
    return {**batch, "labels": batch["input_ids"]}


def _images(examples: int, side: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(1)
    return {
        "pixel_values": torch.randn(examples, 3, side, side, generator=generator),
        "labels": torch.randint(0, CLASSES, (examples,), generator=generator),
    }


def _questions(examples: int, side: int, length: int, words: int) -> dict[str, Tensor]:
    return {**_tokens(examples, length, words), **_images(examples, side)}


_WORDS = 4000
_ENCODER = {
    "vocab_size": _WORDS,
    "hidden_size": 256,
    "num_hidden_layers": 6,
    "num_attention_heads": 8,
    "intermediate_size": 1024,
    "max_position_embeddings": 128,
}
_MINILM = {
    "vocab_size": 30522,
    "hidden_size": 384,
    "num_hidden_layers": 6,
    "num_attention_heads": 12,
    "intermediate_size": 1536,
}
_DECODER = {**_ENCODER, "num_key_value_heads": 4, "intermediate_size": 688}
_IMAGES = {
    "hidden_size": 192,
    "num_hidden_layers": 8,
    "num_attention_heads": 6,
    "intermediate_size": 768,
    "image_size": 96,
    "patch_size": 16,
}
_DEIT = {
    "architecture": "deit_tiny_patch16_224",
    "num_classes": CLASSES,
    "model_args": {"img_size": 96, "depth": 8, "num_heads": 6},
    "pretrained_cfg": {"input_size": [3, 96, 96]},
}
_BEIT3 = {
    "model_type": "beit3",
    "head": "vqa",
    "vocab_size": _WORDS,
    "hidden_size": 192,
    "num_hidden_layers": 6,
    "num_attention_heads": 6,
    "intermediate_size": 768,
    "image_size": 64,
    "num_labels": CLASSES,
}
_RESNET = {
    "architecture": "cifar_resnet20",
    "num_classes": CLASSES,
    "pretrained_cfg": {"input_size": [3, 32, 32]},
}

CONTENDERS = (
    Contender(
        name="bert, MiniLM-size",
        adapter="bert",
        write=partial(_of_transformers, "bert", "AutoModel", _MINILM),
        batch=partial(_tokens, 8, 48, _MINILM["vocab_size"]),
    ),
    Contender(
        name="vit of timm",
        adapter="vit",
        settings={"pretrained": False},
        write=partial(_description, _DEIT),
        batch=partial(_images, 16, 96),
    ),
    Contender(
        name="vit of transformers",
        adapter="vit",
        settings={"pretrained": False},
        write=partial(_of_transformers, "vit", "AutoModel", _IMAGES),
        batch=partial(_images, 16, 96),
    ),
    Contender(
        name="llama, grouped queries",
        adapter="llama",
        write=partial(_of_transformers, "llama", "AutoModelForCausalLM", _DECODER),
        batch=partial(_words, 8, 64, _WORDS),
        outputs=0,
    ),
    Contender(
        name="auto, ERNIE",
        adapter="auto",
        write=partial(_of_transformers, "ernie", "AutoModel", _ENCODER),
        batch=partial(_tokens, 8, 64, _WORDS),
    ),
    Contender(
        name="beit3, questions",
        adapter="beit3",
        settings={"pretrained": False},
        write=partial(_description, _BEIT3),
        batch=partial(_questions, 16, 64, 16, _WORDS),
    ),
    Contender(
        name="resnet, CIFAR-size",
        adapter="resnet",
        settings={"pretrained": False},
        write=partial(_description, _RESNET),
        batch=partial(_images, 16, 32),
    ),
)
