"""Settings of the objectives of time. Light: attrs alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
from attrs.validators import ge, gt, le, min_len, optional

from instatune.spec.warm_start import FRONT


def _exist(config: Any, attribute: attrs.Attribute[Any], value: tuple[str, ...]) -> None:
    """Told before anything is trained: samples are read when the search begins."""
    for path in map(Path, value):
        place = path.expanduser()
        if not place.exists():
            raise ValueError(
                f"there is no {str(path)!r} (seen from {Path.cwd()}); give tables, or folders of"
                " finished runs"
            )
        if place.is_dir() and not (place / FRONT).is_file():
            raise ValueError(
                f"{str(path)!r} holds no finished search (it has no {FRONT}); let that run finish"
            )


@attrs.frozen(kw_only=True)
class LatencyConfig:
    """Settings of ``latency``.

    Attributes:
        batch: Examples of one pass.
        tokens: Length of each example; None for the middle one of the split.
        threads: That the network may compute with.
        repeats: Timed passes.
        warmup: Passes before, which are not timed.
        seconds: Time to spend on a network; where passes are long fewer of them are made.
        runtime: ``eager`` for torch as it is, or an exporter of the run, such as ``onnx``: what it
            writes is loaded and timed.
    """

    batch: int = attrs.field(default=1, validator=ge(1))
    tokens: int | None = attrs.field(default=None, validator=optional(ge(1)))
    threads: int = attrs.field(default=1, validator=ge(1))
    repeats: int = attrs.field(default=20, validator=ge(3))
    warmup: int = attrs.field(default=3, validator=ge(1))
    seconds: float = attrs.field(default=20.0, validator=gt(0.0))
    runtime: str = attrs.field(default="eager", validator=min_len(1))


@attrs.frozen(kw_only=True)
class SamplesConfig:
    """Settings of all predictions of time from measured networks.

    Attributes:
        samples: Tables (.csv, .tsv, .parquet) with a column for each gene, empty where a layer is
            dropped, and one of times; or folders of finished runs that measured ``latency``.
            Several are joined; networks that occur again tell how well measuring itself does.
        column: Head of the column of times, or name of the objective in the runs.
        folds: Of the cross validation that tells how well unseen networks are ranked.
        min_tau: Least rank correlation (Kendall's τ) in it.
        seed: Of the folds, and of the start of what is learned step by step.
    """

    samples: tuple[str, ...] = attrs.field(validator=[min_len(1), _exist])
    column: str = "latency"
    folds: int = attrs.field(default=5, validator=ge(2))
    min_tau: float = attrs.field(default=0.5, validator=[ge(-1.0), le(1.0)])
    seed: int = attrs.field(default=0, validator=ge(0))


@attrs.frozen(kw_only=True)
class LatencyTableConfig(SamplesConfig):
    """Settings of ``latency_table``: those of all predictions of time."""


@attrs.frozen(kw_only=True)
class LatencyMlpConfig(SamplesConfig):
    """Settings of ``latency_mlp``.

    Attributes:
        hidden: Neurons of each hidden layer. HAT has three layers of 400 for its 2,000 samples.
        penalty: Weight of the squared weights in the loss.
        members: Networks from different starts, whose answers are averaged.
    """

    hidden: tuple[int, ...] = (64, 64, 64)
    penalty: float = attrs.field(default=0.3, validator=ge(0.0))
    members: int = attrs.field(default=3, validator=ge(1))
