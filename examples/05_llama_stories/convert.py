"""Make a checkpoint folder from the two files that llama2.c models are passed around in.

    python examples/05_llama_stories/convert.py WEIGHTS.safetensors TOKENIZER.bin FOLDER

The weights have the names of transformers and their configuration in the metadata, as JSON under
``config``. The tokenizer is a list of pieces with scores, in the format of llama2.c.
"""

from __future__ import annotations

import json
import struct
import sys
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import load_file
from tokenizers import Tokenizer, decoders, models, normalizers, processors
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast


def model(weights: Path) -> LlamaForCausalLM:
    """Read weights and configuration."""
    with safe_open(weights, framework="pt") as file:
        settings = json.loads(file.metadata()["config"])
    made = LlamaForCausalLM(LlamaConfig(**settings, bos_token_id=1, eos_token_id=2))
    made.load_state_dict(load_file(weights), strict=not made.config.tie_word_embeddings)
    return made


def pieces(file: Path) -> list[tuple[str, float]]:
    """Read the pieces of a vocabulary and their scores."""
    data, place, found = file.read_bytes(), 4, []
    while place < len(data):
        score, length = struct.unpack_from("<fi", data, place)
        place += 8 + length
        found.append((data[place - length : place].decode("utf-8"), score))
    return [("<unk>", 0.0), ("<s>", 0.0), ("</s>", 0.0), *found[3:]]


def tokenizer(file: Path, longest: int) -> PreTrainedTokenizerFast:
    """Make a byte-pair tokenizer that merges the pair of the highest score first, as llama2.c."""
    scored = pieces(file)
    numbers = {piece: number for number, (piece, _) in enumerate(scored)}
    merges = []
    for piece, score in scored[259:]:  # behind the special pieces and the 256 bytes
        halves = ((piece[:cut], piece[cut:]) for cut in range(1, len(piece)))
        known = [(left, right) for left, right in halves if left in numbers and right in numbers]
        merges += [(-score, numbers[piece], pair) for pair in known]
    merges.sort(key=lambda merge: merge[:2])
    special = {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"}
    pairs = [pair for _, _, pair in merges]
    bpe = models.BPE(numbers, pairs, byte_fallback=True, unk_token=special["unk_token"])
    made = Tokenizer(bpe)
    made.normalizer = normalizers.Prepend(" ")
    made.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", 1)]
    )
    made.decoder = decoders.Sequence(
        [decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    return PreTrainedTokenizerFast(tokenizer_object=made, model_max_length=longest, **special)


def main(weights: str, vocabulary: str, folder: str) -> None:
    """Write the folder."""
    made = model(Path(weights))
    made.save_pretrained(folder)
    tokenizer(Path(vocabulary), made.config.max_position_embeddings).save_pretrained(folder)
    print(f"{folder}: {sum(p.numel() for p in made.parameters()):,} parameters")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
