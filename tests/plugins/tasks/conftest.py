from __future__ import annotations

import pytest


class Words:
    """A tokenizer with the interface of transformers': one token per word, ids by length."""

    def __init__(self, pad: int | None = 1, limit: int = 512, types: bool = True) -> None:
        self.pad_token_id = pad
        self.model_max_length = limit
        self.types = types

    def __call__(self, texts, pairs=None, *, truncation, max_length):
        assert truncation
        rows = []
        for i, text in enumerate(texts):
            first = [0, *(10 + len(w) for w in text.split()), 2]
            second = [*(10 + len(w) for w in pairs[i].split()), 2] if pairs else []
            rows.append(([*first, *second][:max_length], [0] * len(first) + [1] * len(second)))
        encoded = {
            "input_ids": [ids for ids, _ in rows],
            "attention_mask": [[1] * len(ids) for ids, _ in rows],
        }
        if self.types:
            encoded["token_type_ids"] = [types[: len(ids)] for ids, types in rows]
        return encoded


@pytest.fixture
def words():
    return Words


@pytest.fixture
def write(tmp_path):
    """Write a file of text or bytes and give its path as a spec has it."""

    def put(name: str, content: str | bytes) -> str:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    return put
