"""`advance` takes the step that PyTorch's own optimizer takes, whatever its settings and however it was written."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from bench.errors import UsageError
from bench.settings import Training
from bench.training.descents import SGD, Adam, RMSprop, optimizer_text, parse_optimizer
from bench.training.optimizers import advance, make_optimizer, set_step_sizes
from bench.training.restoring import Unfit, require_optimizer

SHAPES = {"guide": [(3, 2), (3,)], "model": [(4,)], "estimator": [(2,)]}
TORCH: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": torch.optim.Adam,
    "adam(beta1=0.5, beta2=0.9, eps=1e-4)": lambda groups: torch.optim.Adam(groups, betas=(0.5, 0.9), eps=1e-4),
    "sgd": torch.optim.SGD,
    "sgd(momentum=0.9)": lambda groups: torch.optim.SGD(groups, momentum=0.9),
    "sgd(momentum=0.9, nesterov=true)": lambda groups: torch.optim.SGD(groups, momentum=0.9, nesterov=True),
    "rmsprop": torch.optim.RMSprop,
    "rmsprop(alpha=0.9, momentum=0.5, eps=1e-6)": lambda groups: torch.optim.RMSprop(
        groups, alpha=0.9, momentum=0.5, eps=1e-6
    ),
}


def trained(
    made: Callable[[Any], torch.optim.Optimizer], take: Callable[[Any], object], model_lr: float
) -> tuple[list[Tensor], torch.optim.Optimizer]:
    """Return parameters after four steps. The model rests at step 2, and the estimator's parameters until then."""
    generator = torch.Generator().manual_seed(0)
    groups = {
        name: [torch.randn(shape, generator=generator).requires_grad_() for shape in shapes]
        for name, shapes in SHAPES.items()
    }
    sizes = {"guide": 1e-2, "model": model_lr, "estimator": 1e-2}
    optimizer = made(groups)
    for step in range(4):
        set_step_sizes(optimizer, {name: size / (1 + step) for name, size in sizes.items()})
        for name, parameters in groups.items():
            for parameter in parameters:
                gradient = torch.randn(parameter.shape, generator=generator)
                rests = (name == "model" and step == 2) or (name == "estimator" and step < 2)
                parameter.grad = None if rests else gradient
        take(optimizer)
    return [p.detach() for parameters in groups.values() for p in parameters], optimizer


def ours(text: str, model_lr: float) -> Callable[[Any], torch.optim.Optimizer]:
    sizes = {"guide": 1e-2, "model": model_lr, "estimator": 1e-2}
    return lambda groups: make_optimizer(groups, sizes, Training(4, 8, text, 1e-2, model_lr, "constant"))


def of_torch(text: str) -> Callable[[Any], torch.optim.Optimizer]:
    return lambda groups: TORCH[text]([{"name": name, "params": params, "lr": 0.0} for name, params in groups.items()])


@pytest.mark.parametrize("text", TORCH)
@pytest.mark.parametrize("model_lr", [1e-2, 3e-3], ids=["one step size", "two step sizes"])
def test_the_parameters_are_those_of_torch(text: str, model_lr: float) -> None:
    found, _ = trained(ours(text, model_lr), advance, model_lr)
    expected, _ = trained(of_torch(text), lambda optimizer: optimizer.step(), model_lr)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("text", TORCH)
@pytest.mark.parametrize("model_lr", [1e-2, 3e-3], ids=["one step size", "two step sizes"])
def test_the_same_parameters_and_moments_as_by_its_own_method(text: str, model_lr: float) -> None:
    results = []
    for take in (advance, lambda optimizer: optimizer.step()):
        parameters, optimizer = trained(ours(text, model_lr), take, model_lr)
        kept = [value for state in optimizer.state.values() for value in state.values() if isinstance(value, Tensor)]
        results.append([*parameters, *kept])
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


@pytest.mark.parametrize("text", TORCH)
def test_what_was_kept_is_taken_and_goes_on_to_the_last_bit(text: str) -> None:
    _, optimizer = trained(ours(text, 1e-2), advance, 1e-2)
    groups = {
        group["name"]: [torch.ones_like(p).requires_grad_() for p in group["params"]]
        for group in optimizer.param_groups
    }
    other = ours(text, 1e-2)(groups)
    kept = copy.deepcopy(optimizer.state_dict())
    require_optimizer(other, kept, 4)
    other.load_state_dict(kept)
    for one in (optimizer, other):
        for parameter in (p for group in one.param_groups for p in group["params"]):
            parameter.data.fill_(1.0)
            parameter.grad = torch.full_like(parameter, 0.3)
        advance(one)
    for left, right in zip(optimizer.param_groups, other.param_groups, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(left["params"], right["params"], strict=True))


@pytest.mark.parametrize("text", ["sgd(momentum=0.9)", "rmsprop(momentum=0.9)", "rmsprop"])
def test_what_was_kept_of_another_optimizer_is_refused(text: str) -> None:
    _, optimizer = trained(ours(text, 1e-2), advance, 1e-2)
    for others in ("adam", "sgd", "sgd(momentum=0.8)", "rmsprop(momentum=0.8)"):
        _, other = trained(ours(others, 1e-2), advance, 1e-2)
        with pytest.raises(Unfit):
            require_optimizer(other, optimizer.state_dict(), 4)


def test_a_momentum_that_was_lost_is_noticed() -> None:
    _, optimizer = trained(ours("sgd(momentum=0.9)", 1e-2), advance, 1e-2)
    kept = optimizer.state_dict()
    kept["state"][0]["momentum_buffer"] = None
    with pytest.raises(Unfit, match="lacks a moment"):
        require_optimizer(optimizer, kept, 4)


@pytest.mark.parametrize(
    ("text", "parsed", "kept"),
    [
        ("adam", Adam(), "adam"),
        ("adam(beta1=0.9)", Adam(), "adam"),
        ("adam( beta2=0.99 )", Adam(beta2=0.99), "adam(beta2=0.99)"),
        ("sgd(momentum=0)", SGD(), "sgd"),
        ("sgd(nesterov=true, momentum=0.9)", SGD(0.9, True), "sgd(momentum=0.9, nesterov=True)"),
        ("rmsprop(alpha=0.9)", RMSprop(0.9), "rmsprop(alpha=0.9)"),
    ],
)
def test_what_is_the_same_is_kept_as_one_text(text: str, parsed: object, kept: str) -> None:
    assert parse_optimizer(text) == parsed
    assert optimizer_text(text) == kept
    assert parse_optimizer(kept) == parsed


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("adm", "did you mean 'adam'"),
        ("lbfgs", "known: adam, sgd, rmsprop"),
        ("own", "there is no optimizer 'own'"),
        ("sgd(momentum=1.5)", "'momentum' must be in \\[0, 1\\); it is 1.5"),
        ("sgd(momentum=-0.1)", "'momentum' must be in"),
        ("sgd(nesterov=true)", "nesterov needs a momentum"),
        ("sgd(momentum=0.9, nesterov=1)", "'nesterov' must be true or false, not 1"),
        ("sgd(momentum=high)", "'momentum' must be a number, not 'high'"),
        ("adam(beta1=1)", "'beta1' must be in"),
        ("adam(eps=0)", "'eps' must be positive"),
        ("rmsprop(beta1=0.9)", "rmsprop' has no parameter 'beta1'"),
        ("rmsprop(alpha=1)", "'alpha' must be in"),
    ],
)
def test_mistakes_are_named(text: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        parse_optimizer(text)
