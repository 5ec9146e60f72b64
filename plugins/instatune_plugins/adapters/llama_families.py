"""The decoders that ``llama`` fits, as a table: what differs between them. Light: no torch.

All are pre-norm decoders with rotary positions and a gated FFN (Touvron et al., "LLaMA", 2023), and
all may share keys and values among query heads (Ainslie et al., "GQA", EMNLP 2023). Names and
defaults are those of the ``...ForCausalLM`` classes of transformers 5.
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs


@attrs.frozen(kw_only=True)
class Family:
    """One ``model_type``.

    Attributes:
        model_type: As ``config.json`` has it.
        label: Name for people.
        sizes: What transformers takes for sizes that ``config.json`` leaves out.
        kv_heads: The same for ``num_key_value_heads``; None for as many as query heads.
        head_size: The same for ``head_dim``; None for ``hidden_size / num_attention_heads``.
        biased: Projections of a layer that always have a bias.
        bias_settings: Projections that have one where this key of ``config.json`` is true.
        head_norms: Whether queries and keys of each head are normalised.
    """

    model_type: str
    label: str
    sizes: Mapping[str, int]
    kv_heads: int | None = None
    head_size: int | None = None
    biased: frozenset[str] = frozenset()
    bias_settings: Mapping[str, frozenset[str]] = attrs.field(factory=dict)
    head_norms: bool = False


_QKV = frozenset({"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"})
_ATTENTION = _QKV | {"self_attn.o_proj"}
_FFN = frozenset({"mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"})

_LLAMA_SIZES = {
    "vocab_size": 32000,
    "hidden_size": 4096,
    "intermediate_size": 11008,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "max_position_embeddings": 2048,
}
_QWEN_SIZES = {
    **_LLAMA_SIZES,
    "vocab_size": 151936,
    "intermediate_size": 22016,
    "max_position_embeddings": 32768,
}

LLAMA = Family(
    model_type="llama",
    label="LLaMA",
    sizes=_LLAMA_SIZES,
    bias_settings={"attention_bias": _ATTENTION, "mlp_bias": _FFN},
)
MISTRAL = Family(
    model_type="mistral",
    label="Mistral",
    sizes={**_LLAMA_SIZES, "intermediate_size": 14336, "max_position_embeddings": 131072},
    kv_heads=8,
)
QWEN2 = Family(
    model_type="qwen2", label="Qwen2", sizes=_QWEN_SIZES, kv_heads=32, biased=frozenset(_QKV)
)
QWEN3 = Family(
    model_type="qwen3",
    label="Qwen3",
    sizes=_QWEN_SIZES,
    kv_heads=32,
    head_size=128,
    bias_settings={"attention_bias": _ATTENTION},
    head_norms=True,
)

FAMILIES = {family.model_type: family for family in (LLAMA, MISTRAL, QWEN2, QWEN3)}
"""By ``model_type``."""
