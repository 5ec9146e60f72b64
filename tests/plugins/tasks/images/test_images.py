"""From files to batches: conversion, transforms, augmentation, damaged files."""

from __future__ import annotations

import io
import random

import numpy as np
import pytest
import torch
from PIL import Image

from instatune.errors import DataError
from instatune.testing.expect import no_hidden_randomness
from instatune_plugins.tasks import DigitsConfig, ImageClassificationConfig
from instatune_plugins.tasks.digits import Digits
from instatune_plugins.tasks.image_classification import ImageClassification
from instatune_plugins.tasks.images_decoding import decode
from instatune_plugins.tasks.images_transforms import shifted


def task(**config):
    return ImageClassification(ImageClassificationConfig(dataset="unused", **config))


def contents(image, kind="PNG"):
    file = io.BytesIO()
    image.save(file, format=kind)
    return file.getvalue()


def example(image, label=0, **more):
    return {"image": image, "label": label, "name": "data.parquet: row 7", **more}


# conversion


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "CMYK", "LA"])
@pytest.mark.parametrize("size", [(8, 8), (3, 20), (31, 9)])
def test_images_of_other_modes_and_sizes_are_converted(image_file, settings, mode, size):
    kind = "TIFF" if mode == "CMYK" else "PNG"
    features = task().encode([example(image_file(0, size, mode, kind))], settings)

    batch = task().collate(features)

    assert batch["pixel_values"].shape == (1, 3, 8, 8)
    assert batch["pixel_values"].dtype == torch.float32
    assert batch["labels"].tolist() == [0]


def test_transparent_parts_become_white():
    image = Image.new("RGBA", (2, 1), (200, 0, 0, 255))
    image.putpixel((1, 0), (200, 0, 0, 0))

    found = decode(contents(image), "x", "RGB")

    assert [found.getpixel((x, 0)) for x in (0, 1)] == [(200, 0, 0), (255, 255, 255)]


def test_sixteen_bits_become_eight():
    image = Image.fromarray(np.array([[0, 256, 65535]], np.uint16))

    found = decode(contents(image), "x", "L")

    assert [found.getpixel((x, 0)) for x in range(3)] == [0, 1, 255]


def test_photographs_are_turned_as_their_exif_says():
    file, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    Image.new("RGB", (4, 2)).save(file, format="JPEG", exif=exif)

    assert decode(file.getvalue(), "x", "RGB").size == (2, 4)


def test_values_are_normalised_as_the_adapter_says(settings):
    grey = contents(Image.new("RGB", (8, 8), (255, 0, 128)))

    pixels = task().collate(task().encode([example(grey)], settings))["pixel_values"]

    expected = torch.tensor([2.0, -2.0, (128 / 255 - 0.5) / 0.25])
    torch.testing.assert_close(pixels[0].mean((1, 2)), expected)


def test_the_crop_can_be_changed(settings):
    image = Image.new("RGB", (8, 8), (0, 0, 0))
    image.putpixel((0, 0), (255, 255, 255))

    def corner(crop):
        features = task(crop=crop).encode([example(contents(image))], settings)
        return float(task().collate(features)["pixel_values"][0, 0, 0, 0])

    assert corner(1.0) > 0 > corner(None)


def test_threads_change_nothing(image_file, settings):
    examples = [example(image_file(seed)) for seed in range(9)]
    alone, together = (
        task(threads=n).collate(task(threads=n).encode(examples, settings)) for n in (1, 4)
    )
    assert torch.equal(alone["pixel_values"], together["pixel_values"])


# augmentation


def test_without_augmentation_nothing_is_random(image_file, settings):
    plain = task()
    with no_hidden_randomness():
        features = plain.encode([example(image_file(0), train=True)], settings)
        first, second = (plain.collate(features)["pixel_values"] for _ in range(2))
    assert plain.deterministic
    assert torch.equal(first, second)


@pytest.mark.parametrize("augment", ["light", "timm"])
def test_only_training_images_are_augmented_and_torch_alone_decides_how(
    image_file, settings, augment
):
    augmenting = task(augment=augment)
    examples = [example(image_file(0, (16, 16)), train=train) for train in [True, False] * 8]
    features = augmenting.encode(examples, settings)

    def batch(seed):
        torch.manual_seed(seed)
        return augmenting.collate(features)["pixel_values"]

    states = repr(random.getstate()), repr(np.random.get_state())
    with torch.random.fork_rng(devices=[]):
        first, again, other = batch(0), batch(0), batch(1)
    random.seed(5)  # must not matter

    plain = task().collate(task().encode(examples, settings))["pixel_values"]
    assert not augmenting.deterministic
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(first[1::2], plain[1::2])
    assert not torch.equal(first[0::2], plain[0::2])
    assert states[1] == repr(np.random.get_state())


