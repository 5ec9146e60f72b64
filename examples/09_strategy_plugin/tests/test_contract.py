"""The plugin is registered, light, and does what every strategy must do."""

from instatune.testing.contracts import StrategyContract
from instatune.testing.plugins import assert_light


class TestHill(StrategyContract):
    """Every test of the contract, on this strategy."""

    entry = "hill@instatune-plugin-hill"


def test_importing_the_plugin_is_light() -> None:
    """`instatune check` imports every plugin: it must not wait for torch."""
    assert_light("instatune_plugin_hill")
