"""Vision transformers without FFN neurons, and of smaller hidden size."""

from __future__ import annotations

import pytest
import torch

from instatune_plugins.adapters.vit import Vit


def images(count=2):
    generator = torch.Generator().manual_seed(1)
    return {"pixel_values": torch.randn(count, 3, 16, 16, generator=generator)}


@pytest.mark.parametrize("kind", ["gated", "hf_beit"])
def test_slice_extracted_and_reloaded_network_agree(narrowing, vits, tmp_path, kind):
    lowest = {"ffn": 0.0, "heads": 0.25}
    net = narrowing.supernet(Vit(), vits.make(kind), {**lowest, "embed": 0.3})
    assert not net.maskable
    narrowing.check(net, Vit(), "vit", images(), tmp_path)

    plain = narrowing.supernet(Vit(), vits.make(kind), lowest)
    assert plain.maskable
    narrowing.check(plain, Vit(), "vit", images(), tmp_path, 10)


def test_a_norm_inside_of_the_network_needs_a_neuron(narrowing, vits, tmp_path):
    model = vits.make("beit3")
    anatomy = Vit().describe(model)

    assert {group.minimum for group in anatomy.of_kind("ffn")} == {1}
    net = narrowing.supernet(Vit(), model, {"ffn": 0.25, "heads": 0.25, "embed": 0.3})
    assert not net.maskable
    narrowing.check(net, Vit(), "vit", images(), tmp_path)


@pytest.mark.parametrize("kind", ["distilled", "averaged", "hf_deit", "hf_beit_plain"])
def test_macs_are_those_that_torch_sees(narrowing, vits, kind):
    net = narrowing.supernet(Vit(), vits.make(kind), {"ffn": 0.0, "heads": 0.25, "embed": 0.3})

    narrowing.check_macs(net, images(1), None)


@pytest.mark.parametrize("kind", ["registers", "distilled", "hf_beit"])
def test_permuting_channels_of_the_hidden_state_changes_nothing(vits, kind):
    from instatune.supernet import permute

    model = vits.make(kind)
    order = torch.randperm(24, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        before = Vit().logits(model, images())
        permute.apply(model, Vit().describe(model), {"embed": order})

        torch.testing.assert_close(Vit().logits(model, images()), before, rtol=1e-4, atol=1e-5)


def test_an_extracted_timm_model_knows_its_width(narrowing, vits):
    net = narrowing.supernet(Vit(), vits.make("vit"), {"embed": 0.5})

    small = net.extract(net.space.architecture({"embed": 12}))

    assert (small.embed_dim, small.num_features, small.norm.normalized_shape) == (12, 12, (12,))
    small.reset_classifier(5)
    assert small.head.weight.shape == (5, 12)


def test_a_norm_without_weights_fixes_the_hidden_size(vits):
    from torch import nn

    model = vits.make("vit")
    model.blocks[1].norm2 = nn.LayerNorm(24, elementwise_affine=False)

    assert Vit().describe(model).of_kind("embed") == ()
