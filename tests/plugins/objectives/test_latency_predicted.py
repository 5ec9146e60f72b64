"""Times predicted from samples: what is read, what is learned, and how far it can be trusted."""

from __future__ import annotations

import csv
import json
from functools import partial
from typing import ClassVar

import attrs
import numpy as np
import pytest

from instatune.errors import DataError, StoreError
from instatune.metrics.statistics import kendall, mape
from instatune.plugin.manager import discover
from instatune.plugin.registry import load_target
from instatune.space import Gene, SearchSpace
from instatune.testing import contracts, fakes
from instatune_plugins.objectives.latency_config import LatencyMlpConfig, LatencyTableConfig
from instatune_plugins.objectives.latency_mlp import LatencyMlp, numbers
from instatune_plugins.objectives.latency_predicted import kind_of
from instatune_plugins.objectives.latency_samples import digest, read_samples
from instatune_plugins.objectives.latency_table import LatencyTable, features, ridge

LAYERS = 6
KINDS = [
    (LatencyTable, LatencyTableConfig),
    (LatencyMlp, partial(LatencyMlpConfig, hidden=(16, 16), members=1)),
]
BOTH = pytest.mark.parametrize(("kind", "config"), KINDS, ids=["table", "mlp"])


def space(layers=LAYERS, bits=False) -> SearchSpace:
    """Depth, heads and neurons of some layers, and bits of the neurons if asked for."""
    stacked = [
        gene
        for i in range(layers)
        for gene in (
            _gene(f"heads.{i}", (2, 4, 8), i, f"heads.{i}"),
            _gene(f"ffn.{i}", (64, 128, 256), i, f"ffn.{i}"),
            *([_gene(f"bits.layers.{i}.up", (8, 32), i, f"layers.{i}.up", "bits")] if bits else []),
        )
    ]
    depth = Gene(name="depth", choices=(3, 4, 6), effect="depth", targets=("layers",))
    units = {f"{kind}.{i}": n for i in range(layers) for kind, n in (("heads", 8), ("ffn", 256))}
    order = {"layers": tuple(range(layers))}
    return SearchSpace(genes=(depth, *stacked), priority=order, full_units=units)


def _gene(name, choices, layer, target, effect="width"):
    return Gene(
        name=name, choices=choices, effect=effect, targets=(target,), stack="layers", layer=layer
    )


def truth(where: SearchSpace, genotypes) -> np.ndarray:
    """Seconds: a fixed cost, and for each layer one of its heads and one of its neurons."""
    active = where.active(genotypes)
    values = {
        gene.name: np.where(active[:, j], np.array(gene.choices)[genotypes[:, j]], 0)
        for j, gene in enumerate(where.genes)
    }
    total = np.full(len(genotypes), 2e-3)
    for i in range(LAYERS):
        low = values.get(f"bits.layers.{i}.up", 32)
        total += 1e-4 * values[f"heads.{i}"] + 4e-6 * values[f"ffn.{i}"] * (0.25 + low / 43)
        total += 3e-4 * (values[f"ffn.{i}"] > 0)
    return total


def write(path, where, genotypes, seconds, column="latency"):
    """A table as the reporter ``csv`` writes it: genes of dropped layers have no value."""
    names = [gene.name for gene in where.genes]
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["key", *names, column])
        for network, value in zip(where.decode(genotypes), seconds, strict=True):
            table.writerow([network.key, *(network.get(name) for name in names), value])
    return str(path)


def write_run(folder, where, genotypes, seconds, column="latency"):
    """What a finished search leaves."""
    rows = [
        {"genes": network.as_dict(), "values": {column: [value, 0.0, 20]}, "status": "ok"}
        for network, value in zip(where.decode(genotypes), seconds, strict=True)
    ]
    failed = {"genes": {}, "values": {}, "status": "failed"}
    folder.mkdir()
    parts = {"evaluated": [*rows, failed], "front": rows[:1], "random": [], "chosen": []}
    (folder / "front.json").write_text(json.dumps({**parts, "references": {}}), encoding="utf-8")
    return str(folder)


def drawn(where, count, seed=0):
    found = np.unique(where.sample(np.random.default_rng(seed), 4 * count), axis=0)
    return np.random.default_rng(seed).permutation(found)[:count]


@pytest.fixture
def samples(tmp_path):
    """60 networks with one per cent of noise."""
    rows = drawn(space(), 60)
    noise = np.random.default_rng(1).normal(1.0, 0.01, len(rows))
    return write(tmp_path / "samples.csv", space(), rows, truth(space(), rows) * noise)


class Contract(contracts.ObjectiveContract):
    @pytest.fixture(autouse=True)
    def _samples(self, tmp_path):
        where = fakes.space_with_bits()
        rows = drawn(where, 60)
        seconds = 1e-3 * where.active(rows).sum(axis=1)  # what is kept, whatever its bits
        type(self).settings = {
            "samples": (write(tmp_path / "s.csv", where, rows, seconds),),
            **self.small,
        }


