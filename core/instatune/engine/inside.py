"""Looking inside a network while it runs: hidden states, queries, keys and values.

The anatomy says where they are. Forward hooks stand on these modules while one network runs and at
no other time; layers that a sub-network leaves out do not run, so nothing is recorded of them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import TypeAlias

import attrs
from torch import Tensor, nn

from instatune.errors import TrainingError
from instatune.interfaces import InnerTerm
from instatune.space import Anatomy

Projections: TypeAlias = tuple[Tensor, Tensor, Tensor]
"""Queries, keys and values, each ``[examples, tokens, width]``."""


@attrs.frozen(kw_only=True)
class Inside:
    """What one network showed while it ran.

    Attributes:
        hidden: Output of each layer that ran, ``[examples, tokens, width]``, by its path in the
            full model, the first one first.
        attention: Queries, keys and values of each attention that ran, by the path of the module
            that gives the queries.
    """

    hidden: dict[str, Tensor]
    attention: dict[str, Projections]

    def detached(self, *, last_attention: bool = False) -> Inside:
        """The same values without a graph; with ``last_attention`` nothing of the ones before."""
        kept = list(self.attention.items())[-1 if last_attention else 0 :]
        return Inside(
            hidden={path: tensor.detach() for path, tensor in self.hidden.items()},
            attention={path: (q.detach(), k.detach(), v.detach()) for path, (q, k, v) in kept},
        )


class Watcher:
    """Knows which modules of one model to watch.

    Args:
        model: A super-network in its full form.
        anatomy: Where things are in it.
        terms: Terms of the loss that will be asked for.

    Raises:
        TrainingError: The anatomy does not say where what a term compares is; names the place.
    """

    def __init__(self, model: nn.Module, anatomy: Anatomy, terms: Collection[InnerTerm]) -> None:
        _require(anatomy, terms)
        self._terms = frozenset(terms)
        self._attentions = tuple(a.projections for a in anatomy.attentions if a.projections)
        layers = (
            (f"{stack.path}.{name}", layer)
            for stack in anatomy.stacks
            for name, layer in model.get_submodule(stack.path).named_children()
        )
        projections = (path for paths in self._attentions for path in paths)
        # Modules, not paths: a sub-network gives its layers new numbers while it is active.
        self._places: dict[InnerTerm, list[tuple[str, nn.Module]]] = {
            "hidden": list(layers),
            "relation": [(path, model.get_submodule(path)) for path in projections],
        }

    @contextmanager
    def watching(self, terms: Collection[InnerTerm]) -> Iterator[Inside]:
        """Record what runs until the context ends; what is given is filled at its end.

        Args:
            terms: What to record for; nothing for none of them.

        Raises:
            TrainingError: A module that had to be watched did not run, or gives no tensor.
        """
        found = Inside(hidden={}, attention={})
        outputs: dict[str, Tensor] = {}
        places = [place for term in sorted(terms) for place in self._places[term]]
        handles = [module.register_forward_hook(_into(outputs, path)) for path, module in places]
        try:
            yield found
        finally:
            for handle in handles:
                handle.remove()
        if "hidden" in terms:
            found.hidden.update(self._hidden(outputs))
        if "relation" in terms:
            found.attention.update(self._attention(outputs))

    def _hidden(self, outputs: dict[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
        paths = [path for path, _ in self._places["hidden"]]
        if not any(path in outputs for path in paths):
            raise TrainingError(
                f"tune.loss: none of the layers {paths[0]!r} to {paths[-1]!r} was called while the "
                "network ran, so there are no hidden states to compare; use hidden: 0"
            )
        for path in paths:
            if path in outputs:
                yield path, outputs[path]

    def _attention(self, outputs: dict[str, Tensor]) -> Iterator[tuple[str, Projections]]:
        ran = [paths for paths in self._attentions if all(path in outputs for path in paths)]
        if not ran:
            raise TrainingError(
                f"tune.loss: the projections {', '.join(map(repr, self._attentions[-1]))} were not "
                "called while the network ran, so there are no queries, keys and values to "
                "compare; use relation: 0"
            )
        for paths in ran:
            given = [outputs[path] for path in paths]
            query, key, value = given if len(given) == 3 else given[0].chunk(3, dim=-1)
            # A layer may have lost all of its heads: it then relates nothing to anything.
            if query.shape[-1]:
                yield paths[0], (query, key, value)


def _require(anatomy: Anatomy, terms: Collection[InnerTerm]) -> None:
    if "hidden" in terms and not anatomy.stacks:
        raise TrainingError(
            f"tune.loss: 'hidden' compares layers, but the anatomy of the {anatomy.family} family "
            "lists no stack of layers; use hidden: 0"
        )
    unknown = sorted({a.group for a in anatomy.attentions if not a.projections})
    if "relation" in terms and (unknown or not anatomy.attentions):
        missing = f"of {', '.join(map(repr, unknown))}" if unknown else "of any layer"
        raise TrainingError(
            "tune.loss: 'relation' compares queries, keys and values, but the anatomy of the "
            f"{anatomy.family} family does not say where those {missing} are "
            "(Attention.projections); use relation: 0, or an adapter that says it"
        )


def _into(outputs: dict[str, Tensor], path: str) -> Callable[[nn.Module, object, object], None]:
    """A hook that puts what a module gives under its path."""

    def hook(module: nn.Module, inputs: object, output: object) -> None:
        outputs[path] = _tensor(path, output)

    return hook


def _tensor(path: str, output: object) -> Tensor:
    """Layers of some libraries give a tuple whose first member is the hidden state."""
    found = output[0] if isinstance(output, (tuple, list)) and output else output
    if not isinstance(found, Tensor):
        raise TrainingError(
            f"tune.loss: module {path!r} gives a {type(output).__name__}, no tensor to compare; "
            "use hidden: 0 and relation: 0"
        )
    return found
