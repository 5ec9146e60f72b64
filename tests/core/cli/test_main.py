from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from types import ModuleType

import pytest

from instatune import __version__
from instatune.cli import main as command_line
from instatune.cli.main import COMMANDS, main
from instatune.errors import DataError, PluginError

HEAVY = ("torch", "transformers", "sklearn", "pymoo", "scipy", "matplotlib", "accelerate")


@pytest.fixture
def command(monkeypatch):
    """A command ``act`` that raises what it is given."""

    def make(error: BaseException | None = None, code: int = 0):
        def run(args):
            module.args = args
            if error is not None:
                raise error
            return code

        module = ModuleType("instatune.cli.act")
        module.add_arguments = lambda parser: None
        module.run = run
        monkeypatch.setitem(sys.modules, "instatune.cli.act", module)
        monkeypatch.setattr(command_line, "COMMANDS", (("act", "act", "do it"),))
        return module

    return make


@pytest.mark.parametrize(("name", "module", "about"), COMMANDS)
def test_each_command_has_a_module_that_agrees_with_the_table(name, module, about):
    found = import_module(f"instatune.cli.{module}")
    assert (name, about) == (found.NAME, found.HELP)
    assert callable(found.add_arguments)
    assert callable(found.run)


def test_help_names_every_command_and_every_exit_code(capsys):
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    for name, _, _ in COMMANDS:
        assert f"\n    {name} " in text
    for code in ("0", "1", "2", "3", "130"):
        assert f"\n  {code:<4} " in text


@pytest.mark.parametrize("name", [name for name, _, _ in COMMANDS])
def test_each_command_has_help(name, capsys):
    assert main([name, "--help"]) == 0
    assert capsys.readouterr().out.startswith(f"usage: instatune {name}")


def test_version_is_that_of_the_package(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"instatune {__version__}\n"


@pytest.mark.parametrize(
    "words", [[], ["chekc"], ["check"], ["--nothing"], ["check", "x", "--no-plug"]]
)
def test_a_wrong_command_line_is_2(words, capsys):
    assert main(words) == 2
    assert "usage: instatune" in capsys.readouterr().err


def test_the_code_of_the_command_is_the_exit_code(command):
    command(code=7)
    assert main(["act"]) == 7


@pytest.mark.parametrize(
    "words",
    [
        ["-v", "--only-plugins", "a,b", "act"],
        ["act", "-v", "--only-plugins", "a,b"],
        ["-v", "act", "--only-plugins", "a,b"],
    ],
)
def test_global_options_stand_before_or_after_the_command(command, words):
    module = command()
    assert main(words) == 0
    assert module.args.verbose is True
    assert module.args.only_plugins == "a,b"
    assert module.args.no_plugins is False


def test_plugins_cannot_be_both_left_out_and_chosen(command):
    command()
    assert main(["act", "--no-plugins", "--only-plugins", "a"]) == 2


@pytest.mark.parametrize(("error", "code"), [(DataError("data: empty"), 2), (PluginError("p"), 3)])
def test_what_users_can_mend_is_told_without_a_traceback(command, capsys, error, code):
    command(error)
    assert main(["act"]) == code
    assert capsys.readouterr().err == f"{error}\n"


def test_verbose_shows_where_an_error_arose(command, capsys):
    command(DataError("data: empty"))
    assert main(["act", "-v"]) == 2
    text = capsys.readouterr().err
    assert "Traceback" in text
    assert "data: empty" in text


def test_a_bug_is_1_and_says_so(command, capsys):
    command(ZeroDivisionError("oops"))
    assert main(["act"]) == 1
    assert capsys.readouterr().err == (
        "ZeroDivisionError: oops\n"
        "run the command again with -v to see where\n"
        "this is a bug in instatune or in a plugin, not in your input\n"
    )
    assert main(["act", "-v"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_an_interrupted_command_is_130(command, capsys):
    command(KeyboardInterrupt())
    assert main(["act"]) == 130
    assert capsys.readouterr().err == "\ninterrupted\n"


def test_an_interrupted_run_says_how_to_go_on(command, capsys, monkeypatch):
    command(KeyboardInterrupt())
    monkeypatch.setattr(command_line, "COMMANDS", (("run", "act", "do it"),))
    assert main(["run"]) == 130
    assert "run the same command again to continue" in capsys.readouterr().err


def test_a_reader_that_goes_away_is_no_error():
    code = "import sys; from instatune.cli.main import main; sys.exit(main(['schema']))"
    writer = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    writer.stdout.close()
    assert writer.stderr.read() == b""
    writer.stderr.close()
    assert writer.wait() == 0


def test_python_m_is_the_same_command():
    done = subprocess.run(
        [sys.executable, "-m", "instatune", "--version"], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, f"instatune {__version__}\n")


def loaded_after(words: list[str], modules: tuple[str, ...]) -> str:
    code = (
        "import sys; from instatune.cli.main import main; code = main(sys.argv[1:])\n"
        f"print(*(m for m in {modules!r} if m in sys.modules), file=sys.stderr); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stderr.strip()


@pytest.mark.parametrize("words", [["--help"], ["--version"]])
def test_help_and_version_scan_no_plugins(words):
    assert loaded_after(words, (*HEAVY, "numpy", "pluggy", "yaml", "instatune_plugins")) == ""


@pytest.mark.parametrize(
    "words", [["check", "spec.yaml"], ["explain", "spec.yaml"], ["schema"], ["plugins"]]
)
def test_light_commands_import_nothing_heavy(spec_file, words):
    assert loaded_after(words, HEAVY) == ""
