from __future__ import annotations

import gzip
import json
import os
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instatune.errors import DataError
from instatune_plugins.tasks.files import Layout, read_table


def read(path: str, **layout):
    return read_table(path, Layout(**layout), "task.train")


ROWS = {"text": ["one", "two"], "label": ["a", "b"]}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("d.csv", "text,label\none,a\ntwo,b\n"),
        ("d.csv", "text,label\r\none,a\r\ntwo,b"),
        ("d.csv", "\ufefftext,label\none,a\n\ntwo,b\n"),
        ("d.tsv", "text\tlabel\none\ta\ntwo\tb\n"),
        ("d.tab", "text\tlabel\none\ta\n\ntwo\tb\n\n"),
        ("d.jsonl", '{"text": "one", "label": "a"}\n{"label": "b", "text": "two"}\n'),
        ("d.ndjson", '{"text": "one", "label": "a"}\n\n{"text": "two", "label": "b"}'),
    ],
)
def test_every_text_format_is_read_plain_and_gzipped(write, name, content):
    plain = read(write(name, content))
    zipped = read(write(name + ".gz", gzip.compress(content.encode())))

    assert dict(plain.columns) == dict(zipped.columns) == ROWS
    assert plain.place(1).startswith(f"{plain.source}:")
    assert plain.setting == "task.train"


def test_parquet_is_read_with_the_class_names_that_it_carries(tmp_path):
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    table = pa.table({"text": ["one", "two"], "label": [1, 0]})
    features = {"label": {"names": ["neg", "pos"], "_type": "ClassLabel"}, "text": {}}
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    parquet.write_table(table.replace_schema_metadata(metadata), tmp_path / "d.parquet")

    read_back = read(str(tmp_path / "d.parquet"))

    assert dict(read_back.columns) == {"text": ["one", "two"], "label": [1, 0]}
    assert read_back.names == {"label": ("neg", "pos")}
    assert read_back.place(1) == f"{tmp_path / 'd.parquet'}: row 1"


def test_parquet_without_class_names_is_read(tmp_path):
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(pa.table(ROWS), tmp_path / "d.parquet")

    assert read(str(tmp_path / "d.parquet")).names == {}


def test_the_format_can_be_set_where_the_name_does_not_tell(write):
    assert (
        dict(read(write("data.txt", "text\tlabel\none\ta\ntwo\tb\n"), format="tsv").columns) == ROWS
    )


def test_files_without_a_header_get_names(write):
    table = read(write("d.tsv", "one\ta\ntwo\tb\n"), columns=("text", "label"))

    assert dict(table.columns) == ROWS
    assert table.lines == [1, 2]


def test_quotes_in_tsv_are_characters_unless_asked_otherwise(write):
    path = write("d.tsv", 'text\tlabel\n"one\ta\ntwo "x"\tb\n')
    quoted = write("q.tsv", 'text\tlabel\n"one\tmore"\ta\n')

    assert read(path).columns["text"] == ['"one', 'two "x"']
    assert read(quoted, quoting="minimal").columns["text"] == ["one\tmore"]


def test_rows_of_csv_are_where_they_start_even_over_lines(write):
    table = read(write("d.csv", 'text,label\n"one\nmore",a\n"say ""hi""",b\n'))

    assert table.columns["text"] == ["one\nmore", 'say "hi"']
    assert [table.place(i).rsplit(":")[-1] for i in range(2)] == ["2", "4"]


texts = st.text(
    st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\u2028\u2029\x85"),
    min_size=1,
)


@given(st.lists(st.tuples(texts, texts), min_size=1, max_size=8))
@settings(max_examples=40, deadline=None)
def test_what_the_standard_library_writes_is_read_back(tmp_path_factory, rows):
    import csv

    path = tmp_path_factory.mktemp("csv") / "d.csv"
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream, quoting=csv.QUOTE_ALL).writerows([("text", "label"), *rows])

    table = read(str(path))

    assert list(zip(table.columns["text"], table.columns["label"], strict=True)) == rows


def test_line_separators_inside_a_text_do_not_end_a_row(write):
    table = read(write("d.tsv", "text\tlabel\none\u2028more\x85end\ta\n"))

    assert table.columns["text"] == ["one\u2028more\x85end"]


def test_json_rows_may_lack_keys(write):
    table = read(write("d.jsonl", '{"a": 1}\n{"b": null, "a": 2}\n{"b": "x"}\n'))

    assert dict(table.columns) == {"a": [1, 2, None], "b": [None, None, "x"]}


