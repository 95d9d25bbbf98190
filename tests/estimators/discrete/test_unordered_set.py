"""The unordered-set estimator: its weights summed over every set, its sampler, and both together."""

from itertools import combinations, permutations

import pytest
import torch
from scipy import stats
from torch import Tensor
from torch.distributions import Bernoulli, Categorical, Distribution, Independent, OneHotCategorical

from estimators.base import Estimate, Unfit, evaluate
from estimators.discrete.unordered_set import UnorderedSet
from estimators.parts.subsets import estimate_weights
from estimators.parts.without_replacement import WithoutReplacement
from tasks.base import Task
from tasks.images.vae_categorical import CategoricalMnist
from tasks.toys.categorical_toy import CategoricalToy
from tests.estimators.belief import misses_on_sbn, sbn
from tests.estimators.exactness import misses
from tests.gradients import exact_gradient, replicate

P = torch.tensor([0.4, 0.05, 0.25, 0.2, 0.1], dtype=torch.float64)
F = torch.tensor([1.3, -0.7, 0.2, 2.1, -1.0], dtype=torch.float64)


def ordered(p: Tensor, order: tuple[int, ...]) -> float:
    """Return the probability of drawing this order without replacement."""
    probability, left = 1.0, 1.0
    for index in order:
        probability *= float(p[index]) / left
        left -= float(p[index])
    return probability


def unordered(p: Tensor, chosen: tuple[int, ...]) -> float:
    return sum(ordered(p, order) for order in permutations(chosen))


def without(p: Tensor, index: int) -> Tensor:
    """Return the probabilities with one value taken out of the domain."""
    left = p.clone()
    left[index] = 0
    return left / left.sum()


@pytest.mark.parametrize("size", [2, 3, 4, 5])
def test_weights_are_ratios_of_sums_over_orders(size: int):
    for chosen in combinations(range(5), size):
        weight, others = estimate_weights(P[list(chosen)].log()[:, None])
        for i, s in enumerate(chosen):
            rest = tuple(t for t in chosen if t != s)
            alone = unordered(without(P, s), rest)
            assert float(weight[i, 0]) == pytest.approx(float(P[s]) * alone / unordered(P, chosen))
            for j, t in enumerate(chosen):
                last = tuple(u for u in rest if u != t)
                both = without(without(P, s), t)
                ratio = 1.0 if t == s else (unordered(both, last) if last else 1.0) / alone
                assert float(others[i, j, 0]) == pytest.approx(float(P[t]) * ratio)
        torch.testing.assert_close(weight.sum(0), torch.ones(1).double())
        torch.testing.assert_close(others.sum(1), torch.ones(size, 1).double())


@pytest.mark.parametrize("size", [2, 3, 4])
def test_value_and_gradient_are_unbiased_over_every_set(size: int):
    value, gradient = 0.0, torch.zeros(5, dtype=torch.float64)
    for chosen in combinations(range(5), size):
        index = list(chosen)
        weight, others = (w[..., 0] for w in estimate_weights(P[index].log()[:, None]))
        score = torch.eye(5, dtype=torch.float64)[index] - P
        mass = unordered(P, chosen)
        value += mass * float(weight @ F[index])
        gradient += mass * ((weight * (F[index] - others @ F[index])) @ score)
    assert value == pytest.approx(float(P @ F))
    torch.testing.assert_close(gradient, P * (F - P @ F))


def test_weights_stand_extreme_probabilities():
    for log_p in ([-1e-9, -21.0, -22.0], [-600.0, -700.0, -650.0], [-1e-30, -80.0, -90.0]):
        weight, others = estimate_weights(torch.tensor(log_p)[:, None])
        assert weight.isfinite().all()
        assert others.isfinite().all()
        torch.testing.assert_close(weight.sum(0), torch.ones(1).double())


