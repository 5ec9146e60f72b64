from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest

from instatune.report.comparison import charts, contest
from instatune.report.comparison.record import as_data
from instatune.report.comparison.weak import better_thirds, leads, prices

# In these boxes the share of the reference is the accuracy itself, see made.race.


def standing(found, label):
    return next(item for item in found.standings if item.label == label)


def test_shares_levels_gap_and_gain_by_hand(made):
    curves = {"base": [0.5, 0.6, 0.8, 0.8], "good": [0.4, 0.9, 0.96, 0.96]}
    found = contest(made.race(curves, seeds=3, noise=0))
    good, base = found.standings
    assert (good.label, base.label) == ("good", "base")
    assert float(good.tight.median) == pytest.approx(0.96)
    assert good.gap == pytest.approx(0.04)
    assert [reach.evaluations for reach in good.reach] == [2, 3, None]
    assert [reach.reached for reach in good.reach] == [3, 3, 0]
    assert [reach.evaluations for reach in base.reach] == [None, None, None]
    assert good.improvement == pytest.approx(0.96 / 0.8 - 1)
    assert good.catches == 2
    assert base.improvement is None
    assert base.catches is None
    assert good.own_seconds == pytest.approx(0.1)
    assert good.measured_seconds == pytest.approx(1.0)


def test_the_loose_box_is_wider_than_the_tight_one_by_its_slack(made):
    found = contest(made.race({"a": [0.5]}, seeds=1, noise=0))
    # loose: the corner lies at 1.05 in both aims, so (0.5 + 0.05) of (1 + 0.05) at the same cost
    assert float(found.standings[0].loose.median) == pytest.approx(0.55 / 1.05)
    assert found.has_tight


def test_a_level_that_half_of_the_seeds_miss_has_no_median(made):
    ends = [0.91, 0.92, 0.85, 0.80]
    trials = [made.trial("a", seed, [(-0.5, 5), (-end, 5)]) for seed, end in enumerate(ends)]
    found = contest(made.comparison(trials, front=np.array([[-1.0, 5.0]])))
    reach = found.standings[0].reach[0]
    assert (reach.evaluations, reach.reached, reach.seeds) == (None, 2, 4)


def test_a_search_that_ended_early_keeps_its_last_value(made):
    trials = [made.trial("a", 0, [(-0.5, 5)]), made.trial("b", 0, [(-0.4, 5), (-0.6, 5)])]
    found = contest(made.comparison(trials, front=np.array([[-1.0, 5.0]])))
    assert found.tight.traces["a"][0] == pytest.approx([0.5, 0.5])


def test_without_a_true_front_everything_that_was_found_is_the_reference(made):
    trials = [made.trial("a", 0, [(-0.5, 5)]), made.trial("b", 0, [(-0.8, 5)])]
    found = contest(made.comparison(trials))
    assert not found.known
    assert [float(item.tight.median) for item in found.standings] == pytest.approx([1, 0.5 / 0.8])


def test_infeasible_rows_add_nothing(made):
    trials = [made.trial("a", 0, [(np.inf, np.inf), (-0.5, 5)])]
    found = contest(made.comparison(trials, front=np.array([[-1.0, 5.0]])))
    assert found.tight.traces["a"][0] == pytest.approx([0, 0.5])


def test_duels_are_corrected_over_their_own_family(made):
    curves = {"base": [0.5], "good": [0.9], "fair": [0.7]}
    found = contest(made.race(curves, seeds=8))
    best = found.duel("good", "base")
    assert best.effect == 1.0
    assert best.p == pytest.approx(2 / 12870)  # 2 of C(16, 8) orders are as extreme
    assert best.adjusted == pytest.approx(3 * best.p)  # of three pairs
    assert found.against["good"].adjusted == pytest.approx(2 * best.p)  # of two rivals
    back = found.duel("base", "good")
    assert (back.effect, back.adjusted) == (0.0, best.adjusted)
    with pytest.raises(KeyError):
        found.duel("good", "nobody")


def test_failed_trials_are_left_out_and_counted(made):
    trials = [made.trial("a", 0, [(-0.5, 5)]), made.failed("a", 1), made.failed("b", 0)]
    found = contest(made.comparison(trials))
    assert [(item.label, item.seeds, item.failed) for item in found.standings] == [("a", 1, 1)]


def test_a_comparison_in_which_all_failed_has_no_standings(made):
    found = contest(made.comparison([made.failed("a", 0)], budget=3))
    assert found.standings == found.duels == ()
    assert charts.by_evaluations(found) is charts.by_time(found) is charts.fronts(found) is None


def test_leads_of_others_are_found_with_their_stretch(made):
    winner = [0.3] * 20 + [0.9] * 40
    rival = [0.5] * 10 + [0.4] * 10 + [0.8] * 40
    found = contest(made.race({"w": winner, "r": rival}, noise=0))
    # the hypervolume of the rival never falls: it stays at 0.5 until the winner jumps
    (lead,) = leads(found)
    assert (lead.label, lead.start, lead.end) == ("r", 1, 20)
    assert lead.most == pytest.approx(0.2)


