"""Classification of images: everything but where the images come from.

An example is ``{"image": bytes or path, "label": int, "name": str}``, with ``"train": True`` where
it may be augmented. Images stay encoded until a batch is made of them: decoded and resized to 224
pixels, the 50,000 of CIFAR-10 would take 30 GB.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from instatune.errors import DataError
from instatune.interfaces import Batch, Example, Features, Task
from instatune_plugins.tasks.images_decoding import decode, mode_of
from instatune_plugins.tasks.images_transforms import (
    evaluation,
    following_torch,
    shifted,
    training,
)


class ImageClassifier(Task):
    """Decodes, transforms and scores; what is left to say is how to load the data.

    Attributes:
        augment: ``"none"``, ``"light"`` or ``"timm"``.
        mirror: Whether augmentation may mirror.
        crop: Share of the side that evaluation keeps; None for the model's own.
        verify: Whether ``encode`` decodes all images to find damaged ones.
        threads: That decode; None for as many as torch uses.
    """

    augment: str = "none"
    mirror: bool = True
    crop: float | None = None
    verify: bool = True
    threads: int | None = None

    def encode(self, examples: Sequence[Example], processor: Any) -> Sequence[Features]:
        """Join each example with the transform that it needs.

        Args:
            examples: Images with labels.
            processor: Data configuration of timm: ``input_size``, ``mean``, ``std`` and the like.

        Raises:
            DataError: An image cannot be decoded, or the model does not take images.
        """
        if isinstance(processor, Mapping) and "tokenizer" in processor:
            raise DataError(
                "the model wants a question with each image; choose task 'vqa', or set"
                " head: image_classification of its adapter"
            )
        if not isinstance(processor, Mapping) or "input_size" not in processor:
            raise DataError(
                "the model takes no images; choose an adapter for images, such as 'vit'"
            )
        mode = mode_of(processor["input_size"][0])
        fixed = evaluation(processor, self.crop)
        random = training(processor, mirror=self.mirror) if self.augment == "timm" else fixed
        if self.verify:
            for _ in self._mapped(lambda e: decode(e["image"], e["name"], mode).size, examples):
                pass
        return [
            {**example, "mode": mode, "transform": random if example.get("train") else fixed}
            for example in examples
        ]

    def collate(self, features: Sequence[Features]) -> Batch:
        """Make ``labels`` and ``pixel_values``, float32 ``[examples, channels, height, width]``."""
        if self.augment == "timm" and any(f.get("train") for f in features):
            with following_torch():  # in order: threads would draw in any order
                images = torch.stack([_image(f) for f in features])
        else:
            images = torch.stack(list(self._mapped(_image, features)))
        if self.augment == "light":
            chosen = torch.tensor([bool(f.get("train")) for f in features])
            if chosen.any():
                images[chosen] = shifted(images[chosen], mirror=self.mirror)
        labels = torch.tensor([f["label"] for f in features], dtype=torch.int64)
        return {"pixel_values": images, "labels": labels}

    def loss(self, logits: Tensor, batch: Batch) -> Tensor:
        """Cross entropy of logits ``[examples, classes]`` in nats, mean over the batch."""
        return functional.cross_entropy(logits, batch["labels"])

    def correct(self, logits: Tensor, batch: Batch) -> Tensor:
        """1.0 where the largest logit is the label's, else 0.0, ``[examples]``."""
        return (logits.argmax(dim=-1) == batch["labels"]).float()

    @property
    def deterministic(self) -> bool:
        """Only without augmentation is a training image the same in each epoch."""
        return self.augment == "none"

    def _mapped(self, work: Any, items: Sequence[Any]) -> Iterable[Any]:
        """Work on items in threads, which Pillow decodes and resizes in at the same time."""
        threads = self.threads or torch.get_num_threads()
        if threads == 1:
            yield from map(work, items)
            return
        with ThreadPoolExecutor(threads) as pool:
            yield from pool.map(work, items)


def _image(features: Features) -> Tensor:
    image = decode(features["image"], features["name"], features["mode"])
    found: Tensor = features["transform"](image)
    return found
