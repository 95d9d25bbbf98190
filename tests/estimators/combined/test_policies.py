"""A hybrid with a policy for each site: sites that depend on each other, in every order of policies."""

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Bernoulli, Distribution, Independent, Normal

from estimators.base import Estimator, Unfit
from estimators.combined.hybrid import Hybrid
from estimators.discrete.disarm import DisARM
from estimators.discrete.enumerate import Enumerate
from estimators.discrete.gumbel_softmax import GumbelSoftmax
from estimators.draw import Replayed, Trace
from estimators.parts import site_by_site
from estimators.parts.site_by_site import Policy, Scored
from estimators.score_function.nvil import NVIL
from estimators.score_function.reinforce import Reinforce
from estimators.score_function.reinforce_ema import ReinforceEMA
from estimators.score_function.reinforce_loo import ReinforceLOO
from tasks.base import Data, Draw, Guide, Latents, Model, Target, Task
from tasks.exact.quadrature import normal_nodes
from tasks.latent_variables.mixture_vae import MixtureVAE
from tasks.latent_variables.sbn_tiny import SBNTiny
from tests.estimators.belief import misses_on_sbn, sbn
from tests.estimators.exactness import linear_gaussian, misses
from tests.estimators.tiny import Counts
from tests.gradients import replicate

NODES = 65


class ChainGuide(Guide):
    """A bit `a`, a Gaussian `z` given a, and a bit `b` given both."""

    def __init__(self) -> None:
        super().__init__()
        self.phi = nn.Parameter(torch.tensor([0.4, -0.3, 0.9, -0.2, 0.3, 0.7, -0.8], dtype=torch.float64))

    def forward(self, x: Tensor, draw: Draw) -> None:
        phi, base = self.phi, x.new_zeros(x.shape[0], 1)
        a = draw("a", _bits(base + phi[0]))
        z = draw(
            "z",
            Independent(
                Normal(phi[1] + phi[2] * a, (phi[3] + 0.4 * a).exp(), validate_args=False), 1, validate_args=False
            ),
        )
        draw("b", _bits(phi[4] + phi[5] * z + phi[6] * a))


class ChainModel(Model):
    """log p(x, a, z, b), in which every two of them have to do with each other."""

    def __init__(self) -> None:
        super().__init__()
        self.theta = nn.Parameter(torch.tensor([-1.2, 0.8, 1.1, -0.9], dtype=torch.float64))

    def forward(self, x: Tensor, z: Latents) -> Tensor:
        a, b, y = (z[name].squeeze(-1) for name in ("a", "b", "z"))
        theta = self.theta
        return theta[0] + theta[1] * a + theta[2] * b * a + (b - a) * y + theta[3] * (y - b).square()


class Chain(Task):
    """An ELBO that is known by sums over both bits and a quadrature over z."""

    dtype = torch.float64

    def __init__(self) -> None:
        super().__init__()
        self.guide: ChainGuide = ChainGuide()
        self.model = ChainModel()

    def load(self) -> Data:
        rows = torch.zeros(2, 0, dtype=self.dtype)
        return Data(rows, rows, "none")

    def exact(self, target: Target, x: Tensor, samples: int) -> Tensor | None:
        bits, nodes = torch.arange(2, dtype=self.dtype), normal_nodes(NODES, x)
        a, noise, b = torch.cartesian_prod(bits, nodes, bits).T[:, :, None, None]
        phi = self.guide.phi
        latents = {"a": a, "z": phi[1] + phi[2] * a + (phi[3] + 0.4 * a).exp() * noise, "b": b}
        draw = Replayed(latents)
        self.guide(x, draw)
        of_bits = Trace({name: draw.trace.sites[name] for name in ("a", "b")}).log_prob()
        log_mass = of_bits - 0.5 * noise.squeeze(-1) ** 2 - (-0.5 * nodes**2).logsumexp(0)
        return (log_mass.exp() * (self.model(x, latents) - draw.trace.log_prob())).sum(0)


def _bits(logits: Tensor) -> Distribution:
    return Independent(Bernoulli(logits=logits, validate_args=False), 1, validate_args=False)


IN_EVERY_ORDER: list[tuple[dict[str, Policy], int]] = [
    ({"a": "reinforce", "z": "reparam", "b": "reinforce-loo"}, 2),
    ({"a": "reinforce-loo", "z": "reinforce-loo", "b": "enumerate"}, 2),
    ({"a": "reinforce-loo", "z": "reparam", "b": "enumerate"}, 3),
    ({"a": "enumerate", "z": "reparam", "b": "reinforce-loo"}, 2),
    ({"a": "enumerate", "z": "reinforce-loo", "b": "enumerate"}, 2),
    ({"a": "enumerate", "z": "reparam", "b": "enumerate"}, 1),
    ({"a": "nvil", "b": "reinforce-ema"}, 1),
    ({"a": "disarm", "z": "reinforce-loo", "b": "disarm"}, 2),
    ({"a": "disarm", "z": "reparam", "b": "enumerate"}, 1),
    ({"a": "enumerate", "z": "reparam", "b": "disarm"}, 1),
]


def settled(estimator: Estimator, task: Task, samples: int) -> Estimator:
    """Return it in float64, with baselines that are not at zero."""
    x = task.load().train
    torch.manual_seed(5)
    estimator.prepare(task, x)
    estimator = estimator.double()
    with torch.no_grad():
        for value in estimator.parameters():
            value += 0.3 * torch.randn(value.shape, dtype=value.dtype)
        estimator.observe(estimator(task, x, samples))
    return estimator


