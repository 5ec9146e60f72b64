"""Contract of orderings."""

# ruff: noqa: D102 - the names of the tests are sentences
from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, cast

from instatune.interfaces import Ordering, Probe
from instatune.plugin.entries import Kind
from instatune.testing import fakes
from instatune.testing.contracts.contract import Contract
from instatune.testing.expect import expect, no_hidden_randomness

if TYPE_CHECKING:
    from torch import Tensor, nn


class OrderingContract(Contract):
    """One finite score for each unit, and the model is left as it was."""

    kind: ClassVar[Kind] = "orderings"

    def probe(self) -> Probe:
        """A tiny teacher with labelled batches."""
        from instatune.testing import tiny

        model, task, adapter = tiny.model(), tiny.TinyTask(), tiny.TinyAdapter()
        return Probe(
            model=model,
            batches=tiny.batches(),
            loss=lambda batch: task.loss(adapter.logits(model, batch), batch),
        )

    def importance(self, probe: Probe | None = None) -> Mapping[str, Tensor]:
        """Score the units."""
        ordering = cast("Ordering", self.make())
        return ordering.importance(fakes.anatomy(), probe or self.probe())

    def test_it_scores_each_unit_of_known_groups(self) -> None:
        units = {group.name: group.units for group in fakes.anatomy().groups}
        for name, scores in self.importance().items():
            expect(name in units, f"there is no group {name!r}; groups: {sorted(units)}")
            expect(
                tuple(scores.shape) == (units[name],),
                f"{name}: scores {list(scores.shape)} for {units[name]} units",
            )
            expect(bool(scores.isfinite().all()), f"{name}: a score is not finite")

    def test_same_model_and_batches_give_the_same_scores(self) -> None:
        first, second = self.importance(), self.importance()
        expect(first.keys() == second.keys(), "scored groups differ from call to call")
        for name in first:
            expect(bool((first[name] == second[name]).all()), f"{name}: scores differ")

    def test_the_model_is_left_as_it_was(self) -> None:
        probe = self.probe()
        before = _snapshot(probe.model)
        self.importance(probe)
        after = _snapshot(probe.model)
        changed = sorted(name for name in before if before[name] != after[name])
        expect(not changed, f"the ordering changed {changed} of the teacher")

    def test_it_leaves_the_global_generators_alone(self) -> None:
        with no_hidden_randomness():
            self.importance()


def _snapshot(model: nn.Module) -> dict[str, Any]:
    """Weights, gradients and flags."""
    seen: dict[str, Any] = {f"training of {n}": m.training for n, m in model.named_modules()}
    for name, parameter in model.named_parameters():
        seen[name] = parameter.detach().tolist()
        seen[f"gradient of {name}"] = None if parameter.grad is None else parameter.grad.tolist()
        seen[f"requires_grad of {name}"] = parameter.requires_grad
    return seen
