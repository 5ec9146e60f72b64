"""Each kind of output through the whole pipeline, from the data to an exported network."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pytest
import torch

import instatune
from instatune.errors import SpecError


def spec_for(toy, folder, task, objectives, **changes):
    """The toy's spec, shorter."""
    whole = toy.spec(folder, task=task, objectives=[*objectives, "macs"])
    tune = {**whole["tune"], "epochs": 1, "curve_points": 1}
    tune["loss"] = {"name": "instatune", "gamma": "high_cost"}  # the teacher is asked for logits
    return {
        **whole,
        "space": {"depth": [1, 2], "ffn": [16, 32]},
        "tune": tune,
        "search": {"strategy": "random", "evaluations": 6, "export_limit": 2, "baselines": False},
        **changes,
    }


def exported(folder):
    """A sub-network that a run wrote, as anybody would load it, and its card."""
    run = folder / "run"
    place = run / next(iter(json.loads((run / "exports.json").read_text()).values()))
    return instatune.load(place), json.loads((place / "instatune.json").read_text())


def verified(folder):
    return json.loads((folder / "run" / "verified.json").read_text())


def test_token_classification(toy, tmp_path):
    rng = np.random.default_rng(0)
    inside = {"good": toy.WORDS["odd"][:3], "bad": toy.WORDS["odd"][3:]}
    for split, count in (("train", 160), ("test", 30)):
        lines = []
        for _ in range(count):
            for filler in rng.choice(toy.FILLERS, rng.integers(1, 5)):
                lines += [f"{filler} O"]
            kind = str(rng.choice(["good", "bad"]))
            lines += [
                f"{rng.choice(toy.WORDS[kind])} B-{kind}",
                f"{rng.choice(inside[kind])} {'O' if rng.random() < 0.1 else f'I-{kind}'}",
                "",
            ]
        (tmp_path / f"{split}.conll").write_text("\n".join(lines))
    toy.write_checkpoint(tmp_path / "checkpoint", layers=2, hidden=16)
    task = {"name": "token_classification"}
    task |= {split: str(tmp_path / f"{split}.conll") for split in ("train", "test")}
    teach = {"epochs": 5, "batch_size": 16, "lr": 1.0e-2}

    spec = spec_for(toy, tmp_path, task, ["entity_f1", "accuracy"], teach=teach)
    summary = instatune.run(spec).summary

    best = max(row.test["entity_f1"].value for row in summary.front)
    plain = next(row for row in summary.baselines if row.role == "plain")
    assert best > 0.5
    assert plain.test["entity_f1"].value != plain.test["accuracy"].value
    assert {"entity_f1", "accuracy"} <= verified(tmp_path)["plain"]["search"].keys()
    assert any((tmp_path / "run" / "teacher").glob("logits-*"))  # looked up, not asked anew
    network, card = exported(tmp_path)
    assert card["labels"] == ["B-bad", "B-good", "I-bad", "I-good", "O"]
    assert type(network).__name__ == "BertForTokenClassification"
    assert network.config.id2label[4] == "O"
    assert "entity F1" in next((tmp_path / "run" / "report").glob("*.html")).read_text()


def test_regression(toy, tmp_path):
    rng = np.random.default_rng(0)
    for split, count in (("train", 320), ("test", 60)):
        rows = []
        for _ in range(count):
            good, bad = rng.integers(0, 4, 2)
            words = [*rng.choice(toy.WORDS["good"], good), *rng.choice(toy.WORDS["bad"], bad)]
            sentence = " ".join(rng.permutation([*rng.choice(toy.FILLERS, 3), *words]))
            rows.append({"text": sentence, "score": 100 + 10 * int(good - bad)})
        (tmp_path / f"{split}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    toy.write_checkpoint(tmp_path / "checkpoint", layers=2, hidden=16)
    task = {"name": "text_regression"}
    task |= {split: str(tmp_path / f"{split}.jsonl") for split in ("train", "test")}
    teach = {"epochs": 6, "batch_size": 16, "lr": 3.0e-3}

    spec = spec_for(toy, tmp_path, task, ["correlation", "accuracy"], teach=teach)
    summary = instatune.run(spec).summary

    assert max(row.test["correlation"].value for row in summary.front) > 0.6
    network, card = exported(tmp_path)
    assert card["labels"] == []
    assert card["facts"]["outputs"]["mean"] == pytest.approx(100, abs=3)
    assert network.config.problem_type == "regression"
    assert network.classifier.out_features == 1
    text = next((tmp_path / "run" / "report").glob("*.html")).read_text()
    assert "correlation" in text
    assert "targets from 70 to 130" in text


def write_decoder(folder):
    from transformers import LlamaConfig, LlamaForCausalLM

    from instatune.testing.tokens import tokenizer

    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 2}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2}
    LlamaForCausalLM(
        LlamaConfig(vocab_size=300, max_position_embeddings=64, **sizes, **heads)
    ).save_pretrained(folder)
    tokenizer().save_pretrained(folder)


def test_multiple_choice(toy, tmp_path):
    rng = np.random.default_rng(0)
    answers = {"cat": "purrs", "dog": "barks", "owl": "hoots"}
    for split, count in (("train", 160), ("test", 40)):
        rows = []
        for _ in range(count):
            animal = str(rng.choice(list(answers)))
            choices = list(map(str, rng.permutation(list(answers.values()))[: rng.integers(2, 4)]))
            if answers[animal] not in choices:
                choices[0] = answers[animal]
            rows.append(
                {"question": f"the {animal}", "choices": choices, "answer": answers[animal]}
            )
        (tmp_path / f"{split}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    write_decoder(tmp_path / "checkpoint")
    task = {"name": "multiple_choice"}
    task |= {split: str(tmp_path / f"{split}.jsonl") for split in ("train", "test")}
    changes = {
        "model": {"adapter": "llama", "checkpoint": str(tmp_path / "checkpoint")},
        "teach": {"epochs": 5, "batch_size": 16, "lr": 5.0e-3},
        "space": {"depth": [1, 2], "kv_groups": [1, 2], "ffn": [16, 32]},
        "order": {"by": "activation", "batches": 2},
    }

    summary = instatune.run(spec_for(toy, tmp_path, task, ["accuracy"], **changes)).summary

    assert max(row.test["accuracy"].value for row in summary.front) > 0.8  # of 2 or 3 choices
    assert all(max(row.exactness.values()) < 1e-4 for row in summary.front)
    _, card = exported(tmp_path)
    assert card["labels"] == []
    assert not list((tmp_path / "run" / "teacher").glob("logits-*"))


def test_an_adapter_for_another_kind_is_refused_before_anything_is_read(toy, tmp_path):
    toy.write_checkpoint(tmp_path / "checkpoint")
    whole = toy.spec(tmp_path, task={"name": "causal_lm", "corpus": "python_docs"})

    with pytest.raises(SpecError, match="use 'llama'"):
        instatune.run(whole)

    assert not (tmp_path / "run").exists()


@pytest.fixture(autouse=True)
def _no_warnings():
    """A sentence that is cut, or a number that is none, would show as a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        yield
