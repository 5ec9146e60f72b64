from __future__ import annotations

import subprocess
import sys

import pytest

from instatune.interfaces import Task
from instatune_plugins.tasks import (
    PythonDocsConfig,
    TextClassificationConfig,
    instatune_tasks,
)


def test_targets_are_tasks():
    import importlib

    for entry in instatune_tasks():
        module, _, name = entry.target.partition(":")
        assert issubclass(getattr(importlib.import_module(module), name), Task)
        own = {"causal_lm", "multiple_choice", "token_classification"}
        others = {"text_regression": "regression"}
        kind = entry.name if entry.name in own else others.get(entry.name, "classification")
        assert entry.problem == kind
        assert entry.licence
        assert entry.config is not None


def test_entries_import_nothing_heavy():
    code = (
        "import sys; from instatune_plugins.tasks import instatune_tasks; list(instatune_tasks())\n"
        "assert not {'torch', 'transformers', 'pyarrow', 'datasets'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "give the files 'train' and 'test', or the name of a 'dataset'"),
        ({"train": "a.csv"}, "give the files 'train' and 'test', or the name of a 'dataset'"),
        ({"dataset": "glue", "train": "a.csv"}, "give either files .* or a 'dataset'"),
        ({"dataset": "glue", "text_pair": "b"}, "'text_pair' needs 'text'"),
        ({"dataset": "glue", "max_length": 2}, "'max_length' must be >= 8"),
        ({"dataset": "glue", "search_share": 1.0}, "'search_share' must be < 1"),
        ({"dataset": "glue", "search_examples": 0}, "'search_examples' must be >= 1"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        TextClassificationConfig(**settings)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.9])
def test_python_docs_keeps_enough_to_train_on(share):
    with pytest.raises(ValueError, match="'search_share' must be"):
        PythonDocsConfig(search_share=share)
