"""Run every example at smoke size, through the command line, as a continuous build does.

    python tests/end_to_end/smoke.py [EXAMPLE ...]

Training is cut to a few steps: nothing is learned, but every stage of every example runs. An
example that is a package is installed into a folder of its own, and its tests run too.
"""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SMALL = (
    "task.max_train=160",
    "teach.max_steps=3",
    "tune.max_steps=3",
    "tune.curve_points=1",
    "order.batches=2",
    "search.evaluations=8",
    "search.examples=32",
    "search.baselines=false",
    "search.export_limit=2",
)


def reviews(folder: Path) -> list[str]:
    """Stand-ins for the files of SST-2, which do not ship with the project."""
    rows = [("a warm and funny film", 1), ("a dull and lifeless mess", 0)]
    text = "".join(f"{phrase} number {i}\t{label}\n" for i in range(100) for phrase, label in rows)
    for name in ("train", "dev"):
        with gzip.open(folder / f"{name}.tsv.gz", "wt", encoding="utf-8") as file:
            file.write("sentence\tlabel\n" + text.replace("number", name))
    return [
        f"task.train={folder / 'train.tsv.gz'}",
        f"task.test={folder / 'dev.tsv.gz'}",
        "task.search_examples=40",
    ]


def stories(folder: Path) -> list[str]:
    """A tiny random LLaMA in the files of llama2.c, made into a checkpoint by the example."""
    import json
    import struct

    import torch
    from safetensors.torch import save_file
    from transformers import LlamaConfig, LlamaForCausalLM

    letters = [*"abcdefghijklmnopqrstuvwxyz .,", "th", "the", " the", "in"]
    pieces = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *letters]
    packed = (
        struct.pack("<fi", -rank, len(piece)) + piece.encode() for rank, piece in enumerate(pieces)
    )
    (folder / "tokenizer.bin").write_bytes(struct.pack("<i", 6) + b"".join(packed))
    settings = {
        "vocab_size": len(pieces),
        "hidden_size": 32,
        "intermediate_size": 172,
        "num_hidden_layers": 5,
        "num_attention_heads": 8,
        "num_key_value_heads": 4,
        "max_position_embeddings": 512,
        "tie_word_embeddings": True,
    }
    torch.manual_seed(0)
    tensors = dict(LlamaForCausalLM(LlamaConfig(**settings)).named_parameters())
    save_file(tensors, folder / "weights.safetensors", metadata={"config": json.dumps(settings)})
    command = [sys.executable, str(ROOT / "examples" / "05_llama_stories" / "convert.py")]
    files = [str(folder / name) for name in ("weights.safetensors", "tokenizer.bin", "checkpoint")]
    subprocess.run([*command, *files], check=True, capture_output=True)
    return [f"model.checkpoint={folder / 'checkpoint'}"]


def paint(folder: Path) -> None:
    """Stand-ins for CIFAR-10 as folders of images."""
    import numpy as np
    from PIL import Image

    rng = np.random.default_rng(0)
    for split, count in (("train", 24), ("test", 4)):
        for label in ("cat", "dog", "frog"):
            (folder / split / label).mkdir(parents=True)
            for index in range(count):
                pixels = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / split / label / f"{index}.png")


def pictures(folder: Path) -> list[str]:
    """Stand-ins for CIFAR-10, and for the weights of DeiT-tiny."""
    import timm
    import torch
    from safetensors.torch import save_file

    paint(folder)
    torch.manual_seed(0)
    model = timm.create_model("deit_tiny_patch16_224")
    halves = {name: tensor.half() for name, tensor in model.state_dict().items()}
    save_file(halves, folder / "deit.safetensors")
    return [
        f"model.checkpoint={folder / 'deit.safetensors'}",
        "model.adapter.image_size=32",
        *_used(folder),
    ]


def small_pictures(folder: Path) -> list[str]:
    """Stand-ins for CIFAR-10, and random weights for the ResNet."""
    paint(folder)
    return [
        "model.checkpoint=cifar_resnet56",
        "model.adapter.pretrained=false",
        "space.depth.drop=first",
        "search.calibration_batches=2",
        *_used(folder),
    ]


def _used(folder: Path) -> list[str]:
    return [
        f"task.train={folder / 'train'}",
        f"task.test={folder / 'test'}",
        "task.search_examples=12",
        "teach.batch_size=8",
        "tune.batch_size=8",
    ]


def shapes(folder: Path) -> list[str]:
    """Fewer coloured shapes than the example draws."""
    script = str(ROOT / "examples" / "06_beit3_vqa" / "draw.py")
    subprocess.run([sys.executable, script, str(folder), "60", "20"], check=True)
    files = [f"task.{name}={folder / name}.jsonl" for name in ("train", "test")]
    return [*files, "teach.batch_size=16", "tune.batch_size=16"]


COMPARED = ("seeds=2", "evaluations=30")
"""Overrides of examples that compare strategies."""

EXTRA = {
    "02_bert_sst2": reviews,
    "04_deit_cifar10": pictures,
    "05_llama_stories": stories,
    "07_resnet_cifar10": small_pictures,
    "06_beit3_vqa": shapes,
}


def installed(package: Path, folder: Path) -> dict[str, str]:
    """Install the package of an example where nothing else looks; gives the environment with it.

    Without build isolation nothing is downloaded: the builder, hatchling, is part of the extra dev.
    """
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    offline = ["--no-deps", "--no-build-isolation", "--no-index"]
    _checked(package.name, [*pip, *offline, "--target", str(folder), str(package)])
    inherited = filter(None, [os.environ.get("PYTHONPATH")])
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), *inherited])}


def _checked(name: str, command: list[str], folder: Path = ROOT, **options: Any) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, **options)
    if done.returncode != 0:
        sys.exit(f"{name} failed with exit code {done.returncode}\n{done.stdout}{done.stderr}")


def run(example: Path, folder: Path) -> None:
    """Run one example; its output is shown only if it fails."""
    name = example.parent.name
    started = time.monotonic()
    environment = dict(os.environ)
    if (example.parent / "pyproject.toml").exists():
        environment = installed(example.parent, folder / "site")
        tests = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        _checked(name, tests, example.parent, env=environment)
    extra = EXTRA[name](folder) if name in EXTRA else []
    compared = example.read_text(encoding="utf-8").find("\ncompare:") >= 0
    verb, small = ("compare", COMPARED) if compared else ("run", SMALL)
    command = [sys.executable, "-m", "instatune", verb, str(example)]
    for override in (*small, *extra, f"run_dir={folder / 'run'}"):
        command += ["--set", override]
    _checked(name, command, env=environment)
    report = folder / "run" / "report" / "index.html"
    if not report.exists():
        sys.exit(f"{name} wrote no report")
    print(f"{name}: ran in {time.monotonic() - started:.0f} s", flush=True)


def main() -> None:
    """Run the named examples, or all."""
    wanted = sys.argv[1:]
    examples = ROOT / "examples"
    for example in sorted([*examples.glob("*/spec.yaml"), *examples.glob("*/compare.yaml")]):
        if not wanted or example.parent.name in wanted:
            with tempfile.TemporaryDirectory() as folder:
                run(example, Path(folder))


if __name__ == "__main__":
    main()
