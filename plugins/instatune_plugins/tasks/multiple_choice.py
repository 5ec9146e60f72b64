"""Multiple choice for language models: the likeliest continuation of the question is the answer.

Each choice is scored by the log-likelihood of its tokens given the prompt, divided by its length
(Brown et al., "Language Models are Few-Shot Learners", 2020, section 2.4; ``acc_norm`` of the
Language Model Evaluation Harness, Gao et al., 2021). An example is ``{"question": str, "choices":
(str, ...), "answer": int}``.

Choices are a second axis: inputs are ``[examples, choices, tokens]``. To train, an example is the
prompt with its right choice alone (``"train": True``), since the loss is that of the language model
on it: other choices would cost time and teach nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from instatune.errors import DataError
from instatune.interfaces import Batch, Example, Features, Splits, Task
from instatune_plugins.tasks.files import Layout, read_table
from instatune_plugins.tasks.multiple_choice_config import MultipleChoiceConfig
from instatune_plugins.tasks.questions import find_columns, questions
from instatune_plugins.tasks.sources import read_tables
from instatune_plugins.tasks.splitting import digest, divide
from instatune_plugins.tasks.table import Table

IGNORED = -100
"""Target of what is not to be predicted, as transformers and torch have it."""


class MultipleChoice(Task):
    """Questions with choices, wherever they are."""

    config: MultipleChoiceConfig

    def load(self, seed: int) -> Splits:
        """Read the splits; carve the search split from the training data where it has no file.

        Args:
            seed: For carving, and for the choice where ``max_train`` asks for fewer questions.

        Raises:
            DataError: A table is missing, empty or damaged; see the messages.
        """
        tables = read_tables(self.config, self._table, lists=True)
        columns = find_columns(self.config, tables["train"])
        read = {split: list(questions(table, columns)) for split, table in tables.items()}
        found = divide(self.config, read, seed)
        known = {example["question"] for example in found.test}
        repeated = sum(example["question"] in known for example in found.train)
        sizes = sorted({len(example["choices"]) for example in found.test})
        return Splits(
            train=[{**example, "train": True} for example in found.train],
            search=found.search,
            test=found.test,
            labels=(),  # the head is the vocabulary: it stays as the checkpoint has it
            fingerprint=digest((found.train, found.search, found.test)),
            description=(
                f"{', '.join(table.source for table in tables.values())}:"
                f" {len(found.train):,} train, {len(found.search):,} search ({found.how}),"
                f" {len(found.test):,} test questions of {' or '.join(map(str, sizes))} choices;"
                f" {repeated:,} training questions also occur in test; a choice is scored by its"
                f" log-likelihood, {_NORMS[self.config.normalise]}"
            ),
        )

    def encode(self, examples: Sequence[Example], processor: Any) -> Sequence[Features]:
        """Tokenize each choice behind its prompt.

        Where that is longer than ``max_length`` of the settings or what the tokenizer allows, the
        beginning of the prompt is left out.

        Args:
            examples: Questions.
            processor: A fast tokenizer of transformers.

        Returns:
            For each example a list of int64 arrays ``[tokens]`` as ``rows`` and ``targets``, the
            length of each choice as ``sizes``, the answer, and the token to pad with.

        Raises:
            DataError: No fast tokenizer, or a choice that leaves no room for a prompt.
        """
        if not getattr(processor, "is_fast", False):
            raise DataError(
                "multiple_choice: needs a fast tokenizer, which tells where tokens stand in a text;"
                " use a checkpoint with tokenizer.json, and an adapter for language models"
            )
        limit = min(self.config.max_length, processor.model_max_length)
        return [self._encoded(example, processor, limit) for example in examples]

    def collate(self, features: Sequence[Features]) -> Batch:
        """Pad on the right: int64 tensors ``[examples, choices, tokens]``.

        ``targets`` has that shape too, -100 wherever nothing is to be predicted; ``sizes`` is
        float32 ``[examples, choices]``, 0 where an example has fewer choices; ``labels`` is
        ``[examples]``.
        """
        choices = max(len(f["rows"]) for f in features)
        tokens = max(len(row) for f in features for row in f["rows"])
        shape = (len(features), choices, tokens)
        ids = np.full(shape, features[0]["pad"], np.int64)
        mask, targets = np.zeros(shape, np.int64), np.full(shape, IGNORED, np.int64)
        sizes = np.zeros(shape[:2], np.float32)
        mask[:, :, 0] = 1  # attention over nothing at all would give no number
        for i, feature in enumerate(features):
            sizes[i, : len(feature["rows"])] = feature["sizes"]
            for j, row in enumerate(feature["rows"]):
                ids[i, j, : len(row)] = row
                mask[i, j, : len(row)] = 1
                targets[i, j, : len(row)] = feature["targets"][j]
        return {
            "input_ids": torch.from_numpy(ids),
            "attention_mask": torch.from_numpy(mask),
            "targets": torch.from_numpy(targets),
            "sizes": torch.from_numpy(sizes),
            "labels": torch.tensor([f["label"] for f in features], dtype=torch.int64),
        }

    def loss(self, logits: Tensor, batch: Batch) -> Tensor:
        """Cross entropy of the right choices given their prompts in nats, mean over tokens."""
        guesses, targets = _shifted(logits, batch)
        rows = torch.arange(len(targets), device=targets.device), batch["labels"]
        return functional.cross_entropy(
            guesses[rows].flatten(0, 1), targets[rows].flatten(), ignore_index=IGNORED
        )

    def correct(self, logits: Tensor, batch: Batch) -> Tensor:
        """1.0 where the right choice is the likeliest one, else 0.0, ``[examples]``."""
        guesses, targets = _shifted(logits, batch)
        counted = targets != IGNORED
        each = torch.zeros(targets.shape, device=logits.device)
        each[counted] = -functional.cross_entropy(
            guesses[counted].float(), targets[counted], reduction="none"
        )
        scores = each.sum(dim=-1) / batch["sizes"].clamp(min=1)
        scores = scores.masked_fill(batch["sizes"] == 0, -torch.inf)
        return (scores.argmax(dim=-1) == batch["labels"]).float()

    def length(self, features: Features) -> int:
        """Count the tokens of all choices, padded."""
        return len(features["rows"]) * max(len(row) for row in features["rows"])

    @property
    def deterministic(self) -> bool:
        """False, so that a teacher is asked anew: its logits for all tokens would fill memory."""
        return False

    def _table(self, path: str, setting: str) -> Table:
        return read_table(path, Layout(format=self.config.format), setting)

    def _encoded(self, example: Example, processor: Any, limit: int) -> Features:
        prompt = self.config.prompt.replace("{question}", example["question"])
        answer, choices = example["answer"], example["choices"]
        if example.get("train"):
            answer, choices = 0, (choices[answer],)
        rows, targets = [], []
        for row, target in _tokenized(prompt, self.config.delimiter, choices, processor, limit):
            rows.append(row)
            targets.append(target)
        counts = [int((target != IGNORED).sum()) for target in targets]
        sizes = {
            "byte": [len(choice.encode()) for choice in choices],
            "token": counts,
            "none": [1] * len(choices),
        }[self.config.normalise]
        pad = processor.pad_token_id or 0  # any will do, it is masked
        return {"rows": rows, "targets": targets, "sizes": sizes, "label": answer, "pad": pad}


_NORMS = {
    "byte": "divided by its length in bytes",
    "token": "divided by its number of tokens",
    "none": "not divided by its length",
}


def _tokenized(
    prompt: str, delimiter: str, choices: Sequence[str], processor: Any, limit: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Tokens of prompt and choice, and those of them that are to be predicted.

    White space at the end of a prompt belongs to the choice, as tokens of words begin with it.
    """
    end = len(prompt.rstrip())
    between = "" if end < len(prompt) else delimiter
    encoded = processor(
        [f"{prompt}{between}{choice}" for choice in choices], return_offsets_mapping=True
    )
    for i, choice in enumerate(choices):
        row = np.asarray(encoded["input_ids"][i], np.int64)
        ends = np.asarray(encoded["offset_mapping"][i], np.int64).reshape(-1, 2)[:, 1]
        target = np.where(ends > end, row, IGNORED)
        target[:1] = IGNORED  # nothing stands before it
        row, target = _cut(row, target, ends, limit)
        if not (target[1:] != IGNORED).any():
            raise DataError(
                f"multiple_choice: choice {choice[:40]!r} and its prompt do not fit into {limit}"
                " tokens; raise `max_length`, or leave the question out"
            )
        yield row, target


def _cut(
    row: NDArray[np.int64], target: NDArray[np.int64], ends: NDArray[np.int64], limit: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Leave out the beginning, but for a mark like that of the beginning of a text."""
    if len(row) <= limit:
        return row, target
    mark = int(ends[0] == 0)
    keep = np.r_[0:mark, len(row) - limit + mark : len(row)]
    if (target[keep] != IGNORED).sum() < (target != IGNORED).sum() or target[keep][0] != IGNORED:
        return row[:0], target[:0]  # not even the choice fits
    return row[keep], target[keep]


def _shifted(logits: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
    """Guesses ``[examples, choices, tokens - 1, vocabulary]`` and the tokens that came."""
    if logits.ndim != 4:
        raise DataError(
            f"multiple_choice: the model gives outputs of shape {list(logits.shape)} instead of a"
            " guess at each token of each choice; use an adapter for language models, such as llama"
        )
    return logits[:, :, :-1], batch["targets"][:, :, 1:]
