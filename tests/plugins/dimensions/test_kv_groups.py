"""Elastic KV groups, of decoders with and without sharing."""

from __future__ import annotations

import pytest

from instatune.errors import SpaceError
from instatune_plugins.adapters.llama_outline import anatomy_of
from instatune_plugins.dimensions import WidthConfig
from instatune_plugins.dimensions.heads import Heads
from instatune_plugins.dimensions.kv_groups import KvGroups

SIZES = {"model_type": "llama", "num_hidden_layers": 2, "num_attention_heads": 8}


def shared(**changes):
    return anatomy_of({**SIZES, "hidden_size": 64, "num_key_value_heads": 4, **changes})


def test_each_layer_has_a_gene_of_whole_groups():
    genes = KvGroups(WidthConfig(choices=(2, 4))).genes(shared())

    assert [gene.name for gene in genes] == ["kv_groups.0", "kv_groups.1"]
    assert genes[1].targets == ("kv_groups.1",)
    assert genes[1].choices == (2, 4)
    assert (genes[1].stack, genes[1].layer) == ("layers", 1)


def test_a_model_may_have_one_gene():
    (gene,) = KvGroups(WidthConfig(ratio=(0.5, 1.0), per="model")).genes(shared())

    assert (gene.name, gene.choices) == ("kv_groups", (2, 4))
    assert gene.targets == ("kv_groups.0", "kv_groups.1")


def test_without_sharing_a_group_is_a_head():
    genes = KvGroups(WidthConfig(choices=(4, 8))).genes(shared(num_key_value_heads=8))

    assert genes == Heads(WidthConfig(choices=(4, 8))).genes(shared(num_key_value_heads=8))


def test_single_heads_of_shared_keys_cannot_go():
    with pytest.raises(SpaceError, match="family 'LLaMA' has no heads to leave out"):
        Heads(WidthConfig(choices=(4, 8))).genes(shared())


def test_query_heads_are_not_groups():
    with pytest.raises(SpaceError, match="8 KV groups, but the model has 4"):
        KvGroups(WidthConfig(choices=(4, 8))).genes(shared())
