"""Length of the input that costs are told for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from instatune.errors import SpaceError

if TYPE_CHECKING:
    from instatune.space import Anatomy


def length(tokens: int | None, anatomy: Anatomy) -> int:
    """Tokens that a user wants, or those that the adapter calls typical.

    Raises:
        SpaceError: More than the model takes.
    """
    if tokens and anatomy.max_tokens and tokens > anatomy.max_tokens:
        raise SpaceError(
            f"{tokens} tokens, but the model takes {anatomy.max_tokens}; "
            f"use values from 1 to {anatomy.max_tokens}",
            ("tokens",),
        )
    return tokens or anatomy.tokens
