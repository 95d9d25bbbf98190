"""Estimators that flip single bits."""

from typing import final

import torch
from torch import Tensor

from estimators.parts.branches import Alternatives
from estimators.parts.paired import PairedDifference


@final
class LocalExpectation(PairedDifference):
    """p_i (1 − p_i) [f(b with b_i = 1) − f(b with b_i = 0)] in every logit i: b_i is summed over, the rest is drawn.

    With L layers of latents, what lies behind a flipped bit is drawn anew. Detached: b and f.
    Requirements: Bernoulli latents. Bias: none; no variance where f is a sum over single bits.
    Cost: (D + 1) K evaluations, D the bits of all layers.
    """

    formula = "(1/K) Σ_k p_i (1 − p_i) [f(b_k with b_i = 1) − f(b_k with b_i = 0)], all i"
    paper = "Titsias & Lázaro-Gredilla 2015"
    from_guide = False

    def branches(self, bits: int) -> int:
        return bits

    def propose(self, logits: Tensor, uniform: Tensor, bits: Tensor) -> Alternatives:
        event = bits.shape[2:]
        chosen = torch.eye(event.numel(), dtype=bits.dtype, device=bits.device).reshape(-1, 1, 1, *event)
        return _flip(logits, bits, chosen)


@final
class BitFlip(PairedDifference):
    """D p_i (1 − p_i) [f(b with b_i = 1) − f(b with b_i = 0)] in one logit i, uniform among the D of a layer.

    It is `local-expectation` with one term of its sum. With L layers of latents, each has its own i, and what lies
    behind is drawn anew. Detached: i, b and f. Requirements: Bernoulli latents. Bias: none.
    Cost: 2K evaluations, (L + 1) K with L layers.
    """

    formula = "(1/K) Σ_k D p_i (1 − p_i) [f(b_k with b_i = 1) − f(b_k with b_i = 0)], i uniform"
    paper = "Titsias & Lázaro-Gredilla 2015, one term of the sum"
    from_guide = False

    def propose(self, logits: Tensor, uniform: Tensor, bits: Tensor) -> Alternatives:
        event = bits.shape[2:]
        size = event.numel()
        index = (torch.rand(bits.shape[:2], dtype=bits.dtype, device=bits.device) * size).long()
        chosen = (index[..., None] == torch.arange(size, device=bits.device)).to(bits.dtype)
        found = _flip(logits, bits, chosen.reshape(1, *bits.shape[:2], *event))
        return Alternatives(found.bits, size * found.weight)


def _flip(logits: Tensor, bits: Tensor, chosen: Tensor) -> Alternatives:
    """Return the bits with the `chosen` ones flipped, [M, K, B, event], and the weight of each difference."""
    sign = 2 * bits - 1
    probs = logits.sigmoid()
    return Alternatives(bits - chosen * sign, chosen * (probs * (1 - probs) * sign))
