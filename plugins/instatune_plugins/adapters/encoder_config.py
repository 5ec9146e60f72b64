"""The ``config.json`` of a checkpoint, read without torch."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from instatune.errors import CheckpointError

_HUB_NAME = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?")


def read_json(checkpoint: str) -> Any:
    """Read ``config.json`` of a folder, whatever is in it; None if it is a name on a hub.

    Raises:
        CheckpointError: The folder or the file is missing, or it is no JSON.
    """
    folder = Path(checkpoint).expanduser()
    if not folder.is_dir():
        if folder.exists() or not _HUB_NAME.fullmatch(checkpoint):
            raise CheckpointError(
                f"checkpoint {checkpoint}: no such folder; give a folder with config.json and "
                "model.safetensors, or the name of a model on the hub"
            )
        return None
    try:
        return json.loads((folder / "config.json").read_text(encoding="utf-8")) or {}
    except FileNotFoundError:
        raise CheckpointError(
            f"checkpoint {checkpoint}: config.json is missing; give a folder that "
            "save_pretrained wrote"
        ) from None
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"checkpoint {checkpoint}: config.json cannot be read ({error}); download it again"
        ) from error
