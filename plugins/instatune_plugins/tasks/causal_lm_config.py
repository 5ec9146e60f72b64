"""Settings of ``causal_lm``. Light: no torch."""

from __future__ import annotations

from typing import Literal

import attrs
from attrs.validators import ge, gt, lt, optional


@attrs.frozen(kw_only=True)
class CausalLMConfig:
    """Settings of ``causal_lm``: text files, or the docstrings of Python's own library."""

    corpus: Literal["files", "python_docs"] = "files"
    train: tuple[str, ...] = ()  # text files in UTF-8, also .gz; ** and * stand for many
    test: tuple[str, ...] = ()  # files looked at once, at the end; none: carved from train

    passage: int = attrs.field(default=512, validator=ge(16))  # characters of an example, at most
    max_length: int = attrs.field(default=256, validator=ge(2))  # tokens; longer passages are cut
    test_share: float = attrs.field(default=0.1, validator=[gt(0.0), lt(1.0)])  # of all passages
    search_share: float = attrs.field(default=0.1, validator=[gt(0.0), lt(1.0)])  # of the others
    max_train: int | None = attrs.field(default=None, validator=optional(ge(2)))  # quick runs

    def __attrs_post_init__(self) -> None:
        """Refuse settings that contradict each other."""
        if self.corpus == "files" and not self.train:
            raise ValueError("give text files as 'train', or corpus: python_docs")
        if self.corpus != "files" and (self.train or self.test):
            raise ValueError(f"give either files ('train', 'test') or corpus: {self.corpus}")
