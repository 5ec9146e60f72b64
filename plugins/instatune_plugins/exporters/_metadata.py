"""What a file tells of the network in it."""

from __future__ import annotations

import json

import instatune
from instatune.interfaces import Network


def metadata(network: Network) -> dict[str, str]:
    """All that is needed to read its answers, and to find it again; lists are JSON."""
    return {
        "labels": json.dumps(list(network.labels), ensure_ascii=False),
        "architecture": network.architecture.key,
        "genes": json.dumps(network.architecture.as_dict()),
        "adapter": network.adapter_name,
        "instatune": instatune.__version__,
    }
