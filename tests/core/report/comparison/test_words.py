from __future__ import annotations

import numpy as np
import pytest

from instatune.report.comparison import contest, words


def said(made, curves, **changes):
    return contest(made.race(curves, **changes))


def test_a_clear_winner_is_named_with_shares(made):
    found = said(made, {"base": [0.5, 0.8], "good": [0.6, 0.95]})
    assert words.headline(found) == (
        "good wins: 95.0\u00a0% of the hypervolume of the true front after 2 evaluations; base"
        " follows with 80.0\u00a0%"
    )
    sure = words.how_sure(found)
    assert "ends above one of base in 100\u00a0% of all pairs (8 seeds each; p = 0.0002" in sure
    assert "That is more than chance." in sure
    assert "What base has at the end, good has after 2 of 2 evaluations" in words.by_how_much(found)


def test_those_that_cannot_be_told_apart_are_named(made):
    found = said(made, {"a": [0.9], "b": [0.9], "c": [0.2]}, noise=0)
    text = words.headline(found)
    assert text.startswith("No single winner: ")
    assert "cannot be told apart after 1 evaluations" in text
    assert "c (" not in text
    assert "may be chance" in words.how_sure(found)


def test_nobody_wins_where_all_are_equal(made):
    assert words.headline(said(made, {"a": [0.9], "b": [0.9]}, noise=0)).startswith("No winner: ")


def test_too_few_seeds_prove_nothing(made):
    found = said(made, {"a": [0.2], "b": [0.9]}, seeds=3)
    assert "but 3 seeds cannot show whether that is chance" in words.headline(found)
    assert "So few seeds could not show any difference; take more." in words.how_sure(found)


def test_the_baseline_may_win(made):
    found = said(made, {"base": [0.9], "other": [0.2]})
    assert "base is the baseline: nothing beats it." in words.by_how_much(found)


def test_one_strategy_alone_is_no_contest(made):
    found = said(made, {"a": [0.9]}, noise=0)
    assert words.headline(found) == (
        "a has 90.0\u00a0% of the hypervolume of the true front after 1 evaluations"
    )
    assert words.weaknesses(found) == []
    assert words.how_sure(found) == words.by_how_much(found) == ""


def test_if_all_fail_the_headline_says_so(made):
    found = contest(made.comparison([made.failed("a", 0)], budget=2))
    assert words.headline(found) == "Every search failed"


def test_weaknesses_of_the_winner_are_told(made):
    winner, rival = [0.3] * 20 + [0.9] * 30, [0.5] * 20 + [0.8] * 30
    (early,) = words.weaknesses(said(made, {"rival": rival, "winner": winner}, noise=0))
    assert early == "In the first 20 evaluations rival is ahead, by up to 20.0 points."
    middle = [0.5] * 10 + [0.55] * 20 + [0.9] * 20
    (later,) = words.weaknesses(said(made, {"r": [0.4] * 10 + [0.7] * 40, "w": middle}, noise=0))
    assert later == "From 11 to 30 evaluations r is ahead, by up to 15.0 points."


def test_thirds_and_prices_are_told(made):
    front = np.array([[-0.2, 1.0], [-0.6, 5.0], [-0.9, 8.0]])
    cheap = [made.trial("cheap", s, [(-0.2, 1.0), (-0.55, 5.0)]) for s in range(2)]
    dear = [made.trial("dear", s, [(-0.6, 5.0), (-0.9, 8.0)]) for s in range(2)]
    found = contest(made.comparison([*cheap, *dear], front=front, budget=2))
    assert any(
        text.startswith("Among the cheap networks (a third of the range of MACs) cheap is ahead")
        for text in words.weaknesses(found)
    )
    quick = [
        made.trial("quick", s, [(-0.5, 5)] * 8 + [(-0.91, 5)], own_seconds=0.0) for s in range(2)
    ]
    deep = [
        made.trial("deep", s, [(-0.5, 5)] * 2 + [(-0.92, 5)] * 7, own_seconds=9.0) for s in range(2)
    ]
    found = contest(made.comparison([*quick, *deep], front=np.array([[-1.0, 5.0]])))
    assert words.weaknesses(found)[-1] == (
        "deep thinks for 1.0\u00a0s per evaluation: up to 90\u00a0%, it is faster than quick only"
        " where measuring a network takes longer than 500\u00a0ms."
    )


def test_warnings_tell_what_is_unfair(made):
    trials = [
        made.trial("a", 0, [(-0.5, 5)]),
        made.trial("b", 0, [(-0.4, 5), (-0.6, 5)], skipped_initial=True),
        made.failed("b", 1, error="boom", blame="strategy 'b' of here"),
    ]
    found = words.warnings(contest(made.comparison(trials, space_size=10)))
    assert found == [
        "b: 1 of 2 searches failed and are left out; strategy 'b' of here is to blame: boom",
        "b did not begin with the shared first networks, so its first evaluations are not"
        " comparable",
        "a ended after 1 evaluations, before the budget was spent",
        "the budget measures 20\u00a0% of the whole space: a smaller budget or a larger space tells"
        " strategies apart better",
    ]


@pytest.mark.parametrize(
    ("p", "text"),
    [(0.5, "p = 0.50"), (0.0512, "p = 0.051"), (0.00123, "p = 0.0012"), (1e-6, "p < 0.0001")],
)
def test_p_values_have_as_many_digits_as_mean_something(p, text):
    assert words.p_text(p) == text


def test_names_are_listed():
    assert words.listed([]) == ""
    assert words.listed(["a"]) == "a"
    assert words.listed(["a", "b", "c"]) == "a, b and c"