class TestTableContract(Contract):
    entry = "latency_table"
    small: ClassVar = {}


class TestMlpContract(Contract):
    entry = "latency_mlp"
    small: ClassVar = {"hidden": (4,), "members": 1}


del Contract  # it names no entry, so it is no test


class TestLearning:
    @BOTH
    def test_unseen_networks_are_predicted(self, kind, config, samples):
        unseen = drawn(space(), 300, seed=7)

        told = kind(config(samples=(samples,))).exact(space(), fakes.anatomy(), unseen)

        assert kendall(truth(space(), unseen), told) > 0.94
        assert mape(truth(space(), unseen), told) < 0.02

    def test_a_sum_over_layers_is_found_exactly(self, tmp_path):
        rows, unseen = drawn(space(), 80), drawn(space(), 300, seed=7)
        path = write(tmp_path / "s.csv", space(), rows, truth(space(), rows))

        told = LatencyTable(LatencyTableConfig(samples=(path,))).exact(
            space(), fakes.anatomy(), unseen
        )

        np.testing.assert_allclose(told, truth(space(), unseen), rtol=1e-3)

    @BOTH
    def test_bits_save_more_of_what_is_wide(self, kind, config, tmp_path):
        where = space(bits=True)
        rows, unseen = drawn(where, 150), drawn(where, 300, seed=7)
        path = write(tmp_path / "s.csv", where, rows, truth(where, rows))

        told = kind(config(samples=(path,))).exact(where, fakes.anatomy(), unseen)

        assert kendall(truth(where, unseen), told) > 0.95

    @BOTH
    def test_the_same_samples_give_the_same_numbers(self, kind, config, samples):
        rows = drawn(space(), 20, seed=3)

        found = [
            kind(config(samples=(samples,))).exact(space(), fakes.anatomy(), rows) for _ in range(2)
        ]

        assert found[0].tolist() == found[1].tolist()

    @BOTH
    def test_spellings_of_one_network_are_alike(self, kind, config, samples):
        rows = np.zeros((2, len(space().genes)), dtype=np.int64)
        rows[1, -2:] = 1  # of a layer that is dropped

        told = kind(config(samples=(samples,))).exact(space(), fakes.anatomy(), rows)

        assert told[0] == pytest.approx(told[1], rel=1e-12)

    def test_it_learns_once_for_equal_spaces_and_anew_for_others(self, tmp_path):
        learned, rows = [], drawn(space(), 150)
        samples = write(tmp_path / "s.csv", space(), rows, truth(space(), rows))

        class Counting(LatencyTable):
            def learn(self, where, genotypes, seconds):
                learned.append(len(seconds))
                return super().learn(where, genotypes, seconds)

        objective = Counting(LatencyTableConfig(samples=(samples,)))
        for where in (space(), space(), space(), narrower()):
            objective.exact(where, fakes.anatomy(), drawn(where, 3))

        assert learned.count(150) == 1  # on all of them; five folds before
        assert len(learned) == 2 * 6

    def test_ridge_leaves_one_out_in_closed_form(self):
        rng = np.random.default_rng(0)
        x, y = rng.normal(size=(12, 3)), rng.normal(size=12)
        found = ridge(x, y)

        def without(row, penalty):
            rest = np.arange(12) != row
            middle, mean = x[rest].mean(axis=0), y[rest].mean()
            centred = x[rest] - middle
            gram = centred.T @ centred + penalty * np.eye(3)
            slopes = np.linalg.solve(gram, centred.T @ (y[rest] - mean))
            return float(mean + (x[row] - middle) @ slopes)

        unit = np.mean(np.linalg.svd(x - x.mean(axis=0))[1] ** 2)
        errors = [
            np.mean([(y[row] - without(row, unit * penalty)) ** 2 for row in range(12)])
            for penalty in np.logspace(2, -6, 25)
        ]
        # the centre moves a little when a row goes, which the closed form has right too
        assert found.error == pytest.approx(min(errors), rel=1e-6)

    def test_layers_share_columns(self):
        single, rest = features(space(), drawn(space(), 9))

        assert single.shape == (9, 3 + 3 + 3)  # of depth, heads, neurons
        assert rest.shape == (9, 3 * 3 + 3 + LAYERS * 6)  # pairs, then each choice alone
        assert numbers(space(), drawn(space(), 9)).shape == (9, 1 + 2 + 1)

    def test_a_kind_is_a_name_without_the_layer(self):
        genes = {gene.name: kind_of(gene) for gene in space(bits=True).genes}

        assert genes["depth"] == (None, "depth")
        assert genes["heads.3"] == genes["heads.0"] == ("layers", "heads")
        assert genes["bits.layers.5.up"] == ("layers", "bits.layers.up")


