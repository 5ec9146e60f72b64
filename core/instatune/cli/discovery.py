"""Discovery as the command line asks for it: options and environment become arguments."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Iterable

from instatune.plugin.manager import Plugins, discover

STRICT = "INSTATUNE_STRICT_PLUGINS"
"""Environment variable: set to 1, the first broken plugin is an error."""

_OWN = "instatune"  # without the first-party distribution no spec could run


def plugins_from(
    args: Namespace, disable: Iterable[str] = (), files: Iterable[str | os.PathLike[str]] = ()
) -> Plugins:
    """Find the plugins that take part.

    Args:
        args: Parsed options. ``no_plugins`` leaves only what comes with instatune;
            ``only_plugins``, names with commas between, adds these.
        disable: Distributions or modules that the spec leaves out.
        files: Single files that the spec adds.

    Raises:
        PluginError: ``only_plugins`` names nothing that is installed, or strict discovery is on and
            a plugin is broken.
    """
    return discover(disable=disable, only=only(args), files=files, strict=strict())


def only(args: Namespace) -> tuple[str, ...] | None:
    """Plugins that alone take part; None for all."""
    listed: str | None = args.only_plugins
    if listed is not None:
        return (_OWN, *(name.strip() for name in listed.split(",") if name.strip()))
    return (_OWN,) if args.no_plugins else None


def strict() -> bool:
    """Whether a broken plugin is an error."""
    return os.environ.get(STRICT, "").strip().lower() not in ("", "0", "false", "no", "off")
