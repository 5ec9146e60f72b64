"""Automatic widths: the values that a width can take are read off the importance of its units.

As EFTNAS proposes (Munoz et al., "Searching for Efficient Language Models in First-Order
Weight-Reordered Super-Networks", 2024): one threshold on importance cuts all layers at once, so
that layers that matter little become narrow early. For each of N targets of MACs bisection finds
the threshold whose network comes nearest; the values of a layer are its widths in these N networks.

Units of unlike kinds are compared by their importance per MAC: a head has many more weights than a
neuron, and importance is a sum over them. EFTNAS compares single weights, which comes to the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs
import numpy as np
from numpy.typing import NDArray

from instatune.space.anatomy import Anatomy
from instatune.space.counting import macs
from instatune.space.gene import Gene

_SKIPPED = 0.02  # a layer with less of its units than this is better left out (EFTNAS)

Importance = Mapping[str, NDArray[np.float64]]
"""``[units]`` by group, larger = more important."""


@attrs.frozen(kw_only=True)
class Automatic:
    """What is to be found.

    Attributes:
        configurations: Number of networks that give the values.
        low: MACs of the smallest of them, as a share of the full model's.
        high: The same of the largest.
        divisor: Values are multiples of this, but for none and all units.
    """

    configurations: int
    low: float
    high: float
    divisor: int = 1

    @property
    def targets(self) -> tuple[float, ...]:
        """Shares of the full model's MACs, evenly spaced, ascending."""
        steps = max(1, self.configurations - 1)
        span = self.high - self.low
        return tuple(self.low + span * step / steps for step in range(self.configurations))


@attrs.frozen(kw_only=True)
class Configuration:
    """The network of one threshold.

    Attributes:
        target: Share of the full model's MACs that was asked for.
        share: The share that it has, with all layers kept.
        widths: Kept units by gene.
    """

    target: float
    share: float
    widths: Mapping[str, int]


class Thresholds:
    """Networks that keep the units above a threshold, in all genes at once."""

    def __init__(
        self, anatomy: Anatomy, genes: Mapping[str, tuple[Gene, int]], importance: Importance
    ) -> None:
        """Normalise the importance.

        Args:
            anatomy: The model.
            genes: Width genes by name, each with the divisor of its values.
            importance: Of each group that they set, finite.
        """
        self._genes = genes
        self._count = macs(anatomy)
        self._units = {group.name: group.units for group in anatomy.groups}
        self._layers = {stack.name: tuple(range(stack.layers)) for stack in anatomy.stacks}
        self._full = self._macs({})
        self._fewest = {
            name: max(anatomy.group(target).minimum for target in gene.targets)
            for name, (gene, _) in genes.items()
        }
        self._scores = {name: self._score(gene, importance) for name, (gene, _) in genes.items()}
        self.levels = np.unique(np.concatenate(list(self._scores.values())))

    def configuration(self, target: float) -> Configuration:
        """The network whose MACs come nearest to a share of the full model's."""
        low, high = 0, len(self.levels)  # thresholds: the k lowest levels go
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if self.share(middle) <= target else (middle + 1, high)
        best = min((low, max(0, low - 1)), key=lambda k: abs(self.share(k) - target))
        return Configuration(target=target, share=self.share(best), widths=self.widths(best))

    def widths(self, dropped: int) -> dict[str, int]:
        """Kept units by gene where all units of the ``dropped`` lowest levels go."""
        threshold = self.levels[dropped] if dropped < len(self.levels) else np.inf
        return {
            name: self._width(name, int((scores >= threshold).sum()))
            for name, scores in self._scores.items()
        }

    def share(self, dropped: int) -> float:
        """MACs of that network, as a share of the full model's."""
        return self._macs(self.widths(dropped)) / self._full

    def _score(self, gene: Gene, importance: Importance) -> NDArray[np.float64]:
        """Importance per MAC of each place in a gene, falling; a mean where it sets many groups."""
        falling = [np.sort(np.asarray(importance[t], dtype=np.float64))[::-1] for t in gene.targets]
        units = len(falling[0])
        cost = (self._full - self._macs({gene.name: 0})) / units
        return np.asarray(np.mean(falling, axis=0) / max(cost, 1.0))

    def _width(self, name: str, kept: int) -> int:
        (gene, divisor), fewest = self._genes[name], self._fewest[name]
        full = gene.choices[-1]
        if kept == full:
            return full
        if kept < _SKIPPED * full and fewest == 0:
            return 0
        multiples = 0 if kept < _SKIPPED * full else int(kept / divisor + 0.5)
        return min(full, max(fewest, max(1, multiples) * divisor))

    def _macs(self, widths: Mapping[str, int]) -> int:
        """MACs with these widths, and all of what is not named."""
        units = dict(self._units)
        for name, width in widths.items():
            units.update(dict.fromkeys(self._genes[name][0].targets, width))
        return self._count.at(units, self._layers)


def refine(
    anatomy: Anatomy,
    wanted: Sequence[tuple[Automatic, tuple[Gene, ...]]],
    importance: Importance,
) -> tuple[dict[str, Gene], tuple[Configuration, ...]]:
    """Give genes the values that importance proposes; the full width always stays among them.

    Args:
        anatomy: The model.
        wanted: What each dimension asks for, and its genes. All genes share each threshold.
        importance: Of each group that they set.

    Returns:
        The genes by name, and the networks that their values come from.
    """
    genes = {gene.name: (gene, wish.divisor) for wish, own in wanted for gene in own}
    thresholds = Thresholds(anatomy, genes, importance)
    targets = sorted({target for wish, _ in wanted for target in wish.targets})
    found = {target: thresholds.configuration(target) for target in targets}
    refined = {}
    for wish, own in wanted:
        for gene in own:
            values = {found[target].widths[gene.name] for target in wish.targets}
            choices = tuple(sorted(values | {gene.choices[-1]}))
            refined[gene.name] = attrs.evolve(gene, choices=choices)
    return refined, tuple(found.values())
