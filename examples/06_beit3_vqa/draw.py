"""Draw coloured shapes and ask questions about them, as JSON lines for the task `vqa`.

    python examples/06_beit3_vqa/draw.py FOLDER [TRAIN_IMAGES TEST_IMAGES]

Each image shows one to three shapes in the quarters of a square of 32 pixels, no two of one shape
or colour. The same numbers give the same files.
"""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path

from PIL import Image, ImageDraw

SIDE = 32
COLOURS = {"red": "#d62728", "green": "#2ca02c", "blue": "#1f77b4", "yellow": "#f2c230"}
SHAPES = ("circle", "square", "triangle")
QUARTERS = ((0, 0), (16, 0), (0, 16), (16, 16))


def scene(rng: random.Random) -> dict[str, str]:
    """Choose shapes with their colours."""
    count = rng.randint(1, 3)
    return dict(zip(rng.sample(SHAPES, count), rng.sample(sorted(COLOURS), count), strict=True))


def picture(shapes: dict[str, str], rng: random.Random) -> Image.Image:
    """Draw a scene; places, sizes and the ground vary."""
    grey = rng.randint(200, 255)
    image = Image.new("RGB", (SIDE, SIDE), (grey, grey, grey))
    draw = ImageDraw.Draw(image)
    places = rng.sample(QUARTERS, len(shapes))
    for (shape, colour), (x, y) in zip(shapes.items(), places, strict=True):
        size = rng.randint(9, 12)
        x, y = x + rng.randint(1, 14 - size), y + rng.randint(1, 14 - size)
        box = (x, y, x + size, y + size)
        if shape == "circle":
            draw.ellipse(box, fill=COLOURS[colour])
        elif shape == "square":
            draw.rectangle(box, fill=COLOURS[colour])
        else:
            corners = ((x, y + size), (x + size, y + size), (x + size // 2, y))
            draw.polygon(corners, fill=COLOURS[colour])
    return image


def questions(shapes: dict[str, str], rng: random.Random) -> list[tuple[str, str]]:
    """One question of each kind, with its answer."""
    shape, colour = rng.choice(sorted(shapes.items()))
    there = rng.random() < 0.5
    others = [(s, c) for s in SHAPES for c in sorted(COLOURS) if shapes.get(s) != c]
    asked_shape, asked_colour = (shape, colour) if there else rng.choice(others)
    return [
        (f"what colour is the {shape}?", colour),
        (f"which shape is {colour}?", shape),
        (f"is there a {asked_colour} {asked_shape}?", "yes" if there else "no"),
        ("how many shapes are there?", str(len(shapes))),
    ]


def write(folder: Path, split: str, count: int) -> None:
    """Write the images of a split and the file of its questions."""
    rng = random.Random(split)  # noqa: S311 - for pictures; the same on every machine
    (folder / split).mkdir(parents=True, exist_ok=True)
    with (folder / f"{split}.jsonl").open("w", encoding="utf-8") as file:
        for index in range(count):
            shapes, name = scene(rng), f"{split}/{index}.png"
            picture(shapes, rng).save(folder / name)
            for question, answer in questions(shapes, rng):
                line = {"image": name, "question": question, "answer": answer}
                file.write(json.dumps(line) + "\n")


def main() -> None:
    """Write both splits."""
    folder = Path(sys.argv[1])
    train, test = (int(number) for number in sys.argv[2:4] or (1000, 250))
    write(folder, "train", train)
    write(folder, "test", test)


if __name__ == "__main__":
    main()
