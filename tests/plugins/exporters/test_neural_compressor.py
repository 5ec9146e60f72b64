"""INT8 by Neural Compressor: which modules, how they are stored, and what they answer."""

from __future__ import annotations

import logging
import shutil
import subprocess
import sys
import zipfile

import attrs
import pytest
import torch
from torch import nn

from instatune.errors import CheckpointError, DataError, PluginError

pytest.importorskip("neural_compressor")
pytest.importorskip("torchao")

from instatune.supernet.surgery import detached_copy
from instatune.testing import contracts
from instatune_plugins.exporters import NeuralCompressorConfig
from instatune_plugins.exporters.neural_compressor import NeuralCompressor

SHAPES = ((2, 6), (5, 8), (1, 3), (3, 1))
_WEIGHTS = torch.ops.quantized_decomposed.dequantize_per_channel.default
_ROUND = torch.ops.quantized_decomposed.quantize_per_tensor.default


@pytest.fixture(scope="module")
def made(networks):
    """A tiny network with integers, and a maker of batches."""
    network, batches = networks.make("tiny")
    return networks.quantized(network, batches), batches


@pytest.fixture(scope="module")
def file(made, tmp_path_factory):
    (written,) = NeuralCompressor().export(made[0], tmp_path_factory.mktemp("inc"))
    return written


def only(network, names):
    """The same with a policy for some modules, as it would come from a search."""
    policy = {name: network.policy[name] for name in names}
    return attrs.evolve(network, policy=policy)


def products(network):
    return [name for name in network.policy if "embed" not in name]


def gaps(network, model, batches, runner):
    """Largest differences from a model over batches of several shapes, as shares of a logit."""
    found = []
    for seed, shape in enumerate(SHAPES):
        batch = batches(*shape, seed)
        with torch.inference_mode():
            wanted = network.adapter.logits(model, batch)
        found.append(float((runner(batch) - wanted).abs().max() / wanted.abs().max()))
    return found


def quantized_modules(file):
    """Modules whose products are of rounded weights, of a written graph."""
    nodes = torch.export.load(file).graph.nodes
    return {
        list(node.meta["nn_module_stack"].values())[-1][0].removeprefix("network.")
        for node in nodes
        if node.target is torch.ops.aten.linear.default and node.args[1].target is _WEIGHTS
    }


def test_it_answers_as_the_searched_network(made, file):
    network, batches = made

    runner = NeuralCompressor().runner(file.parent, 1)

    assert max(gaps(network, network.quantized, batches, runner)) < 0.05


def test_scales_are_those_of_the_search_for_any_number_of_batches(made, networks, tmp_path):
    def wider_and_wider(examples, tokens, seed):
        return made[1](examples * seed, tokens, seed)

    # Rounded tables would change what it calibrates with.
    again = networks.quantized(made[0], wider_and_wider)
    plain = only(again, products(again))
    assert len(plain.calibration) > 1

    (file,) = NeuralCompressor().export(plain, tmp_path)
    program = torch.export.load(file)
    found = {node.args[1:3] for node in program.graph.nodes if node.target is _ROUND}
    stored = {t for t in program.state_dict.values() if t.dtype is torch.int8}

    for name in plain.policy:
        module = plain.quantized.get_submodule(name)
        assert any(
            scale == pytest.approx(module.grid.scale, rel=1e-6) and zero == module.grid.zero_point
            for scale, zero in found
        ), name
        assert any(torch.equal(tensor, module.weight_int8) for tensor in stored), name


def test_weights_are_stored_as_bytes_and_nothing_else(made, file):
    network = made[0]
    state = torch.export.load(file).state_dict

    matrices = {tuple(t.shape): t.dtype for t in state.values() if t.ndim > 1}

    assert set(matrices.values()) == {torch.int8}
    assert set(matrices) == {
        tuple(network.model.get_submodule(name).weight.shape) for name in network.policy
    }


def test_only_what_the_policy_names_is_quantized(made, networks, tmp_path):
    network, batches = made
    some = networks.quantized(network, batches, (8, 32))
    left = [name for name in network.policy if name not in some.policy]

    (file,) = NeuralCompressor().export(some, tmp_path)

    assert products(some)
    assert quantized_modules(file) == set(products(some))
    stored = [t for t in torch.export.load(file).state_dict.values() if t.is_floating_point()]
    for name in left:
        weight = network.model.get_submodule(name).weight
        assert any(tensor.equal(weight) for tensor in stored), name
    assert max(gaps(some, some.quantized, batches, NeuralCompressor().runner(tmp_path, 1))) < 0.05


def test_a_policy_of_tables_alone_is_that_of_the_search(made, tmp_path):
    network, batches = made
    tables = [name for name in network.policy if "embed" in name]

    (file,) = NeuralCompressor().export(only(network, tables), tmp_path)

    assert quantized_modules(file) == set()
    model = detached_copy(network.model)
    for name in tables:
        model.set_submodule(name, network.quantized.get_submodule(name))
    assert max(gaps(network, model, batches, NeuralCompressor().runner(tmp_path, 1))) < 1e-5


def test_a_program_runs_without_instatune(made, file):
    batch = made[1](4, 5, 0)

    found = torch.export.load(file).module()(batch["input_ids"], batch["attention_mask"])

    torch.testing.assert_close(found, NeuralCompressor().runner(file.parent, 1)(batch))


