"""Tables of text: what is read, and where a mistake is."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from instatune.errors import DataError
from instatune.tables import read_table


@pytest.fixture
def file(tmp_path):
    def write(text: str | bytes, name: str = "t.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(path)

    return write


def test_cells_know_their_line(file):
    table = read_table(file('a,b\n\n1, x \n"2","multi\nline"\n3,z\n'))
    assert list(table["a"]) == ["1", "2", "3"]
    assert list(table["b"]) == ["x", "multi\nline", "z"]
    assert table.lines == [3, 5, 6]  # a row that spans lines is where it ends
    assert table.place(2).endswith("t.csv:6")


@pytest.mark.parametrize("name", ["t.tsv", "t.tsv.gz", "t.csv.gz"])
def test_the_name_tells_the_format(file, name):
    text = "a,b\n1,2\n".replace(",", "\t" if "tsv" in name else ",").encode()
    table = read_table(file(gzip.compress(text) if name.endswith("gz") else text, name))
    assert dict(table.columns) == {"a": ["1"], "b": ["2"]}


def test_parquet_gives_the_same_cells(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    path = tmp_path / "t.parquet"
    columns = {"a": [1, 2], "b": [0.5, None], "c": [["x", "y"], ["z"]]}
    parquet.write_table(pyarrow.table(columns), path)
    table = read_table(str(path))
    assert dict(table.columns) == {"a": ["1", "2"], "b": ["0.5", ""], "c": ["x y", "z"]}
    with pytest.raises(DataError, match=r"t\.parquet: row 2: no value \(column 'b'\)"):
        table.numbers("b")


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20))
def test_numbers_come_back_as_they_were_written(tmp_path_factory, values):
    path = tmp_path_factory.mktemp("numbers") / "t.csv"
    path.write_text("v,w\n" + "".join(f"{value!r},x\n" for value in values))
    assert np.array_equal(read_table(str(path)).numbers("v"), np.array(values))


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        ("", "t.csv", r"t\.csv: has no rows; give a table with a network in each row"),
        ("a,b\n", "t.csv", r"t\.csv: has no rows"),
        ("a,a\n1,2\n", "t.csv", r"t\.csv:1: column 'a' occurs twice; give each its own name"),
        ("a,b\n1,2\n3\n", "t.csv", r"t\.csv:3: 1 cells, but there are 2 columns; give each row"),
        ('a,b\n1,"2\n', "t.csv", r"t\.csv:2: unexpected end of data; close each quote"),
        (
            b"a,b\n1,\xff\n",
            "t.csv",
            r"t\.csv:2: byte 0xff at position 2 is not UTF-8; save",
        ),
        ("a,b\n1,2\n", "t.xls", r"its name does not tell its format; set 'format' to csv, tsv"),
        (gzip.compress(b"a,b\n1,2\n", mtime=0)[:-9], "t.csv.gz", r"damaged after line \d"),
        (b"not an archive", "t.csv.gz", r"damaged after line 0 \(Not a gzipped file"),
        (b"PAR1 not", "t.parquet", r"t\.parquet: not a readable Parquet file"),
    ],
)
def test_a_mistake_is_told_with_its_place(file, text, name, message):
    with pytest.raises(DataError, match=message):
        read_table(file(text, name))


def test_a_missing_file_and_a_folder_are_told(tmp_path):
    with pytest.raises(DataError, match=r"nothing\.csv: no such file \(seen from .*\); give"):
        read_table(str(tmp_path / "nothing.csv"))
    with pytest.raises(DataError, match=r"is not a file"):
        read_table(str(tmp_path))


def test_a_file_that_may_not_be_read_is_told(file, monkeypatch):
    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    path = file("a\n1\n")
    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(DataError, match=r"cannot be read \(Permission denied\); check the file"):
        read_table(path)


def test_parquet_without_its_package_says_what_to_install(file, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(DataError, match=r"need the package pyarrow; pip install 'instatune\[da"):
        read_table(file("x", "t.parquet"))


def test_an_unknown_column_is_told_with_those_that_there_are(file):
    heads = ",".join(f"c{i}" for i in range(25))
    table = read_table(file(f"{heads}\n{heads}\n"))
    with pytest.raises(DataError, match=r"has no column 'x'; it has 'c0', .*'c19', \.\.\.$"):
        table["x"]


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("abc", r"t\.csv:3: 'abc' is no number \(column 'a'\); each row needs all values"),
        ("", r"t\.csv:3: no value \(column 'a'\)"),
        ("nan", r"t\.csv:3: nan \(column 'a'\) is not finite; mend the cell or remove the row"),
        ("-inf", r"t\.csv:3: -inf \(column 'a'\) is not finite"),
    ],
)
def test_a_cell_that_is_no_number_is_told_with_its_line(file, cell, message):
    with pytest.raises(DataError, match=message):
        read_table(file(f"a,b\n1,2\n{cell},2\n")).numbers("a")
