"""What a settings class of a component says of its fields, beyond type, default and bounds."""

from __future__ import annotations

NEWER = "newer"
"""Key in the metadata of a field that a later release added: ``attrs.field(..., metadata={NEWER:
True})``. At its default it is left out of what identifies a stage, so that finished runs from
before it stay finished."""
