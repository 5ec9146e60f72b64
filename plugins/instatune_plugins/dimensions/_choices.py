"""From settings (counts, ratios) to the counts that a gene offers, with all that can be wrong."""

from __future__ import annotations

import attrs

from instatune.errors import SpaceError


@attrs.frozen(kw_only=True)
class Choices:
    """Counts and ratios as a user wrote them.

    Attributes:
        counts: Absolute numbers.
        ratio: Shares of the full number.
        noun: What is counted, e.g. ``"heads"``.
        divisor: Ratios are rounded to a multiple of this.
    """

    counts: tuple[int, ...]
    ratio: tuple[float, ...]
    noun: str
    divisor: int = 1

    def of(self, full: int, owner: str = "the model") -> tuple[int, ...]:
        """Check everything and give ascending counts.

        Args:
            full: How many there are in the full model; must be the largest choice.
            owner: Who has them, for messages.

        Raises:
            SpaceError: Nothing chosen, a value out of range, a value given twice, or ``full``
                missing; ``path`` points at the value.
        """
        if not self.counts and not self.ratio:
            raise SpaceError(
                f"no {self.noun} to choose from; give counts such as [{max(1, full // 2)}, {full}] "
                "or ratio such as [0.5, 1.0]",
                ("choices",),
            )
        found: set[int] = set()
        for index, count in enumerate(self.counts):
            found.add(self._count(count, full, owner, index, found))
        for index, share in enumerate(self.ratio):
            found.add(self._share(share, full, index, found))
        if full not in found:
            raise self._incomplete(full, owner)
        return tuple(sorted(found))

    def _count(self, count: int, full: int, owner: str, index: int, found: set[int]) -> int:
        path, right = ("choices", index), f"use values from 1 to {full}"
        if count < 1:
            raise SpaceError(f"{count} {self.noun} is not a positive number; {right}", path)
        if count > full:
            raise SpaceError(f"{count} {self.noun}, but {owner} has {full}; {right}", path)
        if count in found:
            raise SpaceError(f"{count} {self.noun} is given twice; remove one", path)
        return count

    def _share(self, share: float, full: int, index: int, found: set[int]) -> int:
        path = ("ratio", index)
        if not 0.0 < share <= 1.0:  # written so that NaN is refused too
            raise SpaceError(f"ratio {share} is no share; use values above 0 and up to 1", path)
        count = self._round(share, full)
        if count in found:
            raise SpaceError(
                f"ratio {share} means {count} {self.noun}, which is given already; remove one", path
            )
        return count

    def _round(self, share: float, full: int) -> int:
        # The full model is exact, even where its size is no multiple of the divisor.
        if share == 1.0:
            return full
        # Halves go up: Python's round() would send 2.5 to 2 but 3.5 to 4.
        multiples = int(share * full / self.divisor + 0.5)
        return min(full, max(1, multiples) * self.divisor)

    def _incomplete(self, full: int, owner: str) -> SpaceError:
        mend, key = (f"add {full}", "choices") if self.counts else ("add 1.0", "ratio")
        return SpaceError(
            f"{owner} has {full} {self.noun}, which must be the largest choice, because the "
            f"super-network is the model itself; {mend}",
            (key,),
        )
