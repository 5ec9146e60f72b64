"""A search that begins with what an earlier run found."""

from __future__ import annotations

import json
from types import SimpleNamespace

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from instatune.engine.stages.search import STAGE
from instatune.engine.warm_start import fingerprint, warm_start, warmed
from instatune.errors import SearchError, StoreError
from instatune.interfaces import Aim, Limit, Problem
from instatune.metrics.front import ranks
from instatune.space import Gene, SearchSpace
from instatune.spec.model import SearchSection


def space(ffn=(8, 16, 32), extra=()):
    genes = [Gene(name="depth", choices=(1, 2, 3), effect="depth", targets=("layers",)), *extra]
    genes += [
        Gene(
            name=f"ffn.{i}",
            choices=ffn,
            effect="width",
            targets=(f"ffn.{i}",),
            stack="layers",
            layer=i,
        )
        for i in range(3)
    ]
    full = {target: gene.choices[-1] for gene in genes[1:] for target in gene.targets}
    return SearchSpace(genes=tuple(genes), priority={"layers": (2, 0, 1)}, full_units=full)


def size(of):
    """Kept neurons, an exact objective of every space here."""
    return lambda rows: np.array(
        [sum(v for name, v in a.values if name != "depth") for a in of.decode(rows)], dtype=float
    )


def problem(of=None, budget=60, **options):
    of = of or space()
    aims = (Aim(name="accuracy", goal="max", exact=False), Aim(name="size", goal="min", exact=True))
    return Problem(
        **{"space": of, "aims": aims, "budget": budget, "exact": {"size": size(of)}, **options}
    )


def write(folder, of=None, rows=24, measured="accuracy", best=1, seed=0, **changes):
    """A finished run with random accuracies; its first ``best`` networks are its front."""
    of = of or space()
    rng = np.random.default_rng(seed)
    networks = list(dict.fromkeys(of.decode(of.sample(rng, 4 * rows))))[:rows]
    found = [
        {
            "genes": network.as_dict(),
            "values": {measured: [float(rng.random()), 0.0, 10], "size": [-1.0, 0.0, 0]},
            "status": "ok",
        }
        for network in networks
    ]
    folder.mkdir(exist_ok=True)
    data = {"evaluated": found, "front": found[:best], **changes}
    (folder / "front.json").write_text(json.dumps(data))
    return networks, np.array([row["values"][measured][0] for row in found])


def test_fronts_come_first_and_half_of_what_is_known_at_most(tmp_path):
    networks, accuracy = write(tmp_path / "run")
    made = warm_start(str(tmp_path / "run"), problem(budget=1000))
    assert made.known == 24
    assert len(made.networks) == 12
    rank = ranks(np.stack([-accuracy, size(space())(space().encode(networks))], axis=1))
    given = [rank[networks.index(network)] for network in made.networks]
    assert given == sorted(given) == sorted(rank)[:12]


