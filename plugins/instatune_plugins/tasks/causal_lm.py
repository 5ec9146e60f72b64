"""Language modelling: each token is to be predicted from those before it.

An example is a passage of text, ``{"text": str}``. Its score is the share of its tokens that the
model guesses right, so that ``accuracy`` is next-token accuracy averaged over passages.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from instatune.errors import DataError
from instatune.interfaces import Batch, Example, Features, Splits, Task
from instatune_plugins.tasks.causal_lm_config import CausalLMConfig
from instatune_plugins.tasks.causal_lm_text import carve, documents, fingerprint, passages

IGNORED = -100
"""Label of what is not to be predicted, as transformers and torch have it."""

_CHUNK = 1024  # passages that go to the tokenizer at once; bounds memory without costing time


class CausalLM(Task):
    """Passages of text files, or of the docstrings of Python's own library."""

    config: CausalLMConfig

    def load(self, seed: int) -> Splits:
        """Read the text, cut it into passages and carve the splits.

        The test split does not depend on the seed.

        Args:
            seed: For carving the search split.

        Raises:
            DataError: A file is missing or damaged, or there is too little text.
        """
        config, rng = self.config, np.random.default_rng((seed, 0x5EA4C8))
        found = self._passages(config.train)
        if config.test:
            test = self._passages(config.test)
        else:
            found, test = carve(found, config.test_share, "test_share")
        train, search = carve(found, config.search_share, "search_share", rng)
        if config.max_train is not None and config.max_train < len(train):
            train = [train[i] for i in sorted(rng.permutation(len(train))[: config.max_train])]
        return Splits(
            train=_examples(train),
            search=_examples(search),
            test=_examples(test),
            labels=(),  # the head is the vocabulary: it stays as the checkpoint has it
            fingerprint=fingerprint((train, search, test)),
            description=(
                f"{self._source}, in passages of up to {config.passage:,} characters:"
                f" {len(train):,} train, {len(search):,} search, {len(test):,} test passages"
                " (neighbours stay together); accuracy is that of the next token"
            ),
        )

    def encode(self, examples: Sequence[Example], processor: Any) -> Sequence[Features]:
        """Tokenize passages, cut to ``max_length`` of the settings or what the tokenizer allows.

        Args:
            examples: Passages.
            processor: A tokenizer of transformers.

        Returns:
            For each passage ``input_ids``, int64 ``[tokens]``, and the token to pad with.

        Raises:
            DataError: A passage of fewer than two tokens, which says nothing.
        """
        if processor is None:
            raise DataError("causal_lm: the adapter gives no tokenizer; use one for text")
        limit = min(self.config.max_length, processor.model_max_length)
        pad = processor.pad_token_id or 0  # any will do, it is masked
        features: list[Features] = []
        for start in range(0, len(examples), _CHUNK):
            texts = [example["text"] for example in examples[start : start + _CHUNK]]
            rows = processor(texts, truncation=True, max_length=limit)["input_ids"]
            for text, row in zip(texts, rows, strict=True):
                if len(row) < 2:
                    raise DataError(
                        f"causal_lm: the tokenizer makes {len(row)} token of {text[:20]!r}...,"
                        " where nothing can be predicted; use the tokenizer of the model"
                    )
                features.append({"input_ids": np.asarray(row, np.int64), "pad": pad})
        return features

    def collate(self, features: Sequence[Features]) -> Batch:
        """Pad on the right: int64 tensors ``[examples, tokens]``.

        ``labels`` are the inputs themselves, -100 at padding; loss and score shift them.
        """
        tokens = max(self.length(f) for f in features)
        ids = np.full((len(features), tokens), features[0]["pad"], np.int64)
        mask = np.zeros((len(features), tokens), np.int64)
        for row, feature in enumerate(features):
            ids[row, : self.length(feature)] = feature["input_ids"]
            mask[row, : self.length(feature)] = 1
        return {
            "input_ids": torch.from_numpy(ids),
            "attention_mask": torch.from_numpy(mask),
            "labels": torch.from_numpy(np.where(mask == 1, ids, IGNORED)),
        }

    def loss(self, logits: Tensor, batch: Batch) -> Tensor:
        """Cross entropy of ``[examples, tokens, vocabulary]`` in nats, mean over all tokens.

        Its exponential is the perplexity.
        """
        guesses, targets = _shifted(logits, batch)
        return functional.cross_entropy(
            guesses.flatten(0, 1), targets.flatten(), ignore_index=IGNORED
        )

    def correct(self, logits: Tensor, batch: Batch) -> Tensor:
        """Share of the tokens of each example that are guessed right, ``[examples]``."""
        guesses, targets = _shifted(logits, batch)
        counted = targets != IGNORED
        right = (guesses.argmax(dim=-1) == targets) & counted
        return right.sum(dim=1).float() / counted.sum(dim=1).clamp(min=1)

    def length(self, features: Features) -> int:
        """Count the tokens."""
        return len(features["input_ids"])

    @property
    def deterministic(self) -> bool:
        """False, so that a teacher is asked anew: its logits for all tokens would fill memory."""
        return False

    @property
    def _source(self) -> str:
        if self.config.corpus == "python_docs":
            return "docstrings of the standard library of Python"
        return ", ".join((*self.config.train, *self.config.test))

    def _passages(self, patterns: Sequence[str]) -> list[str]:
        found = [
            passage
            for document in documents(self.config.corpus, patterns)
            for passage in passages(document, self.config.passage)
        ]
        if not found:
            raise DataError(f"{self._source}: holds no text; give files with some")
        return found


def _shifted(logits: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
    """Guesses ``[examples, tokens - 1, vocabulary]`` and the tokens that came."""
    if logits.ndim != 3:
        raise DataError(
            f"causal_lm: the model gives outputs of shape {list(logits.shape)} instead of a guess"
            " at each token; use an adapter for language models, such as llama"
        )
    return logits[:, :-1], batch["labels"][:, 1:]


def _examples(texts: Sequence[str]) -> list[Example]:
    return [{"text": text} for text in texts]