def narrower():
    """The same layers with fewer choices."""
    genes = [
        attrs.evolve(gene, choices=gene.choices[-2:]) if gene.name.startswith("ffn") else gene
        for gene in space().genes
    ]
    return attrs.evolve(space(), genes=tuple(genes))


class TestTrust:
    def test_the_note_tells_how_well_unseen_networks_are_ranked(self, samples):
        objective = LatencyTable(LatencyTableConfig(samples=(samples,)))
        assert objective.note == ""

        objective.exact(space(), fakes.anatomy(), drawn(space(), 1))

        assert objective.note.startswith("predicted from 60 measurements of 60 networks; Kendall's")
        assert objective.note.endswith("in 5-fold cross validation")
        assert 0.9 < float(objective.note.split("τ ")[1].split()[0]) < 1.0

    def test_networks_measured_twice_tell_what_measuring_is_worth(self, tmp_path):
        rows = drawn(space(), 40)
        rng, exact = np.random.default_rng(5), truth(space(), rows)
        paths = tuple(
            write_run(tmp_path / name, space(), rows, exact * rng.normal(1.0, 0.03, 40))
            for name in "ab"
        )
        objective = LatencyTable(LatencyTableConfig(samples=paths))

        objective.exact(space(), fakes.anatomy(), rows)

        found = read_samples(LatencyTableConfig(samples=paths), space())
        assert "from 80 measurements of 40 networks" in objective.note
        ceiling = kendall(found.repeats[:, 0], found.repeats[:, 1])
        assert objective.note.endswith(f"measuring 40 networks twice agrees to τ {ceiling:.2f}")
        assert 0.6 < ceiling < 0.97
        np.testing.assert_allclose(found.seconds, found.repeats.mean(axis=1))

    @BOTH
    def test_samples_without_a_rule_are_refused(self, kind, config, tmp_path):
        rows = drawn(space(), 60)
        seconds = np.random.default_rng(2).random(60) + 0.1
        path = write(tmp_path / "noise.csv", space(), rows, seconds)

        with pytest.raises(DataError) as caught:
            kind(config(samples=(path,))).exact(space(), fakes.anatomy(), rows)

        assert "noise.csv: predicted from 60 measurements of 60 networks" in str(caught.value)
        assert "0.50 is asked for; give more samples from a quiet machine" in str(caught.value)

    def test_no_network_is_predicted_from_itself(self, tmp_path):
        """Repeats of a network are in one fold: its own measurement would give it away."""
        rows = drawn(space(), 20)
        seconds = np.random.default_rng(2).random(20) + 0.1
        paths = tuple(write_run(tmp_path / n, space(), rows, seconds) for n in "abcd")
        objective = LatencyTable(LatencyTableConfig(samples=paths, min_tau=-1.0))

        objective.exact(space(), fakes.anatomy(), rows)

        assert float(objective.note.split("τ ")[1].split()[0]) < 0.5


