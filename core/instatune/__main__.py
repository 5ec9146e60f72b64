"""``python -m instatune``, the same as the command; what ``torchrun -m`` starts."""

from __future__ import annotations

import sys

from instatune.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
