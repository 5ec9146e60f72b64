"""Tree-structured Parzen estimators, by optuna.

Bergstra et al., "Algorithms for hyper-parameter optimization", 2011; for several objectives Ozaki
et al., "Multiobjective tree-structured Parzen estimator", 2022.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState

from instatune.interfaces import Problem
from instatune.space.search_space import Genotypes
from instatune_plugins.strategies._library import Answer, Candidate, Led
from instatune_plugins.strategies._networks import keys
from instatune_plugins.strategies._quiet import quiet
from instatune_plugins.strategies._searcher import scaled

if TYPE_CHECKING:
    from instatune_plugins.strategies import TpeConfig

_VIOLATION = "violation"  # user attribute of trials that optuna reads the constraint from


class Tpe(Led):
    """Translates between genotypes and optuna's trials."""

    config: TpeConfig

    def __init__(self, config: TpeConfig, problem: Problem, rng: np.random.Generator) -> None:
        super().__init__(config, problem, rng, first=min(config.start, scaled(50, problem)))
        self._columns = np.flatnonzero(problem.space.cardinalities > 1)
        self._genes: dict[str, BaseDistribution] = {
            str(column): IntDistribution(0, int(problem.space.cardinalities[column]) - 1)
            for column in self._columns
        }
        self._heard: set[bytes] = set()
        with _silent():
            self._study = optuna.create_study(
                directions=["minimize"] * len(problem.aims), sampler=self._sampler()
            )

    @property
    def batch(self) -> int:
        """One: a batch would be drawn from one and the same density."""
        return 1

    def suggest(self) -> Candidate | None:
        """The next trial of the study."""
        if not self._genes:
            return None
        with _silent():
            trial = self._study.ask(self._genes)
        network = self.problem.space.cardinalities[None] - 1
        network[0, self._columns] = [trial.params[name] for name in self._genes]
        return Candidate(self.problem.space.canonical(network), trial)

    def answer(self, candidate: Candidate, answer: Answer) -> None:
        """Tell optuna the losses, once; repeats and what was not measured count as failed."""
        trial, repeated = candidate.ticket, candidate.key in self._heard
        self._heard.add(candidate.key)
        trial.set_user_attr(_VIOLATION, answer.violation)
        with _silent():
            if repeated or (answer.losses is None and answer.violation <= 0):
                self._study.tell(trial, state=TrialState.FAIL)
            else:
                self._study.tell(trial, self._values(answer))

    def inform(self, network: Genotypes, answer: Answer) -> None:
        """Add a finished trial."""
        self._heard.update(keys(network))
        params = {name: int(network[0, int(name)]) for name in self._genes}
        with _silent():
            self._study.add_trial(
                optuna.create_trial(
                    params=params,
                    distributions=self._genes,
                    values=self._values(answer),
                    user_attrs={_VIOLATION: answer.violation},
                )
            )

    def _values(self, answer: Answer) -> list[float]:
        losses = self.penalised(answer) if answer.losses is None else answer.losses
        return [float(loss) for loss in losses]

    def _sampler(self) -> Any:
        limits = self.problem.limits
        return optuna.samplers.TPESampler(
            n_startup_trials=self.first,
            n_ei_candidates=self.config.candidates,
            multivariate=self.config.multivariate,
            constraints_func=_violation if limits else None,
            seed=self.seed % 2**32,
        )


def _violation(trial: FrozenTrial) -> list[float]:
    return [float(trial.user_attrs.get(_VIOLATION, 0.0))]


@contextmanager
def _silent() -> Iterator[None]:
    """No log lines for each trial, no warnings that a feature is experimental."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with quiet():
            yield
    finally:
        optuna.logging.set_verbosity(before)
