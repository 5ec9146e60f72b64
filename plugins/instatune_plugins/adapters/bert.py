"""BERT encoders with a sequence classification head (Devlin et al., NAACL 2019).

Loads any checkpoint of ``model_type: bert``: with or without a head, from a folder or a hub. The
module is ``transformers.BertForSequenceClassification`` as it is; its attention runs on torch's
fused kernel.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification
from transformers.initialization import no_init_weights

from instatune.errors import CheckpointError
from instatune.interfaces import Adapter, Batch
from instatune.space import Anatomy
from instatune.supernet.fit import verify
from instatune_plugins.adapters import BertAdapterConfig
from instatune_plugins.adapters.bert_outline import anatomy_of, check_family, read_config
from instatune_plugins.adapters.quiet import quiet

_ATTENTION = "sdpa"
_INPUTS = ("input_ids", "attention_mask", "token_type_ids", "position_ids")
_NEW = ("bert.pooler.", "classifier.")  # what a checkpoint may lack, e.g. one from masked language
_WEIGHTS = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)


class Bert(Adapter):
    """``transformers.BertForSequenceClassification``."""

    def __init__(self, config: BertAdapterConfig | None = None) -> None:
        super().__init__(config or BertAdapterConfig())

    def load(self, checkpoint: str, n_outputs: int, generator: torch.Generator) -> nn.Module:
        """Load weights; what the checkpoint lacks of pooler and head is drawn anew.

        A head of the same size, as a fine-tuned checkpoint has, is kept.

        Args:
            checkpoint: Folder, or name on the hub.
            n_outputs: Number of classes (1 for regression).
            generator: The only source of randomness.

        Raises:
            CheckpointError: Missing, unreadable, of another family or without all of the encoder.
        """
        _check_files(checkpoint)
        try:
            # Parameters that are missing are drawn twice: by transformers, from the global
            # generator, which must not notice, and then by us from the given one.
            with quiet(), torch.random.fork_rng(devices=[]):
                model, report = BertForSequenceClassification.from_pretrained(
                    _place(checkpoint),
                    config=self._config(checkpoint, n_outputs),
                    revision=self._revision,
                    attn_implementation=_ATTENTION,
                    dtype=torch.float32,
                    ignore_mismatched_sizes=True,  # a head of another size is replaced
                    output_loading_info=True,
                )
        except CheckpointError:
            raise
        except Exception as error:  # what damaged files and absent hubs raise has no common type
            raise CheckpointError(
                f"checkpoint {checkpoint}: cannot be loaded ({_first_line(error)}); check the "
                "name, or download it again"
            ) from error
        _draw(model, _new_parameters(checkpoint, report), generator)
        return cast("nn.Module", model)

    def describe(self, model: nn.Module) -> Anatomy:
        """Describe the model from its configuration, and check each name and shape against it."""
        config, head = getattr(model, "config", None), getattr(model, "classifier", None)
        if not isinstance(config, BertConfig) or not isinstance(head, nn.Linear):
            raise CheckpointError(
                f"{type(model).__name__} is not built as the BERT family is: module 'classifier' "
                "or its configuration is missing"
            )
        anatomy = anatomy_of(config.to_dict(), head.out_features)
        verify(anatomy, model)
        return anatomy

    def logits(self, model: nn.Module, batch: Batch) -> Tensor:
        """Run the model: ``[examples, outputs]``; labels in the batch are not looked at."""
        inputs = {name: batch[name] for name in _INPUTS if name in batch}
        return cast("Tensor", model(**inputs).logits)

    def processor(self, checkpoint: str) -> Any:
        """Give the fast tokenizer of a checkpoint.

        Raises:
            CheckpointError: It has none.
        """
        place = _place(checkpoint)
        try:
            with quiet():
                found = AutoTokenizer.from_pretrained(place, revision=self._revision, use_fast=True)
            # Where files are absent transformers gives a tokenizer that knows no word.
            if found.vocab_size <= len(found.all_special_tokens):
                raise ValueError("its vocabulary is empty")
            return found
        except Exception as error:  # of any type, as in `load`
            raise CheckpointError(
                f"checkpoint {checkpoint}: its tokenizer cannot be loaded ({_first_line(error)}); "
                "add tokenizer.json or vocab.txt"
            ) from error

    def save_assets(self, model: nn.Module, processor: Any, directory: Path) -> None:
        """Write ``config.json`` of the full-size model and the tokenizer."""
        with quiet():
            cast("Any", model).config.save_pretrained(directory)
            if processor is not None:
                processor.save_pretrained(directory)

    def skeleton(self, directory: Path) -> nn.Module:
        """Build the full-size model; its parameters are not initialised."""
        read_config(str(directory))
        with quiet():
            config = BertConfig.from_pretrained(directory)
            config._attn_implementation = _ATTENTION
            with no_init_weights():
                return cast("nn.Module", BertForSequenceClassification(config).eval())

    def name_outputs(self, model: nn.Module, labels: tuple[str, ...]) -> None:
        """Put the names of the classes where pipelines of transformers look for them."""
        if labels:
            config = cast("Any", model).config
            config.id2label = dict(enumerate(labels))
            config.label2id = {label: index for index, label in enumerate(labels)}

    @property
    def _revision(self) -> str:
        return cast("BertAdapterConfig", self.config).revision

    def _config(self, checkpoint: str, n_outputs: int) -> BertConfig:
        local = read_config(checkpoint)
        if local is None:  # on the hub: look at the family before weights are downloaded
            data, _ = BertConfig.get_config_dict(checkpoint, revision=self._revision)
            check_family(checkpoint, data)
            return BertConfig.from_pretrained(
                checkpoint, revision=self._revision, num_labels=n_outputs
            )
        return BertConfig.from_dict(local, num_labels=n_outputs)


def _place(checkpoint: str) -> str:
    """What transformers is given: a path for a folder, the name itself for a hub."""
    return checkpoint if read_config(checkpoint) is None else str(Path(checkpoint).expanduser())


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).split("\n")[0]


def _check_files(checkpoint: str) -> None:
    """Say plainly what is wrong with the files of a folder, before transformers reads them."""
    if read_config(checkpoint) is None:
        return
    folder = Path(checkpoint).expanduser()
    present = [name for name in _WEIGHTS if (folder / name).is_file()]
    if not present:
        raise CheckpointError(
            f"checkpoint {checkpoint}: has no weights; one of {', '.join(_WEIGHTS)} must be there"
        )
    if present[0] == _WEIGHTS[0]:
        try:
            with safe_open(folder / present[0], framework="pt"):
                pass
        except (OSError, SafetensorError) as error:
            raise CheckpointError(
                f"checkpoint {checkpoint}: {present[0]} is damaged ({error}); download it again"
            ) from error


def _new_parameters(checkpoint: str, report: Mapping[str, Any]) -> list[str]:
    """Names of parameters that were not loaded, all of which must be of pooler or head."""
    mismatched = {entry[0] for entry in report["mismatched_keys"]}
    missing = sorted({*report["missing_keys"], *mismatched})
    lacking = [name for name in missing if not name.startswith(_NEW)]
    if lacking:
        more = f" and {len(lacking) - 1} more" if len(lacking) > 1 else ""
        raise CheckpointError(
            f"checkpoint {checkpoint}: its weights do not cover the encoder that config.json "
            f"describes: {lacking[0]}{more} missing or of another shape; give a complete checkpoint"
        )
    return missing


@torch.no_grad()
def _draw(model: Any, names: list[str], generator: torch.Generator) -> None:
    """Initialise parameters as BERT does: normal weights, biases of zero."""
    for name in names:
        parameter = model.get_parameter(name)
        if name.endswith("bias"):
            parameter.zero_()
        else:
            parameter.normal_(0.0, model.config.initializer_range, generator=generator)
