"""BERT (Devlin et al., NAACL 2019) and encoders of its kin, with a classification head.

Loads any checkpoint of the families in :mod:`bert_families`: with or without a head, from a folder
or a hub. The module is the ``...ForSequenceClassification`` or ``...ForTokenClassification`` of
transformers as it is; where it can, its attention runs on torch's fused kernel. One output of the
former makes a regression head.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers import (
    CONFIG_MAPPING,
    MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING,
    MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING,
    PreTrainedConfig,
)
from transformers.initialization import no_init_weights

from instatune.errors import CheckpointError
from instatune.interfaces import Adapter, Batch
from instatune.space import Anatomy
from instatune.supernet.fit import verify
from instatune_plugins.adapters import BertAdapterConfig, encoder_checkpoint
from instatune_plugins.adapters.bert_families import BERT, Family, find
from instatune_plugins.adapters.bert_outline import (
    anatomy_of,
    check_family,
    max_tokens,
    read_config,
)
from instatune_plugins.adapters.quiet import quiet


class Bert(Adapter):
    """``transformers.BertForSequenceClassification``, ``RobertaForSequenceClassification``, ..."""

    def __init__(self, config: BertAdapterConfig | None = None) -> None:
        super().__init__(config or BertAdapterConfig())
        self._problem = "classification"

    def serve(self, problem: str) -> None:
        """Choose the head: at each token for ``token_classification``, else one answer a text."""
        self._problem = problem

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
        kind = "regression" if self._problem == "regression" else None
        config, family = self._read(checkpoint, num_labels=n_outputs, problem_type=kind)
        per_token = self._problem == "token_classification"
        model = encoder_checkpoint.load(
            _class(config, per_token),
            checkpoint,
            tuple(f"{name}." for name in (family.token_head if per_token else family.head)),
            generator,
            config=config,
            revision=self._revision,
            attn_implementation=_attention(family),
        )
        cast("Any", model).config.architectures = [type(model).__name__]  # for `skeleton`
        return model

    def describe(self, model: nn.Module) -> Anatomy:
        """Describe the model from its configuration, and check each name and shape against it."""
        config = getattr(model, "config", None)
        family = find(getattr(config, "model_type", None)) or BERT
        per_token = _is_per_token(model)
        path = (family.token_head if per_token else family.head)[-1]
        try:
            head: nn.Module | None = model.get_submodule(path)
        except AttributeError:
            head = None
        if not isinstance(config, PreTrainedConfig) or not isinstance(head, nn.Linear):
            raise CheckpointError(
                f"{type(model).__name__} is not built as the {family.label} family is: module "
                f"{path!r} or its configuration is missing"
            )
        anatomy = anatomy_of(config.to_dict(), head.out_features, per_token)
        verify(anatomy, model)
        return anatomy

    def logits(self, model: nn.Module, batch: Batch) -> Tensor:
        """Run the model: ``[examples, outputs]``; labels in the batch are not looked at.

        A head for tokens gives ``[examples, tokens, outputs]``, 0 at padding: two networks do not
        differ there.
        """
        family = find(cast("Any", model).config.model_type) or BERT
        inputs = {name: batch[name] for name in family.inputs if name in batch}
        logits = cast("Tensor", model(**inputs).logits)
        if logits.ndim == 3 and "attention_mask" in batch:
            logits = logits.masked_fill(batch["attention_mask"][..., None] == 0, 0.0)
        return logits

    def processor(self, checkpoint: str) -> Any:
        """Give the fast tokenizer of a checkpoint; it cuts texts where the positions end.

        Raises:
            CheckpointError: It has none.
        """
        config = read_config(checkpoint)
        family = None if config is None else find(config.get("model_type"))
        longest = max_tokens(family, config) if family and config else None
        return encoder_checkpoint.tokenizer(checkpoint, self._revision, longest)

    def save_assets(self, model: nn.Module, processor: Any, directory: Path) -> None:
        """Write ``config.json`` of the full-size model and the tokenizer."""
        with quiet():
            cast("Any", model).config.save_pretrained(directory)
            if processor is not None:
                processor.save_pretrained(directory)

    def skeleton(self, directory: Path) -> nn.Module:
        """Build the full-size model; its parameters are not initialised.

        Which head it has is told by ``architectures`` of ``config.json``, as transformers does.
        """
        config, family = self._read(str(directory))
        config._attn_implementation = _attention(family)
        per_token = _class(config, True).__name__ in (config.architectures or ())
        with quiet(), no_init_weights():
            return cast("nn.Module", _class(config, per_token)(config).eval())

    def name_outputs(self, model: nn.Module, labels: tuple[str, ...]) -> None:
        """Put the names of the classes where pipelines of transformers look for them."""
        if labels:
            config = cast("Any", model).config
            config.id2label = dict(enumerate(labels))
            config.label2id = {label: index for index, label in enumerate(labels)}

    @property
    def _revision(self) -> str:
        return cast("BertAdapterConfig", self.config).revision

    def _read(self, checkpoint: str, **changes: Any) -> tuple[Any, Family]:
        """Configuration and family; a hub is asked before weights are downloaded."""
        data: Any = read_config(checkpoint)
        try:
            if data is None:
                with quiet():
                    data, _ = PreTrainedConfig.get_config_dict(checkpoint, revision=self._revision)
            family = check_family(checkpoint, data)
            return CONFIG_MAPPING[family.model_type].from_dict(data, **changes), family
        except CheckpointError:
            raise
        except Exception as error:  # of any type: absent hubs, values that a class refuses
            raise encoder_checkpoint.unreadable(checkpoint, error) from error


def _class(config: Any, per_token: bool) -> Any:
    """The class of transformers for a configuration of one of the families."""
    if per_token:
        return MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING[type(config)]
    return MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING[type(config)]


def _is_per_token(model: nn.Module) -> bool:
    config = getattr(model, "config", None)
    known = type(config) in MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING
    return known and isinstance(model, _class(config, True))


def _attention(family: Family) -> str:
    return "sdpa" if family.fused else "eager"
