"""Architecture and bits in one search, to artefacts that were run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

import instatune

BITS = {"choices": [8, 32], "embeddings": [8, 32]}


def joint(toy, folder, **changes):
    spec = toy.make(folder)
    spec["space"] = {**spec["space"], "bits": BITS}
    spec["quantizer"] = "int8"
    spec["objectives"] = ["accuracy", "model_size"]
    spec["deploy"] = {"batch_sizes": [1, 4], "repeats": 3}
    return {**spec, **changes}


@pytest.fixture(scope="module")
def run(toy, tmp_path_factory):
    return instatune.run(joint(toy, tmp_path_factory.mktemp("joint")))


def quantized(run):
    return [row for row in run.front if 8 in row.bits.values()]


def test_quantized_networks_are_found_and_run(run):
    assert quantized(run)
    for row in quantized(run):
        (artefact,) = row.artefacts
        assert artefact.problem == ""
        assert artefact.agreement >= 0.9
        assert set(artefact.seconds) == {"1", "4"}


def test_their_size_is_the_one_by_formula(run):
    for row in run.front:
        (artefact,) = row.artefacts
        assert artefact.bytes == pytest.approx(row.search["model_size"].value, rel=0.02), row.name


def test_they_load_with_integers_inside(run):
    row = quantized(run)[0]
    model = run.load(row)
    kinds = {tensor.dtype for tensor in model.state_dict().values()}
    assert torch.int8 in kinds
    card = json.loads((run.run_dir / row.folder / "instatune.json").read_text())
    assert card["format"] == 2
    assert card["quantizer"].startswith("int8@")
    assert set(card["policy"].values()) == {8}


def test_the_baselines_of_the_figure_are_there(run):
    roles = {row.role: row for row in run.summary.baselines}
    full, int8 = roles["largest"], roles["quantized"]
    assert set(full.bits.values()) == {32}
    assert set(int8.bits.values()) == {8}
    assert int8.artefacts[0].bytes < full.artefacts[0].bytes


def test_a_search_with_all_bits_alike_stands_beside_it(run):
    names = [trace.name for trace in run.summary.traces]
    assert any(name.endswith("all bits alike") for name in names)
    assert "alike" in {row.role for row in run.summary.baselines}


def test_the_page_tells_what_was_deployed(run):
    text = (run.run_dir / "report" / "index.html").read_text()
    assert "As deployed" in text
    assert "embeddings 8" in text


def test_bits_added_later_leave_the_tuned_network_as_it_is(toy, tmp_path):
    before = instatune.run(toy.make(tmp_path))
    weights = (before.run_dir / "supernet" / "model.safetensors").stat().st_mtime_ns
    again = joint(toy, tmp_path)
    after = instatune.run(again)
    assert (after.run_dir / "supernet" / "model.safetensors").stat().st_mtime_ns == weights
    assert quantized(after)


def test_what_is_not_the_searched_network_is_withdrawn_and_the_others_stay(toy, tmp_path):
    spec = joint(toy, tmp_path, exporters=["folder", "liar", "broken"])
    spec["plugins"] = {"files": [str(Path(__file__).parent / "plugins" / "liars.py")]}
    told = instatune.run(spec)
    for row in told.front:
        found = {artefact.format: artefact for artefact in row.artefacts}
        assert "decides otherwise than the searched network on " in found["liar"].problem
        assert found["broken"].problem == "OSError: the file is of no known format"
        assert found["folder"].problem == ""
        assert found["folder"].seconds
        assert not found["liar"].seconds
        here = {path.name for path in (told.run_dir / row.folder).iterdir()}
        assert "model.safetensors" in here
        assert not {"liar.bin", "broken.bin"} & here
    log = (told.run_dir / "events.jsonl").read_text()
    assert "as liar: decides otherwise" in log
