"""Exported networks as their users run them: what they answer, and how big they are."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path

import attrs
import torch
from torch import Tensor

from instatune.interfaces import Artefact, Batch, Measurement, Runner, Task

_NEAR = 0.1  # outputs that are numbers agree within this share of their spread


@attrs.define(kw_only=True)
class _Tally:
    """What is summed up of one artefact over batches."""

    right: float = 0.0
    scored: int = 0
    agreed: float = 0.0
    decided: int = 0
    gap: float = 0.0

    def add(self, logits: Tensor, wanted: Tensor, scores: Tensor) -> None:
        self.right += float(scores.double().sum())
        self.scored += len(scores)
        same = agreement(logits, wanted)
        self.agreed += float(same.sum())
        self.decided += same.numel()
        self.gap = max(self.gap, float((logits - wanted).abs().max()))


def agreement(logits: Tensor, wanted: Tensor) -> Tensor:
    """Where two outputs decide alike: the same largest logit, or nearly the same number.

    Args:
        logits: ``[examples, outputs]``, or with a position in between.
        wanted: Of the same shape.

    Returns:
        Boolean, without the last axis.
    """
    if wanted.shape[-1] > 1:
        return logits.argmax(-1) == wanted.argmax(-1)
    near = _NEAR * wanted.std(unbiased=False).clamp(min=1e-6)
    return ((logits - wanted).abs() <= near).squeeze(-1)


def compare(
    runners: Mapping[str, Runner], reference: Iterator[tuple[Tensor, Batch]], task: Task
) -> dict[str, Artefact]:
    """Run artefacts on the batches on which the searched network ran.

    Args:
        runners: By format.
        reference: Logits of the searched network with their batches.
        task: For scores.

    Returns:
        What was found, by format; sizes and times are still missing. A runner that raises gets a
        ``problem`` and is not asked again.
    """
    tallies = {name: _Tally() for name in runners}
    problems: dict[str, str] = {}
    for wanted, batch in reference:
        wanted, placed = wanted.cpu(), {key: tensor.cpu() for key, tensor in batch.items()}
        for name in tallies.keys() - problems.keys():
            try:
                with torch.inference_mode():
                    logits = runners[name](placed).float()
                if not torch.isfinite(logits).all():
                    problems[name] = "gives outputs that are not finite"
                    continue
                tallies[name].add(logits, wanted, task.correct(logits, placed))
            except Exception as error:  # of whatever library runs it
                problems[name] = f"{type(error).__name__}: {error}".splitlines()[0]
    return {name: _artefact(name, tally, problems.get(name, "")) for name, tally in tallies.items()}


def judged(artefact: Artefact, tolerance: float) -> Artefact:
    """Note a problem where an artefact decides otherwise than it may.

    Args:
        artefact: From :func:`compare`.
        tolerance: Largest share of other decisions.
    """
    if artefact.problem or artefact.agreement >= 1 - tolerance:
        return artefact
    text = (
        f"decides otherwise than the searched network on {1 - artefact.agreement:.1%} of the test "
        f"examples (allowed {tolerance:.1%}); the largest difference of a logit is "
        f"{artefact.gap:.3g}"
    )
    return attrs.evolve(artefact, problem=text)


def size(files: tuple[Path, ...]) -> int:
    """Bytes of files."""
    return sum(file.stat().st_size for file in files)


def _artefact(name: str, tally: _Tally, problem: str) -> Artefact:
    share = tally.right / max(1, tally.scored)
    error = math.sqrt(max(share * (1 - share), 0.0) / max(1, tally.scored))
    return Artefact(
        format=name,
        accuracy=Measurement(share, error, tally.scored),
        agreement=tally.agreed / max(1, tally.decided),
        gap=tally.gap,
        problem=problem,
    )
