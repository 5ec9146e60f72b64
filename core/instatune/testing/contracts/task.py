"""Contract of tasks."""

# ruff: noqa: D102 - the names of the tests are sentences
from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, cast

from instatune.interfaces import Batch, Example, Splits, Task
from instatune.plugin.entries import Kind, TaskEntry
from instatune.testing.contracts.contract import Contract
from instatune.testing.expect import expect, no_hidden_randomness

if TYPE_CHECKING:
    from torch import Tensor

_EXAMPLES = 6


class TaskContract(Contract):
    """Splits are replayable, batches fit together, right answers score better than wrong ones.

    Give a task that reads files its files in :meth:`Contract.config`, which may be overridden.
    """

    kind: ClassVar[Kind] = "tasks"
    _loaded: ClassVar[dict[int, Splits]]

    def __init_subclass__(cls) -> None:
        cls._loaded = {}  # loading may be slow: once for each class of tests

    def processor(self) -> Any:
        """What encodes examples: a tokenizer of single bytes, at most 64 tokens."""
        from instatune.testing.tokens import tokenizer

        return tokenizer()

    def splits(self, seed: int = 0) -> Splits:
        """The data; loaded once for all tests."""
        if seed not in self._loaded:
            self._loaded[seed] = cast("Task", self.make()).load(seed)
        return self._loaded[seed]

    def batch(self) -> tuple[Task, Sequence[Example], Batch]:
        """A task with a few examples and their batch."""
        task = cast("Task", self.make())
        examples = self.splits().train[:_EXAMPLES]
        return task, examples, task.collate(task.encode(examples, self.processor()))

    def logits(self, labels: Sequence[int], n_labels: int) -> Tensor:
        """Logits that are sure of these labels."""
        from torch import tensor
        from torch.nn import functional

        return 9.0 * functional.one_hot(tensor(labels), n_labels).float()

    def answers(self, examples: Sequence[Example], batch: Batch) -> tuple[Tensor, Tensor] | None:
        """Outputs that are right about examples, and outputs that are wrong about all of them.

        Override it for outputs that are not one class an example: None is not judged.
        """
        if not self.classifies():
            return None
        count = len(self.splits().labels)
        labels = [example["label"] for example in examples]
        wrong = [(label + 1) % count for label in labels]
        return self.logits(labels, count), self.logits(wrong, count)

    def classifies(self) -> bool:
        """Whether labels are indices of classes."""
        return cast("TaskEntry", self.offer().entry).problem == "classification"

    def test_no_split_is_empty(self) -> None:
        splits = self.splits()
        for name in ("train", "search", "test"):
            expect(len(getattr(splits, name)), f"split {name!r} is empty")

    def test_labels_are_indices_of_the_classes(self) -> None:
        if not self.classifies():
            return
        splits = self.splits()
        count = len(splits.labels)
        expect(count >= 2, f"{count} class; there is nothing to tell apart")
        for name in ("train", "search", "test"):
            bad = {e["label"] for e in getattr(splits, name)} - set(range(count))
            expect(not bad, f"split {name!r} has labels {sorted(bad)}; indices up to {count - 1}")

    def test_same_seed_gives_the_same_data(self) -> None:
        first, second = self.splits(), cast("Task", self.make()).load(0)
        expect(first.fingerprint == second.fingerprint, "fingerprints of one seed differ")
        for name in ("train", "search", "test"):
            same = list(getattr(first, name)) == list(getattr(second, name))
            expect(same, f"split {name!r} differs between two loads with one seed")

    def test_loading_leaves_the_global_generators_alone(self) -> None:
        with no_hidden_randomness():
            cast("Task", self.make()).load(1)

    def test_every_example_is_encoded(self) -> None:
        task = cast("Task", self.make())
        examples = self.splits().train[:_EXAMPLES]
        features = task.encode(examples, self.processor())
        expect(len(features) == len(examples), f"{len(features)} features of {len(examples)}")
        lengths = [task.length(feature) for feature in features]
        expect(all(length >= 1 for length in lengths), f"lengths {lengths}; at least 1 each")

    def test_batches_hold_the_examples_on_their_first_axis(self) -> None:
        _, examples, batch = self.batch()
        for name, tensor in batch.items():
            expect(
                tensor.shape[:1] == (len(examples),),
                f"{name!r} has shape {list(tensor.shape)} for {len(examples)} examples",
            )

    def test_right_answers_score_better_than_wrong_ones(self) -> None:
        task, examples, batch = self.batch()
        answers = self.answers(examples, batch)
        if answers is None:
            return
        right, wrong = answers
        scores = task.correct(right, batch)
        expect(scores.shape == (len(examples),), f"scores have shape {list(scores.shape)}")
        expect(bool((scores == 1).all()), f"right answers score {scores.tolist()}, not 1")
        expect(bool((task.correct(wrong, batch) < 1).all()), "a wrong answer scores 1")
        good, bad = float(task.loss(right, batch)), float(task.loss(wrong, batch))
        expect(good < bad, f"loss of right answers {good:.3g}, of wrong ones {bad:.3g}")

    def test_the_loss_can_be_learned_from(self) -> None:
        task, examples, batch = self.batch()
        answers = self.answers(examples, batch)
        count = max(2, len(self.splits().labels))
        logits = self.logits([0] * len(examples), count) if answers is None else answers[1]
        logits.requires_grad_()
        loss = task.loss(logits, batch)
        expect(loss.shape == (), f"the loss has shape {list(loss.shape)}, not []")
        loss.backward()  # type: ignore[no-untyped-call]
        expect(logits.grad is not None and bool(logits.grad.any()), "the loss has no gradient")
