"""Small light stand-ins: an anatomy, a search space, a problem with known answers. No torch.

The anatomy is that of the transformer in :mod:`instatune.testing.tiny`, which needs torch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import attrs
import numpy as np
from numpy.typing import NDArray

from instatune.interfaces import Aim, Evaluation, Measurement, Prediction, Predictor, Problem
from instatune.space import (
    Anatomy,
    Architecture,
    Attention,
    Attribute,
    Cut,
    Gene,
    Group,
    Polynomial,
    SearchSpace,
    Stack,
    Work,
    counting,
)
from instatune.space.policy import module_of, weighted
from instatune.space.search_space import Genotypes


@attrs.frozen(kw_only=True)
class TinySizes:
    """Sizes of the tiny transformer.

    Attributes:
        layers: Layers.
        hidden: Width of the residual stream.
        heads: Attention heads of each layer.
        head: Width of one head.
        ffn: Neurons of each feed-forward network.
        vocabulary: Number of different tokens.
        tokens: Longest input.
        classes: Outputs.
    """

    layers: int = 3
    hidden: int = 16
    heads: int = 4
    head: int = 4
    ffn: int = 32
    vocabulary: int = 300
    tokens: int = 64
    classes: int = 3


def anatomy(sizes: TinySizes | None = None) -> Anatomy:
    """Anatomy of the tiny transformer: 3 layers of 4 heads and 32 neurons by default."""
    sizes = sizes or TinySizes()
    layers = range(sizes.layers)
    shapes = _shapes(sizes)
    return Anatomy(
        family="tiny",
        stacks=(
            Stack(
                name="layers", path="layers", layers=sizes.layers, count_attributes=("n_layers",)
            ),
        ),
        groups=(*(_heads(sizes, i) for i in layers), *(_ffn(sizes, i) for i in layers)),
        shapes=shapes,
        work=tuple(
            Work(name, tokens_power=0 if name.startswith("classifier") else 1)
            for name, shape in shapes.items()
            if len(shape) == 2 and not name.startswith("embed")
        ),
        attentions=tuple(
            Attention(
                f"heads.{i}",
                sizes.head,
                projections=tuple(f"layers.{i}.{name}" for name in ("query", "key", "value")),
            )
            for i in layers
        ),
        embeddings=("embed.weight", "embed_positions.weight"),
        tokens=8,
        max_tokens=sizes.tokens,
    )


def space(sizes: TinySizes | None = None) -> SearchSpace:
    """Space over depth, heads and neurons of the tiny transformer.

    Depth is 1 to all layers; each layer keeps a half or all of its heads, and a quarter, a half or
    all of its neurons.
    """
    sizes = sizes or TinySizes()
    genes = [
        Gene(
            name="depth",
            choices=tuple(range(1, sizes.layers + 1)),
            effect="depth",
            targets=("layers",),
        )
    ]
    for i in range(sizes.layers):
        halves = (sizes.heads // 2, sizes.heads)
        quarters = (sizes.ffn // 4, sizes.ffn // 2, sizes.ffn)
        genes += [_width(f"heads.{i}", halves, i), _width(f"ffn.{i}", quarters, i)]
    units = {group.name: group.units for group in anatomy(sizes).groups}
    priority = {"layers": tuple(range(sizes.layers))}
    return SearchSpace(genes=tuple(genes), priority=priority, full_units=units)


def space_with_bits(sizes: TinySizes | None = None) -> SearchSpace:
    """The same space with 8, 16 or 32 bits for each linear map, and for both tables together."""
    whole, described = space(sizes), anatomy(sizes)
    tables = tuple(map(module_of, described.embeddings))
    together = [tables, *((name,) for name in weighted(described) if name not in tables)]
    genes = [*whole.genes]
    for modules in together:
        stack, layer = described.stack_of(modules[0]) or (None, None)
        genes.append(
            Gene(
                name=f"bits.{modules[0]}",
                choices=(8, 16, 32),
                effect="bits",
                targets=modules,
                stack=stack,
                layer=layer,
            )
        )
    return attrs.evolve(whole, genes=tuple(genes))


def single_space() -> SearchSpace:
    """A space with one architecture: nothing to choose."""
    return attrs.evolve(
        space(), genes=tuple(attrs.evolve(g, choices=g.choices[-1:]) for g in space().genes)
    )


@attrs.frozen(kw_only=True, slots=False)
class Landscape:
    """A search problem whose answers are known: MACs are exact, accuracy is a smooth made-up rule.

    Attributes:
        space: Where to search.
        anatomy: For counting.
        seed: Of the made-up accuracy.
    """

    space: SearchSpace = attrs.field(factory=space)
    anatomy: Anatomy = attrs.field(factory=anatomy)
    seed: int = 0

    def problem(self, budget: int, *, objectives: int = 2, with_predictor: bool = False) -> Problem:
        """Maximise accuracy and, with two objectives, minimise MACs."""
        aims = (
            Aim(name="accuracy", goal="max", exact=False),
            Aim(name="macs", goal="min", exact=True),
        )
        return Problem(
            space=self.space,
            aims=aims[:objectives],
            budget=budget,
            exact={"macs": self.macs},
            make_predictor=partial(UnsureLeastSquares, None) if with_predictor else None,
        )

    def macs(self, genotypes: Genotypes) -> NDArray[np.float64]:
        """MACs ``[rows]``."""
        return self.space.count(self._polynomial, genotypes)

    def accuracy(self, genotypes: Genotypes) -> NDArray[np.float64]:
        """Made-up accuracy ``[rows]``: grows with the share of MACs, choices weigh differently."""
        full = self.macs(self.space.encode([self.space.largest]))[0]
        share = self.macs(genotypes) / full
        features = self.space.features(genotypes)
        taste = np.random.default_rng(self.seed).normal(0.0, 0.01, features.shape[1])
        return np.asarray(0.9 - 0.4 * (1.0 - share) ** 2 + features @ taste)

    def measure(self, architectures: Sequence[Architecture]) -> list[Evaluation]:
        """Evaluate architectures."""
        genotypes = self.space.encode(list(architectures))
        rows = zip(architectures, self.accuracy(genotypes), self.macs(genotypes), strict=True)
        return [
            Evaluation(
                architecture=architecture,
                values={
                    "accuracy": Measurement(float(accuracy), 0.01, 100),
                    "macs": Measurement(float(macs)),
                },
                index=index,
            )
            for index, (architecture, accuracy, macs) in enumerate(rows)
        ]

    @property
    def _polynomial(self) -> Polynomial:
        return counting.macs(self.anatomy)


class LeastSquares(Predictor):
    """Linear regression, for strategies that need a predictor."""

    def fit(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> None:
        """Solve the normal equations with a little damping."""
        wide = self._wide(x)
        self._inverse = np.linalg.inv(wide.T @ wide + 1e-3 * np.eye(wide.shape[1]))
        self._weights = self._inverse @ wide.T @ y
        self._error = float(np.std(y - wide @ self._weights) + 1e-3 * np.std(y))

    def predict(self, x: NDArray[np.float64]) -> Prediction:
        """Evaluate the linear form."""
        return Prediction(self._wide(x) @ self._weights)

    @staticmethod
    def _wide(x: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.hstack([x, np.ones((len(x), 1))])


class UnsureLeastSquares(LeastSquares):
    """Linear regression that knows its standard error, for strategies that need that too."""

    def predict(self, x: NDArray[np.float64]) -> Prediction:
        """Be unsure about choices that were seen rarely."""
        wide = self._wide(x)
        leverage = np.maximum(((wide @ self._inverse) * wide).sum(axis=1), 0.0)
        return Prediction(super().predict(x).mean, self._error * np.sqrt(leverage))


def _width(name: str, choices: tuple[int, ...], layer: int) -> Gene:
    return Gene(
        name=name, choices=choices, effect="width", targets=(name,), stack="layers", layer=layer
    )


def _heads(sizes: TinySizes, layer: int) -> Group:
    root, unit = f"layers.{layer}", sizes.head
    outgoing = Cut(f"{root}.out.weight", 1, unit)
    return Group(
        name=f"heads.{layer}",
        kind="heads",
        units=sizes.heads,
        cuts=(
            *_rows(f"{root}.query", unit),
            *_rows(f"{root}.key", unit),
            *_rows(f"{root}.value", unit),
            outgoing,
        ),
        outgoing=outgoing,
        attributes=(Attribute(f"{root}.n_heads"),),
        stack="layers",
        layer=layer,
    )


def _ffn(sizes: TinySizes, layer: int) -> Group:
    outgoing = Cut(f"layers.{layer}.down.weight", 1)
    return Group(
        name=f"ffn.{layer}",
        kind="ffn",
        units=sizes.ffn,
        cuts=(*_rows(f"layers.{layer}.up", 1), outgoing),
        outgoing=outgoing,
        stack="layers",
        layer=layer,
    )


def _rows(linear: str, unit: int) -> tuple[Cut, Cut]:
    return Cut(f"{linear}.weight", 0, unit), Cut(f"{linear}.bias", 0, unit)


def _shapes(sizes: TinySizes) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {
        "embed.weight": (sizes.vocabulary, sizes.hidden),
        "embed_positions.weight": (sizes.tokens, sizes.hidden),
    }
    for layer in range(sizes.layers):
        shapes.update({f"layers.{layer}.{name}": shape for name, shape in _layer_shapes(sizes)})
    shapes["classifier.weight"] = (sizes.classes, sizes.hidden)
    shapes["classifier.bias"] = (sizes.classes,)
    return shapes


def _layer_shapes(sizes: TinySizes) -> Iterator[tuple[str, tuple[int, ...]]]:
    wide = sizes.heads * sizes.head
    sides = {
        "query": (wide, sizes.hidden),
        "key": (wide, sizes.hidden),
        "value": (wide, sizes.hidden),
        "out": (sizes.hidden, wide),
        "up": (sizes.ffn, sizes.hidden),
        "down": (sizes.hidden, sizes.ffn),
    }
    for norm in ("norm_attention", "norm_ffn"):
        yield f"{norm}.weight", (sizes.hidden,)
        yield f"{norm}.bias", (sizes.hidden,)
    for linear, shape in sides.items():
        yield f"{linear}.weight", shape
        yield f"{linear}.bias", shape[:1]
