"""Plugins under test: is a module light, and distributions that exist for one test only."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import attrs

from instatune.plugin.sources import GROUP
from instatune.testing.expect import expect

HEAVY = (
    "torch",
    "transformers",
    "datasets",
    "sklearn",
    "pymoo",
    "accelerate",
    "matplotlib",
    "scipy",
    "timm",
)
"""What modules with hooks must not import: they are read by every ``instatune check``."""


def assert_light(module: str) -> None:
    """Import a module in a fresh process and expect that nothing heavy comes with it.

    Raises:
        AssertionError: The import fails, or brings torch or one of its kind.
    """
    script = f"import sys, {module}; print(*(m for m in {HEAVY!r} if m in sys.modules))"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run(  # noqa: S603 - our own interpreter, on the module under test
        [sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=False
    )
    expect(done.returncode == 0, f"module {module!r} cannot be imported:\n{done.stderr}")
    heavy = done.stdout.split()
    expect(
        not heavy,
        f"importing {module!r} brings {', '.join(heavy)}; import it in the component's module or "
        "inside a function, so that `instatune check` stays quick",
    )


@attrs.frozen(kw_only=True)
class FakeDistribution:
    """What an installed distribution leaves behind: modules and metadata.

    Attributes:
        name: Name of the distribution.
        modules: Source text by name of the module.
        version: Version of the distribution.
        entry_points: Value by name; every module under its own name if None.
        requires: Requirements of the distribution.
        group: Group of the entry points.
    """

    name: str
    modules: Mapping[str, str] = attrs.field(factory=dict)
    version: str = "1.0"
    entry_points: Mapping[str, str] | None = None
    requires: tuple[str, ...] = ()
    group: str = GROUP

    def write(self, folder: Path) -> Path:
        """Write into a folder, which :func:`on_path` makes known; gives the metadata's folder."""
        for module, text in self.modules.items():
            file = folder / f"{module.replace('.', '/')}.py"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        info = folder / f"{self.name.replace('-', '_')}-{self.version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(self._metadata(), encoding="utf-8")
        (info / "entry_points.txt").write_text(self._entry_points(), encoding="utf-8")
        return info

    def _metadata(self) -> str:
        lines = ["Metadata-Version: 2.1", f"Name: {self.name}", f"Version: {self.version}"]
        lines += [f"Requires-Dist: {requirement}" for requirement in self.requires]
        return "\n".join(lines) + "\n"

    def _entry_points(self) -> str:
        points = self.entry_points
        if points is None:
            points = {module: module for module in self.modules}
        lines = [f"[{self.group}]", *(f"{name} = {value}" for name, value in points.items())]
        return "\n".join(lines) + "\n"


@contextmanager
def on_path(folder: Path) -> Iterator[Path]:
    """Put a folder in front of the import path; forget its modules afterwards."""
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        yield folder
    finally:
        sys.path.remove(str(folder))
        for name, module in list(sys.modules.items()):
            file = getattr(module, "__file__", None) or ""
            if file.startswith(f"{folder}{os.sep}"):
                del sys.modules[name]
        importlib.invalidate_caches()
