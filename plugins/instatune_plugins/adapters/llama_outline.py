"""The anatomy of LLaMA-like decoders, from their configuration alone. Light: no torch.

Where query heads share keys and values, a head cannot go alone: the units of attention are whole
*KV groups*, one key-value head with its query heads (kind ``kv_groups``). Without sharing such a
group is a single head, and the units are called so (kind ``heads``). LLaMA-NAS (arXiv 2405.18377)
makes depth and FFN elastic and leaves attention alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from instatune.errors import CheckpointError
from instatune.space import Anatomy, Attention, Attribute, Cut, Group, Stack, Work
from instatune_plugins.adapters.llama_families import FAMILIES, Family
from instatune_plugins.adapters.llama_files import read_config

_LAYERS = "model.layers"
_EMBEDDING = "model.embed_tokens.weight"
_HEAD = "lm_head.weight"
_NORMS = ("input_layernorm", "post_attention_layernorm")
_WIDTHS = ("hidden_size", "mlp.hidden_size")  # attributes of a layer
_COUNTED_TOKENS = 128  # as encoders are counted; `macs: {tokens: N}` asks for another length


def outline(checkpoint: str) -> Anatomy | None:
    """Read the anatomy of a checkpoint from its ``config.json``.

    Args:
        checkpoint: Folder, or name on a hub.

    Returns:
        None for a name on a hub, which would have to be asked.

    Raises:
        CheckpointError: The folder is missing or holds something else.
    """
    config = read_config(checkpoint)
    return None if config is None else anatomy_of(config)


def anatomy_of(config: Mapping[str, Any]) -> Anatomy:
    """Describe a decoder with its language-model head.

    MACs count attention over all pairs of tokens, as the literature does, though half of them are
    masked, and the head at every position.

    Args:
        config: Contents of ``config.json``.

    Raises:
        CheckpointError: Sizes that do not make such a decoder.
    """
    shape = _Shape.of(config)
    groups = tuple(
        g for layer in range(shape.layers) for g in (shape.heads(layer), shape.ffn(layer))
    )
    return Anatomy(
        family=shape.family.label,
        stacks=(
            Stack(
                name="layers",
                path=_LAYERS,
                layers=shape.layers,
                index_attributes=("self_attn.layer_idx",),
                count_attributes=("config.num_hidden_layers",),
            ),
        ),
        groups=(*groups, shape.embed()),
        shapes=dict(shape.tensors()),
        work=tuple(shape.work()),
        attentions=tuple(
            Attention(
                group.name,
                shape.sharing * shape.head_size,
                projections=tuple(
                    f"{_LAYERS}.{group.layer}.self_attn.{name}_proj" for name in "qkv"
                ),
            )
            for group in groups
            if group.kind == shape.kind
        ),
        embeddings=(_EMBEDDING,),
        tokens=min(_COUNTED_TOKENS, shape.positions),
        max_tokens=shape.positions,
    )


@attrs.frozen(kw_only=True)
class _Shape:
    """The sizes of one decoder."""

    family: Family
    vocabulary: int
    hidden: int
    wide: int
    layers: int
    kv_heads: int
    sharing: int  # query heads of one KV group
    head_size: int
    positions: int
    tied: bool
    biased: frozenset[str]

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> _Shape:
        """Read and check the sizes."""
        family = FAMILIES[config["model_type"]]
        size = {name: _number(config, name, default) for name, default in family.sizes.items()}
        hidden, heads = size["hidden_size"], size["num_attention_heads"]
        kv_heads = _number(config, "num_key_value_heads", family.kv_heads, heads)
        if heads % kv_heads:
            raise CheckpointError(
                f"config.json: num_attention_heads {heads} is not a multiple of "
                f"num_key_value_heads {kv_heads}; each key-value head serves equally many"
            )
        _check_layers_alike(config, size["num_hidden_layers"])
        return cls(
            family=family,
            vocabulary=size["vocab_size"],
            hidden=hidden,
            wide=size["intermediate_size"],
            layers=size["num_hidden_layers"],
            kv_heads=kv_heads,
            sharing=heads // kv_heads,
            head_size=_head_size(config, family, hidden, heads),
            positions=size["max_position_embeddings"],
            tied=bool(config.get("tie_word_embeddings", False)),
            biased=_biased(config, family),
        )

    @property
    def kind(self) -> str:
        return "heads" if self.sharing == 1 else "kv_groups"

    def heads(self, layer: int) -> Group:
        """The KV groups of a layer; norms of queries and keys are per head and stay whole."""
        at, queries = f"{_LAYERS}.{layer}.self_attn", self.sharing * self.head_size
        mix = Cut(f"{at}.o_proj.weight", 1, queries)
        units = {"q_proj": queries, "k_proj": self.head_size, "v_proj": self.head_size}
        cuts = [
            Cut(f"{at}.{name}.{tensor}", 0, unit)
            for name, unit in units.items()
            for tensor in self._parts(f"self_attn.{name}")
        ]
        return Group(
            name=f"{self.kind}.{layer}",
            kind=self.kind,
            units=self.kv_heads,
            cuts=(*cuts, mix),
            outgoing=mix,
            stack="layers",
            layer=layer,
        )

    def ffn(self, layer: int) -> Group:
        """The neurons of a layer: a gate and a value each."""
        at = f"{_LAYERS}.{layer}.mlp"
        shrink = Cut(f"{at}.down_proj.weight", 1)
        cuts = [
            Cut(f"{at}.{name}.{tensor}", 0)
            for name in ("gate_proj", "up_proj")
            for tensor in self._parts(f"mlp.{name}")
        ]
        return Group(
            name=f"ffn.{layer}",
            kind="ffn",
            units=self.wide,
            cuts=(*cuts, shrink),
            outgoing=shrink,
            attributes=(Attribute(f"{at}.intermediate_size"),),
            stack="layers",
            layer=layer,
            minimum=0,
        )

    def embed(self) -> Group:
        """The channels of the residual stream; a tied head reads it with the embedding's weight."""
        layers = [f"{_LAYERS}.{layer}" for layer in range(self.layers)]
        writing = ("self_attn.o_proj", "mlp.down_proj")
        reading = [name for name in self._linears() if name not in writing]
        writers = [
            Cut(f"{at}.{name}.{tensor}", 0)
            for at in layers
            for name in writing
            for tensor in self._parts(name)
        ]
        norms = [Cut(f"{at}.{name}.weight", 0) for at in layers for name in _NORMS]
        readers = [Cut(f"{at}.{name}.weight", 1) for at in layers for name in reading]
        if not self.tied:
            readers.append(Cut(_HEAD, 1))
        return Group(
            name="embed",
            kind="embed",
            units=self.hidden,
            cuts=(Cut(_EMBEDDING, 1), *writers, *norms, Cut("model.norm.weight", 0), *readers),
            outgoing=readers[0],
            also_outgoing=tuple(readers[1:]),
            attributes=tuple(Attribute(f"{at}.{path}") for at in layers for path in _WIDTHS),
        )

    def tensors(self) -> Iterator[tuple[str, tuple[int, ...]]]:
        """Name and shape of each parameter; a tied head is that of the embedding."""
        yield _EMBEDDING, (self.vocabulary, self.hidden)
        for layer in range(self.layers):
            at = f"{_LAYERS}.{layer}"
            for name, (rows, columns) in self._linears().items():
                yield f"{at}.{name}.weight", (rows, columns)
                if name in self.biased:
                    yield f"{at}.{name}.bias", (rows,)
            for name in _NORMS:
                yield f"{at}.{name}.weight", (self.hidden,)
            for name in ("q_norm", "k_norm") if self.family.head_norms else ():
                yield f"{at}.self_attn.{name}.weight", (self.head_size,)
        yield "model.norm.weight", (self.hidden,)
        if not self.tied:
            yield _HEAD, (self.vocabulary, self.hidden)

    def work(self) -> Iterator[Work]:
        """Each matrix multiplies every token, the head included."""
        for layer in range(self.layers):
            for name in self._linears():
                yield Work(f"{_LAYERS}.{layer}.{name}.weight")
        yield Work(_EMBEDDING if self.tied else _HEAD)

    def _linears(self) -> dict[str, tuple[int, int]]:
        keys = self.kv_heads * self.head_size
        queries = self.sharing * keys
        return {
            "self_attn.q_proj": (queries, self.hidden),
            "self_attn.k_proj": (keys, self.hidden),
            "self_attn.v_proj": (keys, self.hidden),
            "self_attn.o_proj": (self.hidden, queries),
            "mlp.gate_proj": (self.wide, self.hidden),
            "mlp.up_proj": (self.wide, self.hidden),
            "mlp.down_proj": (self.hidden, self.wide),
        }

    def _parts(self, name: str) -> tuple[str, ...]:
        return ("weight", "bias") if name in self.biased else ("weight",)


