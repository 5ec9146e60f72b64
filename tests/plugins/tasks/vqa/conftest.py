"""Images and questions made up on the spot, and what encodes them."""

from __future__ import annotations

import json

import pytest
from PIL import Image

from instatune.testing.tokens import tokenizer

COLOURS = ("red", "green", "blue")


@pytest.fixture
def write(tmp_path):
    """Write images and a file of questions: rows are dictionaries, or text as it is to stand."""

    def make(name, rows):
        for row in rows:
            image = row.get("image") if isinstance(row, dict) else None
            if isinstance(image, str) and image and not (tmp_path / image).exists():
                (tmp_path / image).parent.mkdir(parents=True, exist_ok=True)
                colour = COLOURS[sum(image.encode()) % 3]
                Image.new("RGB", (12, 10), colour).save(tmp_path / image)
        text = "\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows)
        (tmp_path / name).write_text(text + "\n", encoding="utf-8")
        return str(tmp_path / name)

    return make


@pytest.fixture
def shapes(write):
    """Questions with one answer: two for each of 12 images."""

    def rows(count, prefix):
        for index in range(count):
            image = f"{prefix}/{index}.png"
            yield {"image": image, "question": "what colour is it?", "answer": COLOURS[index % 3]}
            answer = ("yes", "no")[index % 2]
            yield {"image": image, "question": "is it round, is it?", "answer": answer}

    train = write("train.jsonl", list(rows(12, "a")))
    return {"train": train, "test": write("test.jsonl", list(rows(4, "b")))}


@pytest.fixture
def votes(write):
    """Questions with the answers of several people."""
    said = (["red"] * 4 + ["dark red"], ["blue"] * 3, ["green", "green", "green", "blue"])
    train = [
        {"image": f"a/{i}.png", "question": "what colour?", "answers": said[i % 3]}
        for i in range(12)
    ]
    return {"train": write("train.jsonl", train), "test": write("test.jsonl", train[:3])}


@pytest.fixture
def processor():
    """What an adapter for images and questions gives."""
    image = {
        "input_size": (3, 8, 8),
        "interpolation": "bicubic",
        "mean": (0.5, 0.5, 0.5),
        "std": (0.25, 0.25, 0.25),
        "crop_pct": 1.0,
        "crop_mode": "squash",
    }
    return {"image": image, "tokenizer": tokenizer(32)}
