"""Mutants that are no faults: what they change has no consequence, for a reason that somebody has written down here."""

from typing import Final

from tests.mutation.mutants import Mutant

REASONS: Final[dict[tuple[str, str, str], str]] = {
    **dict.fromkeys(
        [
            (f"estimators.score_function.{module}", "estimate.objective.detach()", "estimate.objective")
            for module in ("nvil", "reinforce_ema")
        ],
        "an objective carries no gradient: `bench check` holds every estimator to that",
    ),
    ("estimators.combined.linear_cv", "value.detach()", "value"): (
        "the values are held fixed in a derivative by something else, and that derivative is detached"
    ),
    ("estimators.distributions.implicit", "2 * kappa", "3 * kappa"): (
        "it moves the point beyond which a quadrature leaves out less than its error"
    ),
    ("estimators.distributions.implicit", "height <= half_gap", "height < half_gap"): (
        "at equality both ways of integrating give the same number"
    ),
    ("estimators.discrete.arms", "logits < 0", "logits <= 0"): "at a probability of one half, both sides have one law",
    ("estimators.distributions.relaxed", "z > 0", "z >= 0"): "the two differ on an event of probability zero",
}
"""Why, by module, what stood there, and what stands there now."""


def why_equivalent(mutant: Mutant) -> str | None:
    """Return why a mutant is no fault, where that is known."""
    return REASONS.get((mutant.module, mutant.before, mutant.after))
