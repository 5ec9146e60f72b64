"""Recognising transformers by structure, and refusing those that would be guessed."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
import torch
from torch import nn

from instatune.errors import CheckpointError
from instatune.interfaces import Network
from instatune.plugin.manager import discover
from instatune.space import Gene
from instatune.space.counting import macs, parameters
from instatune.supernet import subnet
from instatune.supernet.build import search_space
from instatune.supernet.supernet import Supernet
from instatune.testing.contracts import AdapterContract
from instatune.testing.tokens import tokenizer
from instatune_plugins.adapters import auto as module
from instatune_plugins.adapters.auto import Auto
from instatune_plugins.adapters.bert import Bert
from instatune_plugins.adapters.vit import Vit

SIZES = {
    "vocab_size": 40,
    "hidden_size": 24,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 20,
    "max_position_embeddings": 20,
}
DISTIL = {"vocab_size": 40, "dim": 24, "n_layers": 3, "n_heads": 4, "hidden_dim": 20}
IMAGES = {"img_size": 32, "embed_dim": 24, "depth": 3, "num_heads": 4}
DISENTANGLED = {"relative_attention": True, "pos_att_type": ["c2p", "p2c"]}


def text_model(model_type, **changes):
    from transformers import AutoConfig, AutoModelForSequenceClassification

    sizes = DISTIL if model_type == "distilbert" else SIZES
    config = AutoConfig.for_model(model_type, **{**sizes, "num_labels": 3, **changes})
    return shaken(AutoModelForSequenceClassification.from_config(config))


def image_model(architecture="vit_tiny_patch16_224", **changes):
    import timm

    with torch.random.fork_rng(devices=[]):
        return shaken(timm.create_model(architecture, num_classes=3, **{**IMAGES, **changes}))


def shaken(model):
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0.0, 0.3, generator=generator)
    return model.eval()


def inputs(model):
    generator = torch.Generator().manual_seed(1)
    if hasattr(model, "pretrained_cfg"):
        return {"pixel_values": torch.randn(2, 3, 32, 32, generator=generator)}
    ids = torch.randint(5, 40, (2, 9), generator=generator)
    mask = torch.ones_like(ids)
    mask[1, 6:] = 0
    return {"input_ids": ids, "attention_mask": mask}


def supernet(model):
    anatomy = Auto().describe(model)
    genes = [Gene(name="depth", choices=(1, 2, 3), effect="depth", targets=("layers",))]
    genes += [
        Gene(
            name=group.name,
            choices=tuple(range(1, group.units + 1)),
            effect="width",
            targets=(group.name,),
            stack=group.stack,
            layer=group.layer,
        )
        for group in anatomy.groups
    ]
    space = search_space(anatomy, genes, {"layers": (2, 0, 1)})
    return Supernet(model, anatomy, space, Auto().logits)


@pytest.mark.parametrize(
    ("make", "adapter"),
    [
        (lambda: text_model("bert"), Bert()),
        (lambda: text_model("roberta"), Bert()),
        (lambda: text_model("electra", embedding_size=10), Bert()),
        (lambda: text_model("distilbert", max_position_embeddings=20), Bert()),
        (image_model, Vit()),
        (lambda: image_model("deit_tiny_distilled_patch16_224"), Vit()),
    ],
    ids=["bert", "roberta", "electra", "distilbert", "vit", "deit"],
)
def test_it_finds_what_the_adapter_of_the_family_knows(make, adapter):
    model = make()

    found, known = Auto().describe(model), adapter.describe(model)

    kept = {s.name: tuple(range(s.layers)) for s in known.stacks}
    full = {g.name: g.units for g in known.groups}
    # The hidden size is told by adapters that know their family.
    half = {name: n if name == "embed" else max(1, n // 2) for name, n in full.items()}
    assert {g.name: (set(g.cuts), g.minimum) for g in found.groups} == {
        g.name: (set(g.cuts), g.minimum) for g in known.groups if g.name != "embed"
    }
    assert (found.tokens, found.max_tokens) == (known.tokens, known.max_tokens)
    for units in (full, half):
        assert macs(found).at(units, kept) == macs(known).at(units, kept)
        assert parameters(found).at(units, kept) == parameters(known).at(units, kept)


@pytest.mark.parametrize(
    "model_type", ["ernie", "data2vec-text", "megatron-bert", "nomic_bert", "roformer", "esm"]
)
def test_encoders_without_an_adapter_of_their_own_are_recognised(model_type):
    changes = {"pad_token_id": 1} if model_type == "esm" else {}

    anatomy = Auto().describe(text_model(model_type, **changes))

    assert [group.units for group in anatomy.groups] == [4, 20] * 3
    assert anatomy.stacks[0].layers == 3


@pytest.mark.parametrize(
    "make", [lambda: text_model("nomic_bert"), image_model], ids=["text", "vit"]
)
def test_slice_mask_extracted_and_reloaded_network_agree(make, tmp_path):
    model = make()
    net, batch, plugins = supernet(model), inputs(model), discover(only=("instatune",))
    rows = net.space.sample(np.random.default_rng(0), 50)
    for architecture in net.space.decode(rows):
        small = net.extract(architecture)
        network = Network(
            model=small,
            architecture=architecture,
            adapter=Auto(),
            adapter_name="auto@instatune",
            anatomy=net.anatomy,
            kept_units=net.space.kept_units(architecture),
            kept_layers=net.space.kept_layers(architecture),
            processor=None,
            labels=("a", "b", "c"),
            facts={},
        )
        forms = {"extracted": small}
        if architecture.key < "3":  # reading back recognises anew, which takes its time
            subnet.save(network, tmp_path)
            forms["reloaded"] = subnet.load(tmp_path, plugins)
        with torch.inference_mode():
            with net.active(architecture):
                sliced = net.logits(batch)
            with net.masked(architecture):
                masked = net.logits(batch)
            found = [masked, *(net.forward(form, batch) for form in forms.values())]

        for logits in found:
            assert (logits - sliced).abs().max() <= 1e-5 * max(1.0, float(sliced.abs().max()))


REFUSED = {
    "shared layers": (
        lambda: text_model("albert", embedding_size=10),
        "'albert.encoder.albert_layer_groups' has 1 layers where the configuration says 3: layers",
    ),
    "position biases of all layers": (
        lambda: text_model("mpnet"),
        r"module 'mpnet.encoder.layer.0.attention.attn' cannot compute with fewer heads.*\(.*\); "
        "use adapter 'bert', which knows 'mpnet'",
    ),
    "relative attention": (
        lambda: text_model("deberta-v2", **DISENTANGLED),
        "'deberta.encoder.layer.0.attention.self.pos_key_proj' stands in attention beside query",
    ),
    "relative attention with shared keys": (
        lambda: text_model("deberta-v2", share_att_key=True, **DISENTANGLED),
        r"attention.self.query_proj' is applied at \d+ positions of 8 tokens; expected once",
    ),
    "heads side by side": (
        lambda: text_model("deberta"),
        "module 'deberta.encoder.layer.0.attention.self' cannot compute with fewer heads",
    ),
    "grouped queries": (
        lambda: text_model("llama", num_key_value_heads=2, pad_token_id=0),
        "'model.layers.0.self_attn.k_proj' is 12 wide and the query 24: heads share.*use adapter "
        "'llama'",
    ),
    "no attention": (
        lambda: text_model("fnet"),
        r"no list of like layers with attention was found; .* there: 'fnet.encoder.layer' \(3 x FN",
    ),
    "no Linear": (lambda: text_model("gpt2", pad_token_id=0), r"'transformer.h' \(\d+ x GPT2Block"),
    "several networks": (
        lambda: text_model("mobilebert"),
        "'mobilebert.encoder.layer.0' has no feed-forward network that is understood; expected one",
    ),
    "norm inside": (
        lambda: image_model("beit3_base_patch16_224"),
        r"parameter 'blocks.0.mlp.norm.weight' of shape \[96\] is not understood",
    ),
    "biases of heads": (
        lambda: image_model("beit_base_patch16_224"),
        r"parameter 'blocks.0.attn.relative_position_bias_table' of shape \[12, 4\] is not under",
    ),
    "two lists": (
        lambda: image_model("cait_xxs24_224"),
        "layers with attention stand in several lists: 'blocks', 'blocks_token_only'; expected one",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_understood_is_named(case):
    make, message = REFUSED[case]

    with pytest.raises(CheckpointError, match=message) as caught:
        Auto().describe(make())

    assert "cannot be made elastic by its structure" in str(caught.value)
    assert "\n" not in str(caught.value)


class Toy(nn.Module):
    """Looks like a model of timm, as far as the adapter asks."""

    def __init__(self, fault=None):
        super().__init__()
        self.pretrained_cfg = {"input_size": (3, 4, 4)}
        self.embed = nn.Linear(3, 8)
        self.blocks = nn.ModuleList([Block(fault) for _ in range(3)])
        if fault == "tied":
            self.blocks[2].fc2.weight = self.blocks[0].fc2.weight
        if fault == "unlike":
            self.blocks[1].fc1 = nn.Linear(8, 24)
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        x = self.embed(x.flatten(2).transpose(1, 2))
        for block in self.blocks:
            x = block(x)
        return self.head(x[:, 0])


class Attention(nn.Module):
    def __init__(self, fault):
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(8, 8) for _ in range(3))
        self.out_proj = nn.Linear(8 if fault != "no output" else 9, 8)
        if fault != "no heads":
            self.num_heads = 3 if fault == "odd heads" else 2

    def forward(self, x):
        from torch.nn.functional import scaled_dot_product_attention

        parts = (self.query, self.key, self.value)
        q, k, v = (part(x).unflatten(-1, (-1, 4)).transpose(1, 2) for part in parts)
        mixed = scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        return self.out_proj(mixed)


class Block(nn.Module):
    def __init__(self, fault):
        super().__init__()
        self.fault, self.attn = fault, Attention(fault)
        self.fc1, self.fc2 = nn.Linear(8, 12), nn.Linear(12, 8)

    def forward(self, x):
        x = x + self.attn(x)
        wide = self.fc1(x).relu()
        if self.fault == "neurons meet":
            wide = wide / (1 + wide.abs().mean(-1, keepdim=True))
        if self.fault == "extra product":
            x = x + 1e-3 * x @ (x.transpose(1, 2) @ x)
        return x + self.fc2(wide) * (0 if self.fault == "unused" else 1)


def test_the_toy_is_recognised_without_a_fault():
    anatomy = Auto().describe(Toy())

    assert [group.units for group in anatomy.groups] == [2, 12] * 3
    assert anatomy.tokens == 16


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("no output", "'blocks.0.attn.query' has no output projection beside it; expected a Lin"),
        ("no heads", "'blocks.0.attn' does not say its number of heads; expected an attribute"),
        ("odd heads", "attribute 'blocks.0.attn.num_heads' is 3; expected a part of 8"),
        ("tied", "parameter 'blocks.2.fc2.weight' also belongs to layer 0: layers are shared"),
        ("unlike", "module 'blocks.1' is built differently from 'blocks.0'"),
        ("neurons meet", "masked, gives other logits than the slice .*: heads or neurons lie el"),
        ("extra product", "the model multiplies .* times where its layers as they were recognised"),
        ("unused", "keeping 6 of 'ffn.0' changes nothing: the model does not use it"),
    ],
)
def test_a_model_that_only_looks_right_is_refused(fault, message):
    with pytest.raises(CheckpointError, match=message):
        Auto().describe(Toy(fault))


def test_a_module_of_no_library_is_refused():
    with pytest.raises(CheckpointError, match="Linear is no model of transformers or timm"):
        Auto().describe(nn.Linear(2, 2))


def test_describing_changes_neither_the_model_nor_the_global_generator():
    model = text_model("bert")
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    state = torch.get_rng_state()

    Auto().describe(model)

    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert not any(module._forward_hooks for module in model.modules())


def test_the_proof_sees_a_cut_that_is_left_out(monkeypatch):
    model, real = Toy(), module.anatomy_of

    def without_keys(*args):
        anatomy = real(*args)
        groups = [
            attrs.evolve(g, cuts=tuple(c for c in g.cuts if not c.tensor.endswith("key.weight")))
            for g in anatomy.groups
        ]
        return attrs.evolve(anatomy, groups=tuple(groups))

    monkeypatch.setattr(module, "anatomy_of", without_keys)
    with pytest.raises(CheckpointError, match=r"'blocks\.0\.attn.*' cannot compute with few"):
        Auto().describe(model)


# loading


class TestText(AdapterContract):
    entry = "auto"

    def checkpoint(self, folder):
        from transformers import AutoConfig, AutoModel

        if not (folder / "config.json").exists():
            config = AutoConfig.for_model("ernie", **{**SIZES, "vocab_size": 300})
            with torch.random.fork_rng(devices=[]):
                AutoModel.from_config(config).save_pretrained(folder)
            tokenizer(max_length=20).save_pretrained(folder)
        return str(folder)

    def batch(self, adapter, checkpoint):
        texts = ["a text", "another one"]
        return adapter.processor(checkpoint)(texts, padding=True, return_tensors="pt")


class TestTimm(AdapterContract):
    entry = "auto"

    def checkpoint(self, folder):
        from safetensors.torch import save_file

        if not (folder / "config.json").exists():
            model = image_model()
            Auto().save_assets(model, None, folder)
            save_file(model.state_dict(), folder / "model.safetensors")
        return str(folder)

    def batch(self, adapter, checkpoint):
        size = adapter.processor(checkpoint)["input_size"]
        return {"pixel_values": torch.randn(2, *size, generator=torch.Generator().manual_seed(0))}


def test_a_model_of_neither_library_is_refused(tmp_path):
    (tmp_path / "config.json").write_text('{"layers": 3}')

    with pytest.raises(CheckpointError, match=r"has neither model_type.*nor architecture"):
        Auto().load(str(tmp_path), 2, torch.Generator())


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            '{"model_type": "no-such"}',
            r"cannot be loaded \(transformers knows no model_type",
        ),
        ('{"model_type": "clap"}', "transformers has no classifier of texts or images for 'clap'"),
        ('{"architecture": "no_such_vit"}', "has no weights"),
    ],
)
def test_what_cannot_be_loaded_is_told(tmp_path, config, message):
    (tmp_path / "config.json").write_text(config)

    with pytest.raises(CheckpointError, match=message):
        Auto().load(str(tmp_path), 2, torch.Generator())


def test_damaged_and_foreign_timm_weights_are_told(tmp_path):
    from safetensors.torch import save_file

    Auto().save_assets(image_model(), None, tmp_path)
    file = tmp_path / "model.safetensors"
    file.write_text("version https://git-lfs.github.com/spec/v1")
    with pytest.raises(CheckpointError, match=r"model\.safetensors is damaged"):
        Auto().load(str(tmp_path), 2, torch.Generator())

    save_file({"blocks.0.x": torch.zeros(2)}, file)
    with pytest.raises(CheckpointError, match=r"is not a vit_tiny_patch16_224: tensor 'blocks"):
        Auto().load(str(tmp_path), 2, torch.Generator())


def test_a_timm_head_of_another_size_is_drawn_anew(tmp_path):
    from safetensors.torch import save_file

    model = image_model()
    Auto().save_assets(model, None, tmp_path)
    save_file(model.state_dict(), tmp_path / "model.safetensors")

    same, other = (Auto().load(str(tmp_path), n, torch.Generator().manual_seed(0)) for n in (3, 5))

    assert torch.equal(same.head.weight, model.head.weight)
    assert other.head.weight.shape == (5, 24)
    assert torch.equal(other.blocks[0].mlp.fc1.weight, model.blocks[0].mlp.fc1.weight)
