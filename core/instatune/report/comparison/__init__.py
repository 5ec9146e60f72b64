"""The report of a comparison: who wins, by how much, how sure, and where which strategy loses."""

from __future__ import annotations

from instatune.report.comparison.contest import Contest, contest
from instatune.report.comparison.page import page

__all__ = ["Contest", "contest", "page"]
