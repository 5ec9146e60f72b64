"""How bit widths of linear layers are lowered.

None is offered yet: networks are searched and exported in the precision of their checkpoint. The
hook stands here so that this folder is a kind like every other one; a quantizer is added by one
file that implements :class:`instatune.interfaces.Quantizer`, and by yielding its entry below.
"""

from __future__ import annotations

from collections.abc import Iterator

from instatune.plugin import hookimpl
from instatune.plugin.entries import QuantizerEntry


@hookimpl
def instatune_quantizers() -> Iterator[QuantizerEntry]:
    """Offer nothing yet."""
    yield from ()
