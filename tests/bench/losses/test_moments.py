"""Moments of the gradient of a loss: right against closed forms, batched where that is the same, nothing left behind.

Draws are those of a seed. An interval of 95% that covers in twice its width is missed once in 10⁴.
"""

import math
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Bernoulli, Normal

import varbench
from bench.errors import UsageError
from bench.losses import draws
from bench.statistics.intervals import Interval


def covers(found: Interval, truth: float) -> bool:
    """Return whether the interval, made twice as wide, holds the truth."""
    return found.value - 2 * (found.value - found.low) <= truth <= found.value + 2 * (found.high - found.value)


def quadratic() -> tuple[Tensor, Tensor, Callable[[], Tensor], Callable[[], Tensor]]:
    """Return μ and log σ, Σ z² with z ~ N(μ, σ²) by a score function, and its expectation."""
    loc = torch.tensor([1.0, -2.0], dtype=torch.float64, requires_grad=True)
    log_scale = torch.zeros(2, dtype=torch.float64, requires_grad=True)

    def loss() -> Tensor:
        normal = Normal(loc, log_scale.exp())
        z = normal.sample()
        return (z.square() * normal.log_prob(z)).sum()

    return loc, log_scale, loss, lambda: (loc.square() + (2 * log_scale).exp()).sum()


def test_moments_are_those_of_the_closed_form() -> None:
    """By ε = z − μ, Var(z² ε) = 15 + 6·3μ² + μ⁴ − (2μ)² = 15 + 14 μ² + μ⁴."""
    loc, log_scale, loss, exact = quadratic()
    found = varbench.moments(loss, {"loc": loc, "scale": log_scale}, reference=exact, replicates=10_000)
    mean, variance = [2.0, -4.0], [15 + 14 * m**2 + m**4 for m in (1.0, -2.0)]
    assert covers(found["loc", "variance"], sum(variance))
    assert covers(found["loc", "snr"], math.sqrt(sum(m**2 for m in mean) / sum(variance)))
    assert found["bias"].low == 0.0
    assert found["relative_bias"].high < 0.2
    assert found.chunk == 256
    assert found.notes == ()


def test_a_bias_is_found_and_is_as_large_as_it_is() -> None:
    loc, log_scale, loss, exact = quadratic()
    found = varbench.moments(lambda: 1.5 * loss(), [loc, log_scale], reference=exact, replicates=20_000)
    gradient = torch.autograd.grad(exact(), [loc, log_scale])
    assert covers(found["bias"], 0.5 * float(torch.cat(gradient).norm()))
    assert found["bias"].low > 0


def test_a_reference_may_be_tensors_or_another_loss_of_another_seed() -> None:
    loc, log_scale, loss, exact = quadratic()

    def pathwise() -> Tensor:
        return Normal(loc, log_scale.exp()).rsample().square().sum()

    tensors = torch.autograd.grad(exact(), [loc, log_scale])
    other = varbench.moments(pathwise, [loc, log_scale], seed=1, replicates=20_000)
    for reference in (list(tensors), torch.cat(tensors), {"0": tensors[0], "1": tensors[1]}, other):
        found = varbench.moments(loss, [loc, log_scale], reference=reference, replicates=400)
        assert found["bias"].low == 0.0
    assert found.reference.startswith("Monte Carlo, ±")
    with pytest.raises(UsageError, match="the reference was also drawn with seed 1"):
        varbench.moments(loss, [loc, log_scale], reference=other, seed=1)


def test_the_same_seed_has_the_same_moments_and_a_loop_those_of_vmap() -> None:
    loc, log_scale, loss, _ = quadratic()
    first, again, other = (varbench.moments(loss, [loc, log_scale], seed=seed)["variance"] for seed in (0, 0, 1))
    assert first == again
    assert first != other
    looped = varbench.moments(loss, [loc, log_scale], chunk=1, replicates=1000)
    assert looped.chunk == 1
    batched = varbench.moments(loss, [loc, log_scale], replicates=2000)
    error = math.hypot(looped["variance"].se, batched["variance"].se)
    # Five standard errors: 6e-7, as far as the central limit theorem holds.
    assert abs(looped["variance"].value - batched["variance"].value) < 5 * error


NET = nn.Sequential(nn.Linear(4, 6), nn.Dropout(0.5), nn.ReLU(), nn.Linear(6, 1))
X = torch.linspace(-1, 1, 32).reshape(8, 4)
THETA = torch.ones(3, requires_grad=True)


def dropout() -> Tensor:
    return NET(X).square().mean()


def minibatch() -> Tensor:
    return (NET(X[torch.randperm(8)[:2]])).square().mean()


def reparameterized() -> Tensor:
    return Normal(THETA, 1.0).rsample().square().sum()


