"""Numbers as people read them. A column of a table shares one scale, so that it can be compared."""

from __future__ import annotations

import math
from collections.abc import Iterable

import attrs

from instatune.interfaces import AimInfo

NOT_KNOWN = "–"
MINUS = "−"
_SMALL = ((1.0, ""), (1e-3, "m"), (1e-6, "µ"), (1e-9, "n"))
_DIVIDED = ("s", "J", "W")  # units that people divide by thousands; others have no small parts
_PREFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


@attrs.frozen(kw_only=True)
class Format:
    """How the values of one measure are written.

    Attributes:
        factor: Values are multiplied by it.
        unit: What stands in the head of the column or at the axis, e.g. ``"%"``, ``"G"``, ``"ms"``.
        digits: Behind the decimal point.
    """

    factor: float = 1.0
    unit: str = ""
    digits: int = 2

    def __call__(self, value: float | None) -> str:
        """Write a value without its unit."""
        if value is None or not math.isfinite(value):
            return NOT_KNOWN
        return signed_minus(_plain(value * self.factor, self.digits))

    def with_unit(self, value: float | None) -> str:
        """Write a value with its unit, e.g. ``"80.6 %"``."""
        text = self(value)
        return text if text == NOT_KNOWN or not self.unit else f"{text}\u00a0{self.unit}"

    def change(self, difference: float | None) -> str:
        """Write a difference with its sign, e.g. ``"+0.3"`` points."""
        text = self(difference)
        zero = text.strip("0.") == ""
        signed = difference is not None and math.isfinite(difference) and difference > 0
        return f"+{text}" if signed and not zero else text


def format_of(aim: AimInfo, values: Iterable[float]) -> Format:
    """Choose how to write a measure.

    Fractions become per cent; large counts and small parts of seconds, joules and watts get one
    prefix for all; the rest keeps its unit.

    Args:
        aim: The measure.
        values: Everything that will be written in this format.
    """
    known = [abs(value) for value in values if math.isfinite(value)]
    top = max(known, default=0.0)
    if is_fraction(aim, known):
        return Format(factor=100.0, unit="%", digits=1)
    unit = "" if aim.unit.lower() == aim.label.lower() else aim.unit
    for size, prefix in _PREFIXES:
        if top >= size and (size > 1e3 or top >= 1e4):
            return Format(factor=1 / size, unit=prefix + unit, digits=_digits(top / size))
    if unit in _DIVIDED and 0 < top < 1:
        size, prefix = next((pair for pair in _SMALL if top >= pair[0]), _SMALL[-1])
        return Format(factor=1 / size, unit=prefix + unit, digits=_digits(top / size))
    return Format(unit=unit, digits=_digits(top))


def is_fraction(aim: AimInfo, values: Iterable[float]) -> bool:
    """Whether values are fractions of one, as accuracies are: people read them in per cent."""
    if aim.unit == "%":
        return True
    return not aim.unit and not aim.exact and all(0.0 <= value <= 1.0 for value in values)


def heading(label: str, form: Format) -> str:
    """Name of a column or axis with its unit, e.g. ``"MACs (G)"``."""
    return f"{label} ({form.unit})" if form.unit else label


def percent(fraction: float, digits: int = 0) -> str:
    """Write a share with a sign only where it is negative, e.g. ``"27 %"``."""
    if not math.isfinite(fraction):
        return NOT_KNOWN
    return f"{signed_minus(_plain(100 * fraction, digits))}\u00a0%"


def relative_change(value: float | None, base: float | None) -> float | None:
    """Relative difference, e.g. −0.27; None where it has no meaning."""
    if value is None or base is None or not base:
        return None
    result = value / base - 1
    return result if math.isfinite(result) else None


def duration(seconds: float) -> str:
    """Write a time span in two units, e.g. ``"2 min 31 s"``."""
    if not math.isfinite(seconds) or seconds < 0:
        return NOT_KNOWN
    if seconds < 10:
        return f"{seconds:.1f}\u00a0s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}\u00a0s"
    if whole < 3600:
        return f"{whole // 60}\u00a0min {whole % 60:02d}\u00a0s"
    minutes = round(seconds / 60)
    return f"{minutes // 60:,}\u00a0h {minutes % 60:02d}\u00a0min"


def scientific(value: float, digits: int = 1) -> str:
    """Write a tiny number, e.g. ``"2.4e−6"``."""
    if not math.isfinite(value):
        return NOT_KNOWN
    if value == 0:
        return "0"
    mantissa, power = f"{value:.{digits}e}".split("e")
    return signed_minus(f"{mantissa}e{int(power)}")


def signed_minus(text: str) -> str:
    """Use a real minus sign, and none before a zero."""
    if text.startswith("-") and not text.strip("-0.,e+"):
        text = text[1:]
    return text.replace("-", MINUS)


def _plain(value: float, digits: int) -> str:
    return f"{value:.3g}" if abs(value) >= 1e7 else f"{value:,.{digits}f}"


def _digits(top: float) -> int:
    if top == 0 or not math.isfinite(top):
        return 1
    return min(6, max(0, 2 - math.floor(math.log10(top)))) if top < 1000 else 0
