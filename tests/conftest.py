from __future__ import annotations

from hypothesis import settings

# Times per example say nothing on a shared machine; the timeout of pytest guards against hanging.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
