"""A synthetic search problem and the loop that core runs around a strategy, in a few lines."""

from __future__ import annotations

import attrs
import numpy as np

from instatune.interfaces import Aim, Evaluation, Limit, Measurement, Problem
from instatune.metrics.hypervolume import Box
from instatune.space import Gene, Polynomial, SearchSpace, Term

HEADS, FFN = (3, 6, 9, 12), (512, 1024, 1536)


def bert_space(layers=6, depths=(3, 4, 5, 6), order=None, heads=HEADS, ffn=FFN):
    """A space like that of a BERT with ``layers`` layers."""
    widths = [("heads", heads), ("ffn", ffn)]
    genes = [Gene(name="depth", choices=depths, effect="depth", targets=("layers",))]
    genes += [
        Gene(
            name=f"{kind}.{layer}",
            choices=choices,
            effect="width",
            targets=(f"{kind}.{layer}",),
            stack="layers",
            layer=layer,
        )
        for kind, choices in widths
        for layer in range(layers)
    ]
    return SearchSpace(
        genes=tuple(genes),
        priority={"layers": tuple(range(layers)) if order is None else order},
        full_units={f"{k}.{i}": c[-1] for k, c in widths for i in range(layers)},
    )


def macs(space, hidden=384, tokens=128):
    """Exact MACs of all networks: a function of genotypes."""
    stack, order = space.priority[0]
    terms = []
    for layer in range(len(order)):
        home = (stack, layer)
        terms.append(Term(4 * hidden * 32 * tokens + 64 * tokens**2, (f"heads.{layer}",), home))
        terms.append(Term(2 * hidden * tokens, (f"ffn.{layer}",), home))
    polynomial = Polynomial.of(terms)
    return lambda genotypes: space.count(polynomial, genotypes)


class Table:
    """Accuracies of all networks: each choice has its share, neighbouring layers interact."""

    def __init__(self, space, seed=0):
        rng = np.random.default_rng(seed)
        self.space = space
        self.importance = rng.uniform(0.3, 1.7, len(space.genes))
        self.pairs = 0.35 * rng.normal(size=(len(space.genes), len(space.genes)))

    def accuracy(self, genotypes):
        """Accuracy ``[rows]`` between 0.5 and 0.95, growing with size on the whole."""
        top = np.maximum(self.space.cardinalities - 1, 1)
        level = np.where(self.space.active(genotypes), genotypes / top, -0.6)
        gain = (1 - (1 - np.maximum(level, 0)) ** 2) + np.minimum(level, 0)
        total = gain @ self.importance + ((gain @ self.pairs) * gain).sum(axis=1) * 0.3
        return 0.5 + 0.45 / (1 + np.exp(-(total - 2.0) / 3.0))


def make_problem(space=None, *, aims=("accuracy", "macs"), limits=(), budget=150, predictor=None):
    """A problem with a measured accuracy, and exact MACs, kept layers and heads."""
    space = space or bert_space()
    known = {
        "accuracy": Aim(name="accuracy", goal="max", exact=False),
        "macs": Aim(name="macs", goal="min", exact=True),
        "depth": Aim(name="depth", goal="min", exact=True),
        "heads": Aim(name="heads", goal="min", exact=True),
    }
    return Problem(
        space=space,
        aims=tuple(known[name] for name in aims),
        limits=tuple(limits),
        budget=budget,
        exact={
            "macs": macs(space),
            "depth": lambda genotypes: genotypes[:, 0].astype(float),
            "heads": lambda genotypes: genotypes[:, 1].astype(float),  # of the first layer
        },
        make_predictor=predictor,
    )


def macs_limit(problem, share):
    """At most this share of the full model's MACs."""
    full = problem.exact["macs"](problem.space.encode([problem.space.largest]))[0]
    return Limit(name="macs", high=share * full)


def measure(problem, table, architecture, index=0):
    """What core would measure."""
    row = problem.space.encode([architecture])
    values = {name: float(function(row)[0]) for name, function in problem.exact.items()}
    values["accuracy"] = float(table.accuracy(row)[0])
    measurements = {name: Measurement(value) for name, value in values.items()}
    return Evaluation(architecture=architecture, values=measurements, index=index)


def drive(strategy, problem, table, fails=None, idle=5):
    """Ask, measure, tell until the budget is spent; gives evaluations and the asks."""
    seen, asks, left = {}, [], idle
    while len(seen) < problem.budget and left:
        asked = list(strategy.ask(problem.budget - len(seen)))
        asks.append(asked)
        if not asked:
            break
        before = len(seen)
        for architecture in asked:
            if architecture.key not in seen and len(seen) < problem.budget:
                failed = fails is not None and fails(architecture)
                seen[architecture.key] = (
                    None if failed else measure(problem, table, architecture, len(seen))
                )
        answers = [seen.get(architecture.key) for architecture in asked]
        strategy.tell([answer for answer in answers if answer is not None])
        left = idle if len(seen) > before else left - 1
    return [evaluation for evaluation in seen.values() if evaluation is not None], asks


def quality(problem, evaluations):
    """Hypervolume of everything measured: relative MACs, and the error above 5 %."""
    full = problem.exact["macs"](problem.space.encode([problem.space.largest]))[0]
    bounds = {
        "accuracy": (-0.95, -0.5),
        "macs": (0.0, full),
        "depth": (0.0, 3.0),
        "heads": (0.0, 3.0),
    }
    return Box.loose([bounds[aim.name] for aim in problem.aims]).hypervolume(
        problem.losses(evaluations)
    )


def with_limits(problem, limits):
    """The problem with limits added; a pair (name, share) bounds MACs relative to the largest."""
    made = [macs_limit(problem, item[1]) if isinstance(item, tuple) else item for item in limits]
    return attrs.evolve(problem, limits=tuple(made))
