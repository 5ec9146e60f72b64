from __future__ import annotations

import math

import attrs
import pytest

from instatune.interfaces import AimInfo, Measurement, Row
from instatune.report.findings import findings
from instatune.report.words import explanation, headline, rivals

N = 1000


def share(value: float, n: int = N) -> Measurement:
    return Measurement(value, math.sqrt(value * (1 - value) / n), n)


def network(name: str, accuracy: float, macs: float, role: str = "front") -> Row:
    return Row(
        name=name,
        role=role,
        search={"accuracy": share(accuracy), "macs": Measurement(macs)},
        test={"accuracy": share(accuracy)},
    )


@pytest.fixture
def run(summary):
    def make(*front: tuple[float, float], baselines=((0.80, 100e6, "plain"),)):
        rows = tuple(network(f"n{i}", a, m) for i, (a, m) in enumerate(front))
        base = tuple(network(f"b{i}", a, m, role) for i, (a, m, role) in enumerate(baselines))
        return attrs.evolve(summary, front=rows, baselines=base, evaluated=(), random=())

    return make


def say(summary) -> str:
    return headline(summary, findings(summary)).replace("\u00a0", " ")


def test_the_headline_names_both_savings(run):
    text = say(run((0.81, 90e6), (0.80, 73e6), (0.792, 52e6), (0.60, 10e6)))

    assert (
        text
        == "27 % fewer MACs at the accuracy of plain fine-tuning; 48 % fewer at 0.8 points less"
    )


def test_one_saving_is_enough_where_nothing_lies_further_down(run):
    assert say(run((0.80, 73e6))) == "27 % fewer MACs at the accuracy of plain fine-tuning"


def test_a_loss_is_said_first_where_nothing_keeps_the_accuracy(run):
    text = say(run((0.795, 60e6)))

    expected = "40 % fewer MACs at 0.5 points less accuracy than plain fine-tuning"
    assert text == f"{expected}; no smaller network is as good"


def test_nothing_close_is_said_plainly(run):
    text = say(run((0.70, 50e6), (0.75, 90e6)))

    assert text.startswith("Nothing close to plain fine-tuning was found")
    assert "5.0 points less for 10 % fewer MACs" in text


def test_a_front_that_saves_nothing_is_said_plainly(run):
    assert (
        say(run((0.83, 100e6))) == "No network of the front has fewer MACs than plain fine-tuning"
    )


def test_an_empty_front_is_said_plainly(run):
    assert "no sub-network that meets the constraints" in say(run())


def test_without_plain_fine_tuning_the_largest_network_is_the_reference(run):
    text = say(run((0.8, 50e6), baselines=((0.8, 100e6, "largest"),)))

    assert text == "50 % fewer MACs at the accuracy of the largest network"


def test_without_any_baseline_nothing_is_claimed(run):
    assert "no baseline to compare with" in say(run((0.8, 50e6), baselines=()))


def test_a_cost_that_is_no_count_is_less_and_not_fewer(run):
    summary = run((0.8, 50.0))
    cost = AimInfo(name="macs", label="latency", unit="ms", goal="min", exact=False)
    summary = attrs.evolve(
        summary,
        aims=(summary.aims[0], cost),
        baselines=(network("plain", 0.8, 100.0, "plain"),),
    )

    assert say(summary) == "50 % less latency at the accuracy of plain fine-tuning"


def test_a_score_that_is_to_be_small_counts_the_other_way(run):
    summary = run((0.78, 60e6), (0.9, 30e6))
    loss = AimInfo(name="accuracy", label="loss", unit="nats", goal="min", exact=False)

    found = findings(attrs.evolve(summary, aims=(loss, summary.aims[1])))

    assert found.equal.row.name == "n0"
    assert found.equal.loss == pytest.approx(-0.02)


def test_claims_are_the_largest_savings_of_the_whole_front(summary):
    found = findings(summary)
    plain = next(row for row in summary.baselines if row.role == "plain")
    savings = {
        row.name: 1 - row.search["macs"].value / plain.search["macs"].value
        for row in summary.front
        if row.test["accuracy"].value >= plain.test["accuracy"].value
    }

    assert found.equal.saving == pytest.approx(max(savings.values()))
    assert savings[found.equal.row.name] == max(savings.values())


def test_the_explanation_says_where_a_gain_is_only_noise(run):
    text = explanation(findings(run((0.81, 60e6))))

    assert "81.0\u00a0% accuracy (95 % interval 78.5 to 83.3)" in text
    assert "(1,000 examples)" in text
    assert "inside the noise" in text


def test_the_explanation_says_where_a_gain_is_real(run):
    assert "larger than the noise" in explanation(findings(run((0.86, 60e6))))


def test_the_explanation_knows_when_there_is_no_difference(run):
    assert explanation(findings(run((0.8, 60e6)))).endswith("There is no difference on this split.")


def test_the_search_split_stands_in_where_nothing_was_tested(run):
    summary = run((0.8, 50e6))
    front, base = (
        [attrs.evolve(r, test={}) for r in rows] for rows in (summary.front, summary.baselines)
    )

    found = findings(attrs.evolve(summary, front=tuple(front), baselines=tuple(base)))

    assert found.split == "search"
    assert "On the search split" in explanation(found)


def test_the_best_simple_baseline_that_is_as_cheap_is_named(run):
    summary = run(
        (0.80, 60e6),
        baselines=(
            (0.80, 100e6, "plain"),
            (0.79, 70e6, "uniform"),
            (0.76, 60e6, "uniform"),
            (0.74, 50e6, "random"),
        ),
    )

    text = rivals(summary, findings(summary))

    assert text == "The best simple baseline with no more MACs, b2, has 76.0\u00a0%."


def test_values_that_are_not_finite_claim_nothing(run):
    summary = run((0.8, math.inf), (0.8, math.nan))

    assert findings(summary).equal is None