def discrete() -> Tensor:
    bernoulli = Bernoulli(logits=THETA)
    b = bernoulli.sample()
    return b.sum() * bernoulli.log_prob(b).sum()


def slope() -> Tensor:
    z = THETA + torch.randn(3)
    (slopes,) = torch.autograd.grad((z**3).sum(), z, create_graph=True)
    return slopes.square().sum()


@pytest.mark.parametrize("loss", [dropout, minibatch, reparameterized, discrete, slope])
def test_what_vmap_can_do_is_batched(loss: Callable[[], Tensor]) -> None:
    found = varbench.moments(loss, NET if loss in (dropout, minibatch) else THETA, replicates=200)
    assert found.chunk == 200
    assert found["variance"].low > 0


NORMED = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Dropout(0.5), nn.Linear(6, 1))
COUNTER = iter(range(10_000))
NUMPY = np.random.default_rng(0)


def normed() -> Tensor:
    return NORMED(X).square().mean()


def branching() -> Tensor:
    return THETA.sum() * torch.rand(()) if (THETA.sum() + torch.randn(())).item() > 3 else THETA.square().sum()


def nested() -> Tensor:
    noise = torch.randn(3)
    return torch.func.grad(lambda theta: ((theta + noise) ** 3).sum())(THETA).square().sum()


def moving() -> Tensor:
    return THETA.sum() * (next(COUNTER) % 7)


def numpys() -> Tensor:
    return THETA.sum() * float(NUMPY.normal())


@pytest.mark.parametrize(
    ("loss", "parameters", "why"),
    [
        (normed, NORMED, "it writes into an existing tensor"),
        (branching, THETA, "it takes a number out of a tensor"),
        (nested, THETA, "the loss may take derivatives of its own"),
        (moving, THETA, "a batch that moves on"),
        (numpys, THETA, "NumPy"),
    ],
)
def test_what_vmap_cannot_do_alike_is_looped_and_says_why(
    loss: Callable[[], Tensor], parameters: Any, why: str
) -> None:
    found = varbench.moments(loss, parameters, replicates=40)
    assert found.chunk == 1
    assert any("one by one" in note and why in note for note in found.notes), found.notes
    assert found["variance"].low > 0
    assert "one by one" in repr(found)


def test_a_batch_that_moves_on_counts_in_the_variance() -> None:
    """0 to 6 in turn, times a sum of three: each coordinate's variance is 4, up to R/(R − 1)."""
    found = varbench.moments(moving, THETA, replicates=70)
    assert found["variance"].value == pytest.approx(3 * 4 * 70 / 69, rel=0.05)


def test_everything_is_left_as_it_was() -> None:
    NORMED.train()
    NORMED[2].eval()
    for place, value in enumerate(NORMED.parameters()):
        value.grad = torch.full_like(value, float(place))
    generator = torch.Generator().manual_seed(5)

    def loss() -> Tensor:
        noise = torch.rand((), generator=generator) + random.random() + float(np.random.rand())  # noqa: NPY002 - old, too
        NORMED.train()
        return normed() * noise

    def state() -> Any:
        values = {name: value.clone() for name, value in NORMED.state_dict().items()}
        gradients = [(value.grad, value.grad.clone()) for value in NORMED.parameters() if value.grad is not None]
        modes = [part.training for part in NORMED.modules()]
        numpys = np.random.get_state()[1].tolist()  # noqa: NPY002 # pyright: ignore[reportArgumentType, reportCallIssue, reportIndexIssue]
        return values, gradients, modes, torch.get_rng_state(), random.getstate(), numpys, generator.get_state()

    before = state()
    varbench.moments(loss, NORMED, replicates=40)
    after = state()
    for old, new in zip(before[1], after[1], strict=True):
        assert old[0] is new[0]
    torch.testing.assert_close(after[:2], before[:2], rtol=0, atol=0)
    assert after[2] == before[2]
    assert torch.equal(after[3], before[3])
    assert after[4:6] == before[4:6]
    assert torch.equal(after[6], before[6])


def test_it_measures_within_no_grad_and_leaves_the_users_graph() -> None:
    value = reparameterized()
    with torch.no_grad():
        assert varbench.moments(reparameterized, THETA, replicates=40)["variance"].value > 0
    value.backward()
    assert THETA.grad is not None
    THETA.grad = None


def test_a_loss_that_draws_nothing_has_no_variance() -> None:
    found = varbench.moments(lambda: THETA.square().sum(), {"theta": THETA}, reference=[2 * torch.ones(3)])
    assert found["variance"] == Interval(0.0, 0.0, 0.0, 0.0)
    assert found["bias"].value == 0.0
    assert found["snr"].value == math.inf
    assert "no random numbers are drawn: the gradient has no variance" in found.notes


