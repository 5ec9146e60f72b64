from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instatune.report.markup import Markup, element, escape, join

TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=40)


class Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags, self.text = [], ""

    def handle_starttag(self, tag, attrs) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data) -> None:
        self.text += data


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    reader.close()
    return reader


@given(text=TEXT, title=TEXT)
def test_any_text_comes_back_as_text_and_never_as_an_element(text, title):
    reader = read(element("p", text, title=title))

    assert reader.tags == [("p", {"title": title})]
    assert reader.text == text


def test_markup_is_not_escaped_twice():
    assert element("p", element("b", "a & b")) == "<p><b>a &amp; b</b></p>"


def test_strings_that_were_markup_lose_that_once_they_are_changed():
    assert element("p", Markup("<b>") + "x") == "<p>&lt;b&gt;x</p>"


def test_control_characters_and_lone_surrogates_are_replaced():
    assert escape("a\x00b\x1b[2Jc\ud800") == "a\ufffdb\ufffd[2Jc\ufffd"


@pytest.mark.parametrize(
    ("value", "expected"), [(True, "<td hidden></td>"), (False, "<td></td>"), (None, "<td></td>")]
)
def test_attributes_without_value(value, expected):
    assert element("td", hidden=value) == expected


def test_names_of_attributes_use_dashes_and_lose_their_trailing_underscore():
    written = element("line", class_="a", stroke_width=1.5, x1=2.0)
    assert written == '<line class="a" stroke-width="1.5" x1="2"/>'


def test_children_are_flattened_and_none_is_left_out():
    assert join("a", None, ["b", [Markup("<br>"), 3]]) == "ab<br>3"
