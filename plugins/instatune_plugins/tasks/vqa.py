"""Visual question answering: an image, a question about it, one of the frequent answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from instatune.errors import DataError
from instatune.interfaces import Batch, Example, Features, Splits
from instatune_plugins.tasks.encoding import pad_batch, tokenize
from instatune_plugins.tasks.images_classifier import ImageClassifier
from instatune_plugins.tasks.vqa_answers import UNKNOWN, example, vocabulary
from instatune_plugins.tasks.vqa_config import VqaConfig
from instatune_plugins.tasks.vqa_lines import read
from instatune_plugins.tasks.vqa_splits import QuestionSets, carve_images, splits


class Vqa(ImageClassifier):
    """Questions about images, from JSON lines."""

    config: VqaConfig
    mirror = False  # what is on the left must stay there

    def __init__(self, config: VqaConfig) -> None:
        super().__init__(config)
        self.augment, self.crop = config.augment, config.crop
        self.verify, self.threads = config.verify, config.threads

    def load(self, seed: int) -> Splits:
        """Read the splits; carve whole images for the search where it has no file.

        Args:
            seed: For carving, and for the choice where ``max_train`` asks for fewer questions.

        Raises:
            DataError: A file is missing or empty, a line is no question, an image is not there.
        """
        config = self.config
        paths = {"train": config.train, "search": config.search, "test": config.test}
        lines = {
            split: read(path, config.images, f"task.{split}")
            for split, path in paths.items()
            if path is not None
        }
        answers = vocabulary(lines["train"], config.answers, config.train)
        indices = {answer: index for index, answer in enumerate(answers)}
        rng = np.random.default_rng((seed, 0x40A))
        found = {split: [example(line, indices) for line in lines[split]] for split in lines}
        carved = "as given"
        if "search" not in found:
            found["train"], found["search"] = carve_images(found["train"], config, rng)
            carved = f"carved from train by image, seed {seed}"
        several = any(len(line.answers) > 1 for line in lines["train"])
        sets = QuestionSets(
            **found,
            answers=answers,
            soft=config.loss == "bce" or (config.loss == "auto" and several),
            source=", ".join(path for path in paths.values() if path is not None),
            carved=carved,
        )
        return splits(sets, config.max_train, rng)

    def encode(self, examples: Sequence[Example], processor: Any) -> Sequence[Features]:
        """Tokenize questions and join each with the transform of its image.

        Args:
            examples: Questions with answers.
            processor: ``image``, a data configuration of timm; ``tokenizer``, of transformers.

        Raises:
            DataError: An image cannot be decoded, or the model takes no questions.
        """
        if not isinstance(processor, Mapping) or not {"image", "tokenizer"} <= set(processor):
            raise DataError(
                "the model takes no images with questions; choose an adapter for both, such as"
                " 'beit3' with head: vqa"
            )
        # Many questions share an image; the first one stands for it in messages.
        once = {e["image"]: e for e in reversed(examples)}
        prepared = super().encode(list(once.values()), processor["image"])
        ready = dict(zip(once, prepared, strict=True))
        questions = [{"text": e["question"]} for e in examples]
        texts = tokenize(questions, processor["tokenizer"], self.config.max_length)
        return [{**ready[e["image"]], **e, **text} for e, text in zip(examples, texts, strict=True)]

    def collate(self, features: Sequence[Features]) -> Batch:
        """Make one batch.

        Returns:
            ``pixel_values`` float32 ``[examples, channels, height, width]``; ``input_ids``,
            ``attention_mask`` int64 ``[examples, tokens]``, padded on the right; ``labels``, the
            best answer or -1; ``answers`` int64 and ``worths`` float32 ``[examples, known
            answers]``, filled up with -1 and 0; ``soft``, whether all of them are learned from.
        """
        batch = {**super().collate(features), **pad_batch(features, self.config.pad_multiple)}
        most = max(1, *(len(f["answers"]) for f in features))
        answers = torch.full((len(features), most), UNKNOWN)
        worths = torch.zeros(len(features), most)
        for row, feature in enumerate(features):
            for column, (answer, worth) in enumerate(feature["answers"]):
                answers[row, column], worths[row, column] = answer, worth
        if features[0]["soft"]:  # a name tells, so that no number must be read off the device
            batch["soft"] = torch.ones(len(features), dtype=torch.bool)
        return {**batch, "answers": answers, "worths": worths}

    def loss(self, logits: Tensor, batch: Batch) -> Tensor:
        """Loss of logits ``[examples, answers]`` in nats, mean over the batch.

        With soft targets the binary cross entropy of each answer with its worth, summed over
        answers; else the cross entropy of the best answer. Questions whose answers are all unknown
        ask for none of the answers in the first case, and count 0 in the second.
        """
        if "soft" in batch:
            wanted = torch.zeros_like(logits)
            wanted.scatter_add_(1, batch["answers"].clamp(min=0), batch["worths"].to(logits.dtype))
            total = functional.binary_cross_entropy_with_logits(logits, wanted, reduction="sum")
            return total / len(logits)
        total = functional.cross_entropy(
            logits, batch["labels"], ignore_index=UNKNOWN, reduction="sum"
        )
        return total / (batch["labels"] != UNKNOWN).sum().clamp(min=1)

    def correct(self, logits: Tensor, batch: Batch) -> Tensor:
        """Worth of the answer with the largest logit, ``[examples]``, in [0, 1]."""
        given = batch["answers"] == logits.argmax(dim=-1, keepdim=True)
        return (given * batch["worths"]).sum(dim=-1).float()

    def length(self, features: Features) -> int:
        """Count the tokens of the question."""
        return len(features["input_ids"])
