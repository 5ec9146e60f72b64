"""``instatune plugins`` in a process of its own, as people call it."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from instatune import __version__
from instatune.cli.plugins import _print_table
from instatune.testing.plugins import FakeDistribution

SCRIPT = "import sys; from instatune.cli.main import main; code = main(); {after}sys.exit(code)"
BROKEN = "import botorch_is_not_here"
SAMPLER = """
from instatune.plugin import hookimpl
from instatune.plugin.entries import SamplerEntry

@hookimpl
def instatune_samplers():
    yield SamplerEntry(name="uniform", target="acme_mod:U", draws_largest=True,
                       summary="with [brackets]", stability="experimental",
                       requires=("no-such-thing>=2",))
"""


@pytest.fixture
def instatune(tmp_path):
    """Call the command; distributions written to ``instatune.site`` are installed for it."""

    def call(*words: str, after: str = "", **environment: str):
        paths = [str(tmp_path), *(path for path in sys.path if path)]
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("INSTATUNE_")}
        return subprocess.run(
            [sys.executable, "-c", SCRIPT.format(after=after), *words],
            env={**inherited, "PYTHONPATH": os.pathsep.join(paths), **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    call.site = tmp_path
    return call


def test_it_lists_components_with_their_origin(instatune):
    done = instatune("plugins")

    assert done.returncode == 0, done.stderr
    heads, *rows = done.stdout.splitlines()
    assert heads.split() == ["kind", "name", "from", "stability", "summary", "missing"]
    (uniform,) = [row for row in rows if row.split()[1:2] == ["uniform"]]
    assert uniform.split()[:5] == ["samplers", "uniform", "instatune", __version__, "stable"]


def test_it_is_light(instatune):
    done = instatune(
        "plugins", after="print('HEAVY', 'torch' in sys.modules, 'rich' in sys.modules); "
    )

    assert done.stdout.splitlines()[-1] == "HEAVY False False"


@pytest.mark.parametrize("kind", ["sampler", "samplers"])
def test_one_kind_can_be_chosen(instatune, kind):
    done = instatune("plugins", "--kind", kind)

    kinds = {row.split()[0] for row in done.stdout.splitlines()[1:]}
    assert kinds == {"samplers"}


def test_an_unknown_kind_is_refused(instatune):
    done = instatune("plugins", "--kind", "sample")

    assert done.returncode == 2
    assert "invalid kind value: 'sample'" in done.stderr


def test_an_empty_kind_says_so(capsys):
    # With instatune itself installed no kind is empty, so this is asked for in this process.
    _print_table(())

    assert capsys.readouterr().out == "no component of this kind is on offer\n"


def test_broken_plugins_are_told_and_do_not_change_the_exit_code(instatune):
    FakeDistribution(name="acme", modules={"acme_mod": BROKEN}, version="0.2").write(instatune.site)

    done = instatune("plugins")

    assert done.returncode == 0
    assert "Not loaded (1):" in done.stdout
    assert (
        "  acme 0.2, entry point acme_mod: "
        "ModuleNotFoundError: No module named 'botorch_is_not_here'"
    ) in done.stdout
    assert "Traceback" not in done.stdout
    assert "(-v shows where Python failed)" in done.stdout


def test_verbose_shows_where_python_failed(instatune):
    FakeDistribution(name="acme", modules={"acme_mod": BROKEN}).write(instatune.site)

    done = instatune("plugins", "-v")

    assert "    Traceback (most recent call last):" in done.stdout
    assert "import botorch_is_not_here" in done.stdout


def test_clashes_and_missing_requirements_are_shown(instatune):
    FakeDistribution(name="acme", modules={"acme_mod": SAMPLER}).write(instatune.site)

    out = instatune("plugins", "--kind", "sampler").stdout

    (theirs,) = [row for row in out.splitlines() if "uniform@acme" in row]
    assert "acme 1.0" in theirs
    assert "experimental" in theirs
    assert "with [brackets]" in theirs
    assert theirs.endswith("pip install 'no-such-thing>=2'")
    assert "uniform@instatune" in out


def test_json_holds_everything(instatune):
    FakeDistribution(name="acme", modules={"acme_mod": BROKEN}).write(instatune.site)
    FakeDistribution(name="other", modules={"other_mod": SAMPLER}).write(instatune.site)

    data = json.loads(instatune("plugins", "--json", "--kind", "samplers").stdout)

    assert data["instatune"] == __version__
    (theirs,) = [c for c in data["components"] if c["distribution"] == "other"]
    assert theirs == {
        "kind": "samplers",
        "name": "uniform@other",
        "distribution": "other",
        "version": "1.0",
        "module": "other_mod",
        "target": "acme_mod:U",
        "stability": "experimental",
        "summary": "with [brackets]",
        "missing": ["no-such-thing>=2"],
    }
    (broken,) = data["broken"]
    assert (broken["distribution"], broken["kind"]) == ("acme", None)
    assert broken["traceback"].startswith("Traceback")


def test_strict_discovery_comes_from_the_environment(instatune):
    FakeDistribution(name="acme", modules={"acme_mod": BROKEN}).write(instatune.site)

    done = instatune("plugins", INSTATUNE_STRICT_PLUGINS="1")

    assert done.returncode == 3
    assert "plugin acme 1.0 (ModuleNotFoundError" in done.stderr


@pytest.mark.parametrize("value", ["", "0", "false", "No"])
def test_strict_discovery_can_be_switched_off(instatune, value):
    FakeDistribution(name="acme", modules={"acme_mod": BROKEN}).write(instatune.site)

    assert instatune("plugins", INSTATUNE_STRICT_PLUGINS=value).returncode == 0


def test_no_plugins_leaves_what_comes_with_instatune(instatune):
    FakeDistribution(name="acme", modules={"acme_mod": SAMPLER}).write(instatune.site)

    out = instatune("--no-plugins", "plugins", "--kind", "sampler").stdout

    assert "acme" not in out.split("Left out")[0]
    assert "Left out on request: acme" in out


def test_only_plugins_adds_to_what_comes_with_instatune(instatune):
    for name in ("acme", "other"):
        text = SAMPLER.replace('"uniform"', f'"{name}_sampler"')
        FakeDistribution(name=name, modules={f"{name}_mod": text}).write(instatune.site)

    out = instatune("--only-plugins", "acme", "plugins", "--kind", "sampler").stdout

    assert "acme_sampler" in out
    assert "sandwich" in out
    assert "other_sampler" not in out


def test_only_plugins_of_something_unknown_is_an_error(instatune):
    done = instatune("--only-plugins", "acme", "plugins")

    assert done.returncode == 3
    assert "no plugin is called 'acme'; there are: instatune" in done.stderr


def test_a_terminal_gets_a_table(capsys, monkeypatch):
    from argparse import Namespace

    from instatune.cli import plugins

    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "120")
    options = {"json": False, "verbose": False, "no_plugins": True, "only_plugins": None}

    assert plugins.run(Namespace(kind="objectives", **options)) == 0

    out = capsys.readouterr().out
    assert "─" in out
    assert "agreement" in out
    assert "(experimental)" in out
    assert out.count("objectives") == 1
