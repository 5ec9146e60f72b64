"""Heads that classify each token, and heads of one number, for each family."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from instatune.interfaces import Network
from instatune.plugin.manager import discover
from instatune.space.counting import macs, parameters
from instatune.supernet import subnet
from instatune.supernet.build import search_space
from instatune.supernet.supernet import Supernet
from instatune.testing.contracts import AdapterContract
from instatune.testing.tokens import tokenizer
from instatune_plugins.adapters.bert import Bert
from instatune_plugins.adapters.bert_outline import anatomy_of


def generator():
    return torch.Generator().manual_seed(0)


def serving(problem="token_classification") -> Bert:
    adapter = Bert()
    adapter.serve(problem)
    return adapter


class TestTokenHead(AdapterContract):
    entry = "bert"
    problem = "token_classification"

    @pytest.fixture(autouse=True)
    def _saver(self, save):
        self.save = save

    def checkpoint(self, folder):
        if not (folder / "config.json").exists():
            self.save("bert", folder, vocab_size=300)
            tokenizer().save_pretrained(folder)
        return str(folder)

    def batch(self, adapter, checkpoint):
        texts = ["a text", "another one"]
        return adapter.processor(checkpoint)(texts, padding=True, return_tensors="pt")


@pytest.fixture
def net(checkpoint, net) -> Supernet:
    """The super-network of the family with a token head and large weights."""
    adapter = serving()
    model = adapter.load(str(checkpoint), 3, generator()).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0.0, 0.4, generator=generator())
    anatomy = adapter.describe(model)
    space = search_space(anatomy, net.space.genes, net.space.priority)
    return Supernet(model, anatomy, space, adapter.logits)


def architectures(net, count):
    rows = net.space.sample(np.random.default_rng(1), count)
    return list(dict.fromkeys([net.space.largest, net.space.smallest, *net.space.decode(rows)]))


def network(net, architecture) -> Network:
    return Network(
        model=net.extract(architecture),
        architecture=architecture,
        adapter=serving(),
        adapter_name="bert@instatune",
        anatomy=net.anatomy,
        kept_units=net.space.kept_units(architecture),
        kept_layers=net.space.kept_layers(architecture),
        processor=None,
        labels=("O", "B-X", "I-X"),
        facts={},
    )


def test_slice_mask_extracted_and_reloaded_token_classifiers_agree(net, batch, tmp_path):
    plugins = discover(only=("instatune",))
    chosen = architectures(net, 50)
    for number, architecture in enumerate(chosen):
        small = network(net, architecture)
        with torch.inference_mode():
            with net.active(architecture):
                sliced = net.logits(batch)
            with net.masked(architecture):
                forms = [net.logits(batch)]
            forms.append(net.forward(small.model, batch))
            if number % 9 == 0:  # files are slow
                subnet.save(small, tmp_path)
                reloaded = subnet.load(tmp_path, plugins)
                forms.append(net.forward(reloaded, batch))
                assert reloaded.config.id2label == {0: "O", 1: "B-X", 2: "I-X"}

        assert sliced.shape == (*batch["input_ids"].shape, 3)
        assert sliced.std() > 0.01
        for form in forms:
            assert (form - sliced).abs().max() <= 1e-5 * max(1.0, float(sliced.abs().max()))
    assert len(chosen) >= 50


def test_the_head_is_counted_at_every_token(net):
    tokens = 9
    work, size = macs(net.anatomy, tokens), parameters(net.anatomy)
    for architecture in architectures(net, 5):
        small = net.extract(architecture)
        kept = net.space.kept_units(architecture), net.space.kept_layers(architecture)
        with (
            sdpa_kernel(SDPBackend.MATH),
            FlopCounterMode(display=False) as counter,
            torch.no_grad(),
        ):
            net.forward(small, {"input_ids": torch.full((1, tokens), 7)})

        assert work.at(*kept) * 2 == counter.get_total_flops()
        assert size.at(*kept) == sum(parameter.numel() for parameter in small.parameters())


def test_only_the_head_is_new_and_padding_gives_zeros(checkpoint, batch, model_type):
    adapter = serving()

    model = adapter.load(str(checkpoint), 4, generator()).eval()
    other = adapter.load(str(checkpoint), 4, torch.Generator().manual_seed(1))

    logits = adapter.logits(model, batch)
    assert (logits[batch["attention_mask"] == 0] == 0).all()
    assert (logits[batch["attention_mask"] == 1] != 0).all()
    changed = [
        name
        for name, p in model.named_parameters()
        if not torch.equal(p, other.get_parameter(name))
    ]
    assert changed == ["classifier.weight"]
    assert type(model).__name__.endswith("ForTokenClassification")
    assert adapter.describe(model) == anatomy_of(model.config.to_dict(), 4, per_token=True)


def test_the_configuration_tells_which_head_it_is(checkpoint, tmp_path):
    for problem, ending in (("token_classification", "ForTokenClassification"), ("regression", "")):
        adapter, folder = serving(problem), tmp_path / problem
        folder.mkdir()
        model = adapter.load(str(checkpoint), 1, generator())

        adapter.save_assets(model, None, folder)

        written = json.loads((folder / "config.json").read_text())
        assert written["architectures"] == [type(model).__name__]
        assert written.get("problem_type") == (None if ending else "regression")
        assert type(Bert().skeleton(folder)) is type(model)  # which nobody told what to serve


def test_a_classifier_becomes_a_regression_and_back(save, tmp_path):
    from transformers import BertForSequenceClassification

    model = serving("classification").load(str(save("bert", tmp_path / "a")), 3, generator())
    model.config.problem_type = "single_label_classification"
    model.save_pretrained(tmp_path / "b")
    number = serving("regression").load(str(tmp_path / "b"), 1, generator())
    number.save_pretrained(tmp_path / "c")

    again = serving("classification").load(str(tmp_path / "c"), 3, generator())

    assert isinstance(number, BertForSequenceClassification)
    assert (number.config.problem_type, again.config.problem_type) == ("regression", None)
    assert again.classifier.out_features == 3
