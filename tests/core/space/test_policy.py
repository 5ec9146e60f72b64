from __future__ import annotations

import numpy as np

from instatune.space.policy import (
    module_of,
    policy_of,
    renumbered,
    structure_of,
    weighted,
    without_bits,
)
from instatune.supernet.supernet import Supernet
from instatune.testing import fakes, tiny


def drawn(space, count=30):
    return space.decode(space.sample(np.random.default_rng(0), count))


def test_each_module_with_weights_is_named_once():
    names = weighted(fakes.anatomy())
    assert len(names) == len(set(names))
    assert {"layers.0.query", "layers.1.down", "classifier", "embed"} <= set(names)


def test_the_module_of_a_tensor_is_what_owns_it():
    assert module_of("layers.0.query.weight") == "layers.0.query"
    assert module_of("weight") == ""


def test_layers_are_numbered_as_the_network_numbers_them():
    anatomy = fakes.anatomy()
    kept = {"layers": (1, 2)}
    assert renumbered("layers.2.query", anatomy, kept) == "layers.1.query"
    assert renumbered("classifier", anatomy, kept) == "classifier"


def test_a_policy_names_modules_of_the_extracted_network():
    space, anatomy = fakes.space_with_bits(), fakes.anatomy()
    supernet = Supernet(tiny.model(), anatomy, space, tiny.TinyAdapter().logits)
    for architecture in drawn(space):
        policy = policy_of(space, anatomy, architecture)
        modules = dict(supernet.extract(architecture).named_modules())
        assert policy.keys() <= modules.keys()
        assert set(policy.values()) <= {8, 16}
        low = [n for n, v in architecture.values if n.startswith("bits.") and v < 32]
        assert bool(policy) == bool(low)


def test_the_structure_forgets_bits_alone():
    space = fakes.space_with_bits()
    for architecture in drawn(space):
        structure = structure_of(space, architecture)
        assert not space.kept_bits(structure)
        assert space.kept_layers(structure) == space.kept_layers(architecture)
        assert space.kept_units(structure) == space.kept_units(architecture)
        assert structure_of(space, structure) == structure


def test_a_space_without_bits_is_that_of_the_elastic_dimensions():
    assert without_bits(fakes.space_with_bits()) == fakes.space()
