"""The transformer: its forward pass is short enough to be read."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from instatune.testing.fakes import TinySizes


class TinyLayer(nn.Module):
    """Attention and feed-forward network, both before a residual sum."""

    def __init__(self, sizes: TinySizes) -> None:
        super().__init__()
        wide = sizes.heads * sizes.head
        self.n_heads = sizes.heads
        self.norm_attention = nn.LayerNorm(sizes.hidden)
        self.norm_ffn = nn.LayerNorm(sizes.hidden)
        self.query = nn.Linear(sizes.hidden, wide)
        self.key = nn.Linear(sizes.hidden, wide)
        self.value = nn.Linear(sizes.hidden, wide)
        self.out = nn.Linear(wide, sizes.hidden)
        self.up = nn.Linear(sizes.hidden, sizes.ffn)
        self.down = nn.Linear(sizes.ffn, sizes.hidden)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """``[examples, tokens, hidden]`` to the same; ``mask [examples, 1, 1, tokens]``."""
        normed = self.norm_attention(x)
        query, key, value = (
            linear(normed).unflatten(-1, (self.n_heads, -1)).transpose(1, 2)
            for linear in (self.query, self.key, self.value)
        )
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        attended: Tensor = x + self.out(mixed.transpose(1, 2).flatten(2))
        neurons = functional.gelu(self.up(self.norm_ffn(attended)))
        fed: Tensor = attended + self.down(neurons)
        return fed


class TinyTransformer(nn.Module):
    """Classifies sequences of tokens by the mean of their last hidden states."""

    def __init__(self, sizes: TinySizes) -> None:
        super().__init__()
        self.sizes, self.n_layers = sizes, sizes.layers
        self.embed = nn.Embedding(sizes.vocabulary, sizes.hidden)
        self.embed_positions = nn.Embedding(sizes.tokens, sizes.hidden)
        self.layers = nn.ModuleList(TinyLayer(sizes) for _ in range(sizes.layers))
        self.classifier = nn.Linear(sizes.hidden, sizes.classes)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Logits ``[examples, classes]`` of tokens ``[examples, tokens]``."""
        positions = torch.arange(input_ids.shape[1], device=input_ids.device)
        x = self.embed(input_ids) + self.embed_positions(positions)
        for layer in self.layers:
            x = layer(x, attention_mask[:, None, None, :].bool())
        weights = attention_mask[..., None].to(x.dtype)
        pooled = (x * weights).sum(1) / weights.sum(1).clamp(min=1)
        logits: Tensor = self.classifier(pooled)
        return logits


def model(sizes: TinySizes | None = None, seed: int = 0) -> TinyTransformer:
    """A tiny transformer in eval mode whose weights depend on the seed alone."""
    # Built without weights, then filled: the global generator stays as it is.
    with torch.device("meta"):
        made = TinyTransformer(sizes or TinySizes())
    made.to_empty(device="cpu")
    fill(made, torch.Generator().manual_seed(seed))
    return made.eval()


def fill(module: nn.Module, generator: torch.Generator) -> None:
    """Draw all parameters anew, of a size that keeps every part of the model at work."""
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            parameter.normal_(0.0, 0.3, generator=generator)
            if "norm" in name and name.endswith("weight"):
                parameter.add_(1.0)
