"""What an earlier search on another device and another task is worth to a new one."""

from __future__ import annotations

import json

import attrs
import numpy as np

from instatune.engine.warm_start import warmed
from instatune_plugins.strategies import Nsga2Config
from instatune_plugins.strategies.nsga2 import Nsga2


class Mixture:
    """Accuracies of a task to which mostly the same layers matter."""

    def __init__(self, first, second):
        self.first, self.second = first, second

    def accuracy(self, genotypes):
        return 0.7 * self.first.accuracy(genotypes) + 0.3 * self.second.accuracy(genotypes)


def archive(folder, found):
    rows = [
        {
            "genes": evaluation.architecture.as_dict(),
            "values": {name: [m.value, 0.0, 1] for name, m in evaluation.values.items()},
            "status": "ok",
        }
        for evaluation in found
    ]
    folder.mkdir()
    (folder / "front.json").write_text(json.dumps({"evaluated": rows, "front": []}))
    return str(folder)


def test_a_warm_search_is_ahead_after_few_measurements_on_another_device_and_task(driver, tmp_path):
    problem = driver.make_problem(budget=150)
    macs = problem.exact["macs"]
    exact = {**problem.exact, "macs": lambda rows: macs(rows) + 2e7 * rows[:, 1:7].sum(axis=1)}
    device = attrs.evolve(problem, exact=exact)

    def search(stated, table, seed):
        strategy = Nsga2(Nsga2Config(), stated, np.random.default_rng(seed))
        return driver.drive(strategy, stated, table)[0]

    for seed in range(4):
        table = driver.Table(problem.space, seed)
        task = Mixture(table, driver.Table(problem.space, seed + 50))
        folder = archive(tmp_path / str(seed), search(problem, table, seed + 9))
        begun, _ = warmed(device, folder)
        warm, cold = search(begun, task, seed), search(device, task, seed)
        assert [e.architecture for e in warm[:15]] == list(begun.initial)
        assert len(warm) == len(cold) == 150
        ahead = driver.quality(device, warm[:20]) / driver.quality(device, cold[:20])
        assert ahead > 1.02
