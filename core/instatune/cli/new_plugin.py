"""``instatune new-plugin``: a complete package with one working component, to be edited.

The texts lie in ``templates/``: for each kind a module with the hook and a component, both real, so
that the contract test passes before the first edit. ``$name`` and its like are filled in.
"""

from __future__ import annotations

import keyword
import os
import re
import shlex
import tempfile
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from importlib.resources import files
from pathlib import Path
from string import Template

import attrs

from instatune import __version__
from instatune.cli.plugins import kind
from instatune.errors import PluginError, StoreError
from instatune.plugin.entries import KINDS, noun

NAME = "new-plugin"
HELP = "write a complete package for a plugin of your own"

_NAME = re.compile(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*")
_USES = {
    "adapters": "model: {adapter: $name, checkpoint: path/to/checkpoint}",
    "dimensions": "space: {$name: {shares: [0.5, 1.0]}}",
    "orderings": "order: {by: $name}",
    "samplers": "tune: {sampler: $name}",
    "schedules": "tune: {loss: $name}",
    "predictors": "search: {strategy: linas, predictor: $name}",
    "strategies": "search: {strategy: $name}",
    "quantizers": "quantizer: $name  # where the space holds bits to choose from",
    "objectives": "objectives: [accuracy, $name]",
    "tasks": "task: $name",
    "executors": "executor: $name",
    "reporters": "reporters: [console, $name]",
    "exporters": "exporters: [folder, $name]",
    "benchmarks": "benchmark: $name  # of a comparison, see instatune compare --help",
}
"""How a spec uses a component of each kind."""


@attrs.frozen(kw_only=True)
class Names:
    """Everything that is derived from the name and the kind of a new plugin.

    Attributes:
        name: The component, e.g. ``my_thing``.
        kind: Its kind.
    """

    name: str
    kind: str

    @property
    def distribution(self) -> str:
        """Name of the distribution and of its folder."""
        return f"instatune-plugin-{self.name.replace('_', '-')}"

    @property
    def package(self) -> str:
        """Name to import."""
        return f"instatune_plugin_{self.name}"

    @property
    def as_class(self) -> str:
        """Name of the class."""
        return "".join(part.capitalize() for part in self.name.split("_"))

    def fill(self, text: str) -> str:
        """Put the names into a template."""
        use = Template(_USES[self.kind]).substitute(name=self.name)
        word = noun(self.kind)
        return Template(text).substitute(
            name=self.name,
            kind=self.kind,
            noun=word,
            distribution=self.distribution,
            package=self.package,
            cls=self.as_class,
            contract=f"{word.capitalize()}Contract",
            instatune=__version__,
            use=use,
        )


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options of this command."""
    singular = ", ".join(noun(known) for known in KINDS)
    parser.add_argument("name", metavar="NAME", type=component_name, help="e.g. my-thing")
    parser.add_argument(
        "--kind", metavar="KIND", type=kind, required=True, help=f"what it is: {singular}"
    )
    parser.add_argument(
        "--directory", type=Path, default=Path(), help="where its folder goes (default: here)"
    )


def component_name(text: str) -> str:
    """Turn a name with hyphens into one of a component.

    Raises:
        ArgumentTypeError: It cannot be the name of a module and of a class.
    """
    name = text.replace("-", "_")
    if not _NAME.fullmatch(text) or keyword.iskeyword(name):
        raise ArgumentTypeError(
            f"{text!r} cannot be used; take lower case letters and digits with single hyphens "
            "between, e.g. my-thing"
        )
    return name


def run(args: Namespace) -> int:
    """Write the package and say what comes next."""
    names = Names(name=args.name, kind=args.kind)
    folder = write(names, args.directory)
    print(f"{folder} holds a working {noun(names.kind)} called {names.name!r}. Next:\n")
    for command in (
        f"cd {shlex.quote(str(folder))}",
        "pip install -e '.[test]'",
        "pytest",
        f"instatune plugins --kind {names.kind}",
    ):
        print(f"  {command}")
    print(f"\nThen edit src/{names.package}/{names.name}.py.")
    return 0


def write(names: Names, directory: Path) -> Path:
    """Write a whole package, or nothing.

    Args:
        names: What it is called.
        directory: Existing folder that gets a new one.

    Returns:
        The new folder.

    Raises:
        PluginError: The name collides with what the package needs, or the folder is there already.
        StoreError: The folder cannot be written.
    """
    _refuse_collisions(names)
    target = directory / names.distribution
    if os.path.lexists(target):
        raise PluginError(f"{target} is there already; remove it or choose another name")
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".new-plugin-", dir=directory) as scratch:
            whole = Path(scratch) / names.distribution
            for name, text in contents(names).items():
                file = whole / name
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text, encoding="utf-8")
            whole.rename(target)
    except OSError as error:
        raise StoreError(
            f"{target}: cannot be written: {error.strerror or error}; choose another --directory"
        ) from error
    return target


def contents(names: Names) -> dict[str, str]:
    """Texts of all files by their path inside the package's folder."""
    test = "tests/adapters" if names.kind == "adapters" else "tests/contract"
    source = f"src/{names.package}"
    parts = {
        "pyproject.toml": "pyproject.toml",
        "README.md": "README.md",
        f"{source}/__init__.py": f"hooks/{names.kind}.py",
        f"{source}/{names.name}.py": f"components/{names.kind}.py",
        "tests/test_contract.py": f"{test}.py",
    }
    texts = {path: names.fill(_template(template)) for path, template in parts.items()}
    return {**texts, f"{source}/py.typed": ""}


def _template(name: str) -> str:
    return (files("instatune.cli") / "templates" / f"{name}.txt").read_text(encoding="utf-8")


def _refuse_collisions(names: Names) -> None:
    """The class must not hide the interfaces that its module imports."""
    from instatune import interfaces, space

    if names.as_class in {*interfaces.__all__, *space.__all__}:
        raise PluginError(
            f"{names.as_class!r} is a name of instatune's own; choose another one than "
            f"{names.name!r}, e.g. 'my-{names.name.replace('_', '-')}'"
        )
