"""Values found by importance, layers without neurons, a smaller hidden size: whole runs."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
import torch

import instatune
from instatune.engine.run import run_plan
from instatune.engine.stages import order
from instatune.errors import SpaceError, SpecError
from instatune.plugin.manager import discover
from instatune.space import SearchSpace
from instatune.spec.resolve import plan


def quick(toy, folder, **changes):
    """The toy with little training and a small search."""
    spec = toy.make(folder)
    spec["teach"] = {**spec["teach"], "epochs": 2}
    spec["tune"] = {**spec["tune"], "epochs": 1, "max_steps": 6, "curve_points": 1}
    spec["search"] = {"strategy": "random", "evaluations": 10, "export_limit": 3}
    return {**spec, "reporters": ["html"], **changes}


@pytest.fixture(scope="module")
def automatic(toy, tmp_path_factory):
    folder = tmp_path_factory.mktemp("automatic")
    auto = {"auto": 4, "auto_range": [0.45, 1.0]}
    space = {"depth": [2, 3], "heads": auto, "ffn": {**auto, "divisor": 4}}
    return instatune.run(quick(toy, folder, space=space))


@pytest.fixture(scope="module")
def written(automatic):
    return json.loads((automatic.run_dir / "supernet" / "order.json").read_text())


def test_the_space_is_that_of_the_found_networks(automatic, written):
    space = SearchSpace.from_dict(written["space"])
    genes = {gene.name: gene.choices for gene in space.genes}

    assert genes["depth"] == (2, 3)
    for layer in range(3):
        assert genes[f"heads.{layer}"][-1] == 4
        assert genes[f"ffn.{layer}"][-1] == 64
        assert len(genes[f"ffn.{layer}"]) <= 5
        assert all(width % 4 == 0 for width in genes[f"ffn.{layer}"])
    widths = {genes[f"ffn.{layer}"] for layer in range(3)}
    assert len(widths) > 1  # evenly spaced stand-ins would be alike
    elastic = json.loads((automatic.run_dir / "supernet" / "elastic.json").read_text())
    assert {tuple(g["choices"]) for g in elastic if g["name"].startswith("ffn")}.isdisjoint(widths)


def test_the_stage_says_what_it_found(automatic):
    stages = json.loads((automatic.run_dir / "stages.json").read_text())
    outcome = stages["order"]["outcome"]

    assert outcome.startswith("6 groups sorted; layers kept in the order")
    assert "values read off networks of 4" in outcome
    assert "100.0% of the MACs: heads " in outcome
    assert "; ffn " in outcome


def test_networks_of_this_space_are_searched_and_exact(automatic, written):
    space = SearchSpace.from_dict(written["space"])

    assert automatic.summary.front
    for row in automatic.summary.front:
        assert space.architecture(row.architecture).as_dict() == row.architecture
        assert set(row.exactness) == {"masked", "extracted", "reloaded"}
        assert max(row.exactness.values()) <= 1e-4
    assert automatic.summary.genes == {gene.name: gene.choices for gene in space.genes}


def test_the_report_shows_the_final_space(automatic):
    page = (automatic.run_dir / "report" / "index.html").read_text()
    choices = automatic.summary.genes["ffn.1"]

    assert "The search space, choice by choice" in page
    assert ", ".join(map(str, choices)) in page


def test_a_run_from_before_a_group_was_described_is_still_read(automatic, written, tmp_path):
    units = [pair for pair in written["space"]["full_units"] if pair[0] != "embed"]
    old = {**written, "space": {**written["space"], "full_units": units}}
    (tmp_path / "order.json").write_text(json.dumps(old))
    groups = (SimpleNamespace(name="embed", units=32), SimpleNamespace(name="ffn.0", units=64))
    shop = SimpleNamespace(
        folder=SimpleNamespace(supernet=tmp_path), anatomy=SimpleNamespace(groups=groups)
    )

    assert order.space(shop) == SearchSpace.from_dict(written["space"])


def test_an_ordering_without_importance_is_refused_before_anything_runs(toy, tmp_path):
    spec = quick(toy, tmp_path, space={"ffn": {"auto": 3}}, order={"by": "none"})

    with pytest.raises(SpecError) as caught:
        plan(spec, discover(only=["instatune"]))

    (problem,) = caught.value.problems
    assert problem.path == ("space", "ffn")
    told, orderings = problem.message.split("; order by ")
    assert told == (
        "the values of 'ffn' are to be found by the importance of its units, but ordering 'none' "
        "gives none"
    )
    assert "'taylor'" in orderings
    assert "'none'" not in orderings


def test_an_ordering_that_leaves_a_group_out_is_told(toy, tmp_path, monkeypatch):
    from instatune_plugins.orderings.l1 import L1

    real = L1.importance
    monkeypatch.setattr(
        L1,
        "importance",
        lambda self, anatomy, probe: {
            name: scores for name, scores in real(self, anatomy, probe).items() if name != "ffn.1"
        },
    )
    spec = quick(toy, tmp_path, space={"ffn": {"auto": 3}}, order={"by": "l1", "batches": 1})
    spec["teach"] = {**spec["teach"], "epochs": 1, "max_steps": 1}
    plugins = discover(only=["instatune"])

    with pytest.raises(SpaceError, match=r"values of 'ffn\.1' .* ordering 'l1' gives none; order"):
        run_plan(plan(spec, plugins), plugins, stop_after="order")


def test_importance_that_leaves_nothing_to_choose_is_refused(toy, tmp_path, monkeypatch):
    from instatune_plugins.orderings.l1 import L1

    monkeypatch.setattr(
        L1,
        "importance",
        lambda self, anatomy, probe: {g.name: torch.zeros(g.units) for g in anatomy.groups},
    )
    auto = {"auto": 2, "auto_range": [0.9, 1.0]}
    spec = quick(toy, tmp_path, space={"ffn": auto}, order={"by": "l1", "batches": 1})
    spec["teach"] = {**spec["teach"], "epochs": 1, "max_steps": 1}
    plugins = discover(only=["instatune"])

    with pytest.raises(SpaceError, match="leave a single network to choose from; ask for more"):
        run_plan(plan(spec, plugins), plugins, stop_after="order")


@pytest.fixture(scope="module")
def narrow(toy, tmp_path_factory):
    """A run over the hidden size, FFNs that may be skipped, and evenly spread layers."""
    folder = tmp_path_factory.mktemp("narrow")
    space = {
        "depth": {"choices": [1, 2, 3], "drop": "every_other"},
        "ffn": [0, 32, 64],
        "embed": [16, 24, 32],
    }
    return instatune.run(quick(toy, folder, space=space, order={"by": "taylor", "batches": 2}))


def test_only_groups_that_a_gene_sets_are_sorted(narrow):
    written = json.loads((narrow.run_dir / "supernet" / "order.json").read_text())

    assert sorted(written["units"]) == ["embed", "ffn.0", "ffn.1", "ffn.2"]
    assert dict(map(tuple, written["space"]["priority"]))["layers"] == [0, 2, 1]


def test_networks_of_a_smaller_hidden_size_are_exact(narrow):
    rows = [row for row in narrow.summary.front if row.folder]

    assert rows
    for row in rows:
        assert set(row.exactness) == {"extracted", "reloaded"}  # masks are blind to norms
        model = narrow.load(row)
        assert model.bert.embeddings.word_embeddings.weight.shape[1] == row.architecture["embed"]
        ids = torch.tensor([[2, 7, 9, 3]])
        assert model(input_ids=ids).logits.shape == (1, 3)
