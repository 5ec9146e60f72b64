"""What sections share: their frame, legends, and tables that scroll on narrow screens."""

from __future__ import annotations

from instatune.report.markup import Markup, Node, element


def section(ident: str, title: str, *content: Node) -> Markup:
    """Frame a section with its heading."""
    head = element("h2", title, id=f"{ident}-title")
    return element("section", head, content, id=ident, aria_labelledby=f"{ident}-title")


def note(*content: Node) -> Markup:
    """Write a remark in small type."""
    return element("p", content, class_="note")


def legend(items: list[tuple[Markup, str]]) -> Markup:
    """List the signs of a chart."""
    entries = [element("li", sign, element("span", text)) for sign, text in items]
    return element("ul", entries, class_="legend")


def figure(*content: Node) -> Markup:
    """Frame a chart with its legend."""
    return element("figure", content)


def scrolling(table: Markup, label: str) -> Markup:
    """Let a wide table scroll inside the page; reachable by keyboard."""
    return element("div", table, class_="scroll", tabindex=0, role="region", aria_label=label)
