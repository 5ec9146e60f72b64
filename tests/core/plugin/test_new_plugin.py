"""``instatune new-plugin``: what it writes works as it is, and its test notices what breaks."""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from instatune.cli import new_plugin
from instatune.cli.new_plugin import Names, component_name, contents, write
from instatune.errors import PluginError, StoreError
from instatune.plugin.entries import KINDS, noun
from instatune.testing.plugins import FakeDistribution

ENTRY_POINT = re.compile(r'\[project\.entry-points\."(.+)"\]\n(\w+) = "(\w+)"')


def install(package: Path, site: Path) -> None:
    """Leave behind what ``pip install -e`` would, as the package's own pyproject.toml says."""
    text = (package / "pyproject.toml").read_text()
    found = ENTRY_POINT.search(text)
    points = {found[2]: found[3]} if found else {}
    name = re.search(r'^name = "(.+)"', text, re.MULTILINE)[1]
    requires = tuple(re.findall(r'dependencies = \["(.+)"\]', text))
    FakeDistribution(name=name, entry_points=points, requires=requires).write(site)


def run_tests(site: Path, *packages: Path) -> subprocess.CompletedProcess[str]:
    paths = [site, *(package / "src" for package in packages), *filter(None, sys.path)]
    return subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
            *("--import-mode=importlib", "-W", "error::UserWarning"),
            *(str(package / "tests") for package in packages),
        ],
        cwd=site,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def folders(tmp_path):
    site, packages = tmp_path / "site", tmp_path / "packages"
    site.mkdir()
    packages.mkdir()
    return site, packages


@pytest.mark.slow
def test_the_contract_tests_of_all_kinds_pass_before_the_first_edit(folders):
    site, where = folders
    packages = [write(Names(name=f"my_{noun(k)}", kind=k), where) for k in KINDS]
    for package in packages:
        install(package, site)

    done = run_tests(site, *packages)

    assert done.returncode == 0, done.stdout
    assert re.search(r"\d{3} passed", done.stdout)
    assert "skipped" not in done.stdout


def test_the_contract_test_passes_and_fails_when_the_registration_breaks(folders):
    site, where = folders
    package = write(Names(name="my_thing", kind="samplers"), where)
    install(package, site)
    assert run_tests(site, package).returncode == 0

    hook = package / "src/instatune_plugin_my_thing/__init__.py"
    hook.write_text(hook.read_text().replace("@hookimpl\n", ""))
    done = run_tests(site, package)

    assert done.returncode == 1
    assert "instatune_samplers is not marked as a hook; put @hookimpl above it" in done.stdout


def test_the_contract_test_fails_without_the_entry_point(folders):
    site, where = folders
    package = write(Names(name="my_thing", kind="executors"), where)
    project = package / "pyproject.toml"
    project.write_text(ENTRY_POINT.sub("", project.read_text()))
    install(package, site)

    done = run_tests(site, package)

    assert done.returncode == 1
    assert "no executor is called 'my_thing@instatune-plugin-my-thing'" in done.stdout


def test_the_contract_test_fails_when_the_class_is_renamed(folders):
    site, where = folders
    package = write(Names(name="my_thing", kind="samplers"), where)
    install(package, site)
    module = package / "src/instatune_plugin_my_thing/my_thing.py"
    module.write_text(module.read_text().replace("class MyThing(", "class Other("))

    done = run_tests(site, package)

    assert done.returncode == 1
    assert "has no 'MyThing'; correct the entry's target" in done.stdout


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_whole_package(kind):
    texts = contents(Names(name="my_thing", kind=kind))

    assert set(texts) == {
        "pyproject.toml",
        "README.md",
        "src/instatune_plugin_my_thing/__init__.py",
        "src/instatune_plugin_my_thing/my_thing.py",
        "src/instatune_plugin_my_thing/py.typed",
        "tests/test_contract.py",
    }
    assert 'my_thing = "instatune_plugin_my_thing"' in texts["pyproject.toml"]
    assert f"def instatune_{kind}()" in texts["src/instatune_plugin_my_thing/__init__.py"]
    assert not any("$" in text for text in texts.values())
    for path, text in texts.items():
        if path.endswith(".py"):
            compile(text, path, "exec")
        assert max(map(len, text.splitlines()), default=0) <= 100, path


def test_nothing_is_overwritten(tmp_path):
    names = Names(name="my_thing", kind="samplers")
    package = write(names, tmp_path)
    (package / "README.md").write_text("mine")

    with pytest.raises(PluginError, match="instatune-plugin-my-thing is there already; remove it"):
        write(names, tmp_path)

    assert (package / "README.md").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["instatune-plugin-my-thing"]


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(StoreError, match=r"cannot be written: .*; choose another --directory"):
        write(Names(name="my_thing", kind="samplers"), tmp_path / "file")


def test_names_that_hide_the_interface_are_refused(tmp_path):
    with pytest.raises(PluginError, match=r"'Sampler' is a name of instatune's own.*'my-sampler'"):
        write(Names(name="sampler", kind="samplers"), tmp_path)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("good", ["x", "my-thing", "my_thing", "bo2", "a-b-c"])
def test_names_with_hyphens_become_names_of_modules(good):
    assert component_name(good) == good.replace("-", "_")


@pytest.mark.parametrize("bad", ["", "My", "2x", "a--b", "-a", "a-", "a b", "class", "../x", "a.b"])
def test_names_that_can_be_no_module_are_refused(bad):
    with pytest.raises(argparse.ArgumentTypeError, match=r"cannot be used; .* e\.g\. my-thing"):
        component_name(bad)


def test_the_command_writes_and_says_what_comes_next(tmp_path, capsys):
    parser = argparse.ArgumentParser()
    new_plugin.add_arguments(parser)
    args = parser.parse_args(["my-thing", "--kind", "sampler", "--directory", str(tmp_path)])

    assert new_plugin.run(args) == 0

    out = capsys.readouterr().out
    assert "holds a working sampler called 'my_thing'" in out
    assert "instatune plugins --kind samplers" in out
    assert (tmp_path / "instatune-plugin-my-thing/pyproject.toml").is_file()
