"""INT8 by Intel Neural Compressor as a graph of torch in a file.

It calibrates anew with the batches of the search, and quantizes the modules of the policy. Weights
and scales are those of ``int8`` with ``range: minmax``, as long as no look-up table is quantized:
it does not know such, so they are those of the quantizer of the search, and it calibrates with
them in place. What else differs is the order of additions.

In ``model_inc.pt2`` the weights of these modules are signed bytes, with a float32 scale and a zero
point of 64 bits for each output; what is not quantized is float32. (Its own ``save`` keeps float32
weights.) The graph rounds floats and multiplies floats, slower than full precision, until it is
compiled. In a program without instatune::

    import torchao.quantization.pt2e.quantizer.x86_inductor_quantizer  # the kernels for bytes

    torch._inductor.config.freezing = True
    program = torch.export.load("model_inc.pt2")
    model = torch.compile(program.module(), dynamic=True)
    with torch.no_grad():
        logits = model(input_ids, attention_mask)
"""

from __future__ import annotations

from pathlib import Path

import torch

from instatune.interfaces import Exporter, Network, Runner
from instatune_plugins.exporters import NeuralCompressorConfig
from instatune_plugins.exporters._checks import quantized_only
from instatune_plugins.exporters._compiling import compiled
from instatune_plugins.exporters._files import needed, present, staged
from instatune_plugins.exporters._inc import NAME, quantized_program
from instatune_plugins.exporters._metadata import metadata
from instatune_plugins.exporters._program import program_runner

FILE = "model_inc.pt2"


class NeuralCompressor(Exporter):
    """The network as ``model_inc.pt2``: any number of examples, any length of texts."""

    config: NeuralCompressorConfig

    def __init__(self, config: NeuralCompressorConfig | None = None) -> None:
        super().__init__(config or NeuralCompressorConfig())

    def export(self, network: Network, directory: Path) -> tuple[Path, ...]:
        """Calibrate, quantize and write, all of it or nothing.

        Raises:
            DataError: There are no calibration batches, or they lack an input.
            PluginError: It is in full precision, has other bits than 8, or cannot be traced.
            StoreError: The folder cannot be written.
        """
        quantized = quantized_only(network, NAME, instead="torch_export")
        program = quantized_program(network, quantized)
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
