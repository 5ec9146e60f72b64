"""LLaMA, Mistral, Qwen2 and Qwen3 as language models (Touvron et al., "LLaMA", 2023, and after).

The modules are the ``...ForCausalLM`` classes of transformers as they are; attention runs on
torch's fused kernel. The head is that of the checkpoint: one output for each word of the
vocabulary, at each token. The key-value cache works in every sub-network, since layers are
renumbered.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, GenerationConfig
from transformers.initialization import no_init_weights

from instatune.errors import CheckpointError
from instatune.interfaces import Adapter, Batch
from instatune.space import Anatomy
from instatune.supernet.fit import verify
from instatune_plugins.adapters import LlamaAdapterConfig
from instatune_plugins.adapters.llama_families import FAMILIES
from instatune_plugins.adapters.llama_files import check_family, check_weights, place, read_config
from instatune_plugins.adapters.llama_outline import anatomy_of
from instatune_plugins.adapters.quiet import quiet

_ATTENTION = "sdpa"
_INPUTS = ("input_ids", "attention_mask", "position_ids")
_GENERATION = "generation_config.json"


class Llama(Adapter):
    """``LlamaForCausalLM``, ``MistralForCausalLM``, ``Qwen2ForCausalLM``, ``Qwen3ForCausalLM``."""

    def __init__(self, config: LlamaAdapterConfig | None = None) -> None:
        super().__init__(config or LlamaAdapterConfig())

    def load(self, checkpoint: str, n_outputs: int, generator: torch.Generator) -> nn.Module:
        """Load all weights; nothing is drawn anew.

        Args:
            checkpoint: Folder, or name on the hub.
            n_outputs: 0, as language tasks ask for: the head stays that of the checkpoint.
            generator: Not used.

        Raises:
            CheckpointError: Missing, unreadable, of another family, incomplete, or asked to
                classify.
        """
        if n_outputs:
            raise CheckpointError(
                f"checkpoint {checkpoint}: adapter 'llama' gives language models, whose outputs "
                f"are words, but the task has {n_outputs} classes; use a language task such as "
                "causal_lm"
            )
        check_weights(checkpoint)
        self._check_family(checkpoint)
        try:
            with quiet(), torch.random.fork_rng(devices=[]):
                model, report = AutoModelForCausalLM.from_pretrained(
                    place(checkpoint),
                    revision=self._revision,
                    attn_implementation=_ATTENTION,
                    dtype=torch.float32,
                    ignore_mismatched_sizes=True,  # told by us, with the name of the tensor
                    output_loading_info=True,
                )
        except Exception as error:  # what damaged files and absent hubs raise has no common type
            raise CheckpointError(
                f"checkpoint {checkpoint}: cannot be loaded ({_first_line(error)}); check the "
                "name, or download it again"
            ) from error
        _check_complete(checkpoint, report)
        return cast("nn.Module", model.eval())

    def describe(self, model: nn.Module) -> Anatomy:
        """Describe the model from its configuration, and check each name and shape against it."""
        config = getattr(model, "config", None)
        family = FAMILIES.get(getattr(config, "model_type", None) or "")
        if family is None or not isinstance(getattr(model, "lm_head", None), nn.Linear):
            raise CheckpointError(
                f"{type(model).__name__} is not built as the LLaMA family is: module 'lm_head' or "
                "its configuration is missing"
            )
        anatomy = anatomy_of(cast("Any", config).to_dict())
        verify(anatomy, model)
        return anatomy

    def logits(self, model: nn.Module, batch: Batch) -> Tensor:
        """Run the model: ``[examples, tokens, vocabulary]``; labels are not looked at.

        Inputs ``[examples, choices, tokens]`` give ``[examples, choices, tokens, vocabulary]``.
        Logits at padding are 0, so that the distance of two networks there is 0 too.
        """
        inputs = {name: batch[name].flatten(0, -2) for name in _INPUTS if name in batch}
        logits = cast("Tensor", model(**inputs, use_cache=False).logits)
        logits = logits.view(*batch["input_ids"].shape, -1)
        if "attention_mask" in batch:
            logits.masked_fill_(batch["attention_mask"][..., None] == 0, 0.0)
        return logits

    def processor(self, checkpoint: str) -> Any:
        """Give the fast tokenizer of a checkpoint.

        Raises:
            CheckpointError: It has none, or one with more words than the model.
        """
        try:
            with quiet():
                found = AutoTokenizer.from_pretrained(
                    place(checkpoint), revision=self._revision, use_fast=True
                )
            # Where files are absent transformers gives a tokenizer that knows no word.
            if found.vocab_size <= len(found.all_special_tokens):
                raise ValueError("its vocabulary is empty")
        except CheckpointError:
            raise
        except Exception as error:  # of any type, as in `load`
            raise CheckpointError(
                f"checkpoint {checkpoint}: its tokenizer cannot be loaded ({_first_line(error)}); "
                "add tokenizer.json"
            ) from error
        _check_vocabulary(checkpoint, found)
        return found

    def save_assets(self, model: nn.Module, processor: Any, directory: Path) -> None:
        """Write ``config.json`` of the full-size model, generation settings and the tokenizer."""
        with quiet():
            cast("Any", model).config.save_pretrained(directory)
            cast("Any", model).generation_config.save_pretrained(directory)
            if processor is not None:
                processor.save_pretrained(directory)

    def skeleton(self, directory: Path) -> nn.Module:
        """Build the full-size model; its parameters are not initialised."""
        read_config(str(directory))
        with quiet():
            config = AutoConfig.from_pretrained(directory, attn_implementation=_ATTENTION)
            with no_init_weights():
                model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
            model.tie_weights()  # left out by the line above together with the initialisation
            if (directory / _GENERATION).is_file():
                model.generation_config = GenerationConfig.from_pretrained(directory)
        return cast("nn.Module", model.eval())

    @property
    def _revision(self) -> str:
        return cast("LlamaAdapterConfig", self.config).revision

    def _check_family(self, checkpoint: str) -> None:
        """Check the configuration before weights are read, or downloaded."""
        config = read_config(checkpoint)
        if config is None:
            try:
                with quiet():
                    found = AutoConfig.from_pretrained(checkpoint, revision=self._revision)
            except Exception as error:  # of any type, as in `load`
                raise CheckpointError(
                    f"checkpoint {checkpoint}: cannot be loaded ({_first_line(error)}); check the "
                    "name, or download it again"
                ) from error
            config = found.to_dict()
            check_family(checkpoint, config)
        anatomy_of(config)


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).split("\n")[0]


def _check_complete(checkpoint: str, report: Mapping[str, Any]) -> None:
    mismatched = {entry[0] for entry in report["mismatched_keys"]}
    lacking = sorted({*report["missing_keys"], *mismatched})
    if lacking:
        more = f" and {len(lacking) - 1} more" if len(lacking) > 1 else ""
        raise CheckpointError(
            f"checkpoint {checkpoint}: its weights do not cover the model that config.json "
            f"describes: {lacking[0]}{more} missing or of another shape; give a complete checkpoint"
        )


def _check_vocabulary(checkpoint: str, tokenizer: Any) -> None:
    config = read_config(checkpoint)
    words = (config or {}).get("vocab_size")
    highest = max(tokenizer.get_vocab().values(), default=0)
    if isinstance(words, int) and highest >= words:
        raise CheckpointError(
            f"checkpoint {checkpoint}: its tokenizer gives numbers up to {highest}, but the model "
            f"knows {words} words; give the tokenizer that it was trained with"
        )
