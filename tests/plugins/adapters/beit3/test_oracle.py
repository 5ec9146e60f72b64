"""Equality with other people's BEiT-3: torchscale's (where it is installed) and timm's."""

from __future__ import annotations

import json

import pytest
import torch

from instatune_plugins.adapters.beit3 import Beit3Adapter
from instatune_plugins.adapters.beit3_model import Trunk
from instatune_plugins.adapters.beit3_sizes import from_json

TOLERANCE = 1e-5
pytestmark = pytest.mark.filterwarnings("ignore")  # torchscale is of 2023, its imports complain


@pytest.fixture
def reference(beit3):
    """The authors' own trunk with random weights, as their fine-tuned models have it."""
    pytest.importorskip("torchscale", exc_type=ImportError)
    from torchscale.architecture.config import EncoderConfig
    from torchscale.model.BEiT3 import BEiT3

    sizes = from_json("tiny", beit3.config())
    settings = EncoderConfig(
        img_size=sizes.image,
        patch_size=sizes.patch,
        vocab_size=sizes.vocabulary,
        multiway=True,
        layernorm_embedding=False,
        normalize_output=False,
        no_output_layer=True,
        encoder_embed_dim=sizes.hidden,
        encoder_attention_heads=sizes.heads,
        encoder_ffn_embed_dim=sizes.ffn,
        encoder_layers=sizes.layers,
        max_source_positions=sizes.positions,
    )
    with torch.random.fork_rng(devices=[]):
        return beit3.fill(BEiT3(settings))


@pytest.fixture
def ours(reference, beit3):
    trunk = Trunk(from_json("tiny", beit3.config())).eval()
    trunk.load_state_dict(reference.state_dict(), strict=True)  # names and shapes are the same
    return trunk


@torch.no_grad()
@pytest.mark.parametrize("parts", ["image", "text", "both"])
@pytest.mark.parametrize("padded", [False, True])
def test_the_trunk_equals_the_authors(reference, ours, beit3, parts, padded):
    batch = beit3.batch()
    images = batch["pixel_values"] if parts != "text" else None
    tokens = batch["input_ids"] if parts != "image" else None
    mask = batch["attention_mask"] if padded and parts != "image" else None
    padding = None if mask is None else ~mask.bool()

    expected = reference(tokens, images, padding)["encoder_out"]
    found = ours(images, tokens, mask)

    real = torch.ones(found.shape[:2], dtype=torch.bool)
    if mask is not None:  # what stands at padding is nothing that anyone reads
        real[:, -mask.shape[1] :] = mask.bool()
    assert found.shape == expected.shape
    assert expected[real].std() > 0.1
    assert (found - expected)[real].abs().max() <= TOLERANCE


@torch.no_grad()
def test_image_classification_equals_timm_that_reads_the_same_file(beit3, tmp_path, seeded):
    import timm
    from timm.models.vision_transformer import checkpoint_filter_fn

    # A file as the authors publish it holds both experts under `model`.
    whole = beit3.make("vqa").state_dict()
    head = beit3.make("image_classification").state_dict()
    head = {n: t for n, t in head.items() if n.startswith(("fc_norm", "head"))}
    trunk = {name: tensor for name, tensor in whole.items() if name.startswith("beit3.")}
    (tmp_path / "config.json").write_text(json.dumps(beit3.config("image_classification")))
    torch.save({"model": {**trunk, **head}}, tmp_path / "tiny.pth")
    with torch.random.fork_rng(devices=[]):
        other = timm.create_model(
            "beit3_base_patch16_224",
            img_size=16,
            patch_size=8,
            embed_dim=24,
            depth=2,
            num_heads=4,
            mlp_ratio=20 / 24,
            num_classes=3,
        ).eval()
    file = str(tmp_path / "tiny.pth")
    timm.models.load_checkpoint(other, file, strict=True, filter_fn=checkpoint_filter_fn)
    batch = beit3.batch(text=False)

    model = Beit3Adapter().load(str(tmp_path), 3, seeded())

    expected = other(batch["pixel_values"])
    assert expected.std() > 0.1
    assert (Beit3Adapter().logits(model, batch) - expected).abs().max() <= TOLERANCE
