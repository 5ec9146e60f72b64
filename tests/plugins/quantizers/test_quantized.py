"""Quantized copies: what they hold, what they compute, and that they can be saved and traced."""

from __future__ import annotations

from math import ceil

import pytest
import torch
from torch import nn

from instatune.errors import PluginError
from instatune_plugins.quantizers._modules import QuantizedConv2d, QuantizedEmbedding

LOW = {4: torch.uint8, 8: torch.int8, 16: torch.bfloat16}


def quantized(models, bits, seed=0):
    model, batch = models.filled(models.Mixed(), seed), models.pictures_and_words()
    quantizer = models.int8(kernels="fake")
    ranges = quantizer.observe(model, models.run, [batch])
    policy = dict.fromkeys(models.NAMES, bits)
    with quantizer.simulation(model, policy, ranges).standing():
        simulated = models.run(model, batch)
    return quantizer.quantize(model, policy, ranges), simulated, batch


@pytest.mark.parametrize("bits", [4, 8, 16])
def test_every_kind_of_module_computes_what_was_simulated(models, bits):
    small, simulated, batch = quantized(models, bits)

    assert torch.allclose(models.run(small, batch), simulated, atol=1e-5)


@pytest.mark.parametrize("bits", [4, 8, 16])
def test_weights_are_in_the_state_dict_in_low_precision_and_nowhere_else(models, bits):
    model, (small, _, _) = models.filled(models.Mixed()), quantized(models, bits)
    low = [t.nbytes for t in small.state_dict().values() if t.dtype == LOW[bits]]
    weights = [model.get_submodule(name).weight.flatten(1) for name in models.NAMES]

    assert sorted(low) == sorted(len(w) * ceil(w.shape[1] * bits / 8) for w in weights)
    floats = {n for n, t in small.state_dict().items() if t.dtype == torch.float32 and t.dim() > 1}
    assert floats == ({"words.weight_scale"} if bits == 4 else set())


def test_the_floats_of_a_module_can_still_be_asked_for(models):
    model, (small, _, _) = models.filled(models.Mixed()), quantized(models, 8)
    for name in models.NAMES:
        weight = model.get_submodule(name).weight.detach()
        rounded = small.get_submodule(name).weight
        assert rounded.dtype == torch.float32
        assert torch.allclose(rounded, weight, atol=float(weight.abs().max()) / 250)
    assert small.up.weight.shape == (small.up.out_features, small.up.in_features) == (10, 6)


@pytest.mark.parametrize("assign", [False, True])
def test_a_frame_takes_the_ranges_from_the_file_too(models, assign):
    small, _, batch = quantized(models, 8)
    quantizer = models.int8(kernels="fake")
    frame = quantizer.frame(models.filled(models.Mixed(), 5), dict.fromkeys(models.NAMES, 8))
    assert frame.up.grid != small.up.grid

    frame.load_state_dict(small.state_dict(), assign=assign)

    assert frame.up.grid == small.up.grid
    assert torch.equal(models.run(frame, batch), models.run(small, batch))


