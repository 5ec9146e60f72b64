"""A real transformer that is tiny, with its adapter, task and bench. Needs torch.

Everything is exact and deterministic, so contracts can compare numbers.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs
import torch
from torch import Tensor, nn
from torch.nn import functional

from instatune.engine.example import example_batch
from instatune.errors import CheckpointError, SearchError
from instatune.interfaces import (
    Adapter,
    Batch,
    Example,
    Features,
    Measurement,
    Network,
    Runner,
    Splits,
    Task,
)
from instatune.plugin.entries import AdapterEntry, Entry
from instatune.plugin.manager import Plugins
from instatune.plugin.registry import Offer, Registry
from instatune.space import Anatomy, Architecture, SearchSpace
from instatune.supernet.supernet import Supernet
from instatune.testing import fakes
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


class TinyAdapter(Adapter):
    """Adapter of the tiny transformer; a checkpoint is a folder with ``sizes.json``."""

    def load(self, checkpoint: str, n_outputs: int, generator: torch.Generator) -> nn.Module:
        """Weights of the body follow from ``sizes.json``, those of the head from the generator."""
        data = _read(Path(checkpoint))
        made = model(attrs.evolve(TinySizes(**data["sizes"]), classes=n_outputs), data["seed"])
        fill(made.classifier, generator)
        return made

    def describe(self, model: nn.Module) -> Anatomy:
        """Anatomy by the sizes that the model remembers."""
        if not isinstance(model, TinyTransformer):
            raise CheckpointError(f"{type(model).__name__} is no TinyTransformer")
        return fakes.anatomy(model.sizes)

    def logits(self, model: nn.Module, batch: Batch) -> Tensor:
        """Run the model."""
        logits: Tensor = model(batch["input_ids"], batch["attention_mask"])
        return logits

    def processor(self, checkpoint: str) -> Any:
        """There is none: the tiny task speaks in tokens."""
        return None

    def save_assets(self, model: nn.Module, processor: Any, directory: Path) -> None:
        """Write ``sizes.json``."""
        assert isinstance(model, TinyTransformer)  # noqa: S101 - for the type checker
        write_checkpoint(directory, model.sizes)

    def skeleton(self, directory: Path) -> nn.Module:
        """Build the model that ``sizes.json`` tells of."""
        return model(TinySizes(**_read(directory)["sizes"]))


def write_checkpoint(directory: Path, sizes: TinySizes | None = None, seed: int = 0) -> Path:
    """Write a checkpoint that :class:`TinyAdapter` loads."""
    text = json.dumps({"sizes": attrs.asdict(sizes or TinySizes()), "seed": seed})
    (directory / "sizes.json").write_text(text, encoding="utf-8")
    return directory


def _read(directory: Path) -> Any:
    try:
        return json.loads((directory / "sizes.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{directory}: no checkpoint of a tiny transformer") from error


class TinyTask(Task):
    """Which of three tokens occurs most often? Sequences of 4 to 8 tokens, drawn by the seed."""

    def load(self, seed: int) -> Splits:
        """Draw 48, 24 and 24 examples."""
        generator = torch.Generator().manual_seed(seed)
        train, search, test = ([_example(generator) for _ in range(n)] for n in (48, 24, 24))
        return Splits(
            train=train,
            search=search,
            test=test,
            labels=("zero", "one", "two"),
            fingerprint=f"tiny-{seed}",
        )

    def encode(self, examples: Sequence[Example], processor: Any) -> Sequence[Features]:
        """Examples are tokens already."""
        return examples

    def collate(self, features: Sequence[Features]) -> Batch:
        """Pad with token 3 to the longest example."""
        longest = max(map(self.length, features))
        ids = torch.full((len(features), longest), 3)
        mask = torch.zeros(len(features), longest, dtype=torch.int64)
        for row, feature in enumerate(features):
            ids[row, : self.length(feature)] = torch.tensor(feature["tokens"])
            mask[row, : self.length(feature)] = 1
        labels = torch.tensor([feature["label"] for feature in features])
        return {"input_ids": ids, "attention_mask": mask, "labels": labels}

    def loss(self, logits: Tensor, batch: Batch) -> Tensor:
        """Cross entropy in nats."""
        return functional.cross_entropy(logits, batch["labels"])

    def correct(self, logits: Tensor, batch: Batch) -> Tensor:
        """1 where the largest logit is the label's."""
        return (logits.argmax(-1) == batch["labels"]).float()

    def length(self, features: Features) -> int:
        """Count the tokens."""
        return len(features["tokens"])


