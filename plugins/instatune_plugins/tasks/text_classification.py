"""Classification of texts, or pairs of texts, from files or from a dataset of a hub."""

from __future__ import annotations

import numpy as np

from instatune.errors import DataError
from instatune.interfaces import Example, Splits
from instatune_plugins.tasks import TextClassificationConfig
from instatune_plugins.tasks.classification import TextClassifier
from instatune_plugins.tasks.columns import check_columns, examples, find_columns, find_labels
from instatune_plugins.tasks.sources import read_tables
from instatune_plugins.tasks.splitting import balance, carve, carved_count, fingerprint, repeated
from instatune_plugins.tasks.table import Table


class TextClassification(TextClassifier):
    """Texts with labels, wherever they are."""

    config: TextClassificationConfig

    def load(self, seed: int) -> Splits:
        """Read the splits; carve the search split from the training data where it has no file.

        Args:
            seed: For carving, and for the choice where ``max_train`` asks for fewer examples.

        Raises:
            DataError: A table is missing, empty or damaged; see the messages.
        """
        tables = read_tables(self.config)
        train_table = tables["train"]
        columns = find_columns(self.config, train_table)
        names = find_labels(train_table, columns.label)
        indices = {name: i for i, name in enumerate(names)}
        read: dict[str, list[Example]] = {}
        for split, table in tables.items():
            check_columns(columns, table)
            read[split] = list(examples(table, columns, indices, self.config.skip_empty))
            if not read[split]:
                raise DataError(
                    f"{table.source}: all texts are empty (column {columns.text!r});"
                    " choose another with `--set task.text=NAME`"
                )
        return self._splits(read, names, _described(tables, read), seed)

    def _splits(
        self, read: dict[str, list[Example]], names: tuple[str, ...], source: str, seed: int
    ) -> Splits:
        rng = np.random.default_rng((seed, 0x5EA4C8))
        train, test = read["train"], read["test"]
        how = "as given"
        if "search" in read:
            search = read["search"]
        else:
            train, search = self._carve(train, rng)
            how = f"carved from train by class, seed {seed}"
        # Files are often sorted by class; who looks at the first examples only must see them all.
        search = [search[i] for i in rng.permutation(len(search))]
        if self.config.max_train is not None and self.config.max_train < len(train):
            _, train = carve(train, self.config.max_train, rng)
        return Splits(
            train=train,
            search=search,
            test=test,
            labels=names,
            fingerprint=fingerprint((train, search, test), names),
            description=(
                f"{source}: {len(train):,} train, {len(search):,} search ({how}),"
                f" {len(test):,} test examples; test has {balance(test, names)};"
                f" of the training texts {repeated(train, search):,} also occur in search and"
                f" {repeated(train, test):,} in test"
            ),
        )

    def _carve(
        self, train: list[Example], rng: np.random.Generator
    ) -> tuple[list[Example], list[Example]]:
        rest, search = carve(train, carved_count(self.config, len(train)), rng)
        if not search:
            given = self.config.search_examples is not None
            setting = "search_examples" if given else "search_share"
            raise DataError(
                f"task.{setting}: no class has an example to spare for the search split"
                f" ({len(train):,} training examples); give more, or a file with `search`"
            )
        return rest, search


def _described(tables: dict[str, Table], read: dict[str, list[Example]]) -> str:
    sources = ", ".join(table.source for table in tables.values())
    skipped = sum(len(table) - len(read[split]) for split, table in tables.items())
    return sources + (f" ({skipped:,} rows without text left out)" if skipped else "")