@pytest.mark.parametrize(("policies", "samples"), IN_EVERY_ORDER)
def test_mean_is_exact_where_sites_depend_on_each_other(policies: dict[str, Policy], samples: int):
    task = Chain()
    assert not misses(settled(Hybrid("score", **policies), task, samples), task, samples=samples, count=20_000)


def test_a_score_without_the_probability_of_its_state_is_caught(monkeypatch: pytest.MonkeyPatch):
    def careless(policy: Policy, log_q: Tensor, cost: Tensor, mass: Tensor) -> Scored:
        return Scored(policy, log_q, cost, torch.ones_like(mass))

    monkeypatch.setattr(site_by_site, "Scored", careless)
    assert misses(Hybrid(a="enumerate", b="reinforce-loo"), Chain(), samples=2, count=20_000)


def test_one_policy_for_all_is_that_estimator():
    task, x = sbn(layers=2)
    pairs: list[tuple[Estimator, Policy]] = [
        *((Reinforce(), "reinforce"), (ReinforceLOO(), "reinforce-loo"), (ReinforceEMA(), "reinforce-ema")),
        *((NVIL(), "nvil"), (GumbelSoftmax(), "gumbel-softmax"), (Enumerate(), "enumerate")),
    ]
    for estimator, policy in pairs:
        hybrid = Hybrid(z1=policy, z2=policy)
        found = []
        for one in (estimator, hybrid):
            torch.manual_seed(1)
            one.prepare(task, x)
            estimate = one.double()(task, x, 2)
            one.observe(estimate)
            found.append(replicate(task, one, x, samples=2, count=3, seed=2).matrix())
        if policy == "enumerate":
            found[1] = found[1][:1].expand_as(found[0])
        torch.testing.assert_close(found[1], found[0])
        assert (hybrid.unbiased, hybrid.objective) == (estimator.unbiased, estimator.objective)
    task, x = sbn()
    # Both look at the sites of one row first, and draw the same then.
    draws = [replicate(task, one, x[:1], samples=2, count=3).matrix() for one in (Hybrid(z1="disarm"), DisARM())]
    torch.testing.assert_close(*draws)
    task = linear_gaussian()
    x = task.load().train
    draws = [
        replicate(task, one, x, samples=2, count=3).matrix() for one in (Hybrid(z="reinforce-loo"), ReinforceLOO())
    ]
    torch.testing.assert_close(*draws)


def test_two_layers_one_of_them_summed_over():
    assert not misses_on_sbn(Hybrid(z1="reinforce-loo", z2="enumerate"), samples=2, layers=2, count=10_000)
    assert not misses_on_sbn(Hybrid(z1="enumerate", z2="reinforce"), samples=1, layers=2, count=10_000)


def test_the_fewest_samples_are_those_of_the_policies():
    assert [Hybrid().minimum_samples, Hybrid("enumerate").minimum_samples] == [2, 1]
    assert [Hybrid(z1="reinforce").minimum_samples, Hybrid(z1="reinforce-loo").minimum_samples] == [1, 2]
    task, x = sbn(layers=2)
    with pytest.raises(Unfit, match="at least 2 samples per datapoint, for reinforce-loo of site 'z2'; --samples is 1"):
        Hybrid(z1="reinforce").require(task, x, 1)
    assert [Hybrid(z1="nvil").evaluations(3), Hybrid(z1="enumerate").evaluations(3)] == [3, None]


@pytest.mark.parametrize(
    ("policies", "reason"),
    [
        ({"z1": "reparam"}, "reparam does not fit site 'z1' of mixture-vae, which is OneHotCategorical; reinforce, "),
        ({"z2": "enumerate"}, r"site 'z2' of mixture-vae, which is Normal; .* nvil or reparam would$"),
        ({"z2": "gumbel-softmax"}, "gumbel-softmax does not fit site 'z2'"),
        ({"z3": "reparam"}, "a policy for site 'z3', but mixture-vae has no such site: it has z1 and z2"),
    ],
)
def test_a_policy_that_does_not_fit_is_refused_with_what_does(policies: dict[str, Policy], reason: str):
    with pytest.raises(Unfit, match=reason):
        Hybrid("score", **policies).require(MixtureVAE(), torch.zeros(1, 2), 2)


def test_other_refusals():
    with pytest.raises(ValueError, match=r"the policy of site 'z1' must be reinforce, .* or enumerate; it is 'stl'"):
        Hybrid(z1="stl")  # pyright: ignore[reportArgumentType] - it is wrong
    counts = Counts()
    with pytest.raises(Unfit, match="enumerate does not fit site 'z' of Counts, which is Poisson"):
        Hybrid(z="enumerate").require(counts, counts.load().train, 1)
    large = SBNTiny(layers=2, latent=7)
    x = large.prepare(large.load().train[:1])
    Hybrid(z1="enumerate").require(large, x, 2)
    with pytest.raises(
        Unfit, match=r"hybrid\(z1=enumerate, z2=enumerate\) does not fit sbn-tiny: .* 16384 joint states"
    ):
        Hybrid(z1="enumerate", z2="enumerate").require(large, x, 2)
    with pytest.raises(Unfit, match=r"hybrid\(z1=enumerate, discrete=enumerate\) does not fit"):
        Hybrid("enumerate", z1="enumerate").require(large, x, 2)
