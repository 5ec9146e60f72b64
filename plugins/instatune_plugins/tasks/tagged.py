"""From tables of tagged words to examples: finding the columns, naming the tags, checking both."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from instatune.errors import DataError
from instatune.interfaces import Example
from instatune_plugins.tasks.columns import SHOWN
from instatune_plugins.tasks.table import Table
from instatune_plugins.tasks.token_classification_config import TokenClassificationConfig

WORD_NAMES = ("tokens", "words", "token", "word")
TAG_NAMES = ("tags", "ner_tags", "labels", "ner", "pos_tags", "pos", "chunk_tags", "upos", "tag")


@attrs.frozen(kw_only=True)
class TaggedColumns:
    """Names of the columns in use."""

    tokens: str
    tags: str


def find_columns(config: TokenClassificationConfig, table: Table) -> TaggedColumns:
    """Take the columns that are set; find the others by the names that are common.

    Raises:
        DataError: A column is missing.
    """
    found = {}
    for key, known in (("tokens", WORD_NAMES), ("tags", TAG_NAMES)):
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
    return TaggedColumns(**found)


def check_columns(columns: TaggedColumns, table: Table) -> None:
    """Require that a further table has the columns that were found in the training data.

    Raises:
        DataError: It lacks one.
    """
    for key, name in attrs.asdict(columns).items():
        if name not in table.columns:
            raise DataError(
                f"{table.source}: has no column {name!r} as the training data; it has"
                f" {', '.join(map(repr, table.columns))}: name the same column for all with"
                f" `--set task.{key}=NAME`"
            )


def find_tags(table: Table, columns: TaggedColumns) -> tuple[str, ...]:
    """List the tags of the training data: sorted, or in the order that the source has.

    Raises:
        DataError: All words have the same one, or see :func:`sentences`.
    """
    found = {tag for _, tags in _rows(table, columns) for tag in tags}
    if len(found) < 2:
        raise DataError(
            f"{table.source}: every word has the tag {found.pop()!r} (column {columns.tags!r});"
            " a classification needs at least two"
        )
    known = table.names.get(columns.tags)
    return tuple(tag for tag in known if tag in found) if known else tuple(sorted(found))


def sentences(table: Table, columns: TaggedColumns, labels: Mapping[str, int]) -> Iterator[Example]:
    """Turn rows into examples.

    Args:
        table: Where they are.
        columns: Columns to read.
        labels: Index of each tag.

    Raises:
        DataError: No lists, lists of unlike lengths, an empty one, a word that is none, or a tag
            that is unknown.
    """
    for row, (words, tags) in enumerate(_rows(table, columns)):
        unseen = next((tag for tag in tags if tag not in labels), None)
        if unseen is not None:
            known = ", ".join(list(labels)[:SHOWN]) + (", ..." if len(labels) > SHOWN else "")
            raise DataError(
                f"{table.place(row)}: tag {unseen!r} of word {words[tags.index(unseen)]!r} is"
                f" unseen in training ({known}); add examples of it to the training data, or mend"
                " the tag"
            )
        yield {"words": tuple(words), "tags": tuple(labels[tag] for tag in tags)}


def _rows(table: Table, columns: TaggedColumns) -> Iterator[tuple[list[str], list[str]]]:
    """Words and tags of each row, checked."""
    names = table.names.get(columns.tags)
    for row in range(len(table)):
        words = _list(table, columns.tokens, row, "tokens")
        tags = _list(table, columns.tags, row, "tags")
        if len(words) != len(tags):
            raise DataError(
                f"{table.place(row)}: {len(words)} words but {len(tags)} tags; give each word one"
            )
        if not words:
            raise DataError(f"{table.place(row)}: a sentence without words; leave it out")
        yield (
            [_word(table, row, word) for word in words],
            [_tag(table, row, tag, names) for tag in tags],
        )


def _list(table: Table, column: str, row: int, key: str) -> list[Any]:
    value = table.columns[column][row]
    if not isinstance(value, list | tuple):
        found = "nothing" if value is None else f"{type(value).__name__} {value!r:.40}"
        raise DataError(
            f"{table.place(row)}: column {column!r} holds {found}, not a list; write one entry for"
            f' each word, like {{"tokens": ["Ada", "sleeps"], "tags": ["B-PER", "O"]}}, or choose'
            f" another column with `--set task.{key}=NAME`"
        )
    return list(value)


def _word(table: Table, row: int, word: Any) -> str:
    if not isinstance(word, str) or not word.strip():
        raise DataError(
            f"{table.place(row)}: {word!r} is no word; words are texts that are not empty"
        )
    return word


def _tag(table: Table, row: int, tag: Any, names: tuple[str, ...] | None) -> str:
    if isinstance(tag, bool) or not isinstance(tag, int | str) or not str(tag).strip():
        raise DataError(f"{table.place(row)}: {tag!r} is no tag; tags are words or whole numbers")
    if names and isinstance(tag, int):
        if not 0 <= tag < len(names):
            raise DataError(
                f"{table.place(row)}: tag {tag} is none of the {len(names)} that the source names;"
                " use a split with tags"
            )
        return names[tag]
    return str(tag).strip()
