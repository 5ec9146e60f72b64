"""Finding the columns of texts and labels, and turning rows into examples."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from instatune.errors import DataError
from instatune.interfaces import Example
from instatune_plugins.tasks import TextClassificationConfig
from instatune_plugins.tasks.table import Table

TEXT_NAMES = ("text", "sentence", "content", "review", "document", "tweet", "utterance", "phrase")
PAIR_NAMES = (
    ("sentence1", "sentence2"),
    ("premise", "hypothesis"),
    ("question1", "question2"),
    ("question", "sentence"),
    ("text1", "text2"),
    ("text_a", "text_b"),
)
LABEL_NAMES = ("label", "labels", "class", "category", "target", "sentiment", "topic", "intent")
TARGET_NAMES = ("score", "label", "labels", "similarity", "rating", "target", "value", "y")
"""Columns of numbers."""
SHOWN = 12
"""Most names that a message lists."""


@attrs.frozen(kw_only=True)
class Columns:
    """Names of the columns in use; ``pair`` is None unless texts come in pairs."""

    text: str
    pair: str | None
    label: str


def find_columns(
    config: TextClassificationConfig, table: Table, label_names: tuple[str, ...] = LABEL_NAMES
) -> Columns:
    """Take the columns that are set; find the others by the names that are common.

    Args:
        config: Says which columns are meant.
        table: The training data.
        label_names: How columns of labels are commonly called.

    Raises:
        DataError: A column is missing, or it is not clear which one is meant.
    """
    for key in ("text", "text_pair", "label"):
        name = getattr(config, key)
        if name is not None and name not in table.columns:
            raise DataError(_missing(table, f"has no column {name!r}", key))
    text, pair = _find_texts(config, table)
    label = config.label or _first(label_names, table)
    others = [name for name in table.columns if name not in (text, pair, label)]
    if len(table.columns) == 2 and len(others) == 1:  # what is left over is the other one
        text, label = text or others[0], label or others[0]
    if text is None:
        raise DataError(_missing(table, "has no column of a common name for texts", "text"))
    if label is None:
        raise DataError(_missing(table, "has no column of a common name for labels", "label"))
    return Columns(text=text, pair=pair, label=label)


def _find_texts(config: TextClassificationConfig, table: Table) -> tuple[str | None, str | None]:
    if config.text is not None:
        return config.text, config.text_pair
    for first, second in PAIR_NAMES:
        if first in table.columns and second in table.columns:
            return first, second
    return _first(TEXT_NAMES, table), None


def _first(names: tuple[str, ...], table: Table) -> str | None:
    return next((name for name in names if name in table.columns), None)


def _missing(table: Table, what: str, key: str) -> str:
    return (
        f"{table.source}: {what}; it has {', '.join(map(repr, table.columns))}: choose one with"
        f" `--set task.{key}=NAME`, or name the columns of a file without a header with `columns`"
    )


def check_columns(columns: Columns, table: Table) -> None:
    """Require that a further table has the columns that were found in the training data.

    Raises:
        DataError: It lacks one.
    """
    for key, name in (
        ("text", columns.text),
        ("text_pair", columns.pair),
        ("label", columns.label),
    ):
        if name is not None and name not in table.columns:
            raise DataError(_missing(table, f"has no column {name!r} as the training data", key))


def find_labels(table: Table, column: str) -> tuple[str, ...]:
    """List the classes of the training data: sorted, numbers as numbers; or as the source has it.

    Raises:
        DataError: A label is missing or is no class, or all are the same.
    """
    found = {label_of(table, column, row) for row in range(len(table))}
    if len(found) < 2:
        raise DataError(
            f"{table.source}: every example has the label {found.pop()!r} (column {column!r});"
            " a classification needs at least two classes"
        )
    if column in table.names:
        return tuple(name for name in table.names[column] if name in found)
    if all(re.fullmatch(r"-?\d+", label) for label in found):
        return tuple(sorted(found, key=int))
    return tuple(sorted(found))


def label_of(table: Table, column: str, row: int) -> str:
    """Spell the label of a row.

    Raises:
        DataError: There is none, or it is no class.
    """
    value = table.columns[column][row]
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # a column with gaps makes floats of integers
    names = table.names.get(column)
    if names and isinstance(value, int) and 0 <= value < len(names):
        return names[value]
    if isinstance(value, bool):
        return str(value).lower()
    spelled = str(value).strip() if isinstance(value, str | int) else ""
    if not spelled:
        what = "no label" if _absent(value) else f"label {value!r} is no class"
        raise DataError(
            f"{table.place(row)}: {what} (column {column!r}); labels are words or whole numbers"
        )
    return spelled


def _absent(value: Any) -> bool:
    if isinstance(value, float):
        return math.isnan(value)
    return value is None or not str(value).strip()


def examples(
    table: Table, columns: Columns, labels: Mapping[str, int], skip_empty: bool
) -> Iterator[Example]:
    """Turn rows into examples.

    Args:
        table: Where they are.
        columns: Columns to read.
        labels: Index of each class.
        skip_empty: Leave out rows without a text; else they are an error.

    Raises:
        DataError: A text is missing or is no text, or a label is unknown.
    """
    for row, found in texts_of(table, columns, skip_empty):
        label = label_of(table, columns.label, row)
        if label not in labels:
            raise DataError(_unseen(table, row, label, labels))
        yield {**found, "label": labels[label]}


def texts_of(
    table: Table, columns: Columns, skip_empty: bool
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Read ``text``, and ``pair`` where there are two, of each row; arguments as :func:`examples`.

    Raises:
        DataError: A text is missing or is no text.
    """
    for row in range(len(table)):
        text = _text(table, columns.text, row)
        pair = _text(table, columns.pair, row) if columns.pair else None
        if "" in (text, pair):
            if skip_empty:
                continue
            column = columns.text if text == "" else columns.pair
            raise DataError(
                f"{table.place(row)}: no text (column {column!r}); fill it, or leave such rows out"
                " with `--set task.skip_empty=true`"
            )
        yield row, {"text": text, **({} if pair is None else {"pair": pair})}


def _text(table: Table, column: str, row: int) -> str:
    value = table.columns[column][row]
    if _absent(value):
        return ""
    if isinstance(value, dict | list | bytes):
        raise DataError(
            f"{table.place(row)}: column {column!r} holds {type(value).__name__}, not text;"
            " choose another with `--set task.text=NAME`"
        )
    return str(value).strip()


def _unseen(table: Table, row: int, label: str, labels: Mapping[str, int]) -> str:
    known = ", ".join(list(labels)[:SHOWN]) + (", ..." if len(labels) > SHOWN else "")
    if label == "-1":
        advice = "-1 means that the labels are withheld; use a split with labels"
    else:
        advice = "add examples of it to the training data, or mend the label"
    return f"{table.place(row)}: label {label!r} is unseen in training ({known}); {advice}"
