"""Reading questions about images from JSON lines. Each mistake is reported with its line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs

from instatune.data_files import lines
from instatune.errors import DataError

LIKE = '{"image": "1.png", "question": "what is it?", "answer": "a cat"}'


@attrs.frozen(kw_only=True)
class Line:
    """One question.

    Attributes:
        image: Path of the image.
        question: As it is asked.
        answers: What each annotator said, in :func:`spelled` form; a single one is *the* answer.
        place: ``file:line``, for messages.
    """

    image: str
    question: str
    answers: tuple[str, ...]
    place: str


def read(path: str, images: str | None, setting: str) -> list[Line]:
    """Read a file.

    Args:
        path: The file; ``~`` is the home folder, relative paths start at the working directory.
        images: Folder that the paths of images start in; None for the folder of the file.
        setting: The setting that names the file, for messages.

    Raises:
        DataError: Missing, empty, or a line that is no question about an image that is there.
    """
    file = Path(path).expanduser()
    if not file.is_file():
        what = "is not a file" if file.exists() else "no such file"
        raise DataError(
            f"{file}: {what} (seen from {Path.cwd()}); say where it is with `--set {setting}=PATH`"
        )
    folder = Path(images).expanduser() if images is not None else file.parent
    if not folder.is_dir():
        raise DataError(
            f"{folder}: no such folder (seen from {Path.cwd()}); say where the images are with"
            " `--set task.images=FOLDER`"
        )
    found = list(_lines(file, folder))
    if not found:
        raise DataError(f"{file}: has no questions; write one in each line, like {LIKE}")
    return found


def spelled(answer: str) -> str:
    """One spelling of an answer: small letters, single blanks, no full stop at the end."""
    return " ".join(answer.casefold().split()).removesuffix(".")


def _lines(file: Path, folder: Path) -> Iterator[Line]:
    there: set[str] = set()  # many questions share an image: look for it once
    for number, text in lines(file):
        if not text.strip():
            continue
        place = f"{file}:{number}"
        row = _object(text, place)
        image = str(folder / _text(row, "image", place))
        if image not in there:
            if not Path(image).is_file():
                raise DataError(
                    f"{place}: there is no image {image}; correct the line, or say where the"
                    " images are with `--set task.images=FOLDER`"
                )
            there.add(image)
        yield Line(
            image=image,
            question=_text(row, "question", place),
            answers=_answers(row, place),
            place=place,
        )


def _object(text: str, place: str) -> Mapping[str, Any]:
    try:
        row = json.loads(text)
    except ValueError as error:
        raise DataError(
            f"{place}: not JSON ({error}); write one object per line, like {LIKE}"
        ) from error
    if not isinstance(row, dict):
        raise DataError(
            f"{place}: a JSON {type(row).__name__}, not an object; write one per line, like {LIKE}"
        )
    return row


def _text(row: Mapping[str, Any], key: str, place: str) -> str:
    value = row.get(key)
    if not isinstance(value, str) or not value.strip():
        what = "is empty" if isinstance(value, str) else "is missing"
        if value is not None and not isinstance(value, str):
            what = f"is a {type(value).__name__}, not text"
        raise DataError(f"{place}: {key!r} {what}; a line is like {LIKE}")
    return value.strip()


def _answers(row: Mapping[str, Any], place: str) -> tuple[str, ...]:
    if ("answer" in row) == ("answers" in row):
        what = "both 'answer' and 'answers'" if "answer" in row else "no answer"
        raise DataError(
            f"{place}: has {what}; give 'answer', or 'answers' with those of several annotators"
        )
    given = row.get("answers", [row.get("answer")])
    if not isinstance(given, list) or not given:
        raise DataError(
            f"{place}: 'answers' is {json.dumps(given)}; a list is right, such as"
            ' ["a cat", "a cat", "a lynx"]'
        )
    return tuple(_answer(item, place) for item in given)


def _answer(item: Any, place: str) -> str:
    # VQA v2 wraps each answer into an object with the annotator's confidence.
    value = item.get("answer") if isinstance(item, Mapping) else item
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not spelled(value):
        raise DataError(f"{place}: answer {json.dumps(item)} is none; words or a number are right")
    return spelled(value)