def test_thirds_of_the_cost_axis_by_hand(made):
    # front at costs 1, 5 and 8: the range from 1 to the corner at 10.5 has edges 4.17 and 7.33
    front = np.array([[-0.2, 1.0], [-0.6, 5.0], [-0.9, 8.0]])
    cheap = made.trial("cheap", 0, [(-0.2, 1.0), (-0.55, 5.0)])
    dear = made.trial("dear", 0, [(-0.6, 5.0), (-0.9, 8.0)])
    found = contest(made.comparison([cheap, dear], front=front))

    def area(steps, low, high):
        edges = np.linspace(low, high, 100_001)
        heights = [max([a for a, c in steps if c <= x], default=0.0) for x in edges]
        return float(np.mean(heights)) * (high - low)

    edges = np.linspace(1, 10.5, 4)
    truth = [(0.2, 1), (0.6, 5), (0.9, 8)]
    expected = [area([truth[0], (0.55, 5)], a, b) / area(truth, a, b) for a, b in pairwise(edges)]
    assert standing(found, "cheap").thirds == pytest.approx(expected, rel=1e-3)
    assert found.standings[0].label == "dear"
    third, label, more = better_thirds(found)[0]
    assert (third, label) == (0, "cheap")
    assert more == pytest.approx(1.0)


def test_the_price_at_which_thinking_pays_solves_the_equation(made):
    fast = [
        made.trial("quick", s, [(-0.5, 5)] * 8 + [(-0.91, 5)], own_seconds=0.0) for s in range(2)
    ]
    slow = [
        made.trial("deep", s, [(-0.5, 5)] * 2 + [(-0.92, 5)] * 7, own_seconds=9.0) for s in range(2)
    ]
    found = contest(made.comparison([*fast, *slow], front=np.array([[-1.0, 5.0]])))
    (price,) = prices(found)
    # 3 evaluations of (1 + p) against 9 of (0 + p): 3 + 3 p = 9 p
    assert (price.label, price.level) == ("quick", 0.90)
    assert price.seconds == pytest.approx(0.5)


def test_notes_of_predictors_are_summed_up(made):
    notes = ({"tau": 0.5, "mape": 0.1}, {"tau": 0.9, "mape": None}, {"tau": 0.7})
    found = contest(made.comparison([made.trial("a", 0, [(-0.5, 5)], diagnostics=notes)]))
    assert found.standings[0].tau == pytest.approx(0.7)
    assert found.standings[0].mape == pytest.approx(0.1)


def test_unseen_data_are_measured_in_the_loose_box(made):
    final = np.array([[-0.5, 5.0]])
    found = contest(made.comparison([made.trial("a", 0, [(-0.6, 5)], final=final)]))
    assert float(found.standings[0].unseen.median) == pytest.approx(0.55 * 0.55)


def test_three_aims_have_standings_and_no_surfaces(made):
    aims = (
        *made.AIMS,
        made.AIMS[1].__class__(name="size", label="size", unit="", goal="min", exact=True),
    )
    trials = [made.trial("a", s, [(-0.5, 5.0, 1.0), (-0.6, 6.0, 0.5)]) for s in range(2)]
    found = contest(
        made.comparison(
            trials,
            aims=aims,
            bounds=((-1.0, 0.0), (0.0, 10.0), (0.0, 2.0)),
            worst=(0.0, np.inf, np.inf),
        )
    )
    assert found.standings[0].thirds == ()
    assert charts.fronts(found) is None
    assert charts.by_evaluations(found) is not None


def test_missing_accuracy_is_the_distance_of_staircases(made):
    front = np.array([[-0.4, 2.0], [-0.8, 6.0]])
    trials = [made.trial("a", s, [(-0.3, 3.0), (-0.7, 7.0)]) for s in range(3)]
    view = charts.gaps(contest(made.comparison(trials, front=front)))
    (surface,) = view.surfaces
    expected = [(3.0, 10.0), (6.0, 50.0), (7.0, 10.0)]
    assert [(x, pytest.approx(y)) for x, y in expected] == list(surface.points)


def test_time_counts_thinking_and_measuring(made):
    trials = [made.trial("a", 0, [(-0.5, 5), (-0.6, 5)])]
    found = contest(made.comparison(trials, front=np.array([[-1.0, 5.0]])))
    assert trials[0].elapsed.tolist() == pytest.approx([1.1, 2.2])
    band = charts.by_time(found).bands[0]
    seconds = 10 ** np.array(band.x)
    middle = np.array(band.middle)
    assert middle[seconds < 2.19] == pytest.approx(50.0)
    assert middle[-1] == pytest.approx(60.0)


def test_the_record_is_plain_data(made):
    found = made.race({"a": [0.5, 0.7], "b": [0.6, 0.9]}, seeds=2)
    data = as_data(found)
    assert json.loads(json.dumps(data, allow_nan=False)) == data
    assert [item["label"] for item in data["standings"]] == ["b", "a"]
    assert data["boxes"]["loose"]["reference"] == [1.05, 1.05]
