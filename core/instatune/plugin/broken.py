"""BrokenPlugin: what could not be loaded, and why. Nothing that fails vanishes."""

from __future__ import annotations

from traceback import format_exception

import attrs

from instatune.plugin.entries import Kind
from instatune.plugin.sources import Source


@attrs.frozen(kw_only=True)
class BrokenPlugin:
    """A plugin, or one hook or entry of it, that was left out.

    Attributes:
        distribution: Distribution that it belongs to; the file's name for a single file.
        version: Version of the distribution, empty for a single file.
        entry_point: Name of the entry point, or the path of the file.
        reason: What is wrong and what would be right.
        traceback: Where Python raised; empty if nothing was raised.
        kind: The kind that is missing because of it; None if that is not known.
    """

    distribution: str
    version: str
    entry_point: str
    reason: str
    traceback: str = ""
    kind: Kind | None = None

    @classmethod
    def of(
        cls,
        source: Source,
        reason: str,
        *,
        error: BaseException | None = None,
        kind: Kind | None = None,
    ) -> BrokenPlugin:
        """Note what is wrong with a source."""
        return cls(
            distribution=source.distribution,
            version=source.version,
            entry_point=source.entry_point,
            reason=reason,
            traceback="".join(format_exception(error)) if error else "",
            kind=kind,
        )

    @property
    def origin(self) -> str:
        """Distribution and version."""
        return f"{self.distribution} {self.version}".rstrip()

    def describe(self) -> str:
        """One line for people."""
        return f"{self.origin} ({self.reason})"