def test_evaluation_batches_draw_nothing_even_with_augmentation(image_file, settings):
    for augment in ("light", "timm"):
        augmenting = task(augment=augment)
        features = augmenting.encode([example(image_file(0))], settings)
        with no_hidden_randomness():
            augmenting.collate(features)


def test_shifts_move_by_an_eighth_at_most_and_mirror_half():
    image = torch.arange(16.0).expand(1, 1, 16, 16)
    images = image.expand(200, 1, 16, 16)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        moved, mirrored = shifted(images, mirror=False), shifted(images, mirror=True)

    centres = moved[:, 0, 8, 8]
    assert set(centres.tolist()) == {6.0, 7.0, 8.0, 9.0, 10.0}
    falling = (mirrored[:, 0, 8, 9] < mirrored[:, 0, 8, 8]).float().mean()
    assert 0.35 < falling < 0.65


def test_timm_augmentation_needs_colours(image_file, settings):
    grey = {**settings, "input_size": (1, 8, 8), "mean": (0.5,), "std": (0.5,)}
    with pytest.raises(DataError, match=r"task\.augment: 'timm' needs a model for colour images"):
        task(augment="timm").encode([example(image_file(0))], grey)


# damaged files


DAMAGED = {
    "cut jpeg": lambda image: image(0, (64, 64), "RGB", "JPEG")[:800],
    "cut png": lambda image: image(0, (64, 64))[:300],
    "text": lambda image: b"version https://git-lfs.github.com/spec/v1",
    "empty": lambda image: b"",
}


@pytest.mark.parametrize("case", DAMAGED)
def test_a_damaged_image_is_one_clear_error_before_training(image_file, settings, case):
    damaged = DAMAGED[case](image_file)

    with pytest.raises(
        DataError, match=r"data\.parquet: row 7: damaged, or no image \(.+\); copy it again, or"
    ) as caught:
        task().encode([example(image_file(1)), example(damaged)], settings)

    assert "\n" not in str(caught.value)


def test_a_truncated_file_of_a_folder_is_named(tmp_path, image_file, settings):
    file = tmp_path / "owl.jpg"
    file.write_bytes(image_file(0, (64, 64), "RGB", "JPEG")[:800])
    bad = {"image": str(file), "label": 0, "name": str(file)}
    lazy = task(verify=False)

    with pytest.raises(DataError, match=r"owl\.jpg: damaged"):
        task().encode([bad], settings)
    with pytest.raises(DataError, match=r"owl\.jpg: damaged"):
        lazy.collate(lazy.encode([bad], settings))


def test_a_huge_image_is_refused(image_file, settings, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    with pytest.raises(DataError, match=r"damaged, or no image .*exceeds limit"):
        task().encode([example(image_file(0))], settings)


def test_models_that_take_no_images_are_refused(image_file):
    with pytest.raises(DataError, match="the model takes no images; choose an adapter for images"):
        task().encode([example(image_file(0))], None)


def test_models_of_odd_channels_are_refused(image_file, settings):
    with pytest.raises(DataError, match="takes images of 4 channels; images here have 1"):
        task().encode([example(image_file(0))], {**settings, "input_size": (4, 8, 8)})


# digits


def test_digits_are_all_there_and_grey():
    splits = Digits().load(0)
    parts = splits.train, splits.search, splits.test

    assert [len(part) for part in parts] == [1168, 270, 359]
    assert splits.labels == tuple("0123456789")
    first = decode(splits.test[0]["image"], "x", "L")
    assert first.size == (8, 8)
    assert first.getextrema() == (0, 255)


def test_the_test_digits_do_not_depend_on_the_seed():
    first, second = (Digits().load(seed) for seed in (0, 1))
    assert first.test == second.test
    assert first.search != second.search


def test_digits_are_enlarged_whole(settings):
    digits = Digits(DigitsConfig(max_train=20, augment="light"))
    assert not digits.deterministic
    splits = digits.load(0)
    grey = {**settings, "input_size": (1, 16, 16), "mean": (0.0,), "std": (1.0,)}

    pixels = digits.collate(digits.encode(splits.test[:5], grey))["pixel_values"]

    assert len(splits.train) == 20
    assert pixels.shape == (5, 1, 16, 16)
    for example, image in zip(splits.test[:5], pixels, strict=True):
        original = np.asarray(decode(example["image"], "x", "L"), np.float32) / 255
        assert abs(float(image.mean()) - original.mean()) < 0.03
