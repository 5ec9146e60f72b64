"""A graph of torch in a file, to be compiled or run where there is torch alone.

In a program without instatune::

    program = torch.export.load("model.pt2")
    logits = program.module()(input_ids, attention_mask)

``torch.compile(program.module())`` makes it fast, and
``torch._inductor.aoti_compile_and_package(program)`` a library for C++.

Not compiled, a quantized graph is slower than one in full precision: it rounds to integers, and
multiplies float32. So it does compiled, unless the compiler is told of kernels for bytes and may
take weights for constants. torchao (of the extra ``quantization``) knows them::

    import torch.ao.quantization.fx._decomposed  # the operators, wherever there are integers
    import torchao.quantization.pt2e.quantizer.x86_inductor_quantizer  # the kernels for bytes

    torch._inductor.config.freezing = True
    program = torch.export.load("model.pt2")
    model = torch.compile(program.module(), dynamic=True)
    with torch.no_grad():
        logits = model(input_ids, attention_mask)

The file holds raw tensors and JSON. ``torch.export.load`` trusts it, however: a file of unknown
origin could hold tensors that are to be unpickled. :meth:`TorchExport.runner` refuses those.
"""

from __future__ import annotations

from pathlib import Path

import torch

from instatune.interfaces import Exporter, Network, Runner
from instatune_plugins.exporters import TorchExportConfig
from instatune_plugins.exporters._compiling import compiled
from instatune_plugins.exporters._files import needed, present, staged
from instatune_plugins.exporters._metadata import metadata
from instatune_plugins.exporters._program import program_runner
from instatune_plugins.exporters._tracing import trace

FILE = "model.pt2"


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
        faster = compiled if self.config.compile else None
        return program_runner(needed(directory, FILE), threads, faster)
