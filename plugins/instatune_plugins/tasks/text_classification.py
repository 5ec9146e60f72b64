"""Classification of texts, or pairs of texts, from files or from a dataset of a hub."""

from __future__ import annotations

import numpy as np

from instatune.errors import DataError
from instatune.interfaces import Example, Splits
from instatune_plugins.tasks import TextClassificationConfig
from instatune_plugins.tasks.classification import TextClassifier
from instatune_plugins.tasks.columns import check_columns, examples, find_columns, find_labels
from instatune_plugins.tasks.files import Layout, read_table
from instatune_plugins.tasks.splitting import balance, carve, fingerprint, repeated
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
        tables = self._tables()
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

    def _tables(self) -> dict[str, Table]:
        config = self.config
        if config.dataset is not None:
            from instatune_plugins.tasks.hub import read_splits

            train, search, test = read_splits(config)
            found = {"train": train, "search": search, "test": test}
            return {split: table for split, table in found.items() if table is not None}
        layout = Layout(format=config.format, quoting=config.quoting, columns=config.columns)
        paths = {"train": config.train, "search": config.search, "test": config.test}
        return {
            split: read_table(path, layout, f"task.{split}")
            for split, path in paths.items()
            if path is not None
        }

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
        config = self.config
        count = config.search_examples or round(config.search_share * len(train))
        setting = "search_share" if config.search_examples is None else "search_examples"
        if not 0 < count < len(train):
            raise DataError(
                f"task.{setting}: {count:,} of {len(train):,} training examples cannot be carved;"
                " some must go and some must stay: change it, or give a file with `search`"
            )
        rest, search = carve(train, count, rng)
        if not search:
            raise DataError(
                f"task.{setting}: no class has an example to spare for the search split"
                f" ({len(train):,} training examples); give more, or a file with `search`"
            )
        return rest, search


def _described(tables: dict[str, Table], read: dict[str, list[Example]]) -> str:
    sources = ", ".join(table.source for table in tables.values())
    skipped = sum(len(table) - len(read[split]) for split, table in tables.items())
    return sources + (f" ({skipped:,} rows without text left out)" if skipped else "")
