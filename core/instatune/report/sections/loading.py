"""How to load a sub-network: code that can be copied."""

from __future__ import annotations

import json

from instatune.interfaces import Row, Summary
from instatune.report.findings import Findings
from instatune.report.markup import Markup, element
from instatune.report.sections.common import note, section


def loading(summary: Summary, found: Findings) -> Markup | None:
    """Show how the best network is loaded; None where nothing was exported."""
    row = _choose(summary, found)
    if row is None:
        return None
    folder = json.dumps(str(summary.run_dir / row.folder), ensure_ascii=False)
    code = (
        "import instatune\n\n"
        f"# {' '.join(row.name.split())}: an ordinary torch.nn.Module, in evaluation mode\n"
        f"model = instatune.load({folder})\n"
    )
    return section(
        "loading",
        "Load a sub-network",
        element("pre", element("code", code), class_="copy"),
        note(
            "A folder holds weights (safetensors), configuration, architecture and what is needed "
            "to prepare inputs. The other networks load in the same way from their folders; "
            "nothing but instatune and its dependencies is needed."
        ),
    )


def _choose(summary: Summary, found: Findings) -> Row | None:
    claims = (found.equal, found.near, found.closest)
    candidates = [claim.row for claim in claims if claim is not None]
    return next((row for row in (*candidates, *summary.front) if row.folder), None)
