"""LINAS as its authors' toolkit runs it, to compare with: no component of instatune.

Cummings et al., arXiv 2205.10358, as DyNAS-T behaves where its behaviour differs from the paper's
Algorithm 1 or from :mod:`instatune_plugins.strategies.linas`:

* the first population is drawn gene by gene and may hold repeats;
* every objective is predicted, MACs included; of ridge regressions and support vector machines the
  one with the best cross-validated error is taken, on one-hot columns of the values seen so far;
* each inner NSGA-II begins at random networks with one and the same seed; crossover and mutation
  are real-coded (SBX, polynomial with a chance of 0.02 for a whole network) and rounded;
* the next population is the last inner one as it is: repeats in it, and networks that were measured
  before, are measured and paid for again;
* the population that the last loop proposes is never measured.

The search loop of instatune pays for a network once. This class therefore keeps count itself: it
stops when the budget is spent, repeats included, and ``paid`` tells for each network how many
evaluations had been paid for when it was first measured.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import numpy as np
from numpy.typing import NDArray

from instatune.errors import SearchError
from instatune.interfaces import Evaluation, Problem, Strategy
from instatune.space import Architecture
from instatune.space.search_space import Genotypes


@attrs.frozen(kw_only=True)
class AuthorsLinasConfig:
    """Settings, with the values of the toolkit.

    Attributes:
        population: Networks that are measured in each loop.
        inner_evaluations: Predictions in each inner loop.
        thin: Take only every n-th of the hundred penalties and of the hundred costs: 1 is faithful,
            10 takes a tenth of the time.
    """

    population: int = 50
    inner_evaluations: int = 20_000
    thin: int = 1


class AuthorsLinas(Strategy):
    """Measures populations as they come, paying for repeats.

    Attributes:
        spent: Evaluations that were paid for.
        paid: By key of a network how many evaluations had been paid for with its first one.
    """

    config: AuthorsLinasConfig

    def __init__(
        self, config: AuthorsLinasConfig, problem: Problem, rng: np.random.Generator
    ) -> None:
        super().__init__(config, problem, rng)
        if problem.limits:
            raise SearchError("constraints: the authors' LINAS has none; leave them out")
        self.spent = 0
        self.paid: dict[str, int] = {}
        self._seed = int(rng.integers(2**31))
        self._spelled: dict[str, list[NDArray[np.int64]]] = {}  # spellings of measured networks
        self._losses: dict[str, NDArray[np.float64]] = {}

    def ask(self, limit: int) -> Sequence[Architecture]:
        """The next population, each network once; nothing when all is paid for."""
        left = self.problem.budget - self.spent
        if left <= 0:
            return []
        rows = self._inner() if self._losses else self._first()
        asked: dict[str, Architecture] = {}
        for row, architecture in zip(rows[:left], self._decoded(rows[:left]), strict=True):
            self.spent += 1
            self.paid.setdefault(architecture.key, self.spent)
            self._spelled.setdefault(architecture.key, []).append(row)
            asked[architecture.key] = architecture
        return list(asked.values())

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        """Add to the table of measured networks."""
        for evaluation, losses in zip(evaluations, self.problem.losses(evaluations), strict=True):
            self._losses[evaluation.architecture.key] = losses

    def _first(self) -> Genotypes:
        cardinalities, given = self.problem.space.cardinalities, list(self.problem.initial)
        shape = (max(self.config.population - len(given), 0), len(cardinalities))
        drawn = self.rng.integers(0, cardinalities, shape)
        return np.concatenate([self.problem.space.encode(given), drawn])

    def _decoded(self, rows: Genotypes) -> list[Architecture]:
        return self.problem.space.decode(self.problem.space.canonical(rows))

    def _table(self) -> tuple[Genotypes, NDArray[np.float64]]:
        """Measured spellings, each once, with their losses."""
        pairs = {
            tuple(row.tolist()): self._losses[key]
            for key, rows in self._spelled.items()
            if key in self._losses
            for row in rows
        }
        return np.array(list(pairs), dtype=np.int64), np.array(list(pairs.values()))

    def _inner(self) -> Genotypes:
        """The last population of NSGA-II on predictions."""
        from pymoo.algorithms.moo.nsga2 import NSGA2
        from pymoo.core.problem import Problem as PymooProblem
        from pymoo.operators.crossover.sbx import SBX
        from pymoo.operators.mutation.pm import PM
        from pymoo.operators.repair.rounding import RoundingRepair
        from pymoo.operators.sampling.rnd import IntegerRandomSampling
        from pymoo.optimize import minimize

        rows, losses = self._table()
        space, size = self.problem.space, self.config.population
        values = [np.unique(rows[:, column]) for column in range(rows.shape[1])]
        seen = self._features(rows, values)
        models = [_fitted(seen, column, self.config.thin) for column in losses.T]

        class Predicted(PymooProblem):  # type: ignore[misc]
            def _evaluate(inner, x, out, *args, **kwargs):  # type: ignore[no-untyped-def]
                features = self._features(x.astype(np.int64), values)
                out["F"] = np.column_stack([model(features) for model in models])

        algorithm = NSGA2(
            pop_size=size,
            sampling=IntegerRandomSampling(),
            crossover=SBX(prob=0.9, eta=15.0, vtype=float, repair=RoundingRepair()),
            mutation=PM(prob=0.02, eta=20.0, vtype=float, repair=RoundingRepair()),
            eliminate_duplicates=True,
        )
        relaxed = Predicted(
            n_var=len(space.genes),
            n_obj=losses.shape[1],
            xl=0,
            xu=space.cardinalities - 1,
            vtype=int,
        )
        generations = max(self.config.inner_evaluations // size, 1)
        found = minimize(relaxed, algorithm, ("n_gen", generations), seed=self._seed)
        return np.asarray(found.pop.get("X"), dtype=np.int64)

    def _features(self, rows: Genotypes, values: list[NDArray[np.int64]]) -> NDArray[np.float64]:
        """One-hot columns of the values that were measured; inactive genes are zero."""
        active = self.problem.space.active(rows)
        blocks = [
            (rows[:, [column]] == known) & active[:, [column]]
            for column, known in enumerate(values)
        ]
        return np.concatenate(blocks, axis=1).astype(np.float64)


def _fitted(x: NDArray[np.float64], y: NDArray[np.float64], thin: int):  # type: ignore[no-untyped-def]
    """The better one of ridge and SVR, each with its best setting, as a function of features."""
    from sklearn.linear_model import Ridge
    from sklearn.model_selection import GridSearchCV
    from sklearn.svm import SVR

    unit = 10.0 ** (np.floor(np.log10(np.abs(y).max() or 1.0)) - 1)
    steps = np.arange(1, 101)[::thin]
    candidates = [
        (Ridge(), {"alpha": (0.1 * steps).tolist()}),
        (SVR(kernel="rbf", gamma="auto", epsilon=0.0), {"C": steps.astype(float).tolist()}),
    ]
    searches = [
        GridSearchCV(
            model,
            grid,
            cv=min(5, len(y)),
            scoring="neg_mean_absolute_percentage_error",
        ).fit(x, y / unit)
        for model, grid in candidates
    ]
    best = max(searches, key=lambda search: search.best_score_)
    return lambda features: best.predict(features) * unit
