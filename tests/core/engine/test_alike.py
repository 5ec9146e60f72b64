from __future__ import annotations

import attrs
import numpy as np
import pytest

from instatune.engine.alike import Alike, AlikeMeasures
from instatune.engine.baselines import first_networks, reference_networks
from instatune.engine.quantization import Bits
from instatune.interfaces import Limit
from instatune.testing import fakes


@pytest.fixture
def whole():
    return fakes.space_with_bits()


@pytest.fixture
def landscape(whole):
    return fakes.Landscape(space=whole)


def test_one_gene_stands_for_all_bits(whole):
    space = Alike(whole).space
    elastic = [gene.name for gene in whole.genes if gene.effect != "bits"]
    assert [gene.name for gene in space.genes] == [*elastic, "all bits"]
    assert space.genes[-1].choices == (8, 32)
    assert set(space.genes[-1].targets) == {
        target for gene in whole.genes if gene.effect == "bits" for target in gene.targets
    }


def test_networks_come_back_with_the_same_structure_and_all_bits_alike(whole):
    alike = Alike(whole)
    rng = np.random.default_rng(0)
    for narrow in alike.space.decode(alike.space.sample(rng, 40)):
        network = alike.network(narrow)
        assert whole.architecture(network.as_dict()) == network
        bits = {network[name] for name in Bits(whole).genes if name in network}
        assert bits == {narrow["all bits"]}
        elastic = {name: value for name, value in network.values if not name.startswith("bits.")}
        assert elastic == {n: v for n, v in narrow.values if n != "all bits"}


def test_exact_objectives_are_those_of_the_whole_space(landscape):
    joint = landscape.problem(10)
    alike = Alike(landscape.space)
    rows = alike.space.sample(np.random.default_rng(1), 30)
    narrow = alike.problem(joint)
    wanted = joint.exact["macs"](
        landscape.space.encode([*map(alike.network, alike.space.decode(rows))])
    )
    assert np.array_equal(narrow.exact["macs"](rows), wanted)
    assert narrow.initial == ()


def test_measurements_carry_the_networks_of_the_space_they_were_asked_in(landscape):
    alike = Alike(landscape.space)
    seen = []

    class Watching:
        def evaluate(self, architectures):
            seen.extend(architectures)
            return landscape.measure(architectures)

    measures = AlikeMeasures(alike, Watching())
    asked = alike.space.decode(alike.space.sample(np.random.default_rng(2), 5))
    found = measures.evaluate(asked)
    assert [e.architecture for e in found] == asked
    assert [e.architecture for e in measures.whole(found)] == seen


def test_quantized_means_eight_bits_where_fewer_are_offered_too(whole):
    lower = tuple(
        attrs.evolve(g, choices=(4, 8, 32)) if g.effect == "bits" else g for g in whole.genes
    )
    space = attrs.evolve(
        whole, genes=lower, priority=dict(whole.priority), full_units=dict(whole.full_units)
    )
    alike = Alike(space)
    small = alike.network(alike.space.architecture({"all bits": 8}))
    assert set(space.kept_bits(small).values()) == {8}
    assert reference_networks(space)["quantized"] == [small]
    first = first_networks(fakes.Landscape(space=space).problem(50))
    assert len(first) == 12
    assert space.architecture({**space.largest.as_dict(), **Bits(space).low}) in first


def test_a_search_over_bits_begins_with_the_ends_of_sizes_and_policies(landscape):
    space = landscape.space
    first = first_networks(landscape.problem(50))
    assert len(first) == len(set(first)) == 9
    low, high, guarded = Bits(space).low, Bits(space).high, Bits(space).guarded
    for size in (space.largest, space.smallest):
        for policy in (low, high, guarded):
            assert space.architecture({**size.as_dict(), **policy}) in first
    ends = [name for name in low if guarded[name] == 32]
    assert ends == ["bits.layers.0.query", "bits.classifier"]


def test_it_begins_with_none_that_breaks_a_limit(landscape):
    full = landscape.macs(landscape.space.encode([landscape.space.largest]))[0]
    problem = attrs.evolve(landscape.problem(50), limits=(Limit(name="macs", high=0.6 * full),))
    first = first_networks(problem)
    assert 0 < len(first) < 9
    assert (landscape.macs(landscape.space.encode(first)) <= 0.6 * full).all()


def test_without_bits_a_search_begins_as_it_was_told(landscape):
    plain = fakes.Landscape()
    assert first_networks(plain.problem(10)) == ()
    warm = attrs.evolve(plain.problem(10), initial=(plain.space.smallest,))
    assert first_networks(warm) == (plain.space.smallest,)


def test_baselines_are_in_full_precision_but_the_quantized_and_the_smallest(whole):
    networks = reference_networks(whole)
    assert networks["quantized"] == [whole.architecture(Bits(whole).low)]
    for role in ("largest", "uniform", "first_layers"):
        for network in networks[role]:
            assert not whole.kept_bits(network), role
    assert set(whole.kept_bits(networks["smallest"][0]).values()) == {8}


def test_a_space_without_bits_has_no_quantized_baseline():
    assert "quantized" not in reference_networks(fakes.space())
