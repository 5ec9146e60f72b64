"""First weights of a BEiT-3, from a generator of ours."""

from __future__ import annotations

from collections.abc import Container
from math import log, sqrt

import torch
from torch import Tensor, nn

from instatune_plugins.adapters.beit3_outline import LAYERS

_SCALED = (".v_proj.", ".out_proj.", ".fc1.", ".fc2.")
_HEAD_DEVIATION = 0.02


@torch.no_grad()
def draw(model: nn.Module, names: Container[str], layers: int, generator: torch.Generator) -> None:
    """Initialise the named parameters.

    Matrices of layers as in "Foundation Transformers" (Wang et al., arXiv 2210.06423, section 2.3,
    encoders): Xavier normal, with a gain of ``sqrt(ln(2 * layers))`` for values, outputs and FFN.
    Embeddings have a deviation of ``hidden ** -0.5``; norms are one, biases zero.

    Args:
        model: Changed in place.
        names: Parameters to draw, in the model's order.
        layers: Depth of the full model.
        generator: The only source of randomness.
    """
    norms = {name for name, module in model.named_modules() if isinstance(module, nn.LayerNorm)}
    for name, parameter in model.named_parameters():
        if name not in names:
            continue
        if parameter.ndim == 1:
            parameter.fill_(float(name.rpartition(".")[0] in norms and name.endswith("weight")))
        else:
            deviation = _deviation(name, parameter, layers)
            parameter.normal_(0.0, deviation, generator=generator)


def _deviation(name: str, parameter: Tensor, layers: int) -> float:
    if name.startswith(("head.", "pooler.")):
        return _HEAD_DEVIATION
    if name.startswith(LAYERS) or name == "beit3.vision_embed.proj.weight":
        gain = sqrt(log(2 * layers)) if layers > 1 and any(s in name for s in _SCALED) else 1.0
        outputs, inputs = len(parameter), parameter[0].numel()
        return gain * sqrt(2.0 / (inputs + outputs))
    return float(parameter.shape[-1] ** -0.5)
