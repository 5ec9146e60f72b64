"""What each format writes, and how it is run."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections import Counter

import attrs
import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from instatune.errors import CheckpointError, DataError, PluginError
from instatune_plugins.exporters import OnnxInt8Config, OpenvinoConfig, TorchExportConfig, _onnx
from instatune_plugins.exporters.folder import Folder
from instatune_plugins.exporters.onnx import Onnx
from instatune_plugins.exporters.onnx_int8 import OnnxInt8
from instatune_plugins.exporters.openvino import Openvino
from instatune_plugins.exporters.torch_export import TorchExport

SHAPES = ((2, 6), (5, 8), (1, 3), (3, 1))


@pytest.fixture(scope="module")
def made(networks):
    """A tiny network, the same with integers, and a maker of batches."""
    network, batches = networks.make("tiny")
    return network, networks.quantized(network, batches), batches


@pytest.fixture(scope="module")
def full_file(made, tmp_path_factory):
    return Onnx().export(made[0], tmp_path_factory.mktemp("full"))[0]


@pytest.fixture(scope="module")
def integer_file(made, tmp_path_factory):
    return OnnxInt8().export(made[1], tmp_path_factory.mktemp("integers"))[0]


@pytest.fixture(scope="module")
def program_file(made, tmp_path_factory):
    return TorchExport().export(made[1], tmp_path_factory.mktemp("program"))[0]


@pytest.fixture(scope="module")
def openvino_folders(made, tmp_path_factory):
    """The network, and the one with integers, for OpenVINO."""
    folders = [tmp_path_factory.mktemp(name) for name in ("full", "integers")]
    for network, folder in zip(made, folders, strict=False):
        Openvino().export(network, folder)
    return folders


def gaps(network, batches, runner):
    """Largest differences from the network over batches of several shapes."""
    found = []
    for seed, shape in enumerate(SHAPES):
        batch = batches(*shape, seed)
        with torch.inference_mode():
            wanted = network.adapter.logits(network.deployed, batch)
        found.append(float((runner(batch) - wanted).abs().max()))
    return found


def test_onnx_takes_what_the_adapter_reads_and_any_number_of_it(made, full_file):
    model = onnx.load(full_file)

    axes = {
        value.name: [axis.dim_param or axis.dim_value for axis in value.type.tensor_type.shape.dim]
        for value in (*model.graph.input, *model.graph.output)
    }

    assert axes == {
        "input_ids": ["examples", "tokens"],
        "attention_mask": ["examples", "tokens"],
        "logits": ["examples", 3],
    }


def test_onnx_answers_as_the_network(made, full_file):
    network, _, batches = made

    assert max(gaps(network, batches, Onnx().runner(full_file.parent, 1))) < 1e-5


def test_onnx_tells_what_it_is(made, full_file):
    network = made[0]

    told = onnxruntime.InferenceSession(full_file).get_modelmeta().custom_metadata_map

    assert json.loads(told["labels"]) == list(network.labels)
    assert told["architecture"] == network.architecture.key
    assert json.loads(told["genes"]) == network.architecture.as_dict()
    assert told["adapter"] == network.adapter_name
    assert told["instatune"]


def test_onnx_leaves_residual_sums_to_the_fast_kernels(full_file, tmp_path):
    kinds = optimized(full_file, tmp_path)

    assert kinds["LayerNormalization"] > 0
    assert kinds["SkipLayerNormalization"] == 0


def optimized(file, folder):
    """Operators that ONNX Runtime runs, counted."""
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(folder / "optimized.onnx")
    options.log_severity_level = 3
    onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    return Counter(node.op_type for node in onnx.load(folder / "optimized.onnx").graph.node)


def test_large_weights_lie_beside_the_model(made, tmp_path, full_file):
    from onnx_ir import load

    _onnx.save(load(full_file), tmp_path / "model.onnx", limit=1000)

    assert {file.name for file in Onnx().artefact(tmp_path)} == {"model.onnx", "model.onnx.data"}
    assert (tmp_path / "model.onnx.data").stat().st_size > 1000
    assert max(gaps(made[0], made[2], Onnx().runner(tmp_path, 1))) < 1e-5


def test_integers_answer_as_the_searched_network(made, integer_file):
    _, network, batches = made

    assert max(gaps(network, batches, OnnxInt8().runner(integer_file.parent, 1))) < 1e-2


def test_weights_are_stored_as_bytes(made, integer_file):
    network = made[1]
    stored = Counter(
        int(np.prod(tensor.dims))
        for tensor in onnx.load(integer_file).graph.initializer
        if tensor.data_type == onnx.TensorProto.INT8 and len(tensor.dims) > 1
    )

    weights = dict(network.model.named_parameters())
    wanted = Counter(weights[f"{name}.weight"].numel() for name in network.policy)

    # Equal tensors are stored once, and none here are.
    assert stored == wanted


def test_bytes_are_multiplied_as_bytes(made, integer_file, tmp_path):
    kinds = optimized(integer_file, tmp_path)

    linear = [name for name in made[1].policy if "embed" not in name]
    assert kinds["MatMulIntegerToFloat"] == len(linear)


def test_a_program_answers_as_the_network(made, program_file):
    _, network, batches = made

    assert max(gaps(network, batches, TorchExport().runner(program_file.parent, 1))) < 1e-5


def test_a_program_runs_without_instatune(made, program_file):
    _, network, batches = made
    batch = batches(4, 5, 0)

    found = torch.export.load(program_file).module()(batch["input_ids"], batch["attention_mask"])

    torch.testing.assert_close(found, network.adapter.logits(network.deployed, batch))


def test_a_folder_runs(made, tmp_path):
    from instatune.testing.quantized import tiny_is_installed

    network, _, batches = made
    Folder().export(network, tmp_path)
    with tiny_is_installed():
        runner = Folder().runner(tmp_path, 1)

    assert max(gaps(network, batches, runner)) < 1e-6
    assert [file.name for file in Folder().artefact(tmp_path)] == ["model.safetensors"]


@pytest.mark.parametrize("exporter", [Onnx(), OnnxInt8(), TorchExport(), Openvino()])
def test_a_missing_file_is_named(exporter, tmp_path):
    assert exporter.artefact(tmp_path) == ()
    with pytest.raises(CheckpointError, match="is missing; export the network again"):
        exporter.runner(tmp_path, 1)


@pytest.mark.parametrize(
    ("exporter", "name"),
    [(Onnx(), "model.onnx"), (TorchExport(), "model.pt2"), (Openvino(), "model.xml")],
)
def test_a_damaged_file_is_named(exporter, name, tmp_path):
    (tmp_path / name).write_bytes(b"not a model")

    with pytest.raises(CheckpointError, match=rf"{name}: cannot be loaded \(.*export it again"):
        exporter.runner(tmp_path, 1)


def test_a_batch_that_lacks_an_input_is_named(made, full_file):
    batch = made[2](2, 4, 0)
    del batch["attention_mask"]

    with pytest.raises(DataError, match="takes 'attention_mask', but the batch has input_ids only"):
        Onnx().runner(full_file.parent, 1)(batch)


@pytest.mark.parametrize(
    ("change", "member"),
    [
        ('{"config": {"w": {"use_pickle": true, "path_name": "weight_0"}}}', "weights"),
        ('{"config": {"w": {"use_pickle": false, "path_name": "custom_obj_0"}}}', "constants"),
    ],
)
def test_a_program_that_asks_for_a_pickle_is_refused(program_file, tmp_path, change, member):
    end = f"data/{member}/model_{member}_config.json"
    with (
        zipfile.ZipFile(program_file) as before,
        zipfile.ZipFile(tmp_path / "model.pt2", "w") as after,
    ):
        for info in before.infolist():
            data = before.read(info)
            after.writestr(info.filename, change if info.filename.endswith(end) else data)

    with pytest.raises(CheckpointError, match=f"{end}', which could run any code"):
        TorchExport().runner(tmp_path, 1)


@pytest.mark.parametrize("name", ["data/constants/custom_obj_0", "data/aotinductor/a.so"])
def test_a_program_with_code_is_refused(program_file, tmp_path, name):
    shutil.copy(program_file, tmp_path / "model.pt2")
    with zipfile.ZipFile(tmp_path / "model.pt2", "a") as archive:
        archive.writestr(f"model/{name}", b"anything")

    with pytest.raises(CheckpointError, match=rf"model/{name}', which could run any code"):
        TorchExport().runner(tmp_path, 1)


def test_full_precision_only_means_that(made, tmp_path):
    with pytest.raises(PluginError, match=r"'onnx' writes full precision.*use 'onnx_int8'"):
        Onnx().export(made[1], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_quantized_only_means_that(made, tmp_path):
    with pytest.raises(PluginError, match=r"'onnx_int8' writes quantized.*use 'onnx'"):
        OnnxInt8().export(made[0], tmp_path)


def test_static_scales_need_calibration(made, tmp_path):
    bare = attrs.evolve(made[1], calibration=())

    with pytest.raises(DataError, match=r"without calibration batches.*`method: policy`"):
        OnnxInt8(OnnxInt8Config(method="static")).export(bare, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("exporter", [Onnx(), TorchExport(), Openvino()])
def test_an_example_is_needed(made, tmp_path, exporter):
    bare = attrs.evolve(made[0], example={})

    with pytest.raises(PluginError, match=r"network \w+ \(tiny .*without an example batch"):
        exporter.export(bare, tmp_path)


class Undecided(nn.Module):
    """Takes another way by what it reads."""

    def forward(self, input_ids, attention_mask):
        return input_ids.float() if input_ids.sum() > 9 else attention_mask.float()


@pytest.mark.parametrize("exporter", [Onnx(), TorchExport(), Openvino()])
def test_a_network_that_cannot_be_traced_is_named(made, tmp_path, exporter):
    odd = attrs.evolve(made[0], model=Undecided())

    with pytest.raises(PluginError, match=r"\(tiny sub-network\) cannot be traced by torch.export"):
        exporter.export(odd, tmp_path)
    assert list(tmp_path.iterdir()) == []


class Unspoken(nn.Module):
    """Traces well, but ONNX has no such operator."""

    def forward(self, input_ids, attention_mask):
        return torch.special.bessel_j0(input_ids.float())


def test_a_network_that_onnx_cannot_say_is_named(made, tmp_path):
    odd = attrs.evolve(made[0], model=Unspoken())

    with pytest.raises(PluginError, match=r"\(tiny sub-network\) cannot be written as ONNX .*out"):
        Onnx().export(odd, tmp_path)


def test_a_single_example_is_no_constant(made, tmp_path):
    network, _, batches = made
    single = attrs.evolve(network, example=batches(1, 5, 0))

    TorchExport().export(single, tmp_path)

    assert max(gaps(network, batches, TorchExport().runner(tmp_path, 1))) < 1e-5


def test_threads_of_torch_are_given_back(made, program_file):
    before = torch.get_num_threads()
    seen = []

    def spy(module, arguments):
        seen.append(torch.get_num_threads())

    runner = TorchExport().runner(program_file.parent, before + 2)
    handle = nn.modules.module.register_module_forward_pre_hook(spy)
    try:
        runner(made[2](2, 4, 0))
    finally:
        handle.remove()

    assert seen
    assert set(seen) == {before + 2}
    assert torch.get_num_threads() == before


@pytest.mark.slow
@pytest.mark.parametrize("method", ["dynamic", "static"])
def test_runtimes_quantize_what_the_policy_names(made, tmp_path, method):
    network = made[1]
    linear = [name for name in network.policy if "embed" not in name]
    some = attrs.evolve(network, policy=dict.fromkeys(linear[::2], 8))
    exporter = OnnxInt8(OnnxInt8Config(method=method))

    (file,) = exporter.export(some, tmp_path)
    stored = [
        tensor
        for tensor in onnx.load(file).graph.initializer
        if tensor.data_type == onnx.TensorProto.INT8 and len(tensor.dims) > 1
    ]

    assert len(stored) == len(linear[::2])
    # Other batches may lie outside of the ranges.
    batch = network.calibration[0]
    with torch.inference_mode():
        wanted = network.adapter.logits(network.model, batch)
    found = exporter.runner(tmp_path, 1)(batch)
    assert 0 < float((found - wanted).abs().max()) < 0.05 * float(wanted.abs().max())


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["f32", "bf16"])
def test_openvino_answers_as_the_network(made, openvino_folders, precision):
    *sources, batches = made
    exporter = Openvino(OpenvinoConfig(precision=precision))

    for source, folder in zip(sources, openvino_folders, strict=True):
        found = gaps(source, batches, exporter.runner(folder, 1))

        assert max(found) < (1e-2 if precision == "f32" else 0.3)


@pytest.mark.slow
def test_openvino_stores_weights_in_16_bits_if_told(made, openvino_folders, tmp_path):
    Openvino(OpenvinoConfig(fp16=True)).export(made[0], tmp_path)

    whole, half = (f / "model.bin" for f in (openvino_folders[0], tmp_path))
    assert half.stat().st_size < 0.7 * whole.stat().st_size


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="compiling needs a compiler of C++")
def test_a_program_can_be_compiled(made, program_file):
    _, network, batches = made

    runner = TorchExport(TorchExportConfig(compile=True)).runner(program_file.parent, 1)

    assert max(gaps(network, batches, runner)) < 1e-2
