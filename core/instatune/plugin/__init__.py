"""Who is there: hook specifications, entries, discovery and registries. Imports nothing heavy."""

from __future__ import annotations

import pluggy

hookimpl = pluggy.HookimplMarker("instatune")
"""Marks a function of a plugin module as the implementation of a hook."""

__all__ = ["hookimpl"]
