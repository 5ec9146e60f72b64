"""BERT and its kin without FFN neurons, and of smaller hidden size."""

from __future__ import annotations

import pytest
import torch

from instatune_plugins.adapters.bert import Bert


@pytest.fixture
def model(checkpoint):
    made = Bert().load(str(checkpoint), 3, torch.Generator().manual_seed(0))
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in made.parameters():  # so large that each channel shows in the logits
            parameter.normal_(0.0, 0.4, generator=generator)
    return made.eval()


@pytest.mark.parametrize("model_type", ["bert", "electra"], indirect=True)
def test_slice_extracted_and_reloaded_network_agree(narrowing, model, batch, tmp_path):
    lowest = {"ffn": 0.0, "heads": 0.25}
    net = narrowing.supernet(Bert(), model, {**lowest, "embed": 0.3})
    assert not net.maskable
    narrowing.check(net, Bert(), "bert", batch, tmp_path)

    plain = narrowing.supernet(Bert(), model, lowest)
    assert plain.maskable
    narrowing.check(plain, Bert(), "bert", batch, tmp_path, 10)


@pytest.mark.parametrize("model_type", ["roberta", "electra", "distilbert"], indirect=True)
def test_macs_are_those_that_torch_sees(narrowing, model):
    net = narrowing.supernet(Bert(), model, {"ffn": 0.0, "heads": 0.25, "embed": 0.3})

    narrowing.check_macs(net, {"input_ids": torch.full((1, 9), 7)}, 9)


@pytest.mark.parametrize("model_type", ["bert"], indirect=True)
def test_without_neurons_the_bias_of_the_output_remains(narrowing, model, batch):
    net = narrowing.supernet(Bert(), model, {"ffn": 0.0})
    layer = model.bert.encoder.layer[1]

    with torch.inference_mode(), net.active(net.space.architecture({"ffn.1": 0})):
        sliced = net.logits(batch)
    # An oracle that shares no code with slicing: the network of the layer gives its bias.
    layer.output.dense.register_forward_hook(
        lambda module, inputs, output: module.bias.expand(output.shape)
    )
    with torch.inference_mode():
        expected = net.logits(batch)

    torch.testing.assert_close(sliced, expected)


@pytest.mark.parametrize("model_type", ["bert", "roberta", "distilbert", "electra"], indirect=True)
def test_permuting_channels_of_the_hidden_state_changes_nothing(model, batch):
    from instatune.supernet import permute

    anatomy = Bert().describe(model)
    order = torch.randperm(24, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        before = Bert().logits(model, batch)
        permute.apply(model, anatomy, {"embed": order})

        torch.testing.assert_close(Bert().logits(model, batch), before, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("model_type", ["bert"], indirect=True)
def test_a_head_for_each_token_reads_the_hidden_state_too(model):
    from instatune_plugins.adapters.bert_outline import anatomy_of

    anatomy = anatomy_of(model.config.to_dict(), 3, per_token=True)

    assert {cut.tensor for cut in anatomy.group("embed").readers} >= {"classifier.weight"}
    assert not any("pooler" in cut.tensor for cut in anatomy.group("embed").cuts)