@given(budget=st.integers(1, 300), rows=st.integers(1, 24))
def test_a_tenth_of_the_budget_is_spent_at_most_and_one_network_at_least(
    tmp_path_factory, budget, rows
):
    folder = tmp_path_factory.mktemp("earlier")
    write(folder, rows=rows)
    count = len(warm_start(str(folder), problem(budget=budget)).networks)
    assert count == min(max(1, budget // 10), (rows + 1) // 2)


def test_values_that_the_space_lacks_become_the_nearest_ones(tmp_path):
    of = space(ffn=(9, 30))
    write(tmp_path / "run")
    made = warm_start(str(tmp_path / "run"), problem(of, 1000))
    assert made.lacking == 0
    assert made.networks
    for network in made.networks:
        assert of.architecture(network.as_dict()) == network
    nearest = space(ffn=(12, 20))  # 16 is as far from either: the larger one
    one = {"genes": {"depth": 1, "ffn.2": 16}, "values": {"accuracy": [0.5, 0, 1]}, "status": "ok"}
    write(tmp_path / "one", evaluated=[one], front=[])
    (network,) = warm_start(str(tmp_path / "one"), problem(nearest)).networks
    assert network.as_dict() == {"depth": 1, "ffn.2": 20}


def test_networks_with_smaller_values_of_genes_that_are_not_there_are_left_out_and_counted(
    tmp_path,
):
    heads = Gene(name="heads", choices=(2, 4), effect="width", targets=("heads",))
    networks, _ = write(tmp_path / "run", space(extra=[heads]))
    made = warm_start(str(tmp_path / "run"), problem(budget=1000))
    small = [network for network in networks if network["heads"] == 2]
    assert 0 < made.lacking == len(small) < 24
    assert f"left out {len(small)} with genes that this space lacks" in made.text


def test_networks_outside_of_the_constraints_are_left_out(tmp_path):
    write(tmp_path / "run")
    bound = problem(budget=1000, limits=(Limit(name="size", high=40.0),))
    made = warm_start(str(tmp_path / "run"), bound)
    assert made.outside > 0
    assert bound.violation(bound.space.encode(made.networks)).max() == 0
    assert f"left out {made.outside} outside of the constraints" in made.text


def test_without_a_common_measurement_the_front_of_the_earlier_run_counts(tmp_path):
    networks, _ = write(tmp_path / "run", measured="bleu", best=6)
    made = warm_start(str(tmp_path / "run"), problem(budget=1000))
    assert len(made.networks) == 3
    assert set(made.networks) <= set(networks[:6])


def test_failed_networks_are_not_taken(tmp_path):
    write(tmp_path / "run", rows=2)
    data = json.loads((tmp_path / "run" / "front.json").read_text())
    data["evaluated"][0]["status"] = "failed"
    (tmp_path / "run" / "front.json").write_text(json.dumps(data))
    assert warm_start(str(tmp_path / "run"), problem()).known == 1


def test_a_space_that_takes_none_of_the_networks_gets_none(tmp_path):
    write(tmp_path / "run")
    bound = problem(limits=(Limit(name="size", high=1.0),))
    made = warm_start(str(tmp_path / "run"), bound)
    assert made.networks == ()
    assert made.text.startswith("0 first networks of the 24 in")


def test_strategies_get_the_networks_and_the_record_a_note(tmp_path):
    write(tmp_path / "run")
    plain = problem()
    begun, note = warmed(plain, str(tmp_path / "run"))
    assert attrs.evolve(begun, initial=()) == plain
    assert len(begun.initial) == 6
    assert note == f"; 6 first networks of the 24 in {tmp_path / 'run'}"
    assert warmed(plain, None) == (plain, "")


def test_a_run_on_other_genes_is_refused(tmp_path):
    write(tmp_path / "run")
    other = SearchSpace(
        genes=(Gene(name="heads", choices=(2, 4), effect="width", targets=("heads",)),),
        priority={},
        full_units={"heads": 4},
    )
    with pytest.raises(SearchError, match=r"warm_start: .* shares no gene with this space: it has"):
        warm_start(str(tmp_path / "run"), problem(other))


@pytest.mark.parametrize(
    "data",
    [
        {"front": []},
        {"front": [], "evaluated": [{"genes": {}}]},
        {"front": [], "evaluated": [{"genes": {"a": "x"}, "values": {}, "status": "ok"}]},
        {"front": 3, "evaluated": []},
    ],
)
def test_a_damaged_file_is_named(tmp_path, data):
    (tmp_path / "front.json").write_text(json.dumps(data))
    with pytest.raises(StoreError, match=r"front\.json: damaged"):
        warm_start(str(tmp_path), problem())


def test_only_a_warm_start_and_what_it_found_change_the_key_of_the_stage(tmp_path):
    def reads(section):
        spec = SimpleNamespace(search=section, constraints={})
        plan = SimpleNamespace(
            spec=spec,
            strategy=None,
            predictor=None,
            quantizer=None,
            objectives=(),
            limits_only=(),
        )
        return STAGE.reads(SimpleNamespace(plan=plan, objectives={}))

    folder = str(tmp_path / "run")
    write(tmp_path / "run")
    assert "warm_start" not in reads(SearchSection())
    first = reads(SearchSection(warm_start=folder))
    assert first == {**reads(SearchSection()), "warm_start": fingerprint(folder)}
    write(tmp_path / "run", seed=1)
    assert reads(SearchSection(warm_start=folder)) != first
