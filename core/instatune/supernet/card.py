"""The card of a saved sub-network: ``instatune.json`` says what the weights beside it are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import cattrs

import instatune
from instatune.errors import CheckpointError
from instatune.interfaces import Network

FILE = "instatune.json"
FORMAT = 2
"""The newest layout; 1, of a network in full precision, has no quantizer and no policy."""


@attrs.frozen(kw_only=True)
class Card:
    """What is written beside the weights.

    Attributes:
        format: Version of this layout.
        instatune: Version that wrote it.
        adapter: ``name@distribution`` of the family.
        architecture: Value by gene.
        kept_units: Units kept in each group of the full model.
        kept_layers: Layers kept in each stack of the full model.
        labels: Names of the classes.
        facts: Measurements and origin, for people.
        sha256: Of the weights, so that files of two saves cannot be mixed unnoticed.
        quantizer: ``name@distribution`` of what quantized it, empty in full precision.
        quantizer_settings: Settings of it.
        policy: Bits by module of the network, for those of less than 32.
    """

    format: int
    instatune: str
    adapter: str
    architecture: dict[str, int]
    kept_units: dict[str, int]
    kept_layers: dict[str, tuple[int, ...]]
    labels: tuple[str, ...]
    facts: dict[str, Any]
    sha256: str
    quantizer: str = ""
    quantizer_settings: dict[str, Any] = attrs.field(factory=dict)
    policy: dict[str, int] = attrs.field(factory=dict)

    @classmethod
    def of(cls, network: Network, sha256: str) -> Card:
        """Describe a network whose weights have this digest."""
        return cls(
            format=FORMAT if network.policy else 1,
            instatune=instatune.__version__,
            adapter=network.adapter_name,
            architecture=network.architecture.as_dict(),
            kept_units=dict(network.kept_units),
            kept_layers=dict(network.kept_layers),
            labels=tuple(network.labels),
            facts=dict(network.facts),
            sha256=sha256,
            quantizer=network.quantizer_name,
            quantizer_settings=dict(network.quantizer_settings),
            policy=dict(network.policy),
        )

    def write(self, directory: Path) -> None:
        """Write the card into a folder."""
        text = json.dumps(attrs.asdict(self), indent=2, ensure_ascii=False, default=str)
        (directory / FILE).write_text(text + "\n", encoding="utf-8")


def read(directory: Path) -> Card:
    """Read the card of a saved sub-network.

    Raises:
        CheckpointError: No folder, no card, an unreadable one, or one of a newer version.
    """
    if not directory.is_dir():
        raise CheckpointError(f"{directory}: no such folder; give a folder that an export wrote")
    file = directory / FILE
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CheckpointError(
            f"{directory}: not a saved sub-network, {FILE} is missing; give a folder that an "
            "export wrote"
        ) from None
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{file}: cannot be read ({error}); export it again") from error
    _check_version(file, data)
    try:
        return cattrs.structure(data, Card)
    except cattrs.BaseValidationError as error:
        reasons = "; ".join(cattrs.transform_error(error))
        raise CheckpointError(f"{file}: is damaged ({reasons}); export it again") from error


def _check_version(file: Path, data: Any) -> None:
    version = data.get("format") if isinstance(data, Mapping) else None
    if not isinstance(version, int):
        raise CheckpointError(f"{file}: is damaged (no format version); export it again")
    if version > FORMAT:
        raise CheckpointError(
            f"{file}: format {version} is newer than format {FORMAT}, which instatune "
            f"{instatune.__version__} reads; update instatune"
        )
