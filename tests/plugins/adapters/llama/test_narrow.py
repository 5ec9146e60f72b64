"""LLaMA and its kin without FFN neurons, and of smaller hidden size."""

from __future__ import annotations

import pytest
import torch

from instatune_plugins.adapters.llama import Llama


@pytest.mark.parametrize("family", ["llama_biased_tied", "qwen3"])
def test_slice_extracted_and_reloaded_network_agree(narrowing, make, batch, tmp_path, family):
    lowest = {"ffn": 0.0, "kv_groups": 0.34}
    net = narrowing.supernet(Llama(), make(family), {**lowest, "embed": 0.3})
    assert not net.maskable
    narrowing.check(net, Llama(), "llama", batch, tmp_path)

    plain = narrowing.supernet(Llama(), make(family), lowest)
    assert plain.maskable
    narrowing.check(plain, Llama(), "llama", batch, tmp_path, 10)


@pytest.mark.parametrize("family", ["llama", "qwen2"])
def test_macs_are_those_that_torch_sees(narrowing, make, family):
    model = make(family)
    model.set_attn_implementation("eager")  # the counter does not see torch's fused kernel
    net = narrowing.supernet(Llama(), model, {"ffn": 0.0, "kv_groups": 0.34, "embed": 0.3})

    narrowing.check_macs(net, {"input_ids": torch.full((1, 5), 7)}, 5)


def test_without_neurons_nothing_remains_of_the_network(narrowing, make, batch):
    model = make("llama")
    net = narrowing.supernet(Llama(), model, {"ffn": 0.0})

    with torch.inference_mode(), net.active(net.space.architecture({"ffn.1": 0})):
        sliced = net.logits(batch)
    model.model.layers[1].mlp.register_forward_hook(lambda module, inputs, output: 0 * output)
    with torch.inference_mode():
        expected = net.logits(batch)

    torch.testing.assert_close(sliced, expected)


@pytest.mark.parametrize("tied", [False, True])
def test_a_smaller_hidden_size_is_a_hand_built_small_decoder(narrowing, make, batch, tied):
    """An oracle that shares no code with slicing: corners copied into a small LLaMA."""
    full = make("llama", tie_word_embeddings=tied)
    net = narrowing.supernet(Llama(), full, {"embed": 0.5})
    small = make("llama", hidden_size=12, head_dim=4, tie_word_embeddings=tied)
    large = full.state_dict()
    small.load_state_dict(
        {
            name: large[name][tuple(slice(0, n) for n in tensor.shape)]
            for name, tensor in small.state_dict().items()
        }
    )

    with torch.inference_mode(), net.active(net.space.architecture({"embed": 12})):
        sliced = net.logits(batch)

    with torch.inference_mode():
        torch.testing.assert_close(sliced, Llama().logits(small, batch), rtol=1e-5, atol=1e-5)
    extracted = net.extract(net.space.architecture({"embed": 12}))
    assert (extracted.lm_head.weight is extracted.model.embed_tokens.weight) == tied
    assert extracted.model.layers[0].mlp.hidden_size == 12