class TestSamples:
    def read(self, *paths, where=None, **settings):
        return read_samples(LatencyTableConfig(samples=paths, **settings), where or space())

    def test_a_table_and_a_run_say_the_same(self, tmp_path):
        rows = drawn(space(), 20)
        seconds = truth(space(), rows)

        table = self.read(write(tmp_path / "s.csv", space(), rows, seconds))
        run = self.read(write_run(tmp_path / "run", space(), rows, seconds))

        assert table.genotypes.tolist() == run.genotypes.tolist() == rows.tolist()
        assert table.seconds.tolist() == run.seconds.tolist() == seconds.tolist()
        assert (table.rows, table.left_out, len(table.repeats)) == (20, 0, 0)

    def test_the_column_can_be_chosen(self, tmp_path):
        rows = drawn(space(), 20)
        path = write(tmp_path / "s.csv", space(), rows, truth(space(), rows), "latency_search")

        assert len(self.read(path, column="latency_search").seconds) == 20
        with pytest.raises(DataError, match="has no column 'latency'; it has 'key', 'depth'"):
            self.read(path)

    def test_a_run_without_times_is_refused(self, tmp_path):
        rows = drawn(space(), 20)
        path = write_run(tmp_path / "run", space(), rows, truth(space(), rows), "accuracy")

        with pytest.raises(DataError, match="did not measure 'latency', but 'accuracy'; set"):
            self.read(path)

    def test_networks_of_a_larger_space_are_left_out(self, tmp_path):
        rows = drawn(space(), 400)
        path = write(tmp_path / "s.csv", space(), rows, truth(space(), rows))
        where = narrower()

        found = self.read(path, where=where)

        assert 0 < found.left_out < 400
        assert found.rows + found.left_out == 400
        assert (where.canonical(found.genotypes) == found.genotypes).all()

    def test_networks_that_keep_other_layers_are_left_out(self, tmp_path):
        rows = drawn(space(), 60)
        path = write(tmp_path / "s.csv", space(), rows, truth(space(), rows))
        turned = attrs.evolve(space(), priority={"layers": tuple(reversed(range(LAYERS)))})

        whole = int((rows[:, 0] == 2).sum())  # in these no layer is dropped

        assert self.read(path, where=turned).rows == whole

    def test_units_that_the_space_always_has_must_be_there(self, tmp_path):
        rows = drawn(space(), 200)
        path = write_run(tmp_path / "run", space(), rows, truth(space(), rows))
        rigid = attrs.evolve(
            space(), genes=tuple(g for g in space().genes if g.name not in ("ffn.0", "ffn.1"))
        )

        whole = (rows[:, space_column("ffn.0")] == 2) & (rows[:, space_column("ffn.1")] == 2)

        assert self.read(path, where=rigid).rows == whole.sum()

    def test_too_few_networks_are_refused(self, tmp_path):
        rows = drawn(space(), 9)
        path = write(tmp_path / "s.csv", space(), rows, truth(space(), rows))

        with pytest.raises(
            DataError, match="9 networks of 9 rows are of this space; give at least 10"
        ):
            self.read(path)
        with pytest.raises(DataError, match="give at least 14"):
            self.read(path, folds=7)

    def test_a_gene_that_no_sample_tells_of_is_refused(self, samples):
        with pytest.raises(
            DataError, match=r"says nothing of 'bits.layers.0.up', .*, \.\.\.; give"
        ):
            self.read(samples, where=space(bits=True))

    @pytest.mark.parametrize(
        ("cell", "value", "message"),
        [
            ("2.5", "1", r"bad.csv:2: '2.5' is no whole number \(column 'depth'\); a gene has one"),
            ("many", "1", "'many' is no whole number"),
            ("inf", "1", "'inf' is no whole number"),
            ("3", "0", "bad.csv:2: 0 is no time; mend it or remove the row"),
            ("3", "-1", "-1 is no time"),
            ("3", "fast", "'fast' is no number"),
            ("3", "", "no value"),
        ],
    )
    def test_a_bad_cell_is_told_with_its_place(self, tmp_path, cell, value, message):
        (tmp_path / "bad.csv").write_text(f"depth,latency\n{cell},{value}\n", encoding="utf-8")

        with pytest.raises(DataError, match=message):
            self.read(str(tmp_path / "bad.csv"))

    def test_whole_numbers_may_have_a_point(self, tmp_path):
        rows = drawn(space(), 12)
        path = write(tmp_path / "s.csv", space(), rows, truth(space(), rows))
        text = (tmp_path / "s.csv").read_text(encoding="utf-8")
        (tmp_path / "s.csv").write_text(text.replace(",4,", ",4.0,"), encoding="utf-8")

        assert self.read(path).rows == 12

    def test_samples_that_are_not_there_are_told_before_a_run(self, tmp_path):
        with pytest.raises(ValueError, match=r"there is no '.*nowhere.csv' \(seen from .*\); give"):
            LatencyTableConfig(samples=(str(tmp_path / "nowhere.csv"),))
        with pytest.raises(ValueError, match="holds no finished search"):
            LatencyMlpConfig(samples=(str(tmp_path),))
        with pytest.raises(ValueError, match="samples"):
            LatencyMlpConfig(samples=())


def space_column(name):
    return [gene.name for gene in space().genes].index(name)


class TestFingerprint:
    def test_it_follows_the_contents(self, tmp_path, samples):
        objective = LatencyTable(LatencyTableConfig(samples=(samples,)))
        before = objective.fingerprint
        assert before == LatencyMlp(LatencyMlpConfig(samples=(samples,))).fingerprint

        with open(samples, "a", encoding="utf-8") as file:
            file.write("\n")

        assert objective.fingerprint == before  # what it learned from, or will
        assert LatencyTable(LatencyTableConfig(samples=(samples,))).fingerprint != before

    def test_it_follows_runs_too(self, tmp_path):
        rows = drawn(space(), 12)
        one = write_run(tmp_path / "a", space(), rows, truth(space(), rows))
        other = write_run(tmp_path / "b", space(), rows, 2 * truth(space(), rows))

        assert digest((one,)) != digest((other,))
        with pytest.raises(StoreError, match="holds no finished search"):
            digest((str(tmp_path),))
        with pytest.raises(DataError, match="cannot be read"):
            digest((str(tmp_path / "nothing.csv"),))

    def test_objectives_without_files_have_none(self):
        entry = discover()["objectives"].find("params").entry
        from instatune.interfaces import Objective

        made = load_target(entry, Objective)(None)
        assert (made.fingerprint, made.note) == ("", "")
