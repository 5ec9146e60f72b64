"""Anatomy: a declarative description of what can be cut in a model, and of what it costs.

An adapter writes one; ordering, slicing, masking, extraction and counting all read it, so a family
of models needs no code of its own for any of them.

The vocabulary: a model has *stacks* of layers, and *groups* of interchangeable *units* (the heads
of one layer, the neurons of one FFN). A unit occupies indices of several tensors; each such place
is a *cut*. Keeping k units of a group keeps the first k units along every one of its cuts.
"""

from __future__ import annotations

from collections.abc import Iterable

import attrs


@attrs.frozen
class Cut:
    """Where the units of a group lie along one axis of one tensor.

    The axis has length ``blocks * units * unit`` and is read as ``[blocks, units, unit]``: a fused
    query-key-value weight has three blocks, everything else has one.

    Attributes:
        tensor: Name of a parameter or buffer in the state dict.
        axis: Axis of that tensor.
        unit: Indices that one unit takes, e.g. the head size.
        blocks: How often the run of units is repeated.
    """

    tensor: str
    axis: int
    unit: int = 1
    blocks: int = 1


@attrs.frozen
class Attribute:
    """A number stored in a module that follows the count of units.

    Attributes:
        path: Dotted path from the model, e.g. ``"blocks.0.attn.num_heads"``.
        unit: The attribute is ``kept units * unit``.
        as_tuple: Written as ``(value,)``, as ``LayerNorm.normalized_shape`` wants it.
    """

    path: str
    unit: int = 1
    as_tuple: bool = False


@attrs.frozen(kw_only=True)
class Group:
    """Interchangeable units of one place in the model.

    Attributes:
        name: Unique, e.g. ``"heads.3"``.
        kind: What the units are, e.g. ``"heads"`` or ``"ffn"``; a width dimension picks its groups
            by this word.
        units: How many there are in the full model.
        cuts: All places where the units lie; cutting all of them removes a unit without trace.
        outgoing: The cut of the weight that *reads* the units (output projection, second FFN
            matrix). Scaling unit u scales its slice of this weight, hence importance looks here.
        attributes: Numbers to keep in step.
        stack: Stack that the group lives in, None outside of stacks.
        layer: Index of its layer in that stack.
        also_outgoing: Further weights that read the units, where several layers share them.
        minimum: The fewest units that may stay; 0 where the model still computes without any.
    """

    name: str
    kind: str
    units: int
    cuts: tuple[Cut, ...]
    outgoing: Cut
    attributes: tuple[Attribute, ...] = ()
    stack: str | None = None
    layer: int | None = None
    also_outgoing: tuple[Cut, ...] = ()
    minimum: int = 1

    @property
    def readers(self) -> tuple[Cut, ...]:
        """All weights that read the units."""
        return (self.outgoing, *self.also_outgoing)


@attrs.frozen(kw_only=True)
class Stack:
    """A run of layers, each of which can be left out.

    Attributes:
        name: Unique, e.g. ``"layers"``.
        path: Dotted path of the ``ModuleList`` or ``Sequential``.
        layers: How many there are in the full model.
        index_attributes: Paths inside a layer that hold its position, renumbered after a cut,
            e.g. ``"self_attn.layer_idx"``.
        count_attributes: Paths from the model that hold the number of layers.
        required: Layers that must stay, e.g. the one that changes the number of channels.
    """

    name: str
    path: str
    layers: int
    index_attributes: tuple[str, ...] = ()
    count_attributes: tuple[str, ...] = ()
    required: tuple[int, ...] = ()

    @property
    def fewest(self) -> int:
        """The smallest number of layers that can be kept."""
        return max(1, len(set(self.required)))

    def required_first(self, order: Iterable[int]) -> tuple[int, ...]:
        """The same order with the required layers before all others."""
        layers = tuple(order)
        must = [layer for layer in layers if layer in self.required]
        return (*must, *(layer for layer in layers if layer not in self.required))

    @property
    def first_layers(self) -> tuple[int, ...]:
        """Order of layers by which the first ones stay, after those that must."""
        return self.required_first(range(self.layers))


@attrs.frozen
class Work:
    """A weight that is multiplied with activations: one MAC per element and position.

    Attributes:
        weight: Name in the state dict.
        positions: Constant factor of the number of positions it is applied at.
        tokens_power: Power of the number of tokens in that number: 1 for a layer applied to every
            token, 0 for a classifier that reads one position.
    """

    weight: str
    positions: int = 1
    tokens_power: int = 1


@attrs.frozen
class Attention:
    """The two products of attention, scores and mixing: ``2 * tokens**2 * unit`` MACs per unit.

    Attributes:
        group: Group of the heads.
        unit: Size of one head (of all query heads of one unit).
        home: Stack and layer of the product, where its group is shared by several layers.
        projections: Modules whose outputs ``[examples, tokens, width]`` are queries, keys and
            values, or one that gives all three side by side; empty where they cannot be told.
    """

    group: str
    unit: int
    home: tuple[str, int] | None = None
    projections: tuple[str, ...] = ()


@attrs.frozen
class Buffer:
    """A tensor that is saved with a network but is no parameter, e.g. a running mean.

    Attributes:
        shape: In the full model.
        itemsize: Bytes of one element.
    """

    shape: tuple[int, ...]
    itemsize: int = 4


@attrs.frozen(kw_only=True)
class Anatomy:
    """Everything that core must know of one model.

    Attributes:
        family: Name of the family, for messages.
        stacks: Runs of layers.
        groups: All groups of units.
        shapes: Shape of each tensor in the state dict; parameters only, tied ones once.
        work: Weights that cost MACs.
        attentions: Attention products.
        embeddings: Weights that rows are looked up in, ``[entries, width]``; no MACs. Only those
            of modules that are called for it, so that another module can take their place.
        buffers: Buffers in the state dict, for the size on disk.
        tokens: Number of tokens that counts refer to unless told otherwise.
        max_tokens: Longest input that the model takes, None for no limit.
    """

    family: str
    stacks: tuple[Stack, ...]
    groups: tuple[Group, ...]
    shapes: dict[str, tuple[int, ...]]
    work: tuple[Work, ...]
    attentions: tuple[Attention, ...] = ()
    embeddings: tuple[str, ...] = ()
    buffers: dict[str, Buffer] = attrs.field(factory=dict)
    tokens: int
    max_tokens: int | None = None

    def group(self, name: str) -> Group:
        """Look a group up by name; KeyError names what is there."""
        for group in self.groups:
            if group.name == name:
                return group
        raise KeyError(f"no group {name!r} in {[group.name for group in self.groups]}")

    def of_kind(self, kind: str) -> tuple[Group, ...]:
        """All groups of one kind, in order of their layers."""
        return tuple(group for group in self.groups if group.kind == kind)

    def stack_of(self, tensor: str) -> tuple[str, int] | None:
        """Which stack and layer a tensor belongs to; None outside of all stacks."""
        for stack in self.stacks:
            prefix = stack.path + "."
            if tensor.startswith(prefix):
                return stack.name, int(tensor[len(prefix) :].split(".", 1)[0])
        return None
