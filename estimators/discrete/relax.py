"""RELAX."""

from typing import Literal, final, get_args

import torch
from torch import Tensor, nn

from estimators.discrete.rebar import score_and_path
from estimators.draw import probe
from estimators.parts.relaxed_control import RelaxedControl, SampledSite, repeated
from estimators.parts.shapes import flat_events
from tasks.base import Latents, Task

Control = Literal["sum", "network"]


@final
class Relax(RelaxedControl):
    """[f(b) − c(z̃)] ∇_φ log q(b|x) + ∇_φ[c(z) − c(z̃)], averaged over K samples; z, b and z̃ as in `rebar`.

    c = η f(σ(z/λ)) + r_ρ(x, σ(z/λ)), or r_ρ alone, for which f may be a black box. r_ρ is a network with one hidden
    layer, which starts as zero: as `rebar`, or as `reinforce`. η and λ, one of each per site, and ρ learn by the
    gradient of ĝ² (`relaxed_control`).
    Detached: θ and φ within c, except for z and z̃; nothing of c trains θ. Requirements: Bernoulli or one-hot latents, f
    differentiable in them for control=sum. Bias: none. Cost: 1 + 2 evaluations per site, K times; K without f in c.

    Args:
        temperature: λ, where it starts.
        hidden: units of the network's hidden layer.
        control: sum or network.
    """

    formula = "[f(b) − c(z̃)] ∇_φ log q(b|x) + ∇_φ[c(z) − c(z̃)], c = η f(σ(z/λ)) + r_ρ(x, σ(z/λ))"
    paper = "Grathwohl, Choi, Wu, Roeder & Duvenaud 2018, eq. 8 to 12"

    def __init__(self, temperature: float = 0.5, hidden: int = 137, control: Control = "sum") -> None:
        super().__init__(temperature)
        if hidden < 1:
            raise ValueError(f"hidden must be at least 1; it is {hidden}")
        if control not in get_args(Control):
            raise ValueError(f"control must be sum or network; it is '{control}'")
        self.hidden = hidden
        self.differentiates = control == "sum"
        self.network = nn.Sequential()
        self.scale = nn.Parameter(torch.ones(1)) if control == "sum" else None

    def gradient(self, site: SampledSite, f: Tensor) -> Tensor:
        def c(z: Tensor) -> Tensor:
            relaxed = site.relaxed(z)
            learned = self._learned(site.x, relaxed.latents)
            return learned if self.scale is None else learned + site.own(self.scale) * site.f(relaxed)

        return score_and_path(site, f, c)

    def _learned(self, x: Tensor, latents: Latents) -> Tensor:
        """Return r_ρ(x, y) at relaxed values y, [n K, B]."""
        values = [flat_events(value) for value in latents.values()]
        observed = x.flatten(1).expand(len(values[0]), -1, -1)
        inputs = torch.cat([observed, *values], -1)
        return self.network(inputs).squeeze(-1) if len(self.network) else torch.zeros_like(inputs[..., 0])

    def prepare(self, task: Task, x: Tensor) -> None:
        super().prepare(task, x)
        if self.scale is not None:
            self.scale = repeated(self.scale, len(self.log_temperature))
        sizes = [site.value[0, 0].numel() for site in probe(task.guide, x[:1]).sites.values()]
        output = nn.Linear(self.hidden, 1)
        nn.init.zeros_(output.weight)
        nn.init.zeros_(output.bias)
        self.network = nn.Sequential(nn.Linear(x[0].numel() + sum(sizes), self.hidden), nn.LeakyReLU(0.3), output)

    def evaluations(self, samples: int) -> int | None:
        return samples if self.scale is None else None
