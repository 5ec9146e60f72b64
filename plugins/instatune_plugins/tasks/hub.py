"""Reading tables with the library ``datasets``: from the Hugging Face hub, its cache, or a folder.

``HF_HUB_OFFLINE=1`` keeps it from the network; what is in the cache is still found.
"""

from __future__ import annotations

from typing import Any, Protocol

from instatune.errors import DataError
from instatune_plugins.tasks.table import Table

_PLAIN = ("Value", "ClassLabel")
_NESTED = ("List", "LargeList", "Sequence", "dict")  # kinds of columns, by their class


class HubConfig(Protocol):
    """The settings of a task that say what to read, as in ``text_classification``."""

    @property
    def dataset(self) -> str | None:
        """Name on the hub, or a folder."""

    @property
    def subset(self) -> str | None:
        """Configuration of the dataset."""

    @property
    def revision(self) -> str | None:
        """Commit or tag."""

    @property
    def train_split(self) -> str:
        """Split to tune on."""

    @property
    def test_split(self) -> str | None:
        """Split for the end; None: found."""

    @property
    def search_split(self) -> str | None:
        """Split for the search; None: carved."""


def read_splits(
    config: HubConfig, *, images: bool = False, lists: bool = False
) -> tuple[Table, Table | None, Table]:
    """Read the training, search (None: to be carved) and test split of a dataset.

    Args:
        config: Which dataset, which splits.
        images: Whether to read columns of images too, as ``{"bytes": ..., "path": ...}``.
        lists: Whether to read columns of lists and mappings too.

    Raises:
        DataError: ``datasets`` is not installed, or it does not find the dataset or a split.
    """
    splits = _load(config)
    if images:
        splits = {name: _undecoded(split) for name, split in splits.items()}
    train = _table(config, splits, config.train_split, "train_split", lists)
    search = None
    if config.search_split is not None:
        search = _table(config, splits, config.search_split, "search_split", lists)
    test = config.test_split or _labelled(config, splits)
    return train, search, _table(config, splits, test, "test_split", lists)


def _load(config: HubConfig) -> Any:
    try:
        import datasets
    except ImportError as error:
        raise DataError(
            f"task.dataset: {config.dataset!r} needs the package datasets;"
            " pip install 'instatune[datasets]', or give files with `train` and `test`"
        ) from error
    try:
        return datasets.load_dataset(config.dataset, config.subset, revision=config.revision)
    except Exception as error:  # the library raises errors of a dozen packages
        raise DataError(_explain(config, error)) from error


def _explain(config: HubConfig, error: Exception) -> str:
    name = f"{config.dataset!r}" + (f" (subset {config.subset!r})" if config.subset else "")
    lines = str(error).strip().splitlines() or [""]
    reason = f"{type(error).__name__}: {lines[0]}"
    advice = "check dataset, subset and revision, and the connection"
    if _offline():
        advice = "HF_HUB_OFFLINE is set, so only what was downloaded before is found; unset it"
    return f"task.dataset: {name} cannot be loaded ({reason}); {advice}, or give files instead"


def _offline() -> bool:
    from huggingface_hub import constants

    return bool(constants.HF_HUB_OFFLINE)


def _labelled(config: HubConfig, splits: Any) -> str:
    """Choose the test split: GLUE and others publish theirs without labels, as -1."""
    for name in ("test", "validation", "dev"):
        if name in splits and name not in (config.train_split, config.search_split):
            table = _table(config, splits, name, "test_split")
            if all(-1 not in table.columns[column] for column in table.names):
                return name
    raise DataError(
        f"task.dataset: {config.dataset!r} has no labelled split to test on among"
        f" {', '.join(splits)}; name one with `--set task.test_split=NAME`"
    )


def _table(config: HubConfig, splits: Any, name: str, setting: str, lists: bool = False) -> Table:
    if name not in splits:
        raise DataError(
            f"task.{setting}: {config.dataset!r} has no split {name!r}; it has {', '.join(splits)}"
        )
    data = splits[name]
    if len(data) == 0:
        raise DataError(f"task.{setting}: split {name!r} of {config.dataset!r} is empty")
    wanted = _PLAIN + (_NESTED if lists else ())
    plain = {
        column: feature
        for column, feature in data.features.items()
        if type(feature).__name__ in wanted or _is_undecoded(feature)
    }
    inner = {column: getattr(feature, "feature", feature) for column, feature in plain.items()}
    names = {c: tuple(f.names) for c, f in inner.items() if getattr(f, "names", None)}
    return Table(
        source=f"{config.dataset} [{name}]",
        columns={column: data[column][:] for column in plain},  # no decoded images
        names=names,
        setting=f"task.{setting}",
    )


def _undecoded(split: Any) -> Any:
    """Give the contents of image files instead of images, which would fill the memory."""
    for column, feature in split.features.items():
        if type(feature).__name__ == "Image":
            split = split.cast_column(column, type(feature)(decode=False))
    return split


def _is_undecoded(feature: Any) -> bool:
    return type(feature).__name__ == "Image" and not getattr(feature, "decode", True)
