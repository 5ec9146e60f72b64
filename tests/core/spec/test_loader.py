from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instatune.errors import SpecError
from instatune.spec.loader import from_mapping, open_source, parse, parse_value, read


def value(text: str):
    data, _, problems = parse_value(text, "test")
    assert not problems
    return data


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3e-4", 3e-4),
        ("1E5", 1e5),
        (".5", 0.5),
        ("-2.", -2.0),
        ("+.inf", float("inf")),
        ("3", 3),
        ("-17", -17),
        ("0o17", 15),
        ("0x1F", 31),
        ("010", 10),
        ("true", True),
        ("false", False),
        ("null", None),
        ("~", None),
        ("", None),
        ('"3"', "3"),
        ("'true'", "true"),
    ],
)
def test_scalars_are_read_as_yaml_1_2_says(text, expected):
    found = value(text)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    "text",
    ["no", "yes", "on", "off", "True", "FALSE", "1:30", "190:20:30", "2020-01-01", "1_000", "0b1"],
)
def test_what_yaml_1_1_made_of_it_is_text_now(text):
    assert value(text) == text


def test_nan_is_a_float():
    assert value(".nan") != value(".nan")


@given(st.floats(allow_nan=False) | st.integers())
def test_numbers_as_python_writes_them_are_read_back(number):
    text = repr(number).replace("inf", ".inf")
    assert value(text) == number
    assert type(value(text)) is type(number)


def test_every_value_has_a_line():
    document = parse("spec: 1\ntune:\n  lr: 3e-4\n  more:\n  - 1\n  - {a: 2}\n")
    assert document.lines[("spec",)] == 1
    assert document.lines[("tune",)] == 2
    assert document.lines[("tune", "lr")] == 3
    assert document.lines[("tune", "more", 0)] == 5
    assert document.lines[("tune", "more", 1, "a")] == 6


def test_a_problem_without_a_line_of_its_own_gets_the_nearest():
    document = parse("spec: 1\ntune:\n  lr: 3e-4\n")
    assert document.problem(("tune", "epochs"), "is missing").line == 2


def test_all_duplicates_and_odd_keys_are_told():
    document = parse("a: 1\na: 2\n3: x\n? [1, 2]\n: y\nb:\n  c: 1\n  c: 2\n")
    assert [problem.render("f.yaml") for problem in document.problems] == [
        "f.yaml:2: a: 'a' is given twice, first in line 1; remove one",
        "f.yaml:3: a key must be text; write '3' in quotes",
        "f.yaml:4: a key must be a word, not a list or a mapping",
        "f.yaml:8: b.c: 'c' is given twice, first in line 7; remove one",
    ]
    assert document.data == {"a": 1, "b": {"c": 1}}


def test_merge_keys_are_refused_with_the_way_out():
    document = parse("x: &x {a: 1}\ny:\n  <<: *x\n")
    assert "merge keys ('<<') are not read" in document.problems[0].message
    assert document.problems[0].line == 3


def test_aliases_are_read():
    assert parse("x: &x [1, 2]\ny: *x\n").data == {"x": [1, 2], "y": [1, 2]}


@pytest.mark.parametrize(
    "text",
    [
        "a: !!python/object/apply:os.system ['true']\n",
        "a: !!python/name:os.system\n",
        "a: !mine 3\n",
        "a: !!set {b}\n",
    ],
)
def test_tags_never_build_objects(text):
    document = parse(text)
    assert document.data["a"] is None
    assert "is not allowed; remove it" in document.problems[0].message


def test_core_tags_may_be_written_out():
    assert parse("a: !!str 3\nb: !!float 3\n").data["a"] == "3"


def test_a_core_tag_that_does_not_fit_is_a_problem():
    assert "does not fit its tag" in parse("a: !!int three\n").problems[0].message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1, 2\n", r"f\.yaml:2: not YAML: .*expected ',' or ']'"),
        ("a: 1\n\tb: 2\n", r"f\.yaml:2: not YAML: .*\n    indent with spaces, not tabs"),
        ("a: *nowhere\n", r"f\.yaml:1: not YAML: .*undefined alias"),
        ("a: &a [*a]\n", r"f\.yaml:1: not YAML: an alias refers to what it is inside of"),
        ("a: 1\n---\nb: 2\n", r"f\.yaml:2: not YAML: .*another document"),
        ("a: \x07\n", r"f\.yaml: not YAML: unacceptable character"),
        ("- 1\n", r"f\.yaml: a spec is a mapping such as 'spec: 1', this is a list"),
        ("", r"f\.yaml: a spec is a mapping such as 'spec: 1', this is empty"),
        ("[" * 5000, r"f\.yaml: nested too deeply"),
    ],
)
def test_what_is_not_a_mapping_of_yaml_is_told_with_its_line(text, message):
    with pytest.raises(SpecError, match=message):
        parse(text, "f.yaml")


def test_aliases_cannot_blow_a_document_up():
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    with pytest.raises(SpecError, match="more than 100000 values"):
        parse("\n".join(lines) + "\n")


def test_files_that_cannot_be_read_are_told(tmp_path):
    with pytest.raises(SpecError, match=r"nope\.yaml: there is no such file"):
        read(tmp_path / "nope.yaml")
    with pytest.raises(SpecError, match="this is a folder; give the spec file inside it"):
        read(tmp_path)
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SpecError, match="this is not text in UTF-8"):
        read(tmp_path / "binary.yaml")


def test_an_absurdly_long_number_is_a_problem_not_a_crash():
    assert parse(f"a: {'9' * 5000}\n").problems[0].line == 1


def test_a_mapping_of_the_python_api_becomes_plain_data():
    document = from_mapping({"a": (1, 2), "b": {"c": Path("x/y")}})
    assert document.data == {"a": [1, 2], "b": {"c": "x/y"}}
    assert document.problems == ()


def test_a_mapping_is_copied():
    mine = {"a": [1]}
    from_mapping(mine).data["a"].append(2)
    assert mine == {"a": [1]}


def test_keys_of_a_mapping_must_be_text():
    document = from_mapping({"a": {1: 2}})
    assert document.problems[0].render("spec") == "spec: a: a key must be text, not int 1"


def test_a_mapping_that_contains_itself_is_refused():
    mine: dict = {}
    mine["a"] = mine
    with pytest.raises(SpecError, match="contains itself"):
        from_mapping(mine)


def test_sources_are_told_apart(tmp_path):
    file = tmp_path / "spec.yaml"
    file.write_text("name: file\n")
    assert open_source(str(file)).data == {"name": "file"}
    assert open_source(file).source == str(file)
    assert open_source("name: text\n").data == {"name": "text"}
    assert open_source("{name: flow}").data == {"name": "flow"}
    document = open_source({"name": "mapping"})
    assert open_source(document) is document
