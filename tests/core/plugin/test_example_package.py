"""Example 09 is a package as ``instatune new-plugin`` writes it, with a strategy of its own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from instatune.cli.new_plugin import Names, contents

PACKAGE = Path(__file__).parents[3] / "examples" / "09_strategy_plugin"
MADE = contents(Names(name="hill", kind="strategies"))
ADDED = {"compare.yaml", "tests/test_hill.py"}


def of_any_version(text: str) -> str:
    return re.sub(r"instatune>=[^\"]+", "instatune>=", text)


def test_it_has_the_files_that_the_command_writes_and_what_its_readme_names():
    there = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*")
        if path.is_file() and not {"__pycache__", ".pytest_cache"} & set(path.parts)
    }
    assert there == set(MADE) | ADDED
    readme = (PACKAGE / "README.md").read_text()
    named = there - {"README.md", "src/instatune_plugin_hill/py.typed"}
    assert [path for path in sorted(named) if path not in readme] == []


@pytest.mark.parametrize("path", ["pyproject.toml", "tests/test_contract.py"])
def test_what_need_not_be_edited_is_as_the_command_writes_it(path):
    assert of_any_version((PACKAGE / path).read_text()) == of_any_version(MADE[path])


def test_it_works_with_the_version_that_it_ships_with():
    required = re.search(r'instatune>=([^"]+)"', (PACKAGE / "pyproject.toml").read_text())[1]

    from packaging.version import Version

    from instatune import __version__

    assert Version(required) <= Version(__version__)
