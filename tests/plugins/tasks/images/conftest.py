"""Image files made up on the spot."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from PIL import Image


def encoded(seed, size=(12, 10), mode="RGB", kind="PNG"):
    """Contents of an image file of noise."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (*reversed(size), 4), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(file, format=kind)
    return file.getvalue()


@pytest.fixture
def image_file():
    return encoded


@pytest.fixture
def folders(tmp_path):
    """Write a folder per class."""

    def write(name, counts, first=0):
        seed = first
        for label, count in counts.items():
            (tmp_path / name / label).mkdir(parents=True)
            for index in range(count):
                (tmp_path / name / label / f"{index}.png").write_bytes(encoded(seed))
                seed += 1
        return str(tmp_path / name)

    return write


@pytest.fixture
def parquet(tmp_path):
    """Write a Parquet file in Hugging Face's layout."""

    def write(name, labels, names=None, first=0, **columns):
        import pyarrow
        from pyarrow import parquet as files

        images = [
            {"bytes": encoded(first + row), "path": f"{row}.png"} for row in range(len(labels))
        ]
        table = pyarrow.table({**{"image": images, "label": labels}, **columns})
        if names:
            info = {"info": {"features": {"label": {"names": names, "_type": "ClassLabel"}}}}
            table = table.replace_schema_metadata({"huggingface": json.dumps(info)})
        files.write_table(table, tmp_path / name)
        return str(tmp_path / name)

    return write


@pytest.fixture
def settings():
    """How images are prepared, as an adapter says it."""
    return {
        "input_size": (3, 8, 8),
        "interpolation": "bicubic",
        "mean": (0.5, 0.5, 0.5),
        "std": (0.25, 0.25, 0.25),
        "crop_pct": 0.8,
        "crop_mode": "center",
    }
