"""REINFORCE with the baseline of least variance for each coordinate."""

from typing import final

import torch
from torch import Tensor
from torch.distributions import Distribution

from estimators import distributions
from estimators.base import Estimate, Evaluation, Unfit, evaluate
from estimators.distributions import Unsupported
from estimators.distributions.parameters import parameters, rebuild
from estimators.draw import Detached, probe, sample_shape
from estimators.parts.sampling import AnyDraws, Sampling
from estimators.parts.shapes import as_events, sum_events
from tasks.base import Task


@final
class ReinforceOptimal(AnyDraws):
    """(1/K) Σ_k Σ_d (f_k − b_d) s_{k,d} ∇_φ η_d, b_d = E[f s_d²]/E[s_d²], η the guide's distribution parameters.

    s_d = ∂ log q/∂η_d: one coordinate's baseline does not suit another's. b comes from independent pilot samples;
    from the same ones it would be biased O(1/K).
    Detached: z, f, s and b. Requirements: families whose parameters have names. Bias: none.
    Cost: K + `pilot` evaluations.

    Args:
        pilot: samples per datapoint from which the baselines are computed.
        sampling: iid, antithetic or rqmc; the pilot samples are iid.
    """

    targets = ("expectation", "elbo")
    formula = "(1/K) Σ_k Σ_d (f(z_k) − b_d) ∂_{η_d} log q(z_k) ∇_φ η_d, b_d = E[f s_d²] / E[s_d²]"
    paper = "Ranganath, Gerrish & Blei 2014, eq. 8; Greensmith, Bartlett & Baxter 2004"

    def __init__(self, pilot: int = 10, sampling: Sampling = "iid") -> None:
        super().__init__(sampling)
        if pilot < 1:
            raise ValueError(f"pilot must be at least 1; it is {pilot}")
        self.pilot = pilot

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        run = evaluate(task, x, Detached(samples, self.noise()))
        with torch.no_grad():
            pilot = evaluate(task, x, Detached(self.pilot))
        f, surrogate = run.f.detach(), run.model_value
        known, seen = _scores(run), _scores(pilot)
        for site, drawn in run.trace.sites.items():
            for name, value in parameters(drawn.distribution).items():
                square = seen[site][name].square()
                size = square.mean(0).clamp(min=torch.finfo(square.dtype).tiny)
                baseline = (as_events(pilot.f.detach(), square) * square).mean(0) / size
                score = known[site][name]
                gradient = (as_events(f, score) - baseline) * score
                surrogate = surrogate + sum_events(gradient * value)
        return Estimate(f.mean(0), surrogate.mean(0))

    def require(self, task: Task, x: Tensor, samples: int) -> None:
        super().require(task, x, samples)
        for site, drawn in probe(task.guide, x[:1]).sites.items():
            try:
                rebuild(drawn.distribution, parameters(drawn.distribution))
            except Unsupported as reason:
                raise Unfit(
                    f"reinforce-optimal has a baseline for each parameter of a distribution, but site '{site}' of "
                    f"{task.called} does not fit: {reason}"
                ) from reason

    def evaluations(self, samples: int) -> int | None:
        return samples + self.pilot


def _scores(run: Evaluation) -> dict[str, dict[str, Tensor]]:
    """Return ∂ log q(z_k)/∂η for each site and parameter, each [K, B, …], detached."""
    return {name: _score(site.distribution, site.value) for name, site in run.trace.sites.items()}


def _score(distribution: Distribution, value: Tensor) -> dict[str, Tensor]:
    def log_prob(at: dict[str, Tensor]) -> Tensor:
        return distributions.log_prob(rebuild(distribution, at), value).sum()

    extra = sample_shape(distribution, len(value))
    copies = {name: tensor.detach().expand(extra + tensor.shape) for name, tensor in parameters(distribution).items()}
    return torch.func.grad(log_prob)(copies)
