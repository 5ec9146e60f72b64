"""BEiT-3 in torch (Wang et al., "Image as a Foreign Language", CVPR 2023, arXiv 2208.10442).

A multiway transformer: tokens of image and text share one attention; projections, norms and FFNs
exist twice, as expert A for the image and expert B for the text. Layers are pre-norm with a further
norm inside attention and FFN (sub-LN, Wang et al., "Foundation Transformers", arXiv 2210.06423).
Modules are named as in the published checkpoints. Head counts follow from the shapes of the
weights, so a sliced module computes what is left of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from instatune.errors import DataError
from instatune_plugins.adapters.beit3_sizes import SKIPPED, Beit3Sizes


class Multiway(nn.Module):
    """Two experts: ``A`` for the tokens of the image, which come first, ``B`` for the text."""

    def __init__(self, make: Callable[[], nn.Module], *, text: bool) -> None:
        super().__init__()
        self.A = make()
        if text:
            self.B = make()

    def forward(self, hidden: Tensor, n_image: int) -> Tensor:
        """Apply the experts.

        Args:
            hidden: ``[examples, tokens, width]``.
            n_image: Tokens of the image; 0 for texts alone.
        """
        if n_image == hidden.shape[1]:
            return cast("Tensor", self.A(hidden))
        if n_image == 0:
            return cast("Tensor", self.B(hidden))
        image, text = hidden[:, :n_image], hidden[:, n_image:]
        return torch.cat([self.A(image), self.B(text)], dim=1)


class Attention(nn.Module):
    """Multi-head attention of all tokens to all tokens, normalised before its last projection."""

    def __init__(self, sizes: Beit3Sizes) -> None:
        super().__init__()
        self.head_size = sizes.head_size
        self.q_proj, self.k_proj, self.v_proj, self.out_proj = (
            Multiway(lambda: nn.Linear(sizes.hidden, sizes.hidden), text=sizes.text)
            for _ in range(4)
        )
        self.inner_attn_ln = _norm(sizes)

    def forward(self, hidden: Tensor, n_image: int, seen: Tensor | None) -> Tensor:
        """Attend; ``seen`` ``[examples, 1, 1, tokens]`` is False where a token is padding."""
        query, key, value = (
            project(hidden, n_image).unflatten(-1, (-1, self.head_size)).transpose(1, 2)
            for project in (self.q_proj, self.k_proj, self.v_proj)
        )  # [examples, heads, tokens, head_size]
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=seen)
        mixed = self.inner_attn_ln(mixed.transpose(1, 2).flatten(2), n_image)
        return cast("Tensor", self.out_proj(mixed, n_image))


class FeedForward(nn.Module):
    """One expert of the FFN, normalised before its second matrix."""

    def __init__(self, sizes: Beit3Sizes) -> None:
        super().__init__()
        self.fc1 = nn.Linear(sizes.hidden, sizes.ffn)
        self.ffn_layernorm = nn.LayerNorm(sizes.ffn, eps=sizes.eps)
        self.fc2 = nn.Linear(sizes.ffn, sizes.hidden)

    def forward(self, hidden: Tensor) -> Tensor:
        """Widen, normalise, narrow: ``[examples, tokens, hidden]``."""
        wide = self.ffn_layernorm(functional.gelu(self.fc1(hidden)))
        return cast("Tensor", self.fc2(wide))


class Layer(nn.Module):
    """Attention and FFN, each on the normalised hidden state and added to it."""

    def __init__(self, sizes: Beit3Sizes) -> None:
        super().__init__()
        self.self_attn = Attention(sizes)
        self.self_attn_layer_norm = _norm(sizes)
        self.ffn = Multiway(lambda: FeedForward(sizes), text=sizes.text)
        self.final_layer_norm = _norm(sizes)

    def forward(self, hidden: Tensor, n_image: int, seen: Tensor | None) -> Tensor:
        """One layer: ``[examples, tokens, hidden]``."""
        normed = self.self_attn_layer_norm(hidden, n_image)
        hidden = hidden + self.self_attn(normed, n_image, seen)
        normed = self.final_layer_norm(hidden, n_image)
        return cast("Tensor", hidden + self.ffn(normed, n_image))


class VisionEmbedding(nn.Module):
    """Patches of an image behind a class token.

    ``mask_token`` stands for hidden patches in pre-training; fine-tuning does not use it, but
    checkpoints have it.
    """

    def __init__(self, sizes: Beit3Sizes) -> None:
        super().__init__()
        self.size = (sizes.channels, sizes.image, sizes.image)
        self.mask_token = nn.Parameter(torch.zeros(1, 1, sizes.hidden))
        self.cls_token = nn.Parameter(torch.zeros(1, 1, sizes.hidden))
        self.proj = nn.Conv2d(sizes.channels, sizes.hidden, sizes.patch, stride=sizes.patch)

    def forward(self, images: Tensor) -> Tensor:
        """Embed images ``[examples, channels, height, width]``: ``[examples, tokens, hidden]``."""
        if images.shape[1:] != self.size:
            raise DataError(
                f"images are {list(images.shape[1:])}, the model takes {list(self.size)} (channels,"
                " height, width); prepare them as its processor says"
            )
        patches = self.proj(images).flatten(2).transpose(1, 2)
        # `len` would make the number of examples a constant where the model is traced.
        return torch.cat([self.cls_token.expand(images.shape[0], -1, -1), patches], dim=1)


class Encoder(nn.Module):
    """Positions and layers."""

    def __init__(self, sizes: Beit3Sizes) -> None:
        super().__init__()
        rows = {"A": sizes.image_tokens + SKIPPED, "B": sizes.positions}
        experts = ("A", "B") if sizes.text else ("A",)
        self.embed_positions = nn.ModuleDict(
            {expert: nn.Embedding(rows[expert], sizes.hidden) for expert in experts}
        )
        self.layers = nn.ModuleList(Layer(sizes) for _ in range(sizes.layers))

    def placed(self, hidden: Tensor, expert: str) -> Tensor:
        """Add the positions of one expert to its embeddings."""
        rows = cast("Tensor", self.embed_positions[expert].weight)[SKIPPED:]
        if hidden.shape[1] > len(rows):
            raise DataError(
                f"a text of {hidden.shape[1]} tokens, but the model has positions for {len(rows)}; "
                f"cut texts: `--set task.max_length={len(rows)}`"
            )
        return hidden + rows[: hidden.shape[1]]

    def forward(self, hidden: Tensor, n_image: int, seen: Tensor | None) -> Tensor:
        """Run the layers; the last hidden state is not normalised, the heads do that."""
        for layer in self.layers:
            hidden = layer(hidden, n_image, seen)
        return hidden


class Trunk(nn.Module):
    """BEiT-3 without a head."""

    def __init__(self, sizes: Beit3Sizes) -> None:
        super().__init__()
        if sizes.text:
            self.text_embed = nn.Embedding(sizes.vocabulary, sizes.hidden)
        self.vision_embed = VisionEmbedding(sizes)
        self.encoder = Encoder(sizes)

    def forward(
        self, images: Tensor | None, tokens: Tensor | None = None, mask: Tensor | None = None
    ) -> Tensor:
        """Embed images, texts or both together.

        Args:
            images: ``[examples, channels, height, width]``, or None.
            tokens: ``[examples, text tokens]``, int64, or None.
            mask: ``[examples, text tokens]``, 0 where a token is padding; None: none is.

        Returns:
            ``[examples, image tokens + text tokens, hidden]``; arbitrary where there is padding.
        """
        parts, n_image = [], 0
        if images is not None:
            parts.append(self.encoder.placed(self.vision_embed(images), "A"))
            n_image = parts[0].shape[1]
        if tokens is not None:
            parts.append(self.encoder.placed(self.text_embed(tokens), "B"))
        hidden = torch.cat(parts, dim=1)
        seen = None
        if mask is not None:
            seen = functional.pad(mask.bool(), (n_image, 0), value=True)[:, None, None, :]
        return cast("Tensor", self.encoder(hidden, n_image, seen))


class Beit3(nn.Module):
    """BEiT-3 with one of its heads.

    Attributes:
        sizes: Of the full model, also after cuts.
        labels: Names of the classes.
    """

    def __init__(self, sizes: Beit3Sizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.labels: tuple[str, ...] = ()
        self.beit3 = Trunk(sizes)


class Beit3ForImageClassification(Beit3):
    """The mean of all patches, normalised, in front of a linear classifier."""

    def __init__(self, sizes: Beit3Sizes) -> None:
        super().__init__(sizes)
        self.fc_norm = nn.LayerNorm(sizes.hidden, eps=sizes.eps)
        self.head = nn.Linear(sizes.hidden, sizes.outputs)

    def forward(self, pixel_values: Tensor) -> Tensor:
        """Classify images: ``[examples, outputs]``."""
        patches = self.beit3(pixel_values)[:, 1:]
        return cast("Tensor", self.head(self.fc_norm(patches.mean(dim=1))))


class Pooler(nn.Module):
    """The class token of the image, normalised and mapped."""

    def __init__(self, sizes: Beit3Sizes) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(sizes.hidden, eps=sizes.eps)
        self.dense = nn.Linear(sizes.hidden, sizes.hidden)

    def forward(self, hidden: Tensor) -> Tensor:
        """Pool ``[examples, tokens, hidden]`` to ``[examples, hidden]``."""
        return torch.tanh(self.dense(self.norm(hidden[:, 0])))


class Beit3ForVisualQuestionAnswering(Beit3):
    """Pooled image and question in front of two linear maps with a norm between them."""

    def __init__(self, sizes: Beit3Sizes) -> None:
        super().__init__(sizes)
        self.pooler = Pooler(sizes)
        self.head = nn.Sequential(
            nn.Linear(sizes.hidden, 2 * sizes.hidden),
            nn.LayerNorm(2 * sizes.hidden, eps=sizes.eps),
            nn.GELU(),
            nn.Linear(2 * sizes.hidden, sizes.outputs),
        )

    def forward(
        self, pixel_values: Tensor, input_ids: Tensor, attention_mask: Tensor | None = None
    ) -> Tensor:
        """Answer questions about images: ``[examples, outputs]``."""
        hidden = self.beit3(pixel_values, input_ids, attention_mask)
        return cast("Tensor", self.head(self.pooler(hidden)))


def build(sizes: Beit3Sizes) -> Beit3:
    """Make a model on the CPU; its parameters are not initialised."""
    kind = Beit3ForVisualQuestionAnswering if sizes.text else Beit3ForImageClassification
    with torch.device("meta"):
        model = kind(sizes)
    return cast("Beit3", model.to_empty(device="cpu").eval())


def _norm(sizes: Beit3Sizes) -> Multiway:
    return Multiway(lambda: nn.LayerNorm(sizes.hidden, eps=sizes.eps), text=sizes.text)
