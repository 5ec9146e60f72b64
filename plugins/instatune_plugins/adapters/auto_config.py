"""Settings of the adapter ``auto``. Light: no torch."""

from __future__ import annotations

import attrs


@attrs.frozen(kw_only=True)
class AutoAdapterConfig:
    """Settings of ``auto``.

    Attributes:
        revision: Branch, tag or commit of a model on the hub.
    """

    revision: str = "main"