def test_it_tells_what_it_is(made, file):
    extra = {"architecture": "", "labels": ""}

    torch.export.load(file, extra_files=extra)

    assert extra["architecture"] == made[0].architecture.key
    assert "maybe" in extra["labels"] or extra["labels"].startswith("[")


def test_logging_and_the_network_are_left_alone(made, tmp_path):
    network = made[0]
    before = {name: tensor.clone() for name, tensor in network.model.state_dict().items()}
    logging.disable(logging.DEBUG)
    try:
        NeuralCompressor().export(only(network, products(network)[:1]), tmp_path)

        assert logging.root.manager.disable == logging.DEBUG
    finally:
        logging.disable(logging.NOTSET)
    after = network.model.state_dict()
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())


def test_other_bits_are_refused(made, tmp_path):
    network = made[0]
    first, second, *_ = products(network)
    mixed = attrs.evolve(network, policy={**network.policy, first: 16, second: 4})

    with pytest.raises(PluginError) as caught:
        NeuralCompressor().export(mixed, tmp_path)

    assert str(caught.value).startswith("exporter 'neural_compressor' writes 8 bits, but network")
    assert f"has 16 at {first!r} and 1 more modules; use 'torch_export', or" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_calibration_batches_are_needed(made, tmp_path):
    bare = attrs.evolve(made[0], calibration=())

    with pytest.raises(DataError, match="comes without calibration batches, which Neural Compre"):
        NeuralCompressor().export(bare, tmp_path)


def test_a_calibration_batch_that_lacks_an_input_is_named(made, tmp_path):
    batch = made[1](2, 4, 0)
    del batch["attention_mask"]
    odd = attrs.evolve(made[0], calibration=(batch,))

    with pytest.raises(DataError, match="takes 'attention_mask', but the batch has input_ids only"):
        NeuralCompressor().export(odd, tmp_path)


def test_full_precision_is_refused(made, tmp_path):
    whole = attrs.evolve(made[0], policy={}, quantized=None)

    with pytest.raises(PluginError, match=r"'neural_compressor' writes quant.*use 'torch_export'"):
        NeuralCompressor().export(whole, tmp_path)


class Transposed(nn.Module):
    """Multiplies by a product that is none of a linear layer."""

    def __init__(self):
        super().__init__()
        self.body = nn.Linear(4, 3)
        self.weight = nn.Parameter(torch.ones(4, 4))

    def forward(self, input_ids, attention_mask):
        x = torch.nn.functional.one_hot(input_ids % 4, 4).float().mean(1)
        return self.body(x @ self.weight)


def test_a_module_that_it_leaves_alone_is_named(made, tmp_path):
    model = Transposed().eval()
    odd = attrs.evolve(made[0], model=model, quantized=model, policy={"": 8, "body": 8})

    with pytest.raises(
        PluginError, match=r"Neural Compressor leaves '' of network .* in full prec"
    ):
        NeuralCompressor().export(odd, tmp_path)


def test_a_calibration_that_fails_is_named(made, tmp_path):
    network, batches = made
    batch = batches(2, 4, 0)
    odd = attrs.evolve(network, calibration=({**batch, "input_ids": batch["input_ids"][0]},))

    with pytest.raises(PluginError, match=r"\(tiny sub-network\) cannot be quantized by Neural C"):
        NeuralCompressor().export(odd, tmp_path)


def test_it_can_be_the_first_thing_that_is_imported():
    code = "import instatune_plugins.exporters.neural_compressor"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_missing_file_is_named(tmp_path):
    assert NeuralCompressor().artefact(tmp_path) == ()
    with pytest.raises(CheckpointError, match=r"model_inc.pt2: is missing; export the network aga"):
        NeuralCompressor().runner(tmp_path, 1)


def test_a_damaged_file_is_named(tmp_path):
    (tmp_path / "model_inc.pt2").write_bytes(b"not a model")

    with pytest.raises(CheckpointError, match=r"model_inc.pt2: cannot be loaded \(.*export it aga"):
        NeuralCompressor().runner(tmp_path, 1)


def test_a_program_with_code_is_refused(file, tmp_path):
    shutil.copy(file, tmp_path / "model_inc.pt2")
    with zipfile.ZipFile(tmp_path / "model_inc.pt2", "a") as archive:
        archive.writestr("model_inc/data/aotinductor/a.so", b"anything")

    with pytest.raises(CheckpointError, match=r"a.so', which could run any code"):
        NeuralCompressor().runner(tmp_path, 1)


@pytest.mark.slow
class TestNeuralCompressor(contracts.ExporterContract):
    entry = "neural_compressor"


@pytest.mark.slow
@pytest.mark.parametrize("family", ["bert", "vit", "resnet", "llama", "beit3"])
def test_all_families(networks, tmp_path, family):
    network, batches = networks.make(family)
    network = networks.quantized(network, batches)

    NeuralCompressor().export(network, tmp_path)

    found = gaps(network, network.quantized, batches, NeuralCompressor().runner(tmp_path, 1))
    assert max(found) < 0.1


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="compiling needs a compiler of C++")
def test_a_compiled_program_multiplies_bytes(made, file):
    from torch._dynamo.utils import counters

    network, batches = made
    counters.clear()
    runner = NeuralCompressor(NeuralCompressorConfig(compile=True)).runner(file.parent, 1)

    assert max(gaps(network, network.quantized, batches, runner)) < 0.05
    packed = counters["inductor"]["qlinear_weight_prepack_matcher_count"]
    assert packed >= len(products(network))
