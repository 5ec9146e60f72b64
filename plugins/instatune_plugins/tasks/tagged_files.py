"""Reading files of tagged words: columns as in the CoNLL shared tasks, or tables of lists.

A line of a CoNLL file holds a word, its tag and perhaps more columns between them; an empty line
ends a sentence (Tjong Kim Sang and De Meulder, "Introduction to the CoNLL-2003 Shared Task", 2003).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import attrs

from instatune.data_files import lines
from instatune.errors import DataError
from instatune_plugins.tasks.files import SUFFIXES, Layout, existing, read_table
from instatune_plugins.tasks.table import Table
from instatune_plugins.tasks.token_classification_config import TokenClassificationConfig

_DOCUMENT = "-DOCSTART-"
WORDS, TAGS = "tokens", "tags"
"""Names of the columns that a CoNLL file is read into."""


def read_tagged(config: TokenClassificationConfig, path: str, setting: str) -> Table:
    """Read a file into columns of lists, one row for each sentence.

    Args:
        config: How the file is written.
        path: The file.
        setting: The setting that names it, for messages.

    Raises:
        DataError: Missing, empty, damaged, or not what its name says.
    """
    file = existing(path, setting)
    suffixes = [suffix.lower() for suffix in file.suffixes if suffix.lower() != ".gz"]
    by_name = SUFFIXES.get(suffixes[-1]) if suffixes else None
    if config.format == "jsonl" or (config.format == "auto" and by_name == "jsonl"):
        return read_table(path, Layout(format="jsonl"), setting)
    if config.format == "parquet" or (config.format == "auto" and by_name == "parquet"):
        return read_table(path, Layout(format="parquet"), setting)
    table = _conll(file, config)
    if len(table) == 0:
        raise DataError(
            f"{file}: has no sentences; give a file with a word and its tag on each line by"
            f" `--set {setting}=PATH`"
        )
    return attrs.evolve(table, setting=setting)


def _conll(file: Path, config: TokenClassificationConfig) -> Table:
    starts: list[int] = []
    words: list[list[str]] = []
    tags: list[list[str]] = []
    open_ = False
    for number, fields in _fields(file, config):
        if not fields:
            open_ = False
            continue
        if not open_:
            starts.append(number)
            words.append([])
            tags.append([])
            open_ = True
        words[-1].append(fields[config.word_column].strip())
        tags[-1].append(fields[config.tag_column].strip())
    return Table(source=str(file), columns={WORDS: words, TAGS: tags}, lines=starts)


def _fields(file: Path, config: TokenClassificationConfig) -> Iterator[tuple[int, list[str]]]:
    """Columns of each line, none at the end of a sentence."""
    first: tuple[int, int] | None = None
    for number, line in lines(file):
        text = line.rstrip("\r\n")
        if config.comment is not None and text.startswith(config.comment):
            continue
        fields = text.split(config.separator) if text.strip() else []
        if fields[:1] == [_DOCUMENT]:
            fields = []
        if fields:
            first = first or (number, len(fields))
            _check(file, number, fields, first, config)
        yield number, fields


def _check(
    file: Path,
    number: int,
    fields: list[str],
    first: tuple[int, int],
    config: TokenClassificationConfig,
) -> None:
    line, count = first
    if len(fields) != count:
        raise DataError(
            f"{file}:{number}: {len(fields)} columns, but line {line} has {count}; give each word"
            " its tag, end sentences with an empty line, or set `separator` where words hold spaces"
        )
    places = {"word_column": config.word_column, "tag_column": config.tag_column}
    for setting, place in places.items():
        if not -count <= place < count:
            raise DataError(
                f"{file}:{number}: {count} columns, but task.{setting} is {place}; columns count"
                " from 0, or from -1 backwards"
            )
    if places["word_column"] % count == places["tag_column"] % count:
        raise DataError(
            f"{file}:{number}: {count} column{'s' if count > 1 else ''}, words and tags are read"
            " from the same one; write a word and its tag on each line, or set `tag_column`"
        )
