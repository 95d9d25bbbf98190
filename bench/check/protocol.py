"""What holds for every single estimate, whatever was drawn: shapes, leaks, counts, state, `vmap` against a loop."""

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

from bench.check.agreement import persistent
from bench.check.draws import Draws, group_sizes
from bench.check.verdicts import Violation
from bench.measure.cost import count_evaluations
from bench.names.estimates import wrong_estimate
from estimators.base import Estimate

_LOOP = 256
_FEW = 8


def broken_properties(draws: Draws, level: float) -> list[Violation]:
    """Return what a declaration or the protocol promises and an estimate does not keep.

    Args:
        draws: the estimator at its point.
        level: the false-alarm probability of the comparison of `vmap` with a loop.
    """
    before = {name: value.clone() for name, value in draws.estimator.state_dict().items()}
    with count_evaluations(draws.task) as counted:
        estimate = draws.estimator.estimate(draws.task, draws.x, draws.samples)
    batch = draws.x.shape[0]
    if wrong := wrong_estimate(estimate, draws.samples, batch):
        return [Violation("estimate", f"it returned {wrong}")]
    return [
        *_leaks(draws, estimate),
        *_evaluations(draws, counted[0] / batch),
        *_state(draws, before),
        *_guide(draws),
        *_repetition(draws),
        *_batching(draws, level),
    ]


def _leaks(draws: Draws, estimate: Estimate) -> Iterator[Violation]:
    """Yield gradients that flow where they must not."""
    own = [parameter for parameter in draws.estimator.parameters() if parameter.requires_grad]
    theirs = [parameter for parameter in draws.task.parameters() if parameter.requires_grad]
    if estimate.objective.requires_grad:
        yield Violation("objective", "it carries a gradient: detach it, so that it is only a value")
    if _flows(estimate.surrogate.sum(), own):
        yield Violation("surrogate", "its gradient reaches the estimator's own parameters")
    if estimate.auxiliary is not None and _flows(estimate.auxiliary.sum(), theirs):
        yield Violation("auxiliary loss", "its gradient reaches the parameters of the task, θ or φ")


def _flows(value: Tensor, into: Iterable[Tensor]) -> bool:
    into = list(into)
    if not into or not value.requires_grad:
        return False
    gradients = torch.autograd.grad(value, into, retain_graph=True, allow_unused=True)
    return any(gradient is not None and bool((gradient != 0).any()) for gradient in gradients)


def _evaluations(draws: Draws, counted: float) -> Iterator[Violation]:
    declared = draws.estimator.evaluations(draws.samples)
    if declared is not None and declared != counted:
        yield Violation("evaluations", f"{declared} per datapoint declared, but {counted:g} made")


def _state(draws: Draws, before: dict[str, Tensor]) -> Iterator[Violation]:
    for name, value in draws.estimator.state_dict().items():
        if not torch.equal(value, before[name]):
            yield Violation("state", f"estimate() changes '{name}'; adaptive state is updated in observe() only")


def _guide(draws: Draws) -> Iterator[Violation]:
    size = group_sizes(draws.task)["guide"]
    if not draws.estimator.trains_guide and bool((draws.loop(1)[0, :size] != 0).any()):
        yield Violation("trains_guide", "it is declared false, but φ receives a gradient")


def _repetition(draws: Draws) -> Iterator[Violation]:
    """Yield a violation where estimates differ, and the next ones repeat them exactly."""
    if not torch.equal(draws.loop(1), draws.loop(1)):
        return
    first, second = draws.draw(_FEW), draws.draw(_FEW)
    if torch.equal(first, second) and not torch.equal(first, first[:1].expand_as(first)):
        yield Violation("random numbers", "every call draws the same ones; estimate() must not set a seed")


def _batching(draws: Draws, level: float) -> Iterator[Violation]:
    """Compare `vmap` with a loop: with the same draws where that is possible, else by their means."""
    state = torch.get_rng_state()
    single = draws.loop(1)
    torch.set_rng_state(state)
    try:
        both = draws.batch(2, randomness="same")
    except (RuntimeError, ValueError, NotImplementedError):
        # The draws of a batch cannot be those of a loop, or vmap does not work at all, which `Draws.draw` reports.
        return
    if torch.allclose(both, single.expand_as(both), rtol=1e-7, atol=1e-9):
        return
    found = persistent(lambda: draws.loop(_LOOP), lambda: draws.draw(draws.chunk), level)
    if found is not None:
        yield Violation("vmap", f"batched and single estimates have different means: {found}")
