"""The contract of benchmarks finds the faults that it promises to find."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

from instatune.interfaces import AimInfo, Arena, Benchmark, Measurement
from instatune.metrics.front import non_dominated
from instatune.plugin.entries import BenchmarkEntry
from instatune.plugin.registry import Offer
from instatune.space.members import members
from instatune.testing import fakes
from instatune.testing.contracts import BenchmarkContract

LAND = fakes.Landscape()
AIMS = (
    AimInfo(name="accuracy", label="accuracy", unit="", goal="max", exact=False),
    AimInfo(name="macs", label="MACs", unit="", goal="min", exact=True),
)


def measure(architectures):
    for evaluation in LAND.measure(architectures):
        yield evaluation.values


def front():
    everything = members(LAND.space)
    losses = np.stack([-LAND.accuracy(everything), LAND.macs(everything)], axis=1)
    return np.unique(losses[non_dominated(losses)], axis=0)


def arena(**changes) -> Arena:
    full = float(LAND.macs(members(LAND.space)).max())
    good = {
        "space": LAND.space,
        "aims": AIMS,
        "exact": {"macs": LAND.macs},
        "measure": measure,
        "final": measure,
        "bounds": ((-1.2, 0.0), (0.0, full)),
        "worst": (np.inf, np.inf),
        "front": front(),
        "fingerprint": "a",
        "description": "A formula.",
    }
    return Arena(**{**good, **changes})


def tried(opened) -> BenchmarkContract:
    """The contract on what ``opened()`` gives."""

    class Made(Benchmark):
        def open(self):
            return opened()

    class Tried(BenchmarkContract):
        entry = "tried"

        def offer(self):
            entry = BenchmarkEntry(name="tried", target="tried:Tried", summary="a fault")
            return Offer(entry=entry, distribution="d", version="1", module="json")

        def make(self, *arguments):
            return Made(None)

    return Tried()


def checks_of(contract):
    return [name for name in dir(contract) if name.startswith("test_")]


INHERITED = {"test_it_is_registered", "test_its_class_implements_the_interface"}


@pytest.mark.parametrize("name", sorted(set(checks_of(BenchmarkContract)) - INHERITED))
def test_a_good_benchmark_passes(name):
    getattr(tried(arena), name)()


def changed(turn):
    """Measure with every set of values changed."""

    def wrong(architectures):
        for index, values in enumerate(measure(architectures)):
            yield turn(index, dict(values))

    return wrong


def without(index, values):
    del values["macs"]
    return values


def drifting(index, values):
    return {**values, "accuracy": Measurement(values["accuracy"].value + 0.001 * index)}


def infinite(index, values):
    return {**values, "accuracy": Measurement(np.inf)}


FAULTS = [
    ("it_says_what_it_is", {"description": ""}, "give one sentence"),
    ("its_aims_have_names_and_goals", {"aims": ()}, "nothing to search for"),
    ("its_aims_have_names_and_goals", {"aims": AIMS[:1] * 2}, "a name is there twice"),
    (
        "its_aims_have_names_and_goals",
        {"aims": (attrs.evolve(AIMS[0], goal="up"),)},
        "goal of 'accuracy' is 'up'",
    ),
    (
        "its_aims_have_names_and_goals",
        {"aims": (attrs.evolve(AIMS[0], label=" "),)},
        "'accuracy' has no label",
    ),
    ("there_is_a_function_for_each_exact_aim", {"exact": {}}, r"\['macs'\] have no function"),
    ("every_aim_of_a_network_is_measured", {"measure": changed(without)}, r"no value of \['macs'"),
    ("every_aim_of_a_network_is_measured", {"measure": changed(infinite)}, "is not finite"),
    ("every_aim_of_a_network_is_measured", {"measure": lambda a: iter(())}, "0 results for"),
    ("values_on_other_data_are_of_the_same_aims", {"final": changed(without)}, "no value of"),
    ("a_network_is_measured_the_same_each_time", {"measure": changed(drifting)}, "depend on what"),
    ("opening_it_again_gives_the_same_benchmark", {"fingerprint": ""}, "fingerprint is empty"),
    (
        "exact_functions_give_what_is_measured",
        {"exact": {"macs": lambda genotypes: LAND.macs(genotypes) + 1}},
        "'macs' gives other values",
    ),
    (
        "exact_functions_give_what_is_measured",
        {"exact": {"macs": lambda genotypes: LAND.macs(genotypes)[:, None]}},
        "not one value for each row",
    ),
    ("its_box_fits_its_networks", {"bounds": ((-1.2, 0.0),)}, "1 pairs of bounds for 2 aims"),
    ("its_box_fits_its_networks", {"worst": (0.0,)}, "1 worst losses for 2 aims"),
    ("its_box_fits_its_networks", {"bounds": ((-np.inf, 0.0), (0, 1))}, "are not finite"),
    ("its_box_fits_its_networks", {"bounds": ((-0.5, 0.0), (0, 9e9))}, "better than the best"),
    ("its_box_fits_its_networks", {"worst": (-1.19, np.inf)}, "inside of the tight reference"),
    ("its_true_front_is_attained_and_not_beaten", {"front": np.zeros((3, 1))}, r"front \(3, 1\)"),
    (
        "its_true_front_is_attained_and_not_beaten",
        {"front": np.concatenate([front(), [[0.0, 9e9]]])},
        "a point of the front beats another",
    ),
    ("its_true_front_is_attained_and_not_beaten", {"front": front()[1:]}, "not reached by any"),
    (
        "its_true_front_is_attained_and_not_beaten",
        {"front": np.concatenate([front(), [[-1.19, 1.0]]])[-1:]},
        "the true front has",
    ),
]


@pytest.mark.parametrize(("test", "changes", "message"), FAULTS)
def test_a_fault_is_found(test, changes, message):
    contract = tried(lambda: arena(**changes))
    with pytest.raises(AssertionError, match=message):
        getattr(contract, f"test_{test}")()


def test_a_benchmark_that_differs_the_second_time_is_found():
    names = iter("ab")
    contract = tried(lambda: arena(fingerprint=next(names)))
    with pytest.raises(AssertionError, match="fingerprint differs the second time"):
        contract.test_opening_it_again_gives_the_same_benchmark()


def test_hidden_randomness_is_found():
    def opened():
        np.random.random()
        return arena()

    with pytest.raises(AssertionError, match="global generator of numpy was used"):
        tried(opened).test_opening_it_leaves_the_global_generators_alone()
