from __future__ import annotations

import pytest

from instatune.errors import SpecError
from instatune.spec.loader import from_mapping, parse
from instatune.spec.model import Component, Spec
from instatune.spec.structure import structure

GOOD = """\
spec: 1
name: small
model: {adapter: bert, checkpoint: some/model}
task: python_docs
space:
  depth: [2, 4]
  heads: {ratio: [0.5, 1.0], per: model}
"""


def problems(text: str) -> list[str]:
    _, found = structure(parse(text, "s.yaml"))
    return [problem.render("s.yaml") for problem in found]


def good(text: str = GOOD) -> Spec:
    spec, found = structure(parse(text))
    assert found == []
    assert spec is not None
    return spec


def test_short_and_long_forms_mean_the_same():
    assert good(GOOD.replace("python_docs", "{name: python_docs}")) == good()


def test_dimensions_are_lists_of_choices_or_mappings():
    assert good().space == (
        Component(name="depth", settings={"choices": [2, 4]}),
        Component(name="heads", settings={"ratio": [0.5, 1.0], "per": "model"}),
    )


def test_sections_that_are_left_out_have_their_defaults():
    assert good().tune.sampler == Component(name="uniform")
    assert good(GOOD + "tune: {lr: 1}\n").tune.lr == 1.0


def test_all_problems_are_told_at_once_with_their_lines():
    text = GOOD.replace("some/model", "3").replace("task: python_docs", "taks: python_docs") + (
        "teach: {epochs: 3.0}\n"
        "tune:\n"
        "  lr: 3e-4x\n"
        "  warmup: 2\n"
        "  sampler: {n_random: 3}\n"
        "search: {baselines: no}\n"
        "constraints: {macs: {min: 0.9, max: 0.6}}\n"
        "device: CPU\n"
    )
    found = problems(text)
    assert "s.yaml:3: model.checkpoint: expected str, got int 3; put it in quotes" in found
    assert any(
        line.startswith("s.yaml:4: taks: unknown key; did you mean 'task'?") for line in found
    )
    assert "s.yaml:1: task: is missing" in found
    assert "s.yaml:8: teach.epochs: expected int, got float 3.0; write 3" in found
    assert (
        "s.yaml:15: device: unknown value 'CPU'; did you mean 'cpu'?\n    allowed: auto, cpu, cuda"
    ) in found
    assert "s.yaml:10: tune.lr: expected float, got str '3e-4x'" in found
    assert "s.yaml:11: tune.warmup: must be <= 1.0, got 2.0" in found
    assert (
        "s.yaml:12: tune.sampler: 'name' is missing; settings stand beside the name of a component"
    ) in found
    assert (
        "s.yaml:13: search.baselines: expected bool, got str 'no'; "
        "booleans are written true and false"
    ) in found
    assert "s.yaml:14: constraints.macs: min 0.9 is above max 0.6; swap them" in found
    assert len(found) == 10


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "spec: 2",
            "s.yaml:1: spec: this spec is of version 2, this instatune reads version 1; "
            "install a newer instatune",
        ),
        ("spec: 0", "s.yaml:1: spec: there is no version 0; write 1"),
        (
            "spec: '1'",
            "s.yaml:1: spec: expected the version of the format, got str '1'; write 1",
        ),
        (
            "spec: 1.0",
            "s.yaml:1: spec: expected the version of the format, got float 1.0; write 1",
        ),
        (
            "seed: 3",
            "s.yaml:1: spec: is missing; write 'spec: 1', the version of this format",
        ),
    ],
)
def test_another_version_is_one_clear_error_whatever_else_is_wrong(line, message):
    with pytest.raises(SpecError) as caught:
        structure(parse(f"{line}\nfuture: section\n", "s.yaml"))
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("space: {}", "space: is empty; name at least one dimension"),
        (
            "space: [depth]",
            "space: expected mapping of dimensions such as 'depth: [3, 6]', got list",
        ),
        ("space: {depth: 3}", "space.depth: expected a list of choices or a mapping, got int 3"),
        ("task: 3", "task: expected a name, or a mapping with 'name', got int 3"),
        ("task: {name: 3}", "task.name: expected str, got int 3"),
        ("objectives: accuracy", "objectives: expected list, got str 'accuracy'"),
        ("objectives: [3]", "objectives[0]: expected a name, or a mapping with 'name', got int 3"),
        ("tune: 3", "tune: expected mapping, got int 3"),
        ("constraints: {macs: {}}", "constraints.macs: bounds nothing; give min, max or both"),
        (
            "constraints: {macs: {max: 0}}",
            "constraints.macs: max 0.0 leaves nothing; it is a factor of the full model's value, "
            "unless relative is false",
        ),
        ("name: a/b", "name: must be fit for a folder: not empty, no slash, backslash or colon"),
        ("name: ..", "name: must be fit for a folder"),
    ],
)
def test_what_a_section_cannot_be_is_told(section, message):
    data = {**parse(GOOD).data, **parse(section + "\n").data}
    _, found = structure(from_mapping(data))
    assert len(found) == 1
    assert found[0].render("").startswith(message)
