"""Running what was written, with as many threads as allowed."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from instatune.errors import DataError
from instatune.interfaces import Batch, Runner
from instatune_plugins.exporters._files import unreadable


def onnx_runner(file: Path, threads: int) -> Runner:
    """Load a model in ONNX Runtime, on the CPU.

    Raises:
        CheckpointError: ONNX Runtime does not load it.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3  # errors; warnings tell of its own choices
    try:
        session = onnxruntime.InferenceSession(
            str(file), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # its classes have no common base but this one
        raise unreadable(file, error) from error
    names = [value.name for value in session.get_inputs()]

    def run(batch: Batch) -> Tensor:
        return torch.from_numpy(session.run(None, arrays(batch, names))[0])

    return run


def arrays(batch: Batch, names: Iterable[str]) -> dict[str, Any]:
    """What a model takes of a batch, as arrays of numpy."""
    return {name: tensor.numpy() for name, tensor in inputs(batch, names).items()}


def inputs(batch: Batch, names: Iterable[str]) -> dict[str, Tensor]:
    """What a model takes of a batch.

    Raises:
        DataError: Something is missing in it.
    """
    taken = {name: batch[name] for name in names if name in batch}
    for name in names:
        if name not in taken:
            raise DataError(
                f"the exported model takes {name!r}, but the batch has {', '.join(batch)} only; "
                "encode the examples as for training"
            )
    return taken