@pytest.mark.parametrize("bits", [4, 8, 16])
@pytest.mark.parametrize("named", [("table",), ("head",), ("table", "head")])
def test_tied_weights_have_one_precision_and_one_tensor(models, named, bits):
    model, quantizer, batch = models.filled(models.Tied()), models.int8(), models.words()
    ranges = quantizer.observe(model, models.run, [batch])
    policy = dict.fromkeys(named, bits)

    small = quantizer.quantize(model, policy, ranges)

    low = [tensor for _, tensor in small.named_buffers() if tensor.dtype == LOW[bits]]
    assert [tensor.nbytes for tensor in low] == [66 * bits // 8]
    assert "head.weight" not in small.state_dict()
    with quantizer.simulation(model, policy, ranges).standing():
        assert torch.allclose(models.run(small, batch), models.run(model, batch), atol=1e-5)
    frame = quantizer.frame(models.filled(models.Tied(), 4), policy)
    names = dict((*frame.named_parameters(), *frame.named_buffers()))
    frame.load_state_dict({k: v for k, v in small.state_dict().items() if k in names}, strict=False)
    assert torch.equal(models.run(frame, batch), models.run(small, batch))


def test_tied_modules_can_be_told_apart(models):
    model, batch = models.filled(models.Tied()), models.words()
    ranges = models.int8().observe(model, models.run, [batch])

    small = models.int8().quantize(model, {"table": 8, "head": 16}, ranges)

    assert isinstance(small.table, QuantizedEmbedding)
    assert small.head.weight_bfloat16.dtype == torch.bfloat16


def test_a_model_that_is_one_module_is_quantized_itself(models):
    linear = models.filled(nn.Linear(6, 3))

    small = models.int8().quantize(linear, {"": 8}, {"": (-1.0, 1.0)})

    assert small.weight_int8.dtype == torch.int8
    assert isinstance(linear.weight, nn.Parameter)


def test_a_module_with_two_names_is_replaced_under_both(models):
    model = nn.ModuleDict({"one": nn.Linear(6, 3)})
    model["two"] = model["one"]

    small = models.int8().quantize(model, {"two": 8}, {"one": (0.0, 1.0), "two": (0.0, 1.0)})

    assert small["one"] is small["two"]
    assert small["one"].weight_int8.shape == (3, 6)


def test_the_transposed_layer_of_gpt2_is_a_linear_layer(models):
    utils = pytest.importorskip("transformers.pytorch_utils")
    model = models.filled(nn.Sequential(utils.Conv1D(4, 6)))
    x = torch.randn(3, 6, generator=torch.Generator().manual_seed(0))
    ranges = models.int8().observe(model, lambda m, b: m(b["x"]), [{"x": x}])

    small = models.int8().quantize(model, {"0": 8}, ranges)

    assert small[0].weight_int8.shape == (4, 6)
    assert torch.allclose(small(x), model(x), atol=0.1)
    with models.int8().simulation(model, {"0": 8}, ranges).standing():
        assert torch.allclose(small(x), model(x), atol=1e-5)


class Scaled(nn.Linear):
    def forward(self, x):
        return super().forward(x) * 2


def test_what_cannot_be_quantized_is_named_in_the_order_of_the_policy(models):
    model = nn.ModuleDict(
        {
            "own": Scaled(2, 2),
            "norm": nn.LayerNorm(2),
            "rescaled": nn.Embedding(3, 2, max_norm=1.0),
            "empty": nn.Linear(2, 2),
            "silent": nn.Linear(2, 2),
            "fine": nn.Linear(2, 2),
        }
    )
    model["empty"].weight = nn.Parameter(torch.empty(0, 2))
    policy = dict.fromkeys(list(model)[::-1], 8)
    ranges = {name: (0.0, 1.0) for name in model if name != "silent"}

    found = models.int8().unsupported(model, policy, ranges)

    assert found == ("silent", "empty", "rescaled", "norm", "own")
    small = models.int8().quantize(model, policy, ranges)
    assert [type(small[name]) for name in found] == [type(model[name]) for name in found]
    assert type(small["fine"]) is not nn.Linear


def test_a_module_that_is_not_there_is_refused_with_near_names(models):
    model, quantizer = models.filled(models.Mixed()), models.int8()
    message = "quantizer int8: the model has no module 'groups'; near names: 'grouped'"
    for action in (
        lambda policy: quantizer.simulation(model, policy, {}),
        lambda policy: quantizer.quantize(model, policy, {}),
        lambda policy: quantizer.frame(model, policy),
        lambda policy: quantizer.unsupported(model, policy, {}),
    ):
        with pytest.raises(PluginError, match=message):
            action({"groups": 8})
        offered = "2 bits for module 'up' are not offered; use 4, 8 or 16"
        with pytest.raises(PluginError, match=offered):
            action({"up": 2})


@pytest.mark.parametrize("bits", [4, 8, 16])
def test_it_can_be_exported_with_any_number_of_examples(models, bits):
    small, _, batch = quantized(models, bits)
    small.eval()
    many = torch.export.Dim("many", min=2, max=64)

    program = torch.export.export(
        small, (), batch, dynamic_shapes={"image": {0: many}, "words": {0: many}}
    )

    three = {name: tensor[:3] for name, tensor in batch.items()}
    assert torch.allclose(models.run(program.module(), three), models.run(small, three), atol=1e-5)
    operators = {str(node.target) for node in program.graph.nodes}
    wanted = {
        "quantized_decomposed.quantize_per_tensor.default",
        "quantized_decomposed.dequantize_per_tensor.default",
        "quantized_decomposed.dequantize_per_channel.default",
    }
    assert (wanted <= operators) == (bits < 16)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("bits", [8, 16])
def test_onnx_gets_operators_for_quantized_networks_and_small_weights(models, bits, tmp_path):
    for name in ("onnxscript", "onnx", "onnxruntime"):
        pytest.importorskip(name)
    import onnx
    import onnxruntime

    # Small tensors are folded into floats by the exporter, so these are not small.
    model = models.filled(nn.Sequential(nn.Conv2d(3, 48, 8, stride=8), nn.Flatten(2)))
    model.append(nn.Sequential(nn.Linear(16, 96), nn.Linear(96, 96)))
    x = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    model[0].weight.data.mul_(0.1)
    ranges = models.int8().observe(model, lambda m, b: m(b["x"]), [{"x": x}])
    small = models.int8().quantize(model, dict.fromkeys(ranges, bits), ranges).eval()

    torch.onnx.export(small, (x,), dynamo=True, verbose=False).save(str(tmp_path / "net.onnx"))

    graph = onnx.load(tmp_path / "net.onnx").graph
    operators = {node.op_type for node in graph.node}
    assert ({"QuantizeLinear", "DequantizeLinear"} <= operators) == (bits == 8)
    low = {8: onnx.TensorProto.INT8, 16: onnx.TensorProto.BFLOAT16}[bits]
    shapes = {tuple(tensor.dims) for tensor in graph.initializer if tensor.data_type == low}
    assert {(48, 3, 8, 8), (96, 96)} <= shapes
    session = onnxruntime.InferenceSession(tmp_path / "net.onnx")
    (found,) = session.run(None, {session.get_inputs()[0].name: x.numpy()})
    with torch.inference_mode():
        wanted = small(x)
    assert torch.allclose(torch.from_numpy(found), wanted, atol=0.02 * float(wanted.abs().max()))


def test_convolutions_keep_their_geometry(models):
    small, _, _ = quantized(models, 8)

    assert isinstance(small.named, QuantizedConv2d)
    assert (small.conv.stride, small.grouped.groups) == ((2, 2), 4)
    assert (small.reflected.padding_mode, small.named.padding) == ("reflect", "same")
