"""A real tokenizer that needs no download: one token for each byte. Needs transformers."""

from __future__ import annotations

from typing import Any


def tokenizer(max_length: int = 64) -> Any:
    """A fast tokenizer of transformers with fewer than 300 tokens, for the tiny transformer."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    padding, unknown = "[PAD]", "[UNK]"
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: index for index, token in enumerate([padding, unknown, *alphabet])}
    made = Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token=unknown))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(
        tokenizer_object=made, pad_token=padding, unk_token=unknown, model_max_length=max_length
    )
