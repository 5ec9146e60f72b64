"""Batch normalisation folded into convolutions changes nothing but the graph."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
import onnxruntime
import pytest

from instatune_plugins.exporters._norms import fold_norms

FLOAT = ir.DataType.FLOAT
CHANNELS, PLACES = 3, 2


class Maker:
    """Makes a graph of a convolution and a normalisation, node by node."""

    def __init__(self, seed=0):
        self.draw = np.random.default_rng(seed)
        self.weights, self.nodes = [], []
        self.x = ir.Value(name="x", shape=ir.Shape(("n", PLACES, 5, 5)), type=ir.TensorType(FLOAT))

    def constant(self, name, array):
        made = ir.Value(name=name, const_value=ir.tensor(array, name=name))
        made.dtype, made.shape = made.const_value.dtype, ir.Shape(array.shape)
        self.weights.append(made)
        return made

    def node(self, kind, *inputs, **attributes):
        name = f"{kind}_{len(self.nodes)}"
        made = ir.node(kind, inputs, attributes=attributes, name=name)
        made.outputs[0].name = name
        if kind != "QuantizeLinear":
            made.outputs[0].dtype = FLOAT
        self.nodes.append(made)
        return made.outputs[0]

    def floats(self):
        shape = (CHANNELS, PLACES, 3, 3)
        return self.constant("w", self.draw.normal(size=shape).astype(np.float32))

    def integers(self, axis=0):
        integers = self.draw.integers(-128, 128, (CHANNELS, PLACES, 3, 3)).astype(np.int8)
        length = integers.shape[axis]
        scales = self.draw.uniform(0.01, 0.02, length).astype(np.float32)
        zeros = self.constant("zeros", np.zeros(length, np.int8))
        return self.node(
            "DequantizeLinear",
            self.constant("w", integers),
            self.constant("scales", scales),
            zeros,
            axis=axis,
        )

    def rounded(self):
        step, zero = self.constant("step", np.float32(0.02)), self.constant("zero", np.uint8(120))
        return self.node(
            "DequantizeLinear", self.node("QuantizeLinear", self.x, step, zero), step, zero
        )

    def bias(self):
        return self.constant("bias", self.draw.normal(size=CHANNELS).astype(np.float32))

    def norm(self, x, weight=None, **attributes):
        weight = self.draw.normal(size=CHANNELS) if weight is None else np.array(weight)
        parts = [
            weight,
            self.draw.normal(size=CHANNELS),
            self.draw.normal(size=CHANNELS),
            self.draw.uniform(0.5, 2, CHANNELS),
        ]
        names = ("gamma", "beta", "mean", "variance")
        constants = [
            self.constant(name, part.astype(np.float32))
            for name, part in zip(names, parts, strict=True)
        ]
        return self.node("BatchNormalization", x, *constants, epsilon=1e-3, **attributes)

    def model(self, output):
        graph = ir.Graph(
            [self.x],
            [output],
            nodes=self.nodes,
            initializers=self.weights,
            opset_imports={"": 20},
            name="graph",
        )
        return ir.Model(graph, ir_version=10)


def answers(model, seed=1):
    x = np.random.default_rng(seed).normal(size=(4, PLACES, 5, 5)).astype(np.float32)
    session = onnxruntime.InferenceSession(ir.to_proto(model).SerializeToString())
    return session.run(None, {"x": x})[0]


def kinds(model):
    return [node.op_type for node in model.graph]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("biased", [True, False])
@pytest.mark.parametrize("rounded", [True, False])
def test_a_folded_norm_computes_the_same(rounded, biased, seed):
    make = Maker(seed)
    x = make.rounded() if rounded else make.x
    conv = make.node(
        "Conv", x, make.integers(), *([make.bias()] if biased else []), pads=(1, 1, 1, 1)
    )
    model = make.model(make.node("Relu", make.norm(conv)))
    wanted = answers(model)

    fold_norms(model.graph)

    assert "BatchNormalization" not in kinds(model)
    np.testing.assert_allclose(answers(model), wanted, rtol=1e-4, atol=1e-5)


def test_a_norm_that_ends_the_graph_leaves_its_name():
    make = Maker()
    model = make.model(make.norm(make.node("Conv", make.x, make.integers())))
    name, wanted = model.graph.outputs[0].name, answers(model)

    fold_norms(model.graph)

    assert kinds(model) == ["DequantizeLinear", "Conv"]
    assert model.graph.outputs[0].name == name
    np.testing.assert_allclose(answers(model), wanted, rtol=1e-4, atol=1e-5)


def stays(model):
    before = answers(model)
    fold_norms(model.graph)
    np.testing.assert_array_equal(answers(model), before)
    return "BatchNormalization" in kinds(model)


def test_a_convolution_that_others_read_stays():
    make = Maker()
    conv = make.node("Conv", make.x, make.integers())

    assert stays(make.model(make.node("Add", make.norm(conv), conv)))


def test_a_norm_of_something_else_stays():
    make = Maker()
    conv = make.node("Relu", make.node("Conv", make.x, make.integers()))

    assert stays(make.model(make.norm(conv)))


def test_a_weight_that_several_read_stays():
    make = Maker()
    weight = make.integers()
    one, other = (make.node("Conv", make.x, weight) for _ in range(2))

    assert stays(make.model(make.node("Add", make.norm(one), other)))


def test_scales_along_another_axis_stay():
    make = Maker()

    assert stays(make.model(make.norm(make.node("Conv", make.x, make.integers(axis=1)))))


def test_a_channel_that_is_almost_off_keeps_its_norm():
    make = Maker()
    conv = make.node("Conv", make.rounded(), make.integers())

    assert stays(make.model(make.norm(conv, weight=[1.0, 1e-9, 1.0])))


def test_a_weight_of_floats_is_left_to_others():
    make = Maker()

    assert stays(make.model(make.norm(make.node("Conv", make.x, make.floats()))))
