"""Tables of images and labels: a folder for each class, Parquet files, a dataset of a hub.

Parquet files have Hugging Face's layout: a column of ``{"bytes": ..., "path": ...}`` with the
contents of image files, and a column of labels, whose names their metadata may hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from glob import glob
from pathlib import Path
from typing import Any

import attrs

from instatune.errors import DataError
from instatune_plugins.tasks.columns import LABEL_NAMES
from instatune_plugins.tasks.files import Layout, read_table
from instatune_plugins.tasks.images_config import ImageClassificationConfig
from instatune_plugins.tasks.table import Table

SUFFIXES = frozenset(
    {".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}
)
IMAGE_NAMES = ("image", "img", "picture", "photo", "jpg", "png")


def read_tables(config: ImageClassificationConfig) -> dict[str, Table]:
    """Read the splits that there are: train, perhaps search, test; columns ``image``, ``label``.

    Raises:
        DataError: Missing, empty, or not laid out as images with labels.
    """
    if config.dataset is not None:
        from instatune_plugins.tasks.hub import read_splits

        train, search, test = read_splits(config, images=True)
        found = {"train": train, "search": search, "test": test}
    else:
        paths = {"train": config.train, "search": config.search, "test": config.test}
        found = {
            split: _read(path, f"task.{split}") if path else None for split, path in paths.items()
        }
    return {split: _chosen(table, config) for split, table in found.items() if table is not None}


def _read(path: str, setting: str) -> Table:
    if any(sign in path for sign in "*?["):
        files = sorted(glob(str(Path(path).expanduser())))
        if not files:
            raise DataError(f"{path}: no file has such a name; correct it by --set {setting}=PATH")
        return _parquet(path, files, setting)
    place = Path(path).expanduser()
    if not place.exists():
        raise DataError(
            f"{place}: no such folder or file (seen from {Path.cwd()}); say where it is with"
            f" `--set {setting}=PATH`"
        )
    if place.is_dir():
        files = sorted(str(file) for file in place.glob("*.parquet"))
        return _parquet(path, files, setting) if files else _folder(place, setting)
    return _parquet(path, [str(place)], setting)


def _folder(root: Path, setting: str) -> Table:
    """Files by the name of the first folder below the root, however deep they lie in it."""
    images: list[str] = []
    labels: list[str] = []
    for folder in sorted(entry for entry in root.iterdir() if _visible(entry) and entry.is_dir()):
        for file in sorted(folder.rglob("*")):
            if file.suffix.lower() in SUFFIXES and _visible(file) and file.is_file():
                images.append(str(file))
                labels.append(folder.name)
    if not images:
        raise DataError(
            f"{root}: has no images; put those of each class into a sub-folder of its name, with"
            f" endings such as .jpg or .png, or give another folder by `--set {setting}=PATH`"
        )
    columns = {"image": images, "label": labels}
    return Table(source=str(root), columns=columns, setting=setting)


def _visible(path: Path) -> bool:
    return not path.name.startswith(".")


def _parquet(path: str, files: list[str], setting: str) -> Table:
    tables = [read_table(file, Layout(format="parquet"), setting) for file in files]
    first = tables[0]
    for table in tables:
        if table.columns.keys() != first.columns.keys() or table.names != first.names:
            raise DataError(
                f"{table.source}: has other columns or classes than {first.source}; give files of"
                " one dataset"
            )
    columns = {name: [v for t in tables for v in t.columns[name]] for name in first.columns}
    return attrs.evolve(first, source=path, columns=columns)


def _chosen(table: Table, config: ImageClassificationConfig) -> Table:
    """Keep the two columns in use, under names of ours."""
    image = _column(table, config.image, IMAGE_NAMES, "image")
    label = _column(table, config.label, LABEL_NAMES, "label")
    names = {"label": table.names[label]} if label in table.names else {}
    columns = {"image": table.columns[image], "label": table.columns[label]}
    return attrs.evolve(table, columns=columns, names=names)


def _column(table: Table, wanted: str | None, known: tuple[str, ...], key: str) -> str:
    found = wanted or next((name for name in known if name in table.columns), None)
    if found is None or found not in table.columns:
        what = f"no column {found!r}" if found else f"no column of a common name for {key}s"
        raise DataError(
            f"{table.source}: has {what}; it has {', '.join(map(repr, table.columns))}: choose one"
            f" with `--set task.{key}=NAME`"
        )
    return found


def image_of(table: Table, row: int) -> tuple[bytes | str, str]:
    """Contents or path of an image, and what to call it in messages.

    Raises:
        DataError: The row holds something else.
    """
    value: Any = table.columns["image"][row]
    path = value.get("path") if isinstance(value, Mapping) else None
    contents = value.get("bytes") if isinstance(value, Mapping) else value
    if isinstance(contents, str) and contents:
        return contents, contents
    name = table.place(row) + (f" ({path})" if path else "")
    if not isinstance(contents, bytes):
        raise DataError(
            f"{name}: holds no image but {type(contents).__name__}; a column with the bytes of"
            " image files is right: choose it with `--set task.image=NAME`"
        )
    return contents, name
