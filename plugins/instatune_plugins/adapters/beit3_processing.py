"""What turns images and questions into tensors for BEiT-3, and its files.

The part for images is a data configuration of timm, a plain mapping as the adapter ``vit`` gives.
A model that answers questions has ``{"image": that mapping, "tokenizer": a fast tokenizer}``.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from transformers import PreTrainedTokenizerFast, XLMRobertaTokenizer

from instatune.errors import CheckpointError
from instatune_plugins.adapters.beit3_checkpoint import Beit3Checkpoint
from instatune_plugins.adapters.beit3_sizes import Beit3Sizes
from instatune_plugins.adapters.quiet import quiet
from instatune_plugins.adapters.vit_processing import HALF, IMAGENET

KEY = "image_processing"
"""Where ``config.json`` has how images are prepared."""
_SPM = "beit3.spm"


def image_processing(sizes: Beit3Sizes, config: Mapping[str, Any] | None) -> dict[str, Any]:
    """How images are prepared: as ``config.json`` says, else as BEiT-3 was fine-tuned."""
    mean, std = HALF if sizes.text else IMAGENET
    settings = {
        "interpolation": "bicubic",
        "mean": mean[:1] * sizes.channels if sizes.channels != len(mean) else mean,
        "std": std[:1] * sizes.channels if sizes.channels != len(std) else std,
        "crop_pct": 1.0,
        "crop_mode": "squash" if sizes.text else "center",
        **(config or {}).get(KEY, {}),
    }
    plain = {k: tuple(v) if isinstance(v, list) else v for k, v in settings.items()}
    return {"input_size": (sizes.channels, sizes.image, sizes.image), **plain}


def tokenizer(source: Beit3Checkpoint, sizes: Beit3Sizes) -> Any:
    """Give the tokenizer of a checkpoint; it cuts questions where the positions end.

    ``tokenizer.json`` is read as it is, the authors' ``beit3.spm`` with the packages
    sentencepiece and protobuf.

    Raises:
        CheckpointError: There is none, it cannot be read, or it knows more words than the model.
    """
    try:
        found = _read(source)
    except CheckpointError:
        raise
    except Exception as error:  # of any type: damaged files
        reason = (str(error).strip() or type(error).__name__).split("\n")[0]
        raise CheckpointError(
            f"checkpoint {source.name}: its tokenizer cannot be read ({reason}); copy "
            f"tokenizer.json or {_SPM} again"
        ) from error
    if len(found) > sizes.vocabulary:
        raise CheckpointError(
            f"checkpoint {source.name}: its tokenizer knows {len(found):,} words, the model "
            f"{sizes.vocabulary:,}; give the tokenizer that the model was trained with"
        )
    found.model_max_length = min(found.model_max_length, sizes.text_tokens)
    return found


def parts(processor: Any) -> tuple[Mapping[str, Any] | None, Any]:
    """The part for images and the tokenizer; None for what is not there."""
    if processor is None or "tokenizer" not in processor:
        return processor, None
    return processor["image"], processor["tokenizer"]


def _read(source: Beit3Checkpoint) -> Any:
    if (source.folder / "tokenizer.json").is_file():
        with quiet():
            return PreTrainedTokenizerFast.from_pretrained(source.folder)
    if (source.folder / _SPM).is_file():
        return _sentencepiece(source.folder / _SPM)
    raise CheckpointError(
        f"checkpoint {source.name}: has no tokenizer; put tokenizer.json or the authors' {_SPM} "
        f"into {source.folder}"
    )


def _sentencepiece(file: Path) -> Any:
    """Read a vocabulary of sentencepiece in the order of XLM-R: four special tokens come first."""
    try:
        messages: Any = import_module("sentencepiece.sentencepiece_model_pb2")
    except ImportError as error:
        raise CheckpointError(
            f"{file}: needs the packages sentencepiece and protobuf; pip install sentencepiece "
            "protobuf, or put a tokenizer.json beside it"
        ) from error
    proto = messages.ModelProto.FromString(file.read_bytes())
    special = [(token, 0.0) for token in ("<s>", "<pad>", "</s>", "<unk>")]
    pieces = [(piece.piece, piece.score) for piece in proto.pieces[3:]]
    with quiet():
        return XLMRobertaTokenizer(
            vocab=[*special, *pieces, ("<mask>", 0.0)],
            _spm_precompiled_charsmap=proto.normalizer_spec.precompiled_charsmap or None,
        )
