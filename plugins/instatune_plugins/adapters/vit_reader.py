"""Groups and work of a vision transformer, read out of the shapes of its tensors. No torch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from instatune.errors import CheckpointError
from instatune.space import Attribute, Cut, Group, Work

if TYPE_CHECKING:
    from instatune_plugins.adapters.vit_layout import Layout, Numbers, Part, Shapes


class Reader:
    """Reads the parts of one model out of its shapes."""

    def __init__(self, family: str, layout: Layout, shapes: Shapes, numbers: Numbers) -> None:
        self.family, self.layout, self.shapes, self.numbers = family, layout, shapes, numbers
        self.inside: dict[int, list[tuple[str, Part]]] = {i: [] for i in range(numbers.layers)}
        for name in shapes:
            self._sort(name)

    def groups(self, layer: int) -> Iterator[Group]:
        """Heads and FFN neurons of a layer."""
        attributes = tuple(
            Attribute(f"{self.layout.layers}.{layer}.{path}", self._unit("heads") if wide else 1)
            for path, wide in self.layout.attributes.items()
        )
        yield self._group("heads", layer, self.numbers.heads, attributes)
        reader = self._reader("ffn", layer)
        yield self._group("ffn", layer, self.shapes[reader][1], ())

    def stream(self) -> Iterator[Group]:
        """The channels of the hidden state, where all that normalises them has weights."""
        at = [f"{self.layout.layers}.{layer}" for layer in self.inside]
        if not {f"{a}.{norm}.weight" for a in at for norm in self.layout.norms} <= set(self.shapes):
            return
        cuts = [
            Cut(name, axis) for name in self.shapes if (axis := self._channels(name)) is not None
        ]
        readers = [cut for cut in cuts if cut.axis == 1 and len(self.shapes[cut.tensor]) == 2]
        yield Group(
            name="embed",
            kind="embed",
            units=self.shapes[self._patches()][0],
            cuts=tuple(cuts),
            outgoing=readers[0],
            also_outgoing=tuple(readers[1:]),
            attributes=tuple(Attribute(name) for name in self.layout.widths),
        )

    def work(self) -> Iterator[Work]:
        """Weights that cost MACs."""
        yield Work(self._patches(), positions=self.numbers.patches, tokens_power=0)
        for parts in self.inside.values():
            # Linear maps are the weights with two axes; norms have one.
            yield from (
                Work(name)
                for name, _ in parts
                if name.endswith(".weight") and len(self.shapes[name]) == 2
            )
        for head in self.layout.heads:
            if f"{head}.weight" in self.shapes:
                yield Work(f"{head}.weight", tokens_power=0)

    def _group(
        self, kind: Literal["heads", "ffn"], layer: int, units: int, numbers: tuple[Attribute, ...]
    ) -> Group:
        reader = self._reader(kind, layer)
        cuts = tuple(
            self._cut(name, part, units)
            for name, part in self.inside[layer]
            # The bias of the map that reads the units is as wide as the hidden state.
            if part.kind == kind and not (part.reads and name != reader)
        )
        return Group(
            name=f"{kind}.{layer}",
            kind=kind,
            units=units,
            cuts=cuts,
            outgoing=next(cut for cut in cuts if cut.tensor == reader),
            attributes=numbers,
            stack="layers",
            layer=layer,
            # Without neurons the output's bias remains, unless a norm has nothing to work on.
            minimum=0 if kind == "ffn" and not any(".norm." in cut.tensor for cut in cuts) else 1,
        )

    def _cut(self, name: str, part: Part, units: int) -> Cut:
        # A table of biases has one column for a head, whatever the size of heads.
        unit = 1 if "relative_position_bias" in name else self._unit(part.kind)
        blocks = part.blocks or max(1, self.shapes[name][part.axis] // (units * unit))
        return Cut(name, part.axis, unit, blocks)

    def _channels(self, name: str) -> int | None:
        """Axis of a tensor along which channels of the hidden state lie."""
        axes, owner = len(self.shapes[name]), name.rpartition(".")[0]
        if owner == self.layout.patches:
            return 0
        if owner in self.layout.heads:
            return 1 if axes == 2 else None
        part = self._part(name)
        if part is None:  # tokens, positions and norms outside of layers
            return axes - 1
        if axes == 1:  # a bias lies where the output does, and that of units is not hidden
            return 0 if part.hidden == 0 else None
        return part.hidden

    def _part(self, name: str) -> Part | None:
        """What a tensor is in its layer; None outside of layers."""
        prefix = f"{self.layout.layers}."
        if not name.startswith(prefix):
            return None
        path = name.removeprefix(prefix).partition(".")[2]
        return self.layout.parts.get(path.rpartition(".")[0] or path)

    def _patches(self) -> str:
        name = f"{self.layout.patches}.weight"
        if name not in self.shapes:
            raise self._differs(f"tensor {name!r} is missing")
        return name

    def _unit(self, kind: str | None) -> int:
        return self.numbers.head_size if kind == "heads" else 1

    def _reader(self, kind: str, layer: int) -> str:
        path = next(p for p, part in self.layout.parts.items() if part.kind == kind and part.reads)
        name = f"{self.layout.layers}.{layer}.{path}.weight"
        if name not in self.shapes:
            raise self._differs(f"tensor {name!r} is missing")
        return name

    def _sort(self, name: str) -> None:
        prefix = f"{self.layout.layers}."
        if name.startswith(prefix):
            layer, part = int(name.removeprefix(prefix).partition(".")[0]), self._part(name)
            if part is not None and layer in self.inside:
                self.inside[layer].append((name, part))
                return
        elif {name, name.rpartition(".")[0]} & {
            *self.layout.fixed,
            *self.layout.heads,
            self.layout.patches,
        }:
            return
        raise self._differs(f"tensor {name!r} of shape {list(self.shapes[name])} is not known")

    def _differs(self, how: str) -> CheckpointError:
        return CheckpointError(f"the model is not built as the {self.family} family is: {how}")
