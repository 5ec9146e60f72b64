"""Small light stand-ins: an anatomy, a search space, a problem with known answers. No torch.

The anatomy is that of the transformer in :mod:`instatune.testing.tiny`, which needs torch.
"""

from __future__ import annotations

from instatune.testing.fakes.description import TinySizes, anatomy
from instatune.testing.fakes.landscape import Landscape
from instatune.testing.fakes.predictors import LeastSquares, UnsureLeastSquares
from instatune.testing.fakes.spaces import single_space, space, space_with_bits

__all__ = [
    "Landscape",
    "LeastSquares",
    "TinySizes",
    "UnsureLeastSquares",
    "anatomy",
    "single_space",
    "space",
    "space_with_bits",
]
