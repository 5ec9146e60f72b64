"""What is folded away at the end of the page."""

from __future__ import annotations

import attrs

from instatune.report.sections.details import details


def test_the_space_is_told_choice_by_choice(summary, reading):
    genes = {"depth": (3, 6), "ffn.0": (0, 1024, 1536), "ffn.1": (0, 1024, 1536), "<b>": (1,)}

    text = str(details(attrs.evolve(summary, genes=genes)))
    document = reading.read(f"<!DOCTYPE html>{text}")

    lines = {row.find("th")[0].text: row.find("td")[0].text for row in document.find("tr")}
    assert lines["depth"] == "3, 6"
    assert lines["ffn.0, ffn.1"] == "0, 1,024, 1,536"
    assert lines["<b>"] == "1"
    assert not document.find("b")


def test_without_genes_nothing_is_told(summary, reading):
    assert "choice by choice" not in str(details(attrs.evolve(summary, genes={})))
