"""Regression: a number for each text, or for each pair of texts as in STS-B.

Targets are standardised with mean and standard deviation of the training data, so that the squared
error is of the size of other losses; what a model gives is ``(number - mean) / std``, and an
exported network carries both in its facts. An example is ``{"text": str, "label": float, "span":
float}``, with ``"pair": str`` for pairs; ``span`` is the range of the training targets, in the same
unit. The score of an example is ``1 - |error| / span``, at least 0: what people report is the
objective ``correlation``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import attrs
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from instatune.errors import DataError
from instatune.interfaces import Batch, Example, Features, Splits, Task
from instatune_plugins.tasks import TextRegressionConfig
from instatune_plugins.tasks.columns import (
    TARGET_NAMES,
    Columns,
    check_columns,
    find_columns,
    texts_of,
)
from instatune_plugins.tasks.encoding import pad_batch, tokenize
from instatune_plugins.tasks.sources import read_tables
from instatune_plugins.tasks.splitting import digest, divide, repeated
from instatune_plugins.tasks.table import Table


@attrs.frozen(kw_only=True)
class Scale:
    """How targets are spread: in the unit of the source."""

    mean: float
    std: float
    low: float
    high: float

    @classmethod
    def of(cls, numbers: Sequence[float]) -> Scale:
        """Measure the training targets."""
        values = np.asarray(numbers, np.float64)
        return cls(
            mean=float(values.mean()),
            std=float(values.std()),
            low=float(values.min()),
            high=float(values.max()),
        )


class TextRegression(Task):
    """Texts with numbers, wherever they are."""

    config: TextRegressionConfig

    def load(self, seed: int) -> Splits:
        """Read the splits; carve the search split from the training data where it has no file.

        Args:
            seed: For carving, and for the choice where ``max_train`` asks for fewer examples.

        Raises:
            DataError: A table is missing, empty or damaged, or its targets are no numbers or all
                the same.
        """
        tables = read_tables(self.config)
        columns = find_columns(self.config, tables["train"], TARGET_NAMES)
        raw = {split: self._read(table, columns) for split, table in tables.items()}
        scale = Scale.of([example["label"] for example in raw["train"]])
        read = {split: [_scaled(e, scale) for e in found] for split, found in raw.items()}
        found = divide(self.config, read, seed)
        return Splits(
            train=found.train,
            search=found.search,
            test=found.test,
            labels=(),
            outputs=1,
            facts={"mean": scale.mean, "std": scale.std},
            fingerprint=digest((found.train, found.search, found.test), attrs.astuple(scale)),
            description=(
                f"{', '.join(table.source for table in tables.values())}:"
                f" {len(found.train):,} train, {len(found.search):,} search ({found.how}),"
                f" {len(found.test):,} test examples; targets from {scale.low:.4g} to"
                f" {scale.high:.4g}, mean {scale.mean:.4g}, standard deviation {scale.std:.4g}; of"
                f" the training texts {repeated(found.train, found.test):,} also occur in test;"
                " accuracy is 1 - |error| / range of the targets"
            ),
        )

    def encode(self, examples: Sequence[Example], processor: Any) -> Sequence[Features]:
        """Tokenize texts, cut to ``max_length`` of the settings or what the tokenizer allows.

        Args:
            examples: Texts with standardised targets.
            processor: A tokenizer of transformers.

        Returns:
            For each example int64 arrays ``[tokens]`` under the tokenizer's names, the target, its
            span, and the token to pad with.
        """
        found = tokenize(examples, processor, self.config.max_length)
        return [
            {**arrays, "label": example["label"], "span": example["span"]}
            for arrays, example in zip(found, examples, strict=True)
        ]

    def collate(self, features: Sequence[Features]) -> Batch:
        """Pad to the longest example on the right: int64 tensors ``[examples, tokens]``.

        ``labels`` and ``span`` are float32, ``[examples]``.
        """
        numbers = {
            name: torch.tensor([f[key] for f in features], dtype=torch.float32)
            for name, key in (("labels", "label"), ("span", "span"))
        }
        return {**pad_batch(features, self.config.pad_multiple), **numbers}

    def loss(self, logits: Tensor, batch: Batch) -> Tensor:
        """Mean squared error of ``[examples, 1]``, in variances of the training targets."""
        return functional.mse_loss(_numbers(logits), batch["labels"])

    def correct(self, logits: Tensor, batch: Batch) -> Tensor:
        """``1 - |error| / span``, at least 0, ``[examples]``."""
        error = (_numbers(logits) - batch["labels"]).abs()
        return (1.0 - error / batch["span"]).clamp(min=0.0)

    def length(self, features: Features) -> int:
        """Count the tokens."""
        return len(features["input_ids"])

    def _read(self, table: Table, columns: Columns) -> list[Example]:
        check_columns(columns, table)
        rows = texts_of(table, columns, self.config.skip_empty)
        found: list[Example] = [
            {**texts, "label": _target(table, columns.label, row)} for row, texts in rows
        ]
        if not found:
            raise DataError(
                f"{table.source}: all texts are empty (column {columns.text!r}); choose another"
                " with `--set task.text=NAME`"
            )
        values = {example["label"] for example in found}
        if len(values) == 1 and len(found) > 1:
            raise DataError(
                f"{table.source}: every example has the target {values.pop():g} (column"
                f" {columns.label!r}); choose another column with `--set task.label=NAME`, or a"
                " split whose targets are not withheld"
            )
        return found


def _scaled(example: Example, scale: Scale) -> Example:
    label = (example["label"] - scale.mean) / scale.std
    return {**example, "label": label, "span": (scale.high - scale.low) / scale.std}


def _target(table: Table, column: str, row: int) -> float:
    value = table.columns[column][row]
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        what = "no target" if value is None or value == "" else f"target {value!r} is no number"
        raise DataError(
            f"{table.place(row)}: {what} (column {column!r}); targets are finite numbers, choose"
            " their column with `--set task.label=NAME`"
        )
    return number


def _numbers(logits: Tensor) -> Tensor:
    if logits.ndim != 2 or logits.shape[1] != 1:
        raise DataError(
            f"text_regression: the model gives outputs of shape {list(logits.shape)} instead of one"
            " number for each text; use an adapter that serves regression, such as bert"
        )
    return logits[:, 0]
