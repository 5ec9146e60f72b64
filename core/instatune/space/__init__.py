"""What can be chosen: genes, architectures, search spaces, anatomies, exact counts. numpy only."""

from __future__ import annotations

from instatune.space.anatomy import (
    Anatomy,
    Attention,
    Attribute,
    Buffer,
    Cut,
    Group,
    Stack,
    Work,
)
from instatune.space.architecture import Architecture
from instatune.space.automatic import Automatic
from instatune.space.gene import Gene
from instatune.space.polynomial import Polynomial, Term
from instatune.space.search_space import SearchSpace

__all__ = [
    "Anatomy",
    "Architecture",
    "Attention",
    "Attribute",
    "Automatic",
    "Buffer",
    "Cut",
    "Gene",
    "Group",
    "Polynomial",
    "SearchSpace",
    "Stack",
    "Term",
    "Work",
]
