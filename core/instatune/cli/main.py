"""The command ``instatune``: options, the choice of a command, and what becomes of errors.

Commands are modules with ``NAME``, ``HELP``, ``add_arguments(parser)`` and ``run(args) -> int``.
The table below repeats name and help, so that ``--help`` imports none of them.
"""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from instatune import __version__
from instatune.errors import InstatuneError

COMMANDS: tuple[tuple[str, str, str], ...] = (
    ("run", "run", "run a spec, or continue where it stopped"),
    (
        "compare",
        "compare",
        "compare search strategies on a benchmark, or continue where it stopped",
    ),
    ("check", "check", "check a spec without loading the model, in less than a second"),
    ("explain", "explain", "print the resolved spec and who stands behind each name"),
    (
        "profile",
        "profile",
        "tell the sizes of the networks and the time of each stage, before any training",
    ),
    (
        "plugins",
        "plugins",
        "list components, their distributions, and plugins that could not be loaded",
    ),
    ("new-plugin", "new_plugin", "write a complete package for a plugin of your own"),
    (
        "import",
        "import_",
        "turn results of another tool into a table to compare strategies on",
    ),
    ("schema", "schema", "print the JSON Schema of specs, for editors"),
)
"""Name, module in this package, and help of each command."""

ABOUT = "Fine-tune a transformer once, get the whole Pareto front of smaller ones."
EPILOG = """\
exit codes:
  0    done
  1    a bug in instatune or in a plugin
  2    something to mend: the command, the spec, the data, the disk
  3    a plugin is missing or misbehaves
  130  interrupted; a run or comparison continues with the same command
"""
BUG = 1
INTERRUPTED = 130
_RESUMABLE = ("run", "compare")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        argv: Arguments without the program's name; those of the process if None.

    Returns:
        The exit code, see :data:`EPILOG`.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    args = argparse.Namespace(verbose=False, command=None)
    try:
        _parser(words).parse_args(words, namespace=args)
        code: int = args.run(args)
        sys.stdout.flush()  # a closed pipe shows here, where it can still be told from a bug
        return code
    except SystemExit as end:  # argparse has said everything
        return int(end.code or 0)
    except BrokenPipeError:
        return _leave_pipe()
    except KeyboardInterrupt:
        return _interrupted(args)
    except InstatuneError as error:
        return _mendable(error, args)
    except Exception as error:
        return _bug(error, args)


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    """The parser; only the command that is asked for adds its own options."""
    parser = argparse.ArgumentParser(
        prog="instatune",
        description=ABOUT,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"instatune {__version__}")
    _add_globals(parser)
    parser.set_defaults(verbose=False, no_plugins=False, only_plugins=None)
    commands = parser.add_subparsers(metavar="COMMAND", required=True, dest="command")
    for name, module, about in COMMANDS:
        description = f"{about[0].upper()}{about[1:]}."
        command = commands.add_parser(name, help=about, description=description, allow_abbrev=False)
        _add_globals(command)
        if name in words:
            _add_command(command, module)
    return parser


def _add_globals(parser: argparse.ArgumentParser) -> None:
    """Options that may stand before or after the command."""
    options: dict[str, Any] = {"default": argparse.SUPPRESS}  # the later place must not reset
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="say more; show where errors arose", **options
    )
    who = parser.add_mutually_exclusive_group()
    who.add_argument(
        "--no-plugins", action="store_true", help="use only what comes with instatune", **options
    )
    who.add_argument(
        "--only-plugins", metavar="A,B", help="use only these plugins besides instatune", **options
    )


def _add_command(parser: argparse.ArgumentParser, module: str) -> None:
    found = import_module(f"instatune.cli.{module}")
    found.add_arguments(parser)
    parser.set_defaults(run=found.run)


def _mendable(error: InstatuneError, args: argparse.Namespace) -> int:
    if args.verbose:
        traceback.print_exc()
    else:
        print(error, file=sys.stderr)
    return error.exit_code


def _bug(error: Exception, args: argparse.Namespace) -> int:
    if args.verbose:
        traceback.print_exc()
    else:
        last = "".join(traceback.format_exception_only(error)).strip()
        print(f"{last}\nrun the command again with -v to see where", file=sys.stderr)
    print("this is a bug in instatune or in a plugin, not in your input", file=sys.stderr)
    return BUG


def _interrupted(args: argparse.Namespace) -> int:
    hint = "; run the same command again to continue" if args.command in _RESUMABLE else ""
    print(f"\ninterrupted{hint}", file=sys.stderr)
    return INTERRUPTED


def _leave_pipe() -> int:
    """The reader has had enough, e.g. ``instatune schema | head``: nothing is wrong."""
    # Python flushes standard output once more on exit, which must not fail again.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0