def _number(config: Mapping[str, Any], name: str, *defaults: int | None) -> int:
    """A size; null or nothing means the first default that there is."""
    value = config.get(name, defaults[0])
    if value is None:
        value = next((default for default in defaults[1:] if default is not None), None)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise CheckpointError(f"config.json: {name} is {value!r}; a positive number is right")
    return value


def _head_size(config: Mapping[str, Any], family: Family, hidden: int, heads: int) -> int:
    if config.get("head_dim", family.head_size) is None and hidden % heads:
        raise CheckpointError(
            f"config.json: hidden_size {hidden} is not a multiple of num_attention_heads {heads}"
        )
    size = _number(config, "head_dim", family.head_size, hidden // heads)
    if size % 2:
        raise CheckpointError(
            f"config.json: heads of size {size} cannot be turned by rotary positions, which need "
            "an even size; correct head_dim or num_attention_heads"
        )
    return size


def _biased(config: Mapping[str, Any], family: Family) -> frozenset[str]:
    asked = [names for key, names in family.bias_settings.items() if config.get(key)]
    return family.biased.union(*asked)


def _check_layers_alike(config: Mapping[str, Any], layers: int) -> None:
    """Refuse a mix of full and sliding attention: layers take their kind from their position."""
    kinds = config.get("layer_types") or ()
    from_layer = config.get("max_window_layers", 28)
    slides = config.get("use_sliding_window") and config.get("sliding_window", 4096)
    if len(set(kinds)) > 1 or (not kinds and slides and 0 < from_layer < layers):
        raise CheckpointError(
            "config.json: some layers have full and some sliding attention, by their position, so "
            "that none can be left out; set use_sliding_window to false, or choose a checkpoint "
            "whose layers are alike"
        )