TWO = torch.tensor([[[0.0, 1.0, -1.0], [0.5, 0.0, -0.5]]], dtype=torch.float64)
FAMILIES: list[Distribution] = [
    Categorical(logits=P.log()[None]),
    OneHotCategorical(logits=P.log()[None]),
    Independent(Bernoulli(logits=torch.tensor([[0.4, -1.1]]).double()), 1),
    Independent(OneHotCategorical(logits=TWO), 1),
]


@pytest.mark.parametrize("position", range(len(FAMILIES)))
def test_sampler_draws_sets_as_often_as_they_should(position: int):
    distribution = FAMILIES[position]
    states = distribution.enumerate_support() if not isinstance(distribution, Independent) else _states(distribution)
    p = distribution.log_prob(states).exp()[:, 0]
    index = torch.arange(len(p))
    torch.manual_seed(0)
    draws = 8000
    many = distribution.expand([draws])
    values = WithoutReplacement(2).value("z", many)
    same = (values[:, :, None] == states[None, None, :, 0]).reshape(2, draws, len(p), -1).all(3)
    assert bool((same.sum(2) == 1).all())
    chosen = (same * index).sum(2).sort(0).values
    assert bool((chosen[0] < chosen[1]).all()), "a set holds a value twice"
    pairs = list(combinations(range(len(p)), 2))
    counts = [int(((chosen[0] == a) & (chosen[1] == b)).sum()) for a, b in pairs]
    expected = [draws * unordered(p, pair) for pair in pairs]
    assert sum(expected) == pytest.approx(draws)
    # A false alarm once in 10^4; the expected counts are at least five.
    assert min(expected) > 5
    assert stats.chisquare(counts, expected).pvalue > 1e-4


def _states(distribution: Independent) -> Tensor:
    """Return every joint value of two variables, [S, 1, event]."""
    inner = distribution.base_dist
    single = torch.eye(3).double() if isinstance(inner, OneHotCategorical) else torch.tensor([0.0, 1.0]).double()
    rows = [torch.stack([a, b]) for a in single for b in single]
    return torch.stack(rows)[:, None]


@pytest.mark.parametrize("samples", [2, 3])
def test_mean_is_exact_for_one_categorical_and_a_joint_one(samples: int):
    assert not misses(UnorderedSet(), CategoricalToy("cubic", classes=4), samples=samples)
    assert not misses(UnorderedSet(), CategoricalToy("cubic", classes=3, dim=2), samples=samples)
    assert not misses_on_sbn(UnorderedSet(), samples=samples)


def test_the_whole_domain_is_exact_in_one_go():
    task = CategoricalToy("cubic", classes=3, dim=2)
    x = task.load().train
    draws = replicate(task, UnorderedSet(), x, samples=9, count=3).matrix()
    torch.testing.assert_close(draws, exact_gradient(task, "expectation", x).expand(3, -1))


class OneBaseline(UnorderedSet):  # pyright: ignore[reportGeneralTypeIssues]
    """The baseline is the estimate itself, Σ p(s′) R(S, s′) f(s′), which depends on s."""

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        run = evaluate(task, x, WithoutReplacement(samples))
        f = run.f.detach()
        weight = estimate_weights(run.log_q.detach())[0].to(f)
        mean = (weight * f).sum(0)
        return Estimate(mean, (weight * ((f - mean) * run.log_q + run.model_value)).sum(0))


def test_broken_baseline_is_caught():
    assert misses(OneBaseline(), CategoricalToy("cubic", classes=4), samples=2)


def test_refusals():
    task = CategoricalToy(classes=4)
    with pytest.raises(Unfit, match="at most 4 distinct samples on categorical-toy; --samples is 5"):
        UnorderedSet().require(task, task.load().train, 5)
    with pytest.raises(Unfit, match="at most 12 distinct samples"):
        UnorderedSet().require(
            CategoricalMnist("tiny", categories=3, variables=4, wide=2, narrow=2), torch.zeros(1, 5), 13
        )
    with pytest.raises(Unfit, match="handles one site of discrete variables; sbn-tiny has 3"):
        UnorderedSet().require(*sbn(layers=3), 2)
