"""NAS-Bench-201: all 15,625 cells of four nodes (Dong & Yang, arXiv:2001.00326), from a table."""

from __future__ import annotations

from instatune.interfaces import Arena, Benchmark
from instatune_plugins.benchmarks.tabular import arena_of
from instatune_plugins.benchmarks.tabular_config import (
    GeneColumn,
    NasBench201Config,
    TabularConfig,
    ValueColumn,
)

_EDGES = ((1, 0), (2, 0), (2, 1), (3, 0), (3, 1), (3, 2))
_OPERATIONS = ("none", "skip_connect", "avg_pool_3x3", "nor_conv_1x1", "nor_conv_3x3")


class NasBench201(Benchmark):
    """Validation accuracy and MACs for the search, test accuracy for the report."""

    config: NasBench201Config

    def open(self) -> Arena:
        """Read the table.

        Raises:
            DataError: It is not there, or not a whole table of the benchmark.
        """
        return arena_of(table_of(self.config))


def table_of(config: NasBench201Config) -> TabularConfig:
    """The same as settings of ``tabular``; operations come from the cheapest to the dearest."""
    data = config.dataset
    return TabularConfig(
        file=config.file,
        name=f"NAS-Bench-201 on {data}",
        genes=(GeneColumn(column="cell", pattern=_pattern(), order=_OPERATIONS),),
        values=(
            ValueColumn(
                column=f"{data}-val", test=f"{data}-test", name="accuracy", goal="max", factor=0.01
            ),
            ValueColumn(column=config.macs, name="macs", label="MACs", goal="min", exact=True),
        ),
    )


def _pattern() -> str:
    """The notation ``|op~0|+|op~0|op~1|+|op~0|op~1|op~2|``; an edge is called target_source."""
    nodes = []
    for node in (1, 2, 3):
        edges = [source for target, source in _EDGES if target == node]
        inputs = [rf"(?P<edge{node}_{source}>\w+)~{source}\|" for source in edges]
        nodes.append(r"\|" + "".join(inputs))
    return r"\+".join(nodes)
