"""Families of models."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from instatune.plugin import hookimpl
from instatune.plugin.entries import AdapterEntry
from instatune_plugins.adapters.auto_config import AutoAdapterConfig
from instatune_plugins.adapters.beit3_config import Beit3AdapterConfig
from instatune_plugins.adapters.resnet_config import ResnetAdapterConfig
from instatune_plugins.adapters.vit_config import VitAdapterConfig


@attrs.frozen(kw_only=True)
class BertAdapterConfig:
    """Settings of ``bert``.

    Attributes:
        revision: Branch, tag or commit of a model on the hub.
    """

    revision: str = "main"


@attrs.frozen(kw_only=True)
class LlamaAdapterConfig:
    """Settings of ``llama``.

    Attributes:
        revision: Branch, tag or commit of a model on the hub.
    """

    revision: str = "main"


@hookimpl
def instatune_adapters() -> Iterator[AdapterEntry]:
    """Offer the adapters of this package."""
    yield AdapterEntry(
        name="bert",
        target="instatune_plugins.adapters.bert:Bert",
        config=BertAdapterConfig,
        model_types=(
            "bert",
            "roberta",
            "xlm-roberta",
            "camembert",
            "distilbert",
            "electra",
            "mpnet",
        ),
        outline="instatune_plugins.adapters.bert_outline:outline",
        problems=("classification", "token_classification", "regression"),
        summary="BERT, RoBERTa, DistilBERT, ELECTRA, MPNet with a head for texts or for tokens",
    )
    yield AdapterEntry(
        name="auto",
        target="instatune_plugins.adapters.auto:Auto",
        config=AutoAdapterConfig,
        problems=("classification", "regression"),
        summary="any encoder of transformers or timm with like layers, found by structure",
    )
    yield AdapterEntry(
        name="llama",
        target="instatune_plugins.adapters.llama:Llama",
        config=LlamaAdapterConfig,
        model_types=("llama", "mistral", "qwen2", "qwen3"),
        outline="instatune_plugins.adapters.llama_outline:outline",
        problems=("causal_lm", "multiple_choice"),
        summary="LLaMA, Mistral, Qwen2, Qwen3 as language models; attention in whole KV groups",
    )
    yield AdapterEntry(
        name="vit",
        target="instatune_plugins.adapters.vit:Vit",
        config=VitAdapterConfig,
        model_types=("vit", "deit", "beit"),
        outline="instatune_plugins.adapters.vit_outline:outline",
        problems=("classification",),
        summary="ViT, DeiT, BEiT-3's image encoder of timm; ViT, DeiT, BEiT of transformers",
        requires=("timm>=1.0.31",),
    )
    yield AdapterEntry(
        name="beit3",
        target="instatune_plugins.adapters.beit3:Beit3Adapter",
        config=Beit3AdapterConfig,
        model_types=("beit3",),
        outline="instatune_plugins.adapters.beit3_outline:outline",
        problems=("classification",),
        summary="BEiT-3 whole, as published: visual question answering, image classification",
    )
    yield AdapterEntry(
        name="resnet",
        target="instatune_plugins.adapters.resnet:Resnet",
        config=ResnetAdapterConfig,
        problems=("classification",),
        summary="ResNets of timm with basic or bottleneck blocks, and those for CIFAR",
        requires=("timm>=1.0.31",),
    )
