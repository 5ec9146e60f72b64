"""Taking turns: each step trains either the super-network or the sub-networks, on labels alone.

LLaMA-NAS (Sarah et al., arXiv 2405.18377) fine-tunes LLaMA2-7B so: a step costs one network instead
of two, and no second set of logits, which are large for language models, is kept for distillation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from instatune.interfaces import LossWeights, Moment, Role, Schedule

if TYPE_CHECKING:
    from instatune_plugins.schedules import AlternateConfig


class Alternate(Schedule):
    """The largest network in every ``every``-th step, from the first; the others in between.

    With the sampler ``uniform`` and one random network each step trains a single network. A network
    whose turn it is not is not run.
    """

    config: AlternateConfig

    def weights(self, moment: Moment, role: Role) -> LossWeights:
        """Weights for one network; see :meth:`Schedule.weights`."""
        turn_of_largest = moment.step % self.config.every == 0
        return LossWeights(task=float(turn_of_largest == (role == "largest")))
