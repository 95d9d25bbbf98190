"""Augment, REINFORCE, merge."""

from typing import final

from torch import Tensor

from estimators.parts.branches import Alternatives
from estimators.parts.paired import PairedDifference


@final
class ARM(PairedDifference):
    """(f(b) − f(b̃)) (½ − u) in the logits, b = 1[u < p], b̃ = 1[u > 1 − p], the same u ~ U(0, 1) for both.

    The paper's u is 1 − u here. K pairs are averaged. With L layers of latents, each has its own b̃, which shares the
    values before it; what lies behind is drawn anew. Detached: u, b and f.
    Requirements: Bernoulli latents. Bias: none. Cost: 2K evaluations, (L + 1) K with L layers.
    """

    formula = "(1/K) Σ_k (f(b_k) − f(b̃_k)) (½ − u_k), b = 1[u < p], b̃ = 1[u > 1 − p]"
    paper = "Yin & Zhou 2019"

    def propose(self, logits: Tensor, uniform: Tensor, bits: Tensor) -> Alternatives:
        # As in `DisARM`, an antithetic uniform of the same draw.
        opposite = (1 - uniform < logits.sigmoid()).to(bits.dtype)
        return Alternatives(opposite[None], 0.5 - uniform[None])
