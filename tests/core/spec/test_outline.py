from __future__ import annotations

import json
import subprocess
import sys

import attrs
import pytest

from instatune.errors import PluginError, SpecError
from instatune.plugin.entries import AdapterEntry, DimensionEntry
from instatune.spec.resolve import plan


def complaints(source, plugins) -> list[str]:
    with pytest.raises(SpecError) as caught:
        plan(source, plugins)
    return [problem.render("spec") for problem in caught.value.problems]


def test_the_space_is_counted_without_loading_the_model(spec, plugins):
    outline = plan(spec, plugins).outline
    assert outline is not None
    assert outline.size == 2**2 + 2**4  # heads of the layers that are kept


def test_values_that_the_model_cannot_have_are_told_at_their_place(spec, plugins):
    spec["space"] = {"depth": {"choices": [2, 4, 5]}, "heads": [6, 12, 13], "ffn": [48]}
    found = complaints(spec, plugins)
    assert found[:2] == [
        "spec: space.depth.choices[2]: 5 layers, but the model has 4; use values from 1 to 4",
        "spec: space.heads[2]: 13 heads, but the model has 12; use values from 1 to 12",
    ]
    assert len(found) == 3
    assert found[2].startswith("spec: space.ffn: the model has 96")


def test_a_space_of_one_network_is_refused(spec, plugins):
    spec["space"] = {"depth": [4]}
    assert complaints(spec, plugins) == [
        "spec: space: there is a single network to choose from; give some dimension a second value"
    ]


def test_a_checkpoint_of_another_family_is_told(spec, plugins, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "gpt2"}))
    spec["model"]["checkpoint"] = str(tmp_path)
    assert complaints(spec, plugins) == [
        "spec: model.adapter: the checkpoint is of the family 'gpt2', adapter 'bert' fits 'bert', "
        "'roberta', 'xlm-roberta', 'camembert', 'distilbert', 'electra', 'mpnet'; "
        "choose another checkpoint"
    ]


def test_the_adapter_that_fits_is_named(spec, offering, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "gpt2"}))
    spec["model"]["checkpoint"] = str(tmp_path)
    other = AdapterEntry(name="gpt", target="x:Y", summary="s", model_types=("gpt2",))
    assert complaints(spec, offering(other))[0].endswith("; use 'gpt'")


def test_a_folder_without_a_model_is_told(spec, plugins, tmp_path):
    spec["model"]["checkpoint"] = str(tmp_path)
    found = complaints(spec, plugins)
    assert len(found) == 1
    assert "model.checkpoint" in found[0]
    assert "config.json is missing" in found[0]


def test_an_adapter_without_an_outline_leaves_the_space_to_the_run(spec, offering):
    plain = AdapterEntry(name="plain", target="x:Y", summary="s")
    spec["model"]["adapter"] = "plain"
    assert plan(spec, offering(plain)).outline is None


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A module with an outline that fails and a dimension that fails."""
    (tmp_path / "odd_parts.py").write_text(
        "from instatune.interfaces import Dimension\n"
        "def fails(checkpoint):\n"
        "    raise ZeroDivisionError('oops')\n"
        "class Fails(Dimension):\n"
        "    def genes(self, anatomy):\n"
        "        raise ZeroDivisionError('oops')\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    sys.modules.pop("odd_parts", None)


@pytest.mark.parametrize(
    ("outline", "message"),
    [
        ("odd_parts:fails", "its outline 'odd_parts:fails' failed: ZeroDivisionError: oops"),
        ("odd_parts:nope", "its outline 'odd_parts:nope' cannot be imported: AttributeError"),
    ],
)
def test_an_outline_that_fails_is_the_plugins_fault(spec, offering, module, outline, message):
    entry = AdapterEntry(name="odd", target="x:Y", summary="s", outline=outline)
    spec["model"]["adapter"] = "odd"
    with pytest.raises(PluginError, match=f"'odd' of extra 2.0: {message}"):
        plan(spec, offering(entry))


def test_a_dimension_that_fails_is_the_plugins_fault(spec, offering, module):
    @attrs.frozen(kw_only=True)
    class Config:
        choices: tuple[int, ...] = ()

    entry = DimensionEntry(name="odd", target="odd_parts:Fails", summary="s", config=Config)
    spec["space"]["odd"] = [1]
    with pytest.raises(PluginError, match=r"'odd' of extra 2.0: making its genes failed: ZeroDiv"):
        plan(spec, offering(entry))


def test_two_dimensions_cannot_set_the_same_thing(spec, offering, plugins):
    heads = plugins["dimensions"].find("heads").entry
    twin = attrs.evolve(heads, name="twin")
    spec["space"]["twin"] = [3, 12]
    found = complaints(spec, offering(twin))
    assert found == [
        "spec: space.twin: sets 'heads.0', which another dimension sets too; leave one out"
    ]


def test_planning_imports_nothing_heavy(bert):
    code = f"""
import sys
from instatune.spec.resolve import prepare
prepare({{
    "spec": 1, "name": "x", "model": {{"adapter": "bert", "checkpoint": {str(bert)!r}}},
    "task": "python_docs", "space": {{"depth": [2, 4]}}, "search": {{"strategy": "random"}},
}})
heavy = {{"torch", "transformers", "sklearn", "pymoo", "scipy", "matplotlib"}} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", code], check=True)
