"""A graph of torch in a file, to be compiled or run where there is torch alone.

In a program without instatune::

    program = torch.export.load("model.pt2")
    logits = program.module()(input_ids, attention_mask)

``torch.compile(program.module())`` makes it fast, and
``torch._inductor.aoti_compile_and_package(program)`` a library for C++. Not compiled, a quantized
graph is slower than one in full precision: it rounds to integers, and multiplies float32. For one
with integers ``import torch.ao.quantization.fx._decomposed`` comes before ``load``.

The file holds raw tensors and JSON. ``torch.export.load`` trusts it, however: a file of unknown
origin could hold tensors that are to be unpickled. :meth:`TorchExport.runner` refuses those.
"""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path
from typing import cast

import torch
from torch import Tensor
from torch.ao.quantization.fx import _decomposed  # noqa: F401 - registers quantized operators

from instatune.errors import CheckpointError
from instatune.interfaces import Batch, Exporter, Network, Runner
from instatune_plugins.exporters import TorchExportConfig
from instatune_plugins.exporters._files import needed, present, staged, unreadable
from instatune_plugins.exporters._metadata import metadata
from instatune_plugins.exporters._runtime import inputs, torch_threads
from instatune_plugins.exporters._tracing import trace

FILE = "model.pt2"

_TENSOR = re.compile(r"(weight|tensor)_\d+")
_DATA = re.compile(
    rf"data/(weights|constants)/({_TENSOR.pattern}|\w+_config\.json)|models/\w+\.json"
    r"|extra/\w+|archive_(format|version)|byteorder|version|\.data/(version|serialization_id)"
)


class TorchExport(Exporter):
    """The network as ``model.pt2``: any number of examples, any length of texts."""

    config: TorchExportConfig

    def __init__(self, config: TorchExportConfig | None = None) -> None:
        super().__init__(config or TorchExportConfig())

    def export(self, network: Network, directory: Path) -> tuple[Path, ...]:
        """Write the network that is to be deployed, all of it or nothing.

        Raises:
            PluginError: It has a part that cannot be traced.
            StoreError: The folder cannot be written.
        """
        program = trace(network, network.deployed, "torch_export")
        # An example would be pickled.
        program.example_inputs = None
        with staged(directory) as folder:
            torch.export.save(program, folder / FILE, extra_files=metadata(network))
        return self.artefact(directory)

    def artefact(self, directory: Path) -> tuple[Path, ...]:
        """The program."""
        return present(directory, FILE)

    def runner(self, directory: Path, threads: int) -> Runner:
        """Load it, and compile it if the settings say so.

        Raises:
            CheckpointError: It is missing or damaged, or holds a pickle.
        """
        file = needed(directory, FILE)
        refuse_code(file)
        try:
            program = torch.export.load(file)
        except Exception as error:  # of a damaged archive, of any class
            raise unreadable(file, error) from error
        module = program.module()
        if self.config.compile:
            module = torch.compile(module, dynamic=True)  # type: ignore[assignment]
        names = program.graph_signature.user_inputs

        def run(batch: Batch) -> Tensor:
            with torch_threads(threads), torch.inference_mode():
                taken = inputs(batch, cast("tuple[str, ...]", names))
                return cast("Tensor", module(*taken.values()))

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
