from __future__ import annotations

import warnings

import pytest

from instatune_plugins.tasks.docstrings import first_paragraph, from_compiled, from_sources


@pytest.mark.parametrize(
    ("docstring", "expected"),
    [
        ("  One line. ", "One line."),
        ("Two\n   lines.\n\n  More.", "Two lines."),
        ("First.\n   \t\nSecond.", "First."),
        ("sqrt(x)\n\nRoot of x.", "Root of x."),
        ("dict.get(k[, d]) -> D[k] if k in D, else d.\n\nLook up.", "Look up."),
        (">>> f(1)\n1\n\nThe function f.", "The function f."),
        ("f(x) gives y.", "f(x) gives y."),
        ("f(x)", ""),
        ("  \n ", ""),
    ],
)
def test_the_first_paragraph_of_prose_is_taken(docstring, expected):
    assert first_paragraph(docstring) == expected


SOURCE = '''"""Module."""
import nowhere_to_be_found
raise SystemExit("must never run")
def public():
    """Public."""
    def inner():
        """Inner."""
def _private():
    """Private."""
async def coroutine():
    """Coroutine."""
class Thing:
    """Class."""
    def __len__(self):
        """Special."""
    def _hidden(self):
        """Hidden."""
    class Nested:
        """Nested."""
if True:
    def on_some_platforms():
        """Conditional."""
else:
    def on_others():
        """Other."""
try:
    import fast
except ImportError:
    def slow():
        """Fallback."""
def undocumented(): pass
'''


@pytest.fixture
def library(tmp_path):
    (tmp_path / "pkg" / "sub").mkdir(parents=True)
    (tmp_path / "pkg" / "test").mkdir()
    (tmp_path / "site-packages").mkdir()
    (tmp_path / "pkg" / "__init__.py").write_text('"""Package."""')
    (tmp_path / "pkg" / "sub" / "mod.py").write_text(SOURCE)
    (tmp_path / "pkg" / "test" / "test_it.py").write_text('"""A test."""')
    (tmp_path / "site-packages" / "other.py").write_text('"""Other people\'s."""')
    (tmp_path / "bad.py").write_text("def (:")
    (tmp_path / "zero.py").write_bytes(b"\0")
    (tmp_path / "first.py").write_text('"""First."""')
    return tmp_path


def test_sources_are_parsed_and_never_run(library):
    found = list(from_sources(library, lambda name: True))

    assert found == [
        ("first", "First."),
        ("pkg", "Package."),
        ("pkg.sub.mod", "Module."),
        ("pkg.sub.mod.public", "Public."),
        ("pkg.sub.mod.coroutine", "Coroutine."),
        ("pkg.sub.mod.Thing", "Class."),
        ("pkg.sub.mod.Thing.__len__", "Special."),
        ("pkg.sub.mod.Thing.Nested", "Nested."),
        ("pkg.sub.mod.on_some_platforms", "Conditional."),
        ("pkg.sub.mod.on_others", "Other."),
        ("pkg.sub.mod.slow", "Fallback."),
    ]


def test_warnings_of_the_library_are_not_passed_on(tmp_path):
    (tmp_path / "old.py").write_text('"""Old."""\npattern = "\\d"\n')

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert list(from_sources(tmp_path, lambda name: True)) == [("old", "Old.")]


def test_modules_that_nobody_wants_are_not_read(library):
    assert list(from_sources(library, {"first"}.__contains__)) == [("first", "First.")]


def test_compiled_modules_give_functions_classes_and_methods():
    found = dict(from_compiled(["math", "itertools"]))

    assert found["math.sqrt"] == "Return the square root of x."
    assert "itertools.chain.from_iterable" in found
    assert "math" in found
    assert "math.pi" not in found  # a constant has the docstring of float
    assert not any(part.startswith("_") for name in found for part in name.split("."))


def test_compiled_modules_that_are_absent_are_left_out():
    assert list(from_compiled(["no_such_module_anywhere"])) == []


def test_what_a_process_puts_into_compiled_modules_changes_nothing(monkeypatch):
    def replaced():
        """Something else altogether."""

    before = list(from_compiled(["sys", "builtins"]))
    monkeypatch.setattr("sys.excepthook", replaced)
    monkeypatch.setattr("builtins.reveal", replaced, raising=False)

    assert list(from_compiled(["sys", "builtins"])) == before
