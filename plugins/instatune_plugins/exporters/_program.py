"""Programs of torch.export in files: loaded with care, and run."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor
from torch.ao.quantization.fx import _decomposed  # noqa: F401 - registers quantized operators

from instatune.engine.threads import torch_threads
from instatune.errors import CheckpointError
from instatune.interfaces import Batch, Runner
from instatune_plugins.exporters._files import unreadable
from instatune_plugins.exporters._runtime import inputs

_TENSOR = re.compile(r"(weight|tensor)_\d+")
_DATA = re.compile(
    rf"data/(weights|constants)/({_TENSOR.pattern}|\w+_config\.json)|models/\w+\.json"
    r"|extra/\w+|archive_(format|version)|byteorder|version|\.data/(version|serialization_id)"
)


def program_runner(
    file: Path, threads: int, compiled: Callable[[Any], Callable[..., Tensor]] | None
) -> Runner:
    """Load a program to be run on the CPU.

    Args:
        file: What ``torch.export.save`` wrote.
        threads: Threads that it may compute with.
        compiled: Makes its module faster; None to run it as it is.

    Raises:
        CheckpointError: It is damaged, or holds a pickle.
    """
    refuse_code(file)
    try:
        program = torch.export.load(file)
    except Exception as error:  # of a damaged archive, of any class
        raise unreadable(file, error) from error
    module = program.module()
    call = module if compiled is None else compiled(module)
    names = cast("tuple[str, ...]", program.graph_signature.user_inputs)

    def run(batch: Batch) -> Tensor:
        with torch_threads(threads), torch.inference_mode():
            return cast("Tensor", call(*inputs(batch, names).values()))

    return run


def refuse_code(file: Path) -> None:
    """Look into the archive before torch does, which runs what the archive says it should.

    Raises:
        CheckpointError: It holds more than raw bytes and JSON.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            doubtful = [info.filename for info in archive.infolist() if not _is_data(archive, info)]
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise unreadable(file, error) from error
    if doubtful:
        raise CheckpointError(
            f"{file}: holds {doubtful[0]!r}, which could run any code, and no export writes such a "
            "thing; export it again"
        )


def _is_data(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bool:
    """Whether a member is raw bytes, or JSON that asks for nothing to be unpickled."""
    _, _, name = info.filename.partition("/")
    if not _DATA.fullmatch(name):
        return name.startswith("data/sample_inputs/") and info.file_size == 0
    if not name.endswith("_config.json"):
        return True
    tensors = json.loads(archive.read(info))["config"].values()
    return all(
        tensor["use_pickle"] is False and _TENSOR.fullmatch(tensor["path_name"])
        for tensor in tensors
    )