def refused(match: str, path: str, **layout):
    with pytest.raises(DataError, match=match) as caught:
        read(path, **layout)
    assert path.split("/")[-1] in str(caught.value)
    return str(caught.value)


def test_a_missing_file_says_how_to_point_elsewhere(tmp_path):
    message = refused(r"no such file \(seen from .*\)", str(tmp_path / "none.csv"))

    assert message.endswith("say where it is with `--set task.train=PATH`")


def test_a_folder_is_refused(tmp_path):
    (tmp_path / "d.csv").mkdir()

    refused("is not a file", str(tmp_path / "d.csv"))


def test_the_home_folder_is_understood(write, tmp_path, monkeypatch):
    write("d.csv", "text,label\none,a\ntwo,b\n")
    monkeypatch.setenv("HOME", str(tmp_path))

    assert dict(read("~/d.csv").columns) == ROWS


@pytest.mark.parametrize("name", ["d.txt", "d", "d.gz", "d.xlsx.gz"])
def test_an_unknown_format_is_refused(write, name):
    refused("its name does not tell its format; set `format` to csv", write(name, "a"))


@pytest.mark.parametrize("name", ["d.csv", "d.tsv"])
def test_an_empty_file_is_refused(write, name):
    refused("is empty; give a file with a line of column names", write(name, ""))


@pytest.mark.parametrize(
    ("name", "content"), [("d.csv", "text,label\n"), ("d.jsonl", "\n"), ("d.tsv", "text\tlabel\n")]
)
def test_a_file_without_rows_is_refused(write, name, content):
    refused("has no rows; give a file with examples", write(name, content))


def test_a_column_that_occurs_twice_is_refused(write):
    refused(":1: column 'text' occurs twice", write("d.csv", "text,label,text\n1,2,3\n"))


def test_a_row_with_another_number_of_fields_is_refused_with_its_line(write):
    tsv = refused(
        r"d.tsv:3: 3 fields, but there are 2 columns \(text, label\)",
        write("d.tsv", "text\tlabel\none\ta\ntwo\tb\tc\n"),
    )
    csv = refused(r"d.csv:2: 1 fields", write("d.csv", "text,label\none\n"))

    assert "set `quoting: minimal`" in tsv
    assert 'in "quotes"' in csv


@pytest.mark.parametrize("row", ['"one,a', '"one"x,a'])
def test_an_unbalanced_quote_is_refused_with_the_line_where_its_row_starts(write, row):
    refused("d.csv:3: .*close each quote", write("d.csv", f"text,label\nzero,a\n{row}\n"))


@pytest.mark.parametrize("name", ["d.csv", "d.tsv", "d.jsonl"])
def test_bytes_that_are_not_utf8_are_refused_with_their_line(write, name):
    content = b'{"text": "caf\xe9"}\n'

    refused(":1: byte 0xe9 at position 13 is not UTF-8; save", write(name, content))


def test_a_truncated_archive_is_refused_after_the_last_good_line(write):
    whole = gzip.compress(b"text,label\n" + os.urandom(50_000).hex().encode() + b",a\n")

    refused("damaged after line 1 .*copy or download it again", write("d.csv.gz", whole[:-500]))


def test_what_is_no_archive_is_refused(write):
    refused("damaged after line 0", write("d.csv.gz", "text,label\n"))
    corrupt = bytearray(gzip.compress(b"text,label\n" * 1000))
    corrupt[15:25] = b"0123456789"
    refused("damaged after line", write("e.csv.gz", bytes(corrupt)))


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads everything")
def test_a_file_without_permission_is_refused(write):
    path = write("d.csv", "text,label\n")
    os.chmod(path, 0)

    refused("cannot be read .*permissions", path)


def test_a_file_that_cannot_be_opened_is_refused(write, monkeypatch):
    path = write("d.csv", "text,label\n")

    def denied(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", denied)
    refused(r"cannot be read \(Permission denied\); check the file and its permissions", path)


@pytest.mark.parametrize(
    ("line", "problem"),
    [("{", r"not JSON \(.*\)"), ("[1]", "a JSON list, not an object"), ("3", "a JSON int")],
)
def test_a_line_that_is_no_json_object_is_refused(write, line, problem):
    refused(
        f"d.jsonl:2: {problem}.*one JSON object per line", write("d.jsonl", '{"a": 1}\n' + line)
    )


def test_what_is_no_parquet_is_refused(write):
    pytest.importorskip("pyarrow")

    refused("not a readable Parquet file", write("d.parquet", "nonsense"))


def test_parquet_without_pyarrow_says_what_to_install(write, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)

    refused(r"pip install 'instatune\[datasets\]'", write("d.parquet", "x"))
