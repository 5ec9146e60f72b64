"""From tables of questions with choices to examples: finding the columns, reading the answers."""

from __future__ import annotations

import string
from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from instatune.errors import DataError
from instatune.interfaces import Example
from instatune_plugins.tasks.multiple_choice_config import MultipleChoiceConfig
from instatune_plugins.tasks.table import Table

_NAMES = {
    "question": ("question", "context", "ctx", "query", "goal", "prompt", "sentence", "text"),
    "choices": ("choices", "endings", "options", "answers"),
    "answer": ("answer", "label", "answerKey", "answer_key", "gold", "target"),
}
"""Columns by what they hold, under their common names."""

_EXAMPLE = '{"question": "...", "choices": ["...", "..."], "answer": 0}'


@attrs.frozen(kw_only=True)
class QuestionColumns:
    """Names of the columns in use."""

    question: str
    choices: str
    answer: str


def find_columns(config: MultipleChoiceConfig, table: Table) -> QuestionColumns:
    """Take the columns that are set; find the others by the names that are common.

    Raises:
        DataError: A column is missing.
    """
    found = {}
    for key, known in _NAMES.items():
        wanted = getattr(config, key)
        names = known if wanted is None else (wanted,)
        name = next((name for name in names if name in table.columns), None)
        if name is None:
            what = f"no column {wanted!r}" if wanted else f"no column of a common name for {key}"
            raise DataError(
                f"{table.source}: has {what}; it has {', '.join(map(repr, table.columns))}: choose"
                f" one with `--set task.{key}=NAME`"
            )
        found[key] = name
    return QuestionColumns(**found)


def questions(table: Table, columns: QuestionColumns) -> Iterator[Example]:
    """Turn rows into examples.

    Raises:
        DataError: A column is missing, a question is empty, there are fewer than two choices, or
            the answer is none of them.
    """
    for key, name in attrs.asdict(columns).items():
        if name not in table.columns:
            raise DataError(
                f"{table.source}: has no column {name!r} as the training data; it has"
                f" {', '.join(map(repr, table.columns))}: name the same column for all with"
                f" `--set task.{key}=NAME`"
            )
    for row in range(len(table)):
        question = table.columns[columns.question][row]
        if not isinstance(question, str) or not question.strip():
            raise DataError(
                f"{table.place(row)}: no question (column {columns.question!r}); write one example"
                f" a line, like {_EXAMPLE}"
            )
        choices, keys = _choices(table, columns.choices, row)
        answer = _answer(table, columns.answer, row, choices, keys)
        yield {"question": question.strip(), "choices": choices, "answer": answer}


def _choices(table: Table, column: str, row: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Choices of a row, and what the source calls them; as ARC has both, in a mapping."""
    value: Any = table.columns[column][row]
    keys: Any = ()
    if isinstance(value, Mapping):
        value, keys = value.get("text"), value.get("label") or ()
    texts = list(value) if isinstance(value, list | tuple) else []
    if len(texts) < 2 or not all(isinstance(text, str) and text.strip() for text in texts):
        raise DataError(
            f"{table.place(row)}: column {column!r} does not hold two or more texts; write one"
            f" example a line, like {_EXAMPLE}"
        )
    return tuple(text.strip() for text in texts), tuple(str(key) for key in keys)


def _answer(
    table: Table, column: str, row: int, choices: tuple[str, ...], keys: tuple[str, ...]
) -> int:
    value = table.columns[column][row]
    if isinstance(value, str) and len(keys) == len(choices) and value.strip() in keys:
        return keys.index(value.strip())
    if isinstance(value, str) and choices.count(value.strip()) == 1:
        return choices.index(value.strip())
    index = _index(value)
    if index is None:
        raise DataError(
            f"{table.place(row)}: answer {value!r} (column {column!r}) is none of the choices;"
            " give the text of one of them, its index from 0, or its letter"
        )
    if not 0 <= index < len(choices):
        advice = "-1 means that answers are withheld; use a split with answers"
        raise DataError(
            f"{table.place(row)}: answer {value!r} (column {column!r}) is out of range; "
            + (advice if index == -1 else f"the choices count from 0 to {len(choices) - 1}")
        )
    return index


def _index(value: Any) -> int | None:
    """A number, a number written as a text, or a letter; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    text = value.strip() if isinstance(value, str) else ""
    if text.lstrip("-").isdecimal():
        return int(text)
    letter = string.ascii_uppercase.find(text) if len(text) == 1 else -1
    return letter if letter >= 0 else None
