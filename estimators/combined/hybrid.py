"""A policy for each site: by its kind, score function or path, or as it is said."""

from collections.abc import Mapping, Sequence
from typing import Final, Literal, final, get_args

from torch import Tensor
from torch.distributions import Distribution

from estimators import distributions
from estimators.base import Estimate, Estimator, Unfit, evaluate
from estimators.discrete.disarm import DisARM
from estimators.discrete.gumbel_softmax import GumbelSoftmax
from estimators.distributions import Unsupported
from estimators.draw import probe, states_of, without_derivative
from estimators.parts.score import ScoreFunction
from estimators.parts.site_by_site import FORKS, PATHS, Policy, SiteBySite
from estimators.score_function.nvil import NVIL
from estimators.score_function.reinforce import Reinforce
from estimators.score_function.reinforce_ema import ReinforceEMA
from estimators.score_function.reinforce_loo import ReinforceLOO
from tasks.base import Task

Discrete = Literal["score", "enumerate"]

_SCORES: Final[Mapping[Policy, type[ScoreFunction]]] = {
    "reinforce": Reinforce,
    "reinforce-loo": ReinforceLOO,
    "reinforce-ema": ReinforceEMA,
    "nvil": NVIL,
}


@final
class Hybrid(Estimator):
    """(1/K) Σ_k [∇f along the path of the continuous sites + (f_k − mean_{j≠k} f_j) ∇_φ log q(discrete sites)].

    A mixed task's E over the discrete d and the noise ε: f is differentiated through z = T(ε, φ, d) at fixed d, and d
    has a score function with leave-one-out baseline. With `discrete=enumerate`, it is (1/K) Σ_k ∇ Σ_d q(d) f(d, z_k).

    `hybrid(z1=reinforce-ema, z2=enumerate)` chooses how each named site is drawn: with the score function and baseline
    of `reinforce`, `reinforce-loo`, `reinforce-ema` or `nvil`, along its path (`reparam`), relaxed (`gumbel-softmax`),
    in each of its states (`enumerate`), or in a pair of opposite bits (`disarm`). Sites may depend on each other: a
    score is multiplied by f at everything that follows from its draw, summed over the states of enumerated sites after
    it; paths go through later sites and their scores; whatever follows a state, or one of a pair, is drawn for each.
    Detached: the values of sites with a score function or a pair, and f in front of it.
    Requirements: K ≥ 2 for `reinforce-loo`, any K for the rest; at most 4096 joint states of enumerated sites.
    Bias: none, unless a site is relaxed.
    Cost: K evaluations, times the number of joint states of enumerated sites, times two for each pair.

    Args:
        discrete: the policy of discrete sites that are not named: score (`reinforce-loo`) or enumerate. Other sites
            that are not named have `reparam`.
        sites: the policy of each site, by its name.
    """

    targets = ("expectation", "elbo")
    differentiates = True
    total_gradient = True
    checked = (
        {},
        {"z1": "enumerate", "z2": "reinforce-loo"},
        {"z1": "reinforce-ema", "z2": "enumerate"},
        {"z1": "nvil", "z2": "reparam"},
        {"z1": "disarm", "z2": "reinforce"},
        {"z1": "gumbel-softmax", "z2": "reinforce"},
    )
    formula = "(1/K) Σ_k [∇_φ f(d_k, T(ε_k, φ, d_k)) + (f_k − mean_{j≠k} f_j) ∇_φ log q(d_k|x)]"
    paper = "Schulman, Heess, Weber & Abbeel 2015; Kool, van Hoof & Welling 2019 (baseline)"

    def __init__(self, /, discrete: Discrete = "score", **sites: Policy) -> None:
        super().__init__()
        if discrete not in get_args(Discrete):
            raise ValueError(f"discrete must be score or enumerate; it is '{discrete}'")
        for site, policy in sites.items():
            if policy not in get_args(Policy):
                raise ValueError(
                    f"the policy of site '{site}' must be {_listed(get_args(Policy), 'or')}; it is '{policy}'"
                )
        self.discrete, self.sites = discrete, sites
        self.unnamed: Policy = "reinforce-loo" if discrete == "score" else "enumerate"
        for policy, score in _SCORES.items():
            if policy in (self.unnamed, *sites.values()):
                self.add_module(policy, score())
        # Where some sites are named, the others may have paths; `require` sees.
        alone = self.unnamed == "reinforce-loo" and not sites
        self.minimum_samples = 2 if alone or "reinforce-loo" in sites.values() else 1
        relaxed = GumbelSoftmax()
        self.temperature = relaxed.temperature
        if "gumbel-softmax" in sites.values():
            self.unbiased, self.bias_claim, self.objective = False, relaxed.bias_claim, relaxed.objective

    def prepare(self, task: Task, x: Tensor) -> None:
        for part in self._scores():
            part.prepare(task, x)

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        sites = probe(task.guide, x).sites if self._may_fork() else {}
        draw = SiteBySite(samples, self._policy, sites, self.temperature, DisARM().propose)
        f = evaluate(task, x, draw).f
        mass, given = draw.mass(f), f.detach()
        value = (mass * f).sum(0) / samples
        surrogate, losses = value, []
        # On a bound f holds −log q of the sites without a path too, whose gradient has mean zero: only noise.
        direct = 0.0 if task.target == "expectation" else 1.0
        for slope in draw.paired(given):
            surrogate = surrogate + slope.mean(0)
        if (log_q := draw.log_q_of_pairs()) is not None:
            surrogate = surrogate + direct * (mass.detach() * log_q).sum(0) / samples
        for scored in draw.scored(given):
            part = self.get_submodule(scored.policy)
            assert isinstance(part, ScoreFunction)
            centred = part.centred(x, scored.cost)
            weight = scored.mass * (centred.detach() + direct)
            surrogate = surrogate + (weight * scored.log_q).sum(1).mean(0)
            if any(True for _ in part.parameters()):
                losses.append((scored.mass * centred.square()).sum(1).mean())
        return Estimate(value.detach(), surrogate, sum(losses[1:], losses[0]) if losses else None)

    def _scores(self) -> list[ScoreFunction]:
        return [part for part in self.children() if isinstance(part, ScoreFunction)]

    def _policy(self, site: str, distribution: Distribution) -> Policy:
        return self.sites.get(site, "reparam" if distributions.reparameterizable(distribution) else self.unnamed)

    def _may_fork(self) -> bool:
        return any(policy in FORKS for policy in (self.unnamed, *self.sites.values()))

    def evaluations(self, samples: int) -> int | None:
        return None if self._may_fork() else samples

    def differentiates_in(self, site: str, distribution: Distribution) -> bool:
        return self._policy(site, distribution) in PATHS

    def require(self, task: Task, x: Tensor, samples: int) -> None:
        where, sites = task.called, probe(task.guide, x[:1]).sites
        for name in self.sites:
            if name not in sites:
                has = _listed([*sites], "and")
                raise Unfit(f"hybrid has a policy for site '{name}', but {where} has no such site: it has {has}")
        policies: dict[str, Policy] = {}
        for name, site in sites.items():
            policies[name] = self._policy(name, site.distribution)
            self._require_policy(name, policies[name], site.distribution, where)
        super().require(task, x, samples)
        for name, policy in policies.items():
            if policy == "reinforce-loo" and samples < 2:
                raise Unfit(
                    f"hybrid needs at least 2 samples per datapoint, for {policy} of site '{name}'; --samples is "
                    f"{samples}"
                )
        for name in without_derivative(task.guide, x[:1]):
            if policies[name] == "reparam":
                raise Unfit(f"hybrid needs draws with a derivative in φ for reparam, but site '{name}' has none")
        enumerated = {name: sites[name] for name, policy in policies.items() if policy == "enumerate"}
        try:
            states_of(enumerated)
        except Unsupported as reason:
            said = [f"{name}=enumerate" for name in enumerated if name in self.sites]
            said += ["discrete=enumerate"] if len(said) < len(enumerated) else []
            raise Unfit(f"hybrid({', '.join(said)}) does not fit {where}: {reason}") from reason

    def _require_policy(self, site: str, policy: Policy, distribution: Distribution, where: str) -> None:
        family = distributions.family(distribution)
        if site in self.sites:
            if not _fits(policy, distribution):
                fitting = _listed([other for other in get_args(Policy) if _fits(other, distribution)], "or")
                raise Unfit(f"{policy} does not fit site '{site}' of {where}, which is {family}; {fitting} would")
        elif policy == self.unnamed and not _is_discrete(distribution):
            raise Unfit(
                f"hybrid has a policy for discrete and reparameterizable sites; '{site}' is {family}: give it one, as "
                f"in hybrid({site}=reinforce-loo)"
            )


def _fits(policy: Policy, distribution: Distribution) -> bool:
    """Return whether a site can have a policy, however many states it has."""
    if policy == "reparam":
        return distributions.reparameterizable(distribution)
    try:
        if policy == "gumbel-softmax":
            distributions.relaxation(distribution)
        elif policy == "enumerate":
            distributions.support_size(distribution)
    except Unsupported:
        return False
    return policy != "disarm" or distributions.family(distribution) == "Bernoulli"


def _is_discrete(distribution: Distribution) -> bool:
    return distribution.support is not None and distribution.support.is_discrete


def _listed(words: Sequence[str], conjunction: str) -> str:
    """Return `a, b and c`."""
    *others, last = words
    return f"{', '.join(others)} {conjunction} {last}" if others else last