def _example(generator: torch.Generator) -> Example:
    length = int(torch.randint(4, 9, (), generator=generator))
    tokens = torch.randint(0, 3, (length,), generator=generator).tolist()
    counts = [tokens.count(token) for token in range(3)]
    return {"tokens": tokens, "label": counts.index(max(counts))}


def batches(size: int = 8) -> tuple[Batch, ...]:
    """Labelled batches of the tiny task's search split."""
    task = TinyTask()
    examples = task.load(0).search
    return tuple(task.collate(examples[i : i + size]) for i in range(0, len(examples), size))


@attrs.frozen(slots=False)
class TinyBench:
    """A tiny super-network in front of the tiny task; what objectives measure on.

    Attributes:
        supernet: The super-network.
        task: The task.
        ran: Architectures that were run, in order.
        kept: What was measured once, by name.
    """

    supernet: Supernet = attrs.field(factory=lambda: supernet())
    task: Task = attrs.field(factory=TinyTask)
    ran: list[Architecture] = attrs.field(factory=list)
    kept: dict[str, Measurement] = attrs.field(factory=dict)

    @property
    def space(self) -> SearchSpace:
        """The search space."""
        return self.supernet.space

    @property
    def anatomy(self) -> Anatomy:
        """The anatomy of the super-network."""
        return self.supernet.anatomy

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the three classes."""
        return ("zero", "one", "two")

    def outputs(self, architecture: Architecture) -> Iterator[tuple[Tensor, Batch]]:
        """Run a sub-network over the split."""
        self.ran.append(architecture)
        for batch in batches():
            with torch.inference_mode(), self.supernet.active(architecture):
                logits = self.supernet.logits(batch)
            yield logits, batch

    def extracted(self, architecture: Architecture) -> nn.Module:
        """Cut a sub-network out."""
        self.ran.append(architecture)
        return self.supernet.extract(architecture).eval()

    def forward(self, model: nn.Module, batch: Batch) -> Tensor:
        """Logits of an extracted network."""
        return self.supernet.forward(model, batch)

    def example(self, size: int, length: int | None) -> Batch:
        """Give examples of the search split."""
        return example_batch(self.task, self.task.load(0).search, size, length)

    def runner(self, architecture: Architecture, exporter: str, threads: int) -> Runner:
        """The one exporter is called ``tiny`` and keeps the network in memory."""
        if exporter != "tiny":
            raise SearchError(f"the run has no exporter {exporter!r}; it has 'tiny'")
        model = self.extracted(architecture)
        return lambda batch: self.forward(model, batch)

    def once(self, name: str, measure: Callable[[], Measurement]) -> Measurement:
        """Measure at the first call."""
        if name not in self.kept:
            self.kept[name] = measure()
        return self.kept[name]


def supernet(seed: int = 0) -> Supernet:
    """The tiny transformer with the whole tiny space."""
    return Supernet(model(seed=seed), fakes.anatomy(), fakes.space(), TinyAdapter().logits)


def network(architecture: Architecture | None = None) -> Network:
    """An extracted sub-network, the smallest one unless told otherwise."""
    whole = supernet()
    chosen = architecture or whole.space.smallest
    return Network(
        model=whole.extract(chosen).eval(),
        architecture=chosen,
        adapter=TinyAdapter(),
        adapter_name="tiny@instatune-testing",
        anatomy=whole.anatomy,
        kept_units=whole.space.kept_units(chosen),
        kept_layers=whole.space.kept_layers(chosen),
        processor=None,
        labels=("zero", "one", "two"),
        facts={"name": "tiny sub-network", "task": "tiny"},
    )


def plugins() -> Plugins:
    """Plugins that offer the tiny adapter and nothing else, for loading what was exported."""
    entry: Entry = AdapterEntry(
        name="tiny", target="instatune.testing.tiny:TinyAdapter", summary="tiny transformers"
    )
    offer = Offer(
        entry=entry, distribution="instatune-testing", version="", module="instatune.testing"
    )
    return Plugins(registries={"adapters": Registry(kind="adapters", entries=(offer,))})
