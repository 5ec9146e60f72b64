"""Changes to graphs keep what they compute."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
import onnxruntime
import pytest
import torch

from instatune_plugins.exporters import _graph
from instatune_plugins.exporters._translation import table

FLOAT, BFLOAT16 = ir.DataType.FLOAT, ir.DataType.BFLOAT16


def value(name, dtype=FLOAT, shape=("n", 4)):
    return ir.Value(name=name, shape=ir.Shape(shape), type=ir.TensorType(dtype))


def weight(graph_values, name, array):
    made = ir.Value(name=name, const_value=ir.tensor(array, name=name))
    made.dtype, made.shape = made.const_value.dtype, ir.Shape(array.shape)
    graph_values.append(made)
    return made


def node(kind, inputs, name, dtype=FLOAT, **attributes):
    made = ir.node(kind, inputs, attributes=attributes, name=name)
    made.outputs[0].name, made.outputs[0].dtype = name, dtype
    made.outputs[0].shape = ir.Shape(("n", 4))
    return made


def model(inputs, nodes, initializers):
    graph = ir.Graph(
        inputs,
        [nodes[-1].outputs[0]],
        nodes=nodes,
        initializers=initializers,
        opset_imports={"": 20},
        name="graph",
    )
    return ir.Model(graph, ir_version=10)


def run(made, **feeds):
    session = onnxruntime.InferenceSession(ir.to_proto(made).SerializeToString())
    return session.run(None, feeds)[0]


def normalised(kind="Add"):
    x, y, weights = value("x"), value("y"), []
    scale = weight(weights, "scale", np.full(4, 1.5, np.float32))
    total = node(kind, [x, y], "total")
    last = node("LayerNormalization", [total.outputs[0], scale], "normal", axis=-1)
    return model([x, y], [total, last], weights)


def test_a_sum_before_a_normalisation_is_not_fused():
    made, plain = normalised(), normalised()
    generator = np.random.default_rng(0)
    feeds = {name: generator.normal(size=(3, 4)).astype(np.float32) for name in "xy"}

    _graph.keep_sums(made.graph)

    assert [n.op_type for n in made.graph] == ["Sum", "LayerNormalization"]
    np.testing.assert_allclose(run(made, **feeds), run(plain, **feeds), rtol=1e-6)


def test_other_sums_stay():
    x, y = value("x"), value("y")
    total = node("Add", [x, y], "total")
    made = model([x, y], [total, node("Relu", [total.outputs[0]], "last")], [])

    _graph.keep_sums(made.graph)

    assert [n.op_type for n in made.graph] == ["Add", "Relu"]


@pytest.mark.parametrize("transposed", [0, 1])
@pytest.mark.parametrize("biased", [True, False])
def test_a_gemm_of_integers_is_a_product_and_a_sum(transposed, biased):
    generator = np.random.default_rng(0)
    weights = []
    integers = weight(weights, "w", generator.integers(-99, 99, (4, 4)).astype(np.int8))
    scale = weight(weights, "scale", np.float32(0.1) * np.ones((), np.float32))
    bias = [weight(weights, "bias", np.arange(4, dtype=np.float32))] if biased else []

    x = value("x")
    matrix = node("DequantizeLinear", [integers, scale], "matrix")
    gemm = node("Gemm", [x, matrix.outputs[0], *bias], "out", transB=transposed)
    changed = model([x], [matrix, gemm], weights)
    feed = generator.normal(size=(3, 4)).astype(np.float32)
    wanted = run(changed, x=feed)

    _graph.split_gemms(changed.graph)

    kinds = {n.op_type for n in changed.graph}
    assert "Gemm" not in kinds
    assert ("Sum" in kinds) == biased
    assert changed.graph.outputs[0].name == "out"
    np.testing.assert_allclose(run(changed, x=feed), wanted, rtol=1e-5, atol=1e-5)


def test_bfloat16_is_stored_but_not_multiplied():
    generator = torch.Generator().manual_seed(0)
    matrix = torch.randn(4, 4, generator=generator).bfloat16()
    weights = []
    x = value("x")
    stored = ir.Value(name="w", const_value=ir.tensor(matrix, name="w"))
    stored.dtype, stored.shape = BFLOAT16, ir.Shape((4, 4))
    weights.append(stored)
    short = node("Cast", [x], "short", BFLOAT16, to=BFLOAT16)
    product = node("MatMul", [short.outputs[0], stored], "product", BFLOAT16)
    last = node("Cast", [product.outputs[0]], "last", to=FLOAT)
    made = model([x], [short, product, last], weights)

    _graph.widen_bfloat16(made.graph)

    inputs = torch.randn(3, 4, generator=generator)
    assert made.graph.initializers["w"].dtype == BFLOAT16
    np.testing.assert_allclose(
        run(made, x=inputs.numpy()), (inputs @ matrix.float()).numpy(), rtol=1e-5, atol=1e-6
    )


def test_axes_have_names():
    tokens, pixels = value("ids", shape=("s1", "s2")), value("pixels", shape=("s1", 3, 8, 8))
    choices = value("choices", shape=("s1", "s9", "s4"))
    last = node("Identity", [choices], "out")
    last.outputs[0].shape = ir.Shape(("s1", "s9", "s4", 5))
    made = model([tokens, pixels, choices], [last], [])

    _graph.name_axes(made.graph)

    shapes = [str(v.shape) for v in (*made.graph.inputs, *made.graph.outputs)]
    assert shapes == [
        "[examples,tokens]",
        "[examples,3,8,8]",
        "[examples,choices,tokens_2]",
        "[examples,choices,tokens_2,5]",
    ]


class Attends(torch.nn.Module):
    def __init__(self, **options):
        super().__init__()
        self.options = options

    def forward(self, q, k, v, mask=None):
        return torch.nn.functional.scaled_dot_product_attention(q, k, v, mask, **self.options)


@pytest.mark.parametrize("masked", ["", "bool", "float"])
def test_attention_is_that_of_torch(masked):
    generator = torch.Generator().manual_seed(0)
    query, key, value = (torch.randn(2, 3, 5, 4, generator=generator) for _ in range(3))
    mask = torch.rand(2, 1, 5, 5, generator=generator) > 0.4
    mask[..., 0] = True  # every token sees one
    options = {"": (), "bool": (mask,), "float": (mask.float(),)}[masked]
    module = Attends(scale=0.3)

    program = torch.onnx.export(
        module.eval(),
        (query, key, value, *options),
        dynamo=True,
        custom_translation_table=table(),
        verbose=False,
    )

    feeds = zip(program.model.graph.inputs, (query, key, value, *options), strict=True)
    found = run(program.model, **{v.name: tensor.numpy() for v, tensor in feeds})
    wanted = module(query, key, value, *options)
    np.testing.assert_allclose(found, wanted.numpy(), rtol=1e-4, atol=1e-5)
