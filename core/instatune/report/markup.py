"""Markup: elements as function calls, so that text is escaped because nobody can forget to."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from typing import TypeAlias, Union

Attribute: TypeAlias = str | int | float | bool | None
Node: TypeAlias = Union[str, float, Iterable["Node"], None]  # noqa: UP007 - a forward reference inside

_VOID = {"br", "col", "hr", "img", "input", "meta"}
_SELF_CLOSING = {"circle", "line", "path", "polygon", "rect"}
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


class Markup(str):
    """Text that is HTML already; every other text is escaped when it becomes a child."""

    __slots__ = ()


def escape(text: object) -> Markup:
    """Escape for text and for quoted attributes; characters that HTML forbids become U+FFFD.

    Example:
        >>> escape('<b title="x">')
        '&lt;b title=&quot;x&quot;&gt;'
    """
    return Markup(html.escape(_CONTROL.sub("\ufffd", str(text)), quote=True))


def join(*children: Node) -> Markup:
    """Put nodes one after another; None is left out, iterables are flattened."""
    return Markup("".join(_pieces(children)))


def element(name: str, /, *children: Node, **attributes: Attribute) -> Markup:
    """Write one element.

    Args:
        name: Tag.
        children: Text is escaped, :class:`Markup` is kept, iterables are flattened.
        attributes: ``class_`` becomes ``class``, ``data_tip`` becomes ``data-tip``. True gives an
            attribute without value; None and False leave it out.

    Example:
        >>> element("p", "1 < 2", class_="note")
        '<p class="note">1 &lt; 2</p>'
    """
    head = name + "".join(_attribute(key, value) for key, value in attributes.items())
    if name in _VOID:
        return Markup(f"<{head}>")
    inner = join(*children)
    if not inner and name in _SELF_CLOSING:
        return Markup(f"<{head}/>")
    return Markup(f"<{head}>{inner}</{name}>")


def _attribute(key: str, value: Attribute) -> str:
    if value is None or value is False:
        return ""
    name = key.rstrip("_").replace("_", "-")
    if value is True:
        return f" {name}"
    text = f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else escape(value)
    return f' {name}="{text}"'


def _pieces(node: Node) -> Iterable[str]:
    if node is None:
        return
    if isinstance(node, Markup):
        yield node
    elif isinstance(node, (str, int, float)):
        yield escape(node)
    else:
        for child in node:
            yield from _pieces(child)
