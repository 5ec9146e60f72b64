"""Settings of ``token_classification``. Light: no torch."""

from __future__ import annotations

from typing import Literal

import attrs
from attrs.validators import ge, gt, lt, optional


@attrs.frozen(kw_only=True)
class TokenClassificationConfig:
    """Settings of ``token_classification``: files of tagged words, or else a dataset of a hub."""

    train: str | None = None  # file to tune on: .conll .txt .tsv .jsonl (also .gz), .parquet
    test: str | None = None  # file that is looked at once, at the end
    search: str | None = None  # file for the search; None: carved from train

    dataset: str | None = None  # name on the hub, or a folder that `datasets` can read
    subset: str | None = None  # configuration of the dataset
    revision: str | None = None  # commit or tag of the dataset
    train_split: str = "train"
    test_split: str | None = None  # None: "test", else "validation"
    search_split: str | None = None  # None: carved from train

    format: Literal["auto", "conll", "jsonl", "parquet"] = "auto"  # auto: by the file's name
    word_column: int = 0  # of CoNLL files, from 0; negative numbers count from the end
    tag_column: int = -1  # likewise
    separator: str | None = None  # of these columns; None: any white space
    comment: str | None = None  # how lines of CoNLL files begin that are to be left out, e.g. "# "
    tokens: str | None = None  # column of lists of words; None: found by common names
    tags: str | None = None  # column of lists of tags; None: found by common names

    search_share: float = attrs.field(default=0.1, validator=[gt(0.0), lt(1.0)])  # of train
    search_examples: int | None = attrs.field(default=None, validator=optional(ge(1)))  # overrides
    max_train: int | None = attrs.field(default=None, validator=optional(ge(2)))  # quick runs
    max_length: int = attrs.field(default=128, validator=ge(8))  # tokens; what is behind is cut off
    pad_multiple: int = attrs.field(default=1, validator=ge(1))  # tokens; 8 suits GPUs with bf16

    def __attrs_post_init__(self) -> None:
        """Refuse settings that contradict each other."""
        if self.dataset is None and (self.train is None or self.test is None):
            raise ValueError("give the files 'train' and 'test', or the name of a 'dataset'")
        if self.dataset is not None and (self.train or self.test or self.search):
            raise ValueError("give either files ('train', 'test', 'search') or a 'dataset'")
        if self.separator == "":
            raise ValueError("'separator' is empty; leave it out for any white space")
