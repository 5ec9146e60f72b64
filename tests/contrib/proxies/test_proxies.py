"""Proxies compare with the full network, on few batches, without labels."""

from __future__ import annotations

from math import log, sqrt

import pytest
import torch

from instatune.errors import DataError, SearchError, SpaceError
from instatune.interfaces import Measurement
from instatune.space import Gene, SearchSpace
from instatune_contrib.proxies import ProxyConfig
from instatune_contrib.proxies.agreement import Agreement
from instatune_contrib.proxies.divergence import Divergence

SPACE = SearchSpace(
    genes=(Gene(name="ffn", choices=(1, 2), effect="width", targets=("ffn.0",)),),
    priority={},
    full_units={"ffn.0": 2},
)
FULL = torch.tensor([[2.0, 0.0], [0.0, 2.0], [2.0, 0.0], [0.0, 2.0]])
SMALL = torch.tensor([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])


class FakeBench:
    """Batches of two examples; counts what was run. There are no labels to be read."""

    space = SPACE

    def __init__(self, full=FULL, small=SMALL):
        self.logits = {SPACE.largest: full, SPACE.smallest: small}
        self.ran = []

    def outputs(self, architecture):
        for start in range(0, len(self.logits[architecture]), 2):
            self.ran.append(architecture)
            yield self.logits[architecture][start : start + 2], {}


def measured(proxy, architectures, bench) -> list[Measurement]:
    found: list[Measurement] = []
    proxy.measure(architectures, bench, found.append)
    return found


def test_the_full_network_agrees_with_itself():
    bench = FakeBench()

    (agreement,) = measured(Agreement(ProxyConfig()), [SPACE.largest], bench)
    (divergence,) = measured(Divergence(ProxyConfig()), [SPACE.largest], bench)

    assert agreement == Measurement(1.0, 0.0, 4)
    assert divergence == Measurement(0.0, 0.0, 4)


def test_agreement_is_the_share_of_equal_classes_with_its_error():
    (found,) = measured(Agreement(ProxyConfig()), [SPACE.smallest], FakeBench())

    assert found.value == 0.75
    assert found.std == pytest.approx(sqrt(0.75 * 0.25 / 4))


def test_divergence_is_kl_from_the_full_network_by_hand():
    full = torch.tensor([[log(3.0), 0.0]])  # (3/4, 1/4)
    small = torch.tensor([[0.0, 0.0]])  # (1/2, 1/2)

    (found,) = measured(Divergence(ProxyConfig()), [SPACE.smallest], FakeBench(full, small))

    assert found.value == pytest.approx(0.75 * log(1.5) + 0.25 * log(0.5), rel=1e-6)


def test_only_the_first_batches_are_run():
    bench = FakeBench()

    (found,) = measured(Agreement(ProxyConfig(batches=1)), [SPACE.smallest], bench)

    assert (found.value, found.n) == (0.5, 2)
    assert bench.ran == [SPACE.largest, SPACE.smallest]


def test_the_full_network_runs_once_for_all_candidates():
    bench = FakeBench()

    measured(Agreement(ProxyConfig()), [SPACE.smallest] * 3, bench)

    assert bench.ran.count(SPACE.largest) == 2  # two batches, once


def test_networks_without_classes_are_refused():
    bench = FakeBench(full=torch.zeros(4, 1), small=torch.zeros(4, 1))

    with pytest.raises(SpaceError, match="the network has 1 output; use them with a classif"):
        measured(Agreement(ProxyConfig()), [SPACE.smallest], bench)


def test_an_empty_split_is_refused():
    with pytest.raises(DataError, match="no example to run; give the split at least one"):
        measured(Agreement(ProxyConfig()), [SPACE.smallest], FakeBench(full=torch.zeros(0, 2)))


def test_outputs_that_are_no_numbers_are_refused():
    bench = FakeBench(small=torch.full((4, 2), torch.nan))

    with pytest.raises(SearchError, match="not finite; tune with a lower lr or in fp32"):
        measured(Divergence(ProxyConfig()), [SPACE.smallest], bench)


def test_no_batch_is_refused():
    with pytest.raises(ValueError, match="batches"):
        ProxyConfig(batches=0)
