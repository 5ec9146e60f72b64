"""Latency through the whole pipeline: measured in one run, predicted from it in the next."""

from __future__ import annotations

import json

import instatune

MEASURED = {"name": "latency", "repeats": 3, "warmup": 1, "tokens": 16}


def spec_for(toy, folder, run, latency, **search):
    """The toy's spec, shorter, with a clock among its objectives."""
    whole = toy.spec(folder, objectives=["accuracy", latency], run_dir=str(folder / run))
    return {
        **whole,
        "teach": {**whole["teach"], "epochs": 1},
        "tune": {**whole["tune"], "epochs": 1, "curve_points": 1},
        "search": {"strategy": "random", "export_limit": 2, "baselines": False, **search},
    }


def front_of(folder):
    return json.loads((folder / "front.json").read_text(encoding="utf-8"))


def test_times_of_one_run_are_the_samples_of_the_next(toy, tmp_path):
    toy.write_checkpoint(tmp_path / "checkpoint", layers=2, hidden=16)
    toy.write_data(tmp_path, train=64, test=20)
    space = {"depth": [1, 2], "heads": [1, 2, 4], "ffn": [8, 16, 32]}

    measure = {**spec_for(toy, tmp_path, "measured", MEASURED, evaluations=24), "space": space}
    first = instatune.run(measure)

    times = [row["values"]["latency"] for row in front_of(tmp_path / "measured")["evaluated"]]
    assert len(times) == 24
    assert all(value > 0 and std >= 0 and n == 3 for value, std, n in times)
    assert all(row.test["latency"].value > 0 for row in first.summary.front)
    again = instatune.run(measure)  # nothing is measured anew
    assert [row.search for row in again.summary.front] == [
        row.search for row in first.summary.front
    ]

    table = {"name": "latency_table", "samples": [str(tmp_path / "measured")], "min_tau": -1.0}
    predict = {**spec_for(toy, tmp_path, "predicted", table, evaluations=6), "space": space}
    summary = instatune.run(predict).summary

    assert [aim.exact for aim in summary.aims] == [False, True]
    assert all(row.search["latency_table"].std == 0 for row in summary.front)
    assert "latency (table)" in next((tmp_path / "predicted" / "report").glob("*.html")).read_text()
