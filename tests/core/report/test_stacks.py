"""Strips of a network with several stacks, each of its own depth."""

from __future__ import annotations

import attrs

from instatune.report.sections.architectures import architectures


def test_a_layer_that_one_stack_leaves_out_has_bars_of_the_others_only(summary, reading):
    genes = ("channels.layer1.0", "channels.layer1.1", "channels.layer2.0", "channels.layer2.1")
    whole, short = (
        attrs.evolve(row, name=name, key=name, architecture=dict.fromkeys(kept, 4))
        for row, name, kept in (
            (summary.front[0], "whole", genes),
            (summary.front[1], "short", genes[:3]),
        )
    )
    changed = attrs.evolve(
        summary,
        layers=2,
        widths=dict.fromkeys(genes, 8),
        kept={"whole": (0, 1), "short": (0, 1)},
        front=(whole, short),
        baselines=(),
    )

    document = reading.read(f"<!DOCTYPE html>{architectures(changed)}")

    strips = {
        row.attributes["data-net"]: [
            len(cell.find("span", class_="bar")) for cell in row.find("td")
        ]
        for row in document.find("tbody")[0].find("tr")
    }
    assert strips == {"whole": [2, 2], "short": [2, 1]}
