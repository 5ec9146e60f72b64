"""From a recognised structure to an anatomy. What shapes do not tell is measured on a small copy.

At how many positions a matrix is applied, and how long the sequence is, is seen by hooks in a
forward pass: of two texts of unlike lengths, or of one image.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeAlias

import attrs
import torch
from torch import Tensor, nn

from instatune.interfaces import Batch
from instatune.space import Anatomy, Attention, Attribute, Cut, Group, Stack, Work
from instatune.supernet.fit import buffers
from instatune_plugins.adapters.auto_layer import Layer, Unrecognised
from instatune_plugins.adapters.auto_structure import Structure

Logits: TypeAlias = Callable[[nn.Module, Batch], Tensor]
"""Runs a model on a batch."""

STACK = "layers"
_COUNTED_TOKENS = 128  # the length at which the literature counts


@attrs.frozen(kw_only=True)
class Measured:
    """What forward passes show.

    Attributes:
        work: Matrices that cost MACs outside of layers.
        embeddings: Weights of look-up tables outside of layers.
        tokens: Length of the sequence in the layers of the last pass.
        fixed: Whether inputs have one size, as images do.
    """

    work: tuple[Work, ...]
    embeddings: tuple[str, ...]
    tokens: int
    fixed: bool


def measure(
    model: nn.Module, structure: Structure, batches: list[Batch], logits: Logits
) -> Measured:
    """Count positions of each matrix.

    Args:
        model: In eval mode; may have fewer layers than the structure.
        structure: What was recognised.
        batches: Inputs of unlike lengths, of one size for images; of one example each.
        logits: Runs the model.

    Raises:
        Unrecognised: Something is applied in a way that an anatomy cannot say.
    """
    passes = [_positions(model, batch, logits) for batch in batches]
    probe = f"{structure.path}.0.{structure.layers[0].projections[0]}"
    lengths = [found.get(probe, [0])[0] for found in passes]
    work = []
    for name in passes[0]:
        counts = [sum(found.get(name, [0])) for found in passes]
        if name.startswith(f"{structure.path}."):
            if counts != lengths:
                raise Unrecognised(
                    f"module {name!r} is applied at {counts[-1]} positions of {lengths[-1]} tokens;"
                    " expected once at each token"
                )
        else:
            work.append(_work(name, counts, lengths))
    return Measured(
        work=tuple(work),
        embeddings=tuple(_tables(model, structure, batches[-1], logits)),
        tokens=lengths[-1],
        fixed=len(batches) == 1,
    )


def anatomy_of(
    model: nn.Module,
    structure: Structure,
    measured: Measured,
    max_tokens: int | None,
    fewest_neurons: int = 0,
) -> Anatomy:
    """Write down what was found.

    Args:
        model: For the shapes of its parameters.
        structure: What was recognised in it.
        measured: On it or on a copy of fewer layers.
        max_tokens: Longest text, None if unknown.
        fewest_neurons: How many neurons a layer must keep.
    """
    names = [f"{structure.path}.{index}" for index in range(len(structure.layers))]
    placed = list(zip(names, structure.layers, strict=True))
    shapes = {name: tuple(tensor.shape) for name, tensor in model.named_parameters()}
    inside = [Work(f"{at}.{path}.weight") for at, layer in placed for path in _matrices(layer)]
    tokens = measured.tokens if measured.fixed else min(_COUNTED_TOKENS, max_tokens or 1 << 30)
    return Anatomy(
        family=type(model).__name__,
        stacks=(
            Stack(
                name=STACK,
                path=structure.path,
                layers=len(placed),
                index_attributes=structure.layers[0].index,
            ),
        ),
        groups=tuple(
            group
            for index, (at, layer) in enumerate(placed)
            for group in (
                _heads(at, layer, index, shapes),
                attrs.evolve(_ffn(at, layer, index, shapes), minimum=fewest_neurons),
            )
        ),
        shapes=shapes,
        work=(*measured.work, *inside),
        attentions=tuple(
            Attention(
                f"heads.{index}",
                layer.head_size,
                projections=tuple(f"{at}.{path}" for path in layer.projections),
            )
            for index, (at, layer) in enumerate(placed)
        ),
        embeddings=measured.embeddings,
        buffers=buffers(model),
        tokens=tokens,
        max_tokens=measured.tokens if measured.fixed else max_tokens,
    )


def _matrices(layer: Layer) -> tuple[str, ...]:
    return (*layer.projections, layer.mix, *layer.widen, layer.shrink)


def _heads(at: str, layer: Layer, index: int, shapes: Mapping[str, tuple[int, ...]]) -> Group:
    blocks = 3 if len(layer.projections) == 1 else 1
    mix = Cut(f"{at}.{layer.mix}.weight", 1, layer.head_size)
    cuts = _rows(at, layer.projections, layer.head_size, blocks, shapes)
    return Group(
        name=f"heads.{index}",
        kind="heads",
        units=layer.heads,
        cuts=(*cuts, mix),
        outgoing=mix,
        attributes=(
            *(Attribute(f"{at}.{path}") for path in layer.counts),
            *(Attribute(f"{at}.{path}", layer.head_size) for path in layer.widths),
        ),
        stack=STACK,
        layer=index,
    )


def _ffn(at: str, layer: Layer, index: int, shapes: Mapping[str, tuple[int, ...]]) -> Group:
    shrink = Cut(f"{at}.{layer.shrink}.weight", 1)
    return Group(
        name=f"ffn.{index}",
        kind="ffn",
        units=layer.neurons,
        cuts=(*_rows(at, layer.widen, 1, layer.halves, shapes), shrink),
        outgoing=shrink,
        stack=STACK,
        layer=index,
    )


def _rows(
    at: str,
    paths: tuple[str, ...],
    unit: int,
    blocks: int,
    shapes: Mapping[str, tuple[int, ...]],
) -> list[Cut]:
    names = [f"{at}.{path}.{tensor}" for path in paths for tensor in ("weight", "bias")]
    return [Cut(name, 0, unit, blocks) for name in names if name in shapes]


def _work(name: str, counts: list[int], lengths: list[int]) -> Work:
    if len(set(counts)) == 1:
        return Work(f"{name}.weight", positions=counts[0], tokens_power=0)
    if all(count % length == 0 for count, length in zip(counts, lengths, strict=True)):
        times = {count // length for count, length in zip(counts, lengths, strict=True)}
        if len(times) == 1:
            return Work(f"{name}.weight", positions=times.pop())
    raise Unrecognised(
        f"module {name!r} is applied at {counts} positions for {lengths} tokens; expected a fixed "
        "number, or a multiple of the tokens"
    )


def _tables(model: nn.Module, structure: Structure, batch: Batch, logits: Logits) -> Iterator[str]:
    """Look-up tables that a pass calls; others may use the weight of theirs in any way."""
    called: set[str] = set()
    watched = {
        name: module
        for name, module in model.named_modules()
        if getattr(type(module), "forward", None) is nn.Embedding.forward
        and not name.startswith(f"{structure.path}.")
    }
    handles = [
        module.register_forward_hook(lambda *_, name=name: called.add(name))
        for name, module in watched.items()
    ]
    try:
        with torch.inference_mode():
            logits(model, batch)
    finally:
        for handle in handles:
            handle.remove()
    weights = dict(model.named_parameters())  # a tied one stands under its first name
    yield from (f"{n}.weight" for n in watched if n in called and f"{n}.weight" in weights)


def _positions(model: nn.Module, batch: Batch, logits: Logits) -> dict[str, list[int]]:
    """Positions of each call of each matrix and convolution."""
    found: dict[str, list[int]] = {}
    with _watched(model, found), torch.inference_mode():
        logits(model, batch)
    return found


@contextmanager
def _watched(model: nn.Module, found: dict[str, list[int]]) -> Iterator[None]:
    def watch(name: str, channels: int) -> Callable[[nn.Module, object, Tensor], None]:
        def hook(module: nn.Module, inputs: object, output: Tensor) -> None:
            found.setdefault(name, []).append(output.numel() // channels)

        return hook

    handles = []
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear):
            handles.append(module.register_forward_hook(watch(name, module.out_features)))
        elif isinstance(module, (nn.Conv1d, nn.Conv2d, nn.Conv3d)) and module.groups == 1:
            handles.append(module.register_forward_hook(watch(name, module.out_channels)))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
