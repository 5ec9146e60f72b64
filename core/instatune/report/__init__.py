"""The report: what a run found, as one HTML page, as a table, and as numbers for plots."""

from __future__ import annotations

from instatune.report.findings import Findings, findings
from instatune.report.page import page
from instatune.report.table import Table, table
from instatune.report.words import headline

__all__ = ["Findings", "Table", "findings", "headline", "page", "table"]
