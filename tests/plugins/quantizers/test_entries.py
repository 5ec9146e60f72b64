"""What the hook offers can be had, and offering it loads nothing heavy."""

from __future__ import annotations

import subprocess
import sys

import pytest

from instatune_plugins.quantizers import Int8Config, instatune_quantizers
from instatune_plugins.quantizers._policy import OFFERED
from instatune_plugins.quantizers.int8 import Int8


def test_offers_what_the_documentation_names():
    (entry,) = instatune_quantizers()

    assert (entry.name, entry.bits, entry.simulates) == ("int8", OFFERED, True)
    assert entry.requires == ()
    assert entry.target == f"{Int8.__module__}:{Int8.__qualname__}"


def test_offering_loads_nothing_heavy():
    code = "import sys, instatune_plugins.quantizers; print('torch' in sys.modules)"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "False"


@pytest.mark.parametrize("percentile", [50.0, 100.1])
def test_a_percentile_leaves_something_between_its_ends(percentile):
    with pytest.raises(ValueError, match="'percentile' must be"):
        Int8Config(percentile=percentile)
