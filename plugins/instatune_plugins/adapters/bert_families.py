"""The encoders that ``bert`` fits, as a table: where things are in each of them. Light: no torch.

Paths are those of the ``...ForSequenceClassification`` classes of transformers 5; those of the
``...ForTokenClassification`` classes differ in the head alone. To add an encoder is to add a row,
as long as its layers are attention and a feed-forward network.
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs


def _frozen(sizes: Mapping[str, tuple[str, int]]) -> dict[str, tuple[str, int]]:
    return dict(sizes)


@attrs.frozen(kw_only=True)
class Family:
    """One ``model_type``.

    Attributes:
        model_type: As ``config.json`` has it.
        label: Name for people.
        root: The encoder in the model with a head.
        layers: The list of layers in the encoder.
        query: Projection in a layer, like the next ones.
        key: The same for keys.
        value: The same for values.
        mix: Output projection of attention.
        widen: First matrix of the feed-forward network.
        shrink: Its second matrix.
        norms: Layer norms of a layer.
        head_count: Attribute in a layer that holds the number of heads.
        all_heads: Attribute with the width of all heads together, None if there is none.
        index: Attributes in a layer that hold its position.
        head: Linear layers between the first token and the logits, the last one gives them.
        token_head: The same of the head that classifies each token.
        sizes: Key in ``config.json`` and default of transformers by our names.
        first_position: Row of the position table that the first token gets.
        pads_positions: That row comes after the one of the padding token instead.
        bias_table: Table of relative position biases in the encoder: its columns are the heads, and
            all layers share it.
        fused: Whether attention runs on torch's fused kernel.
        inputs: What ``forward`` takes of a batch.
    """

    model_type: str
    label: str
    root: str
    layers: str = "encoder.layer"
    query: str = "attention.self.query"
    key: str = "attention.self.key"
    value: str = "attention.self.value"
    mix: str = "attention.output.dense"
    widen: str = "intermediate.dense"
    shrink: str = "output.dense"
    norms: tuple[str, ...] = ("attention.output.LayerNorm", "output.LayerNorm")
    head_count: str = "attention.self.num_attention_heads"
    all_heads: str | None = "attention.self.all_head_size"
    index: tuple[str, ...] = ("attention.self.layer_idx",)
    head: tuple[str, ...] = ("classifier.dense", "classifier.out_proj")
    token_head: tuple[str, ...] = ("classifier",)
    sizes: Mapping[str, tuple[str, int]] = attrs.field(converter=_frozen)
    first_position: int = 0
    pads_positions: bool = False
    bias_table: str | None = None
    fused: bool = True
    inputs: tuple[str, ...] = ("input_ids", "attention_mask", "token_type_ids", "position_ids")

    @property
    def stack(self) -> str:
        """Path of the list of layers from the model."""
        return f"{self.root}.{self.layers}"


_BERT_SIZES = {
    "vocabulary": ("vocab_size", 30522),
    "hidden": ("hidden_size", 768),
    "layers": ("num_hidden_layers", 12),
    "heads": ("num_attention_heads", 12),
    "ffn": ("intermediate_size", 3072),
    "positions": ("max_position_embeddings", 512),
    "types": ("type_vocab_size", 2),
}

BERT = Family(
    model_type="bert",
    label="BERT",
    root="bert",
    head=("bert.pooler.dense", "classifier"),
    sizes=_BERT_SIZES,
)
ROBERTA = Family(
    model_type="roberta",
    label="RoBERTa",
    root="roberta",
    sizes={**_BERT_SIZES, "vocabulary": ("vocab_size", 50265)},
    pads_positions=True,
)
ELECTRA = Family(
    model_type="electra",
    label="ELECTRA",
    root="electra",
    sizes={
        **_BERT_SIZES,
        "embedding": ("embedding_size", 128),
        "hidden": ("hidden_size", 256),
        "heads": ("num_attention_heads", 4),
        "ffn": ("intermediate_size", 1024),
    },
)
DISTILBERT = Family(
    model_type="distilbert",
    label="DistilBERT",
    root="distilbert",
    layers="transformer.layer",
    query="attention.q_lin",
    key="attention.k_lin",
    value="attention.v_lin",
    mix="attention.out_lin",
    widen="ffn.lin1",
    shrink="ffn.lin2",
    norms=("sa_layer_norm", "output_layer_norm"),
    head_count="attention.n_heads",
    all_heads="attention.dim",
    index=(),
    head=("pre_classifier", "classifier"),
    sizes={
        "vocabulary": ("vocab_size", 30522),
        "hidden": ("dim", 768),
        "layers": ("n_layers", 6),
        "heads": ("n_heads", 12),
        "ffn": ("hidden_dim", 3072),
        "positions": ("max_position_embeddings", 512),
    },
    inputs=("input_ids", "attention_mask", "position_ids"),
)
MPNET = Family(
    model_type="mpnet",
    label="MPNet",
    root="mpnet",
    query="attention.attn.q",
    key="attention.attn.k",
    value="attention.attn.v",
    mix="attention.attn.o",
    norms=("attention.LayerNorm", "output.LayerNorm"),
    head_count="attention.attn.num_attention_heads",
    all_heads="attention.attn.all_head_size",
    index=(),
    sizes={
        **{name: size for name, size in _BERT_SIZES.items() if name != "types"},
        "vocabulary": ("vocab_size", 30527),
        "buckets": ("relative_attention_num_buckets", 32),
    },
    first_position=2,
    bias_table="encoder.relative_attention_bias",
    fused=False,
    inputs=("input_ids", "attention_mask", "position_ids"),
)

FAMILIES: tuple[Family, ...] = (
    BERT,
    ROBERTA,
    attrs.evolve(ROBERTA, model_type="xlm-roberta", label="XLM-RoBERTa", sizes=_BERT_SIZES),
    attrs.evolve(ROBERTA, model_type="camembert", label="CamemBERT", sizes=_BERT_SIZES),
    DISTILBERT,
    ELECTRA,
    MPNET,
)
"""All that ``bert`` fits."""


def find(model_type: object) -> Family | None:
    """The family of a ``model_type``, None if ``bert`` does not fit it."""
    return next((family for family in FAMILIES if family.model_type == model_type), None)
