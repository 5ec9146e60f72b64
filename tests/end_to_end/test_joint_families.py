"""Architecture and bits in one search beyond BERT: the examples at smoke size."""

from __future__ import annotations

import pytest

import instatune

BITS = (
    "space.bits={choices: [8, 32], per: block}",
    "quantizer=int8",
    "objectives=[accuracy, model_size]",
    "exporters=[folder]",
    "deploy={batch_sizes: [2], repeats: 3}",
    # Networks that are hardly trained decide by a hair.
    "deploy.tolerance=0.5",
    "reporters=[]",
)

SHORT = ("task.passage=40", "task.max_length=32", "teach.batch_size=8", "tune.batch_size=8")
"""Texts of the language model: their lengths decide how long everything takes."""


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["03_deit_digits", "05_llama_stories", "06_beit3_vqa", "07_resnet_cifar10"]
)
def test_joint_search(smoke, tmp_path, name, monkeypatch):
    monkeypatch.chdir(smoke.ROOT)
    own = smoke.EXTRA[name](tmp_path) if name in smoke.EXTRA else []
    own = [*own, *SHORT] if "llama" in name else own
    spec = smoke.ROOT / "examples" / name / "spec.yaml"

    run = instatune.run(spec, [*smoke.SMALL, *own, *BITS, f"run_dir={tmp_path / 'run'}"])

    low = [row for row in run.front if 8 in row.bits.values()]
    assert low
    for row in run.front:
        (artefact,) = row.artefacts
        assert artefact.problem == ""
        # The head of a file, alike for all, is a few kilobytes.
        assert artefact.bytes == pytest.approx(row.search["model_size"].value, rel=0.03, abs=4096)
    assert len(run.summary.evaluated_genes) == len(run.summary.evaluated)
