"""Tasks: where examples come from, and how an output is judged."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import attrs
from attrs.validators import ge, gt, lt, optional

from instatune.plugin import hookimpl
from instatune.plugin.entries import TaskEntry
from instatune_plugins.tasks.causal_lm_config import CausalLMConfig
from instatune_plugins.tasks.images_config import DigitsConfig, ImageClassificationConfig
from instatune_plugins.tasks.multiple_choice_config import MultipleChoiceConfig
from instatune_plugins.tasks.token_classification_config import TokenClassificationConfig
from instatune_plugins.tasks.vqa_config import VqaConfig


@attrs.frozen(kw_only=True)
class PythonDocsConfig:
    """Settings of ``python_docs``."""

    search_share: float = attrs.field(default=0.1, validator=[gt(0.0), lt(0.5)])  # of all examples
    max_length: int = attrs.field(default=64, validator=ge(8))  # tokens; longer texts are cut
    pad_multiple: int = attrs.field(default=1, validator=ge(1))  # tokens; 8 suits GPUs with bf16
    max_train: int | None = attrs.field(default=None, validator=optional(ge(20)))  # quick runs


@attrs.frozen(kw_only=True)
class TextClassificationConfig:
    """Settings of ``text_classification``: files, or else a dataset of the Hugging Face hub."""

    train: str | None = None  # file to tune on: .csv .tsv .jsonl .parquet, the first three also .gz
    test: str | None = None  # file that is looked at once, at the end
    search: str | None = None  # file for the search; None: carved from train

    dataset: str | None = None  # name on the hub, or a folder that `datasets` can read
    subset: str | None = None  # configuration of the dataset, e.g. sst2 of glue
    revision: str | None = None  # commit or tag of the dataset
    train_split: str = "train"
    test_split: str | None = None  # None: "test" if it is labelled, else "validation"
    search_split: str | None = None  # None: carved from train

    text: str | None = None  # column of the text; None: found by common names
    text_pair: str | None = None  # column of the second text, for pairs
    label: str | None = None  # column of the label
    columns: tuple[str, ...] = ()  # names of the columns of CSV and TSV files without a header
    format: Literal["auto", "csv", "tsv", "jsonl", "parquet"] = "auto"  # auto: by the file's name
    quoting: Literal["auto", "none", "minimal"] = "auto"  # of fields; auto: none in TSV files
    skip_empty: bool = False  # leave out rows without a text; else they are an error

    search_share: float = attrs.field(default=0.1, validator=[gt(0.0), lt(1.0)])  # of train
    search_examples: int | None = attrs.field(default=None, validator=optional(ge(1)))  # overrides
    max_train: int | None = attrs.field(default=None, validator=optional(ge(2)))  # quick runs
    max_length: int = attrs.field(default=128, validator=ge(8))  # tokens; longer texts are cut
    pad_multiple: int = attrs.field(default=1, validator=ge(1))  # tokens; 8 suits GPUs with bf16

    def __attrs_post_init__(self) -> None:
        """Refuse settings that contradict each other."""
        if self.dataset is None and (self.train is None or self.test is None):
            raise ValueError("give the files 'train' and 'test', or the name of a 'dataset'")
        if self.dataset is not None and (self.train or self.test or self.search):
            raise ValueError("give either files ('train', 'test', 'search') or a 'dataset'")
        if self.text_pair is not None and self.text is None:
            raise ValueError("'text_pair' needs 'text', the column of the first text")


@attrs.frozen(kw_only=True)
class TextRegressionConfig(TextClassificationConfig):
    """Settings of ``text_regression``: those of ``text_classification``; labels are numbers."""


@hookimpl
def instatune_tasks() -> Iterator[TaskEntry]:
    """Offer the first-party tasks."""
    yield TaskEntry(
        name="python_docs",
        target="instatune_plugins.tasks.python_docs:PythonDocs",
        config=PythonDocsConfig,
        licence="PSF-2.0, part of Python",
        summary="docstrings of Python's own library, by topic of their module (no download)",
    )
    yield TaskEntry(
        name="text_classification",
        target="instatune_plugins.tasks.text_classification:TextClassification",
        config=TextClassificationConfig,
        licence="that of the files or the dataset",
        summary="texts or pairs of texts from CSV, TSV, JSONL, Parquet files or a Hugging Face hub",
    )
    yield TaskEntry(
        name="text_regression",
        target="instatune_plugins.tasks.text_regression:TextRegression",
        config=TextRegressionConfig,
        problem="regression",
        licence="that of the files or the dataset",
        summary="a number for each text or pair of texts, from the files of text_classification",
    )
    yield TaskEntry(
        name="token_classification",
        target="instatune_plugins.tasks.token_classification:TokenClassification",
        config=TokenClassificationConfig,
        problem="token_classification",
        licence="that of the files or the dataset",
        summary="a tag for each word, from CoNLL, JSONL, Parquet files or a Hugging Face hub",
    )
    yield TaskEntry(
        name="multiple_choice",
        target="instatune_plugins.tasks.multiple_choice:MultipleChoice",
        config=MultipleChoiceConfig,
        problem="multiple_choice",
        licence="that of the files or the dataset",
        summary="questions with choices, answered by the likelihood of a language model",
    )
    yield TaskEntry(
        name="causal_lm",
        target="instatune_plugins.tasks.causal_lm:CausalLM",
        config=CausalLMConfig,
        problem="causal_lm",
        licence="that of the files",
        summary="language modelling on text files, or on docstrings of Python's own library",
    )
    yield TaskEntry(
        name="digits",
        target="instatune_plugins.tasks.digits:Digits",
        config=DigitsConfig,
        licence="CC BY 4.0, part of scikit-learn",
        summary="handwritten digits of scikit-learn, enlarged to the model's size (no download)",
        requires=("timm>=1.0.31",),
    )
    yield TaskEntry(
        name="image_classification",
        target="instatune_plugins.tasks.image_classification:ImageClassification",
        config=ImageClassificationConfig,
        licence="that of the files or the dataset",
        summary="images from a folder per class, Parquet files or a Hugging Face hub",
        requires=("timm>=1.0.31",),
    )
    yield TaskEntry(
        name="vqa",
        target="instatune_plugins.tasks.vqa:Vqa",
        config=VqaConfig,
        licence="that of the files",
        summary="questions about images, with one answer or those of several people (JSON lines)",
        requires=("timm>=1.0.31",),
    )
