"""Checkpoints of a training: everything that is needed to go on as if nothing had happened."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import torch
from torch import nn

from instatune.errors import StoreError
from instatune.files import replacing
from instatune.interfaces import CurvePoint


@attrs.frozen(kw_only=True)
class Position:
    """Where a training stands.

    Attributes:
        step: Optimiser steps done.
        seconds: Wall-clock time spent.
        curve: Points of the training curve so far.
        earlier_seconds: Part of ``seconds`` that earlier, interrupted tries took.
    """

    step: int = 0
    seconds: float = 0.0
    curve: tuple[CurvePoint, ...] = ()
    earlier_seconds: float = 0.0


def save(
    path: Path, key: str, position: Position, model: nn.Module, optimizer: torch.optim.Optimizer
) -> None:
    """Write a checkpoint atomically."""
    state = {
        "key": key,
        "position": attrs.asdict(position),
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
    }
    with replacing(path) as temporary, temporary.open("wb") as file:
        try:
            torch.save(state, file)
        except RuntimeError as error:
            # torch puts an error of its own in front of "no space left".
            raise error.__context__ if isinstance(error.__context__, OSError) else error from None


def restore(
    path: Path, key: str, model: nn.Module, optimizer: torch.optim.Optimizer
) -> Position | None:
    """Go back to a checkpoint of the same training.

    Returns:
        The position; None if there is no checkpoint, or one of another training (other key).

    Raises:
        StoreError: The file is damaged.
    """
    if not path.exists():
        return None
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        if state["key"] != key:
            return None
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        position = state["position"]
        curve = tuple(CurvePoint(**point) for point in position["curve"])
        seconds = position["seconds"]
        return Position(
            step=position["step"], seconds=seconds, curve=curve, earlier_seconds=seconds
        )
    except Exception as error:  # damaged bytes make torch's safe loader raise almost anything
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise StoreError(
            f"{path}: damaged checkpoint ({reason}); delete the file to start this stage anew"
        ) from error
