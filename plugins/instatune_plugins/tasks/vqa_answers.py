"""The answers that a model can give, and how much each of them is worth for a question.

An answer that at least three annotators gave is right, one that fewer gave is right in part:
``min(n / 3, 1)`` (Antol et al., "VQA: Visual Question Answering", ICCV 2015, section 3). Where
there is a single answer, it alone is right.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from instatune.errors import DataError
from instatune.interfaces import Example
from instatune_plugins.tasks.vqa_lines import Line

UNKNOWN = -1
"""Label of a question none of whose answers the model can give."""
_AGREEING = 3


def scores(line: Line) -> dict[str, float]:
    """Worth of each answer of a question, in (0, 1]."""
    if len(line.answers) == 1:
        return {line.answers[0]: 1.0}
    return {answer: min(n / _AGREEING, 1.0) for answer, n in Counter(line.answers).items()}


def vocabulary(lines: Sequence[Line], most: int, source: str) -> tuple[str, ...]:
    """The answers that are worth most in all training questions together, the best first.

    Args:
        lines: Training questions.
        most: Size of the vocabulary.
        source: Their file, for messages.

    Raises:
        DataError: There is only one answer.
    """
    worth: Counter[str] = Counter()
    for line in lines:
        worth.update(scores(line))
    if len(worth) < 2:
        raise DataError(
            f"{source}: every question has the answer {next(iter(worth))!r}; there is nothing to"
            " learn from fewer than two answers"
        )
    return tuple(sorted(worth, key=lambda answer: (-worth[answer], answer))[:most])


def example(line: Line, indices: Mapping[str, int]) -> Example:
    """A question with the indices of its answers.

    Returns:
        ``image``, ``question``, ``name``; ``answers``: pairs of index and worth of those that are
        known, the best first; ``label``: the best one, or :data:`UNKNOWN`.
    """
    known = [(indices[answer], s) for answer, s in scores(line).items() if answer in indices]
    known.sort(key=lambda pair: (-pair[1], pair[0]))
    return {
        "image": line.image,
        "question": line.question,
        "name": f"{line.image} ({line.place})",
        "answers": tuple(known),
        "label": known[0][0] if known else UNKNOWN,
    }


def worth_of(label: int, examples: Sequence[Example]) -> float:
    """Accuracy of giving one and the same answer to all questions."""
    total: float = sum(dict(e["answers"]).get(label, 0.0) for e in examples)
    return total / len(examples)
