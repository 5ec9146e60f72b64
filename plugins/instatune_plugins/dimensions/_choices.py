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
        key: Where the counts stand in the settings.
        merges: Whether ratios that mean the same count are one: of owners of unlike sizes the small
            ones cannot tell all ratios apart.
        why_not_none: Added where someone asks for none of them, but the model needs some.
    """

    counts: tuple[int, ...]
    ratio: tuple[float, ...]
    noun: str
    divisor: int = 1
    key: tuple[str, ...] = ("choices",)
    merges: bool = False
    why_not_none: str = ""

    def of(self, full: int, owner: str = "the model", fewest: int = 1) -> tuple[int, ...]:
        """Check everything and give ascending counts.

        Args:
            full: How many there are in the full model; must be the largest choice.
            owner: Who has them, for messages.
            fewest: How many must stay.

        Raises:
            SpaceError: Nothing chosen, a value out of range, a value given twice, or ``full``
                missing; ``path`` points at the value.
        """
        if not self.counts and not self.ratio:
            raise SpaceError(
                f"no {self.noun} to choose from; give counts such as [{max(1, full // 2)}, {full}] "
                "or ratio such as [0.5, 1.0]",
                self.key,
            )
        found: set[int] = set()
        for index, count in enumerate(self.counts):
            found.add(self._count(count, full, fewest, owner, index, found))
        for index, share in enumerate(self.ratio):
            found.add(self._share(share, full, fewest, index, found))
        if full not in found:
            raise self._incomplete(full, owner)
        return tuple(sorted(found))

    def _count(
        self, count: int, full: int, fewest: int, owner: str, index: int, found: set[int]
    ) -> int:
        path: tuple[str | int, ...] = (*self.key, index)
        right = f"use values from {fewest} to {full}"
        if count < fewest:
            raise SpaceError(
                f"{count} {self.noun} {self._too_few(count, fewest, owner, right)}", path
            )
        if count > full:
            raise SpaceError(f"{count} {self.noun}, but {owner} has {full}; {right}", path)
        if count in found:
            raise SpaceError(f"{count} {self.noun} is given twice; remove one", path)
        return count

    def _too_few(self, count: int, fewest: int, owner: str, right: str) -> str:
        if fewest > 1:
            return f"are too few, {fewest} of {owner} must stay; {right}"
        if fewest == 0:
            return f"is less than nothing; {right}"
        return f"is not a positive number; {right}{self.why_not_none if count == 0 else ''}"

    def _share(self, share: float, full: int, fewest: int, index: int, found: set[int]) -> int:
        path = ("ratio", index)
        if not 0.0 <= share <= 1.0 or (share == 0.0 and fewest):  # so that NaN is refused too
            right = "above 0 and up to 1" if fewest else "from 0 to 1"
            why = self.why_not_none if share == 0.0 else ""
            raise SpaceError(f"ratio {share} is no share; use values {right}{why}", path)
        count = self._round(share, full, fewest)
        if count in found and not self.merges:
            raise SpaceError(
                f"ratio {share} means {count} {self.noun}, which is given already; remove one", path
            )
        return count

    def _round(self, share: float, full: int, fewest: int) -> int:
        # The full model is exact, even where its size is no multiple of the divisor.
        if share == 1.0:
            return full
        if share == 0.0:
            return 0
        # Halves go up: Python's round() would send 2.5 to 2 but 3.5 to 4.
        multiples = int(share * full / self.divisor + 0.5)
        return min(full, max(fewest, max(1, multiples) * self.divisor))

    def _incomplete(self, full: int, owner: str) -> SpaceError:
        mend, key = (f"add {full}", self.key) if self.counts else ("add 1.0", ("ratio",))
        return SpaceError(
            f"{owner} has {full} {self.noun}, which must be the largest choice, because the "
            f"super-network is the model itself; {mend}",
            key,
        )
