"""Bits of modules: with how many bits weights are kept, and activations multiplied with them.

One choice for weight and activation of each linear map is what InstaTune (arXiv 2308.15609) and
SimQ-NAS (arXiv 2312.13301) search. Their models have look-up tables in full precision; these are
half of a small BERT, so that they have a choice of their own here.
"""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from instatune.errors import SpaceError
from instatune.interfaces.dimension import Dimension
from instatune.space import Gene
from instatune.space.policy import module_of, weighted
from instatune.space.search_space import FEWEST_BITS, FULL_BITS

if TYPE_CHECKING:
    from instatune.space import Anatomy
    from instatune_plugins.dimensions import BitsConfig

_PREFIX = "bits"
_BLOCKS = {"heads": "attention", "kv_groups": "attention", "ffn": "ffn"}


class Bits(Dimension):
    """Genes ``bits.embeddings`` and ``bits.<module>``, of coarser choices ``bits.<layer>``, ..."""

    config: BitsConfig

    def genes(self, anatomy: Anatomy) -> tuple[Gene, ...]:
        """Make the genes, tables first, then modules as they stand in the model.

        Raises:
            SpaceError: See :meth:`Dimension.genes`; also where nothing is left to choose.
        """
        self._check_patterns(anatomy)
        choices = _checked(self.config.choices, "choices")
        of_tables = _checked(self.config.embeddings or (FULL_BITS,), "embeddings")
        found = (
            *(self._tables(anatomy, of_tables) if len(of_tables) > 1 else ()),
            *(self._modules(anatomy, choices) if len(choices) > 1 else ()),
        )
        if not found:
            raise SpaceError(
                f"no module has bits to choose from; give values such as [8, {FULL_BITS}] and skip "
                "less",
                ("choices",),
            )
        return found

    def _tables(self, anatomy: Anatomy, choices: tuple[int, ...]) -> Iterator[Gene]:
        names = [name for name in map(module_of, anatomy.embeddings) if not self._skipped(name)]
        if names:
            yield Gene(
                name=f"{_PREFIX}.embeddings",
                choices=choices,
                effect="bits",
                targets=tuple(dict.fromkeys(names)),
            )

    def _modules(self, anatomy: Anatomy, choices: tuple[int, ...]) -> Iterator[Gene]:
        tables = set(map(module_of, anatomy.embeddings))
        together: dict[str, list[str]] = {}
        for module in weighted(anatomy):
            if module not in tables and not self._skipped(module):
                together.setdefault(self._place(anatomy, module), []).append(module)
        for place, modules in together.items():
            home = None if self.config.per == "model" else anatomy.stack_of(modules[0])
            stack, layer = home or (None, None)
            yield Gene(
                name=f"{_PREFIX}.{place}" if place else _PREFIX,
                choices=choices,
                effect="bits",
                targets=tuple(modules),
                stack=stack,
                layer=layer,
            )

    def _place(self, anatomy: Anatomy, module: str) -> str:
        """What shares one choice with a module: modules of one place do."""
        if self.config.per == "model":
            return ""
        home = anatomy.stack_of(module)
        if self.config.per == "linear" or home is None:
            return module
        path = next(stack.path for stack in anatomy.stacks if stack.name == home[0])
        layer = f"{path}.{home[1]}"
        return layer if self.config.per == "layer" else f"{layer}.{_block(anatomy, module, layer)}"

    def _skipped(self, module: str) -> bool:
        return any(fnmatchcase(module, pattern) for pattern in self.config.skip)

    def _check_patterns(self, anatomy: Anatomy) -> None:
        modules = weighted(anatomy)
        for index, pattern in enumerate(self.config.skip):
            if not any(fnmatchcase(module, pattern) for module in modules):
                near = get_close_matches(pattern, modules, 3, 0.4) or modules[-3:]
                raise SpaceError(
                    f"no module with bits to choose is called {pattern!r}; use names such as "
                    f"{', '.join(map(repr, near))}, or patterns with '*'",
                    ("skip", index),
                )


def _block(anatomy: Anatomy, module: str, layer: str) -> str:
    """Attention, FFN, or else the parent of a module in its layer."""
    kinds = {
        group.kind
        for group in anatomy.groups
        if any(module_of(cut.tensor) == module for cut in group.cuts)
    }
    for kind, block in _BLOCKS.items():
        if kind in kinds:
            return block
    inside = module.removeprefix(f"{layer}.")
    return inside.rpartition(".")[0] or inside


def _checked(bits: tuple[int, ...], key: str) -> tuple[int, ...]:
    """Ascending bits; every mistake in them says where."""
    if not bits:
        raise SpaceError(f"no bits to choose from; give values such as [8, {FULL_BITS}]", (key,))
    for index, count in enumerate(bits):
        if not FEWEST_BITS <= count <= FULL_BITS:
            right = f"use values from {FEWEST_BITS} to {FULL_BITS}"
            raise SpaceError(f"{count} bits are not possible; {right}", (key, index))
        if count in bits[:index]:
            raise SpaceError(f"{count} bits are given twice; remove one", (key, index))
    if FULL_BITS not in bits:
        raise SpaceError(
            f"the model has {FULL_BITS} bits, which must be the largest choice, because the "
            f"super-network is the model itself; add {FULL_BITS}",
            (key,),
        )
    return tuple(sorted(bits))
