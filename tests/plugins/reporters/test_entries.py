from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import attrs
import pytest

from instatune.interfaces import Progress, Reporter
from instatune_plugins.reporters import (
    ConsoleConfig,
    FolderConfig,
    PngConfig,
    instatune_reporters,
)

ENTRIES = tuple(instatune_reporters())


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_every_target_is_a_reporter_that_takes_every_event(entry, tmp_path, summary):
    module, _, name = entry.target.partition(":")
    reporter = getattr(import_module(module), name)(entry.config(), tmp_path)

    assert isinstance(reporter, Reporter)
    reporter.run_started("title", ("load", "tune"))
    reporter.stage_started("load", "read")
    reporter.stage_skipped("load")
    reporter.progress(Progress(stage="tune", task="epoch 1", done=1, total=2))
    reporter.stage_finished("tune", 1.0, "done")
    reporter.message("text")
    assert all(path.is_file() for path in reporter.finished(summary))
    reporter.failed(KeyboardInterrupt())


def test_names_are_unique():
    assert [entry.name for entry in ENTRIES] == ["console", "html", "png", "csv", "json"]


@pytest.mark.parametrize("folder", ["", "/tmp/x", "../x", "a/../../b", "C:\\x"])  # noqa: S108
def test_a_folder_outside_of_the_run_is_refused(folder):
    with pytest.raises(ValueError, match="must be a folder inside the run folder"):
        FolderConfig(folder=folder)


def test_settings_out_of_range_are_refused():
    with pytest.raises(ValueError, match="dpi"):
        PngConfig(dpi=10)
    with pytest.raises(ValueError, match="interval_s"):
        ConsoleConfig(interval_s=0.0)


def test_defaults_are_usable():
    for entry in ENTRIES:
        assert attrs.has(entry.config)
        entry.config()


def test_the_list_of_reporters_is_light():
    code = (
        "import sys, instatune_plugins.reporters as r; list(r.instatune_reporters());"
        "bad = {'torch', 'matplotlib', 'rich', 'instatune.report'} & set(sys.modules);"
        "sys.exit(str(bad) if bad else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parent)


def test_the_page_is_written_without_torch_or_matplotlib():
    code = (
        "import sys, instatune_plugins.reporters.html, instatune_plugins.reporters.console;"
        "bad = {'torch', 'matplotlib', 'transformers', 'scipy'} & set(sys.modules);"
        "sys.exit(str(bad) if bad else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parent)
