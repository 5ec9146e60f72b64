from __future__ import annotations

import pytest

from instatune.spec.loader import parse
from instatune.spec.overrides import apply

TEXT = """\
spec: 1
seed: 3
space:
  depth: [2, 4]
search: {strategy: linas}
objectives: [accuracy, macs]
tune:
  lr: 3e-4
"""


def changed(*overrides: str) -> dict:
    document = apply(parse(TEXT, "s.yaml"), overrides)
    assert document.problems == ()
    return document.data


def complaint(override: str) -> str:
    document = apply(parse(TEXT, "s.yaml"), [override])
    assert len(document.problems) == 1
    return document.problems[0].render("s.yaml")


@pytest.mark.parametrize(
    ("override", "path", "value"),
    [
        ("seed=7", ["seed"], 7),
        ("tune.lr=1e-3", ["tune", "lr"], 1e-3),
        ("tune.epochs=2", ["tune"], {"lr": 3e-4, "epochs": 2}),
        ("teach.epochs=2", ["teach"], {"epochs": 2}),
        ("space.heads=[6, 12]", ["space", "heads"], [6, 12]),
        ("space.depth.0=3", ["space", "depth"], [3, 4]),
        ("space.depth[1]=3", ["space", "depth"], [2, 3]),
        ("space.depth.drop=ranked", ["space", "depth"], {"choices": [2, 4], "drop": "ranked"}),
        ("search.strategy=random", ["search", "strategy"], "random"),
        (
            "search.strategy.population=30",
            ["search", "strategy"],
            {"name": "linas", "population": 30},
        ),
        ("tune.sampler.n_random=3", ["tune", "sampler"], {"name": "uniform", "n_random": 3}),
        ("objectives.1.tokens=64", ["objectives", 1], {"name": "macs", "tokens": 64}),
        ("exporters.0.x=1", ["exporters"], [{"name": "folder", "x": 1}]),
        ("objectives=[params]", ["objectives"], ["params"]),
        ("search.predictor={name: ridge}", ["search", "predictor"], {"name": "ridge"}),
        ("run_dir=", ["run_dir"], None),
        ("name=a=b", ["name"], "a=b"),
        ("constraints.macs.max=0.6", ["constraints"], {"macs": {"max": 0.6}}),
    ],
)
def test_a_value_is_set_at_its_place(override, path, value):
    here = changed(override)
    for step in path:
        here = here[step]
    assert here == value


def test_overrides_apply_in_order():
    assert changed("seed=1", "seed=2")["seed"] == 2


def test_the_document_itself_is_left_alone():
    document = parse(TEXT)
    apply(document, ["tune.lr=1", "space.depth.0=3"])
    assert document.data == parse(TEXT).data


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("seed", "s.yaml: --set seed: there is no '='; write section.key=value"),
        (
            "=3",
            "s.yaml: --set =3: '' is no place; write names with dots between, e.g. tune.lr",
        ),
        (
            "a..b=3",
            "s.yaml: --set a..b=3: 'a..b' is no place; write names with dots between, e.g. tune.lr",
        ),
        ("seed=[1", "s.yaml: --set seed=[1: the right side is not YAML"),
        ("seed={a: 1, a: 2}", "the right side is wrong: 'a' is given twice"),
        ("seed.x=3", "s.yaml: --set seed.x=3: seed is 3; nothing can be set below it"),
        (
            "objectives.macs.tokens=3",
            "objectives is a list; choose an item by its number, e.g. objectives.0",
        ),
        ("objectives.2=x", "objectives has 2 items, numbered from 0; there is no 2"),
        ("tune.3=x", "tune is a mapping; 3 is no key of it"),
    ],
)
def test_a_wrong_override_is_named(override, message):
    assert message in complaint(override)


def test_all_wrong_overrides_are_told():
    assert len(apply(parse(TEXT), ["a", "seed=1", "b"]).problems) == 2


def test_a_problem_in_a_set_value_names_the_override_instead_of_a_line():
    document = apply(parse(TEXT, "s.yaml"), ["tune.lr=fast", "teach.epochs=0"])
    lr = document.problem(("tune", "lr"), "is wrong")
    assert lr.render("s.yaml") == "s.yaml: tune.lr: is wrong\n    set by --set tune.lr=fast"
    assert document.problem(("teach", "epochs"), "is wrong").hints == (
        "set by --set teach.epochs=0",
    )
    assert document.problem(("tune", "epochs"), "is wrong").line == 7
