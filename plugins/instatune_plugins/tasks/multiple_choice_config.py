"""Settings of ``multiple_choice``. Light: no torch."""

from __future__ import annotations

from typing import Literal

import attrs
from attrs.validators import ge, gt, lt, optional


@attrs.frozen(kw_only=True)
class MultipleChoiceConfig:
    """Settings of ``multiple_choice``: files of questions, or else a dataset of a hub."""

    train: str | None = None  # file to tune on: .jsonl (also .gz) or .parquet
    test: str | None = None  # file that is looked at once, at the end
    search: str | None = None  # file for the search; None: carved from train

    dataset: str | None = None  # name on the hub, or a folder that `datasets` can read
    subset: str | None = None  # configuration of the dataset, e.g. ARC-Easy of allenai/ai2_arc
    revision: str | None = None  # commit or tag of the dataset
    train_split: str = "train"
    test_split: str | None = None  # None: "test", else "validation"
    search_split: str | None = None  # None: carved from train

    question: str | None = None  # column of the question or context; None: by common names
    choices: str | None = None  # column of the lists of choices; None: found by common names
    answer: str | None = None  # column of the index or text of the right one; None: found
    format: Literal["auto", "jsonl", "parquet"] = "auto"  # auto: by the file's name

    prompt: str = "{question}"  # what stands before a choice, e.g. "Question: {question}\nAnswer:"
    delimiter: str = " "  # between prompt and choice
    # Log-likelihoods are divided by the length of a choice: in bytes, in tokens, or not at all.
    normalise: Literal["byte", "token", "none"] = "byte"

    search_share: float = attrs.field(default=0.1, validator=[gt(0.0), lt(1.0)])  # of train
    search_examples: int | None = attrs.field(default=None, validator=optional(ge(1)))  # overrides
    max_train: int | None = attrs.field(default=None, validator=optional(ge(2)))  # quick runs
    max_length: int = attrs.field(default=256, validator=ge(8))  # tokens; longer prompts lose
    # their beginning, so that the end of the prompt and the choice stay.

    def __attrs_post_init__(self) -> None:
        """Refuse settings that contradict each other."""
        if self.dataset is None and (self.train is None or self.test is None):
            raise ValueError("give the files 'train' and 'test', or the name of a 'dataset'")
        if self.dataset is not None and (self.train or self.test or self.search):
            raise ValueError("give either files ('train', 'test', 'search') or a 'dataset'")
        if "{question}" not in self.prompt:
            raise ValueError("'prompt' does not say where the question stands; put {question} in")
