"""Wake-sleep: the guide learns from the model's own dreams."""

from typing import final

from torch import Tensor

from estimators import distributions
from estimators.base import Estimate, Estimator, Unfit, evaluate, generative, log_mean_exp
from estimators.draw import Detached, Replayed
from estimators.parts import exact
from tasks.base import SimulableModel, Task


@final
class WakeSleep(Estimator):
    """Sleep, φ: ∇_φ log q(z|x′), (z, x′) ~ p_θ. Wake, θ: Σ_k w̃_k ∇_θ log p(x, z_k), z_k ~ q(z|x).

    The sleep phase needs no weights: its pairs come from the joint. It fits the guide to the model's observations, not
    to the data's. With one sample the wake phase is the ELBO's gradient in θ, the classical algorithm.
    Detached: z, x′ and w̃. Requirements: a model whose observations can be drawn.
    Bias: none for −E_{p(x)} KL(p(z|x) ‖ q) in φ and L_K in θ. Cost: K evaluations, and K draws from the model.
    """

    targets = ("sleep",)
    own_target = True
    unweighted = "it draws observations from the model, which a weighted divergence cannot give"
    formula = "φ: (1/K) Σ_k ∇_φ log q(z_k|x_k), (z_k, x_k) ~ p_θ;  θ: Σ_k w̃_k ∇_θ log p(x, z_k)"
    paper = "Hinton, Dayan, Frey & Neal 1995; Le, Kosiorek, Siddharth, Teh & Wood 2019, eq. 5"

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        run = evaluate(task, x, Detached(samples))
        log_weight = run.f.detach()
        wake = (log_weight.softmax(0) * run.model_value).sum(0)
        dream = Detached(samples)
        model = _simulable(task)
        model.prior(x, dream)
        rows = model.simulate(dream.trace.latents).detach().flatten(0, 1)
        replay = Replayed({name: value.flatten(0, 1)[None] for name, value in dream.trace.latents.items()})
        task.guide(rows, replay)
        sleep = replay.trace.log_prob().reshape(samples, -1).mean(0)
        return Estimate(log_mean_exp(log_weight), wake + sleep)

    def evaluations(self, samples: int) -> int | None:
        return samples

    def exact(self, task: Task, x: Tensor, samples: int) -> Tensor | None:
        wake = exact.without_gradient(task, "guide", lambda t: t.exact("iwae", x, samples))
        sleep = exact.without_gradient(task, "model", lambda t: t.exact("sleep", x, samples))
        return exact.with_gradient_of(wake, sleep)

    def require(self, task: Task, x: Tensor, samples: int) -> None:
        super().require(task, x, samples)
        dream = Detached(1)
        _simulable(task).prior(x[:1], dream)
        for site, drawn in dream.trace.sites.items():
            if reason := distributions.beyond(drawn.distribution):
                raise Unfit(f"wake-sleep draws from the prior, whose site '{site}' is {reason}")
        if task.guide.indexed:
            raise Unfit(
                f"wake-sleep runs the guide at the model's observations, but that of {task.called} only has parameters"
                " for the training rows"
            )


def _simulable(task: Task) -> SimulableModel:
    model = generative(task, "wake-sleep")
    if not isinstance(model, SimulableModel):
        raise Unfit(f"wake-sleep draws observations from the model, but {task.called} does not say how (`simulate`)")
    if not model.normalised:
        raise Unfit(
            f"wake-sleep draws observations from the model, but the likelihood of this {task.called} is tempered"
        )
    return model