def test_of_an_event_that_was_not_seen_nothing_is_known() -> None:
    found = varbench.moments(lambda: THETA.sum() * (torch.rand(()) < 1e-12), THETA)
    assert (found["variance"].value, found["variance"].high) == (0.0, math.inf)
    assert any("nothing is known about the variance" in note for note in found.notes)
    assert "0 [0, inf]" in repr(found)


def test_a_parameter_that_the_loss_does_not_depend_on_is_named() -> None:
    other = torch.ones(2, requires_grad=True)
    found = varbench.moments(reparameterized, {"theta": THETA, "other": other}, replicates=40)
    assert "the loss does not depend on other" in found.notes
    assert found["other", "variance"].value == 0.0
    assert found["theta", "variance"].value == pytest.approx(found["variance"].value)


def backwards() -> Tensor:
    value = reparameterized()
    value.backward(retain_graph=True)
    return value


def stepping() -> Tensor:
    with torch.no_grad():
        THETA.add_(1.0)
    return reparameterized()


BEFORE = THETA.exp()


@pytest.mark.parametrize(
    ("loss", "parameters", "options", "message"),
    [
        (3.0, THETA, {}, "give a function that returns the loss"),
        (lambda: 3.0, THETA, {}, "must return a tensor, but returned float"),
        (lambda: THETA * torch.randn(3), THETA, {}, "returned a tensor of shape [3]: take its mean or its sum"),
        (lambda: torch.ones((), dtype=torch.long), THETA, {}, "must return a real number"),
        (lambda: THETA.detach().sum(), THETA, {}, "returned a number without a graph"),
        (reparameterized, NET, {}, "does not depend on any of these parameters"),
        (
            lambda: (BEFORE * torch.randn(3)).sum().square(),
            THETA,
            {},
            "compute everything that depends on the parameters",
        ),
        (backwards, THETA, {}, "calls backward itself"),
        (stepping, THETA, {}, "changes a parameter"),
        (
            lambda: (THETA * torch.randn(3)).sqrt().sum(),
            THETA,
            {},
            "gradients are not finite, in the parameter 0 first",
        ),
        (reparameterized, {"all": THETA}, {}, "called 'all'"),
        (reparameterized, {"a": THETA, "b": [THETA]}, {}, "b.0 is given twice"),
        (reparameterized, [], {}, "no parameter with a gradient"),
        (reparameterized, "theta", {}, "parameters must be a module, a tensor"),
        (reparameterized, [torch.ones(2)], {}, "requires no gradient"),
        (reparameterized, [2.0], {}, "is not a tensor"),
        (reparameterized, THETA, {"replicates": 3}, "at least 40 replicates"),
        (reparameterized, THETA, {"precision": 0}, "it must be a share above zero"),
        (reparameterized, THETA, {"chunk": 0}, "give 1 to draw gradients one by one"),
        (reparameterized, THETA, {"reference": [torch.ones(2)]}, "[[3]], but has [[2]]"),
        (reparameterized, THETA, {"reference": {"x": THETA}}, "it differs in 0, x"),
        (reparameterized, THETA, {"reference": reparameterized}, "so it is not exact"),
        (reparameterized, THETA, {"reference": 5}, "a reference must be a function"),
        (reparameterized, THETA, {"reference": [torch.full((3,), math.nan)]}, "the reference gradient is not finite"),
    ],
)
def test_a_wrong_use_is_a_sentence(loss: Any, parameters: Any, options: dict[str, Any], message: str) -> None:
    before = THETA.detach().clone()
    with pytest.raises(UsageError) as caught:
        varbench.moments(loss, parameters, **options)
    assert message in str(caught.value)
    assert torch.equal(THETA, before)
    assert THETA.grad is None


def test_an_error_of_the_loss_is_its_own() -> None:
    def wrong() -> Tensor:
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        varbench.moments(wrong, THETA)


def test_it_shows_itself_and_answers_by_name() -> None:
    found = varbench.moments(reparameterized, {"<b>": THETA}, replicates=40)
    assert "&lt;b&gt;" in found._repr_html_()
    assert set(found.frame["group"]) == {"all", "<b>"}
    assert found.frame.set_index(["group", "metric"]).loc[("all", "variance"), "value"] == found["variance"].value
    for key, message in (
        ("bias", "there is no value of 'bias' without a reference"),
        ("varience", "there is no metric 'varience'"),
        (("theta", "snr"), "there is no group 'theta'"),
    ):
        with pytest.raises(KeyError, match=message):
            found[key]


def test_the_comparison_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it, a loss under `vmap` that misses a derivative of its own would have another gradient."""
    wanted = varbench.moments(nested, THETA, replicates=40)["variance"].value
    monkeypatch.setattr(draws, "_alike", lambda *_: True)
    assert varbench.moments(nested, THETA, replicates=40)["variance"].value != pytest.approx(wanted, rel=0.2)
