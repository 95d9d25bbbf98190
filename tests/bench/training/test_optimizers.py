"""The steps of our optimizers are those of PyTorch's own, whatever their settings and however they were written."""

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from bench.errors import UsageError
from bench.settings import Training
from bench.training.descents import SGD, Adam, RMSprop, optimizer_text, parse_optimizer
from bench.training.optimizers import AdamOptimizer, Group, Optimizer, make_optimizer
from bench.training.restoring import Unfit, require_optimizer

SHAPES = {"guide": [(3, 2), (3,)], "model": [(4,)], "estimator": [(2,)]}
STEPS = 4
TORCH: dict[str, Callable[[Any], torch.optim.Optimizer]] = {
    "adam": lambda groups: torch.optim.Adam(groups, fused=True),
    "adam(beta1=0.5, beta2=0.9, eps=1e-4)": lambda groups: torch.optim.Adam(
        groups, betas=(0.5, 0.9), eps=1e-4, fused=True
    ),
    "sgd": lambda groups: torch.optim.SGD(groups, fused=True),
    "sgd(momentum=0.9)": lambda groups: torch.optim.SGD(groups, momentum=0.9, fused=True),
    "sgd(momentum=0.9, nesterov=true)": lambda groups: torch.optim.SGD(groups, momentum=0.9, nesterov=True, fused=True),
    "rmsprop": lambda groups: torch.optim.RMSprop(groups, foreach=True),
    "rmsprop(alpha=0.9, momentum=0.5, eps=1e-6)": lambda groups: torch.optim.RMSprop(
        groups, alpha=0.9, momentum=0.5, eps=1e-6, foreach=True
    ),
}

Named = Mapping[str, Sequence[Tensor]]


def parameters(dtype: torch.dtype = torch.float32) -> dict[str, list[Tensor]]:
    generator = torch.Generator().manual_seed(0)
    return {
        name: [torch.randn(shape, generator=generator, dtype=dtype).requires_grad_() for shape in shapes]
        for name, shapes in SHAPES.items()
    }


def sizes_at(step: int, model_lr: float) -> dict[str, float]:
    return {name: size / (1 + step) for name, size in {"guide": 1e-2, "model": model_lr, "estimator": 1e-2}.items()}


def train(named: Named, move: Callable[[int], object], first: int = 0, until: int = STEPS) -> None:
    """Take steps along given gradients. The model rests at step 2, and the estimator's parameters until then."""
    for step in range(first, until):
        generator = torch.Generator().manual_seed(1 + step)
        for name, of in named.items():
            rests = (name == "model" and step == 2) or (name == "estimator" and step < 2)
            for parameter in of:
                gradient = torch.randn(parameter.shape, generator=generator, dtype=parameter.dtype)
                parameter.grad = None if rests else gradient
        move(step)


def ours(text: str, named: Named, model_lr: float = 1e-2) -> tuple[Optimizer, Callable[[int], object]]:
    """Return our optimizer, and what takes its step."""
    made = make_optimizer(named, sizes_at(0, model_lr), Training(STEPS, 8, text, 1e-2, model_lr, "constant"))

    def move(step: int) -> None:
        made.set_step_sizes(sizes_at(step, model_lr))
        made.step()

    return made, move


def of_torch(text: str, named: Named, model_lr: float = 1e-2) -> tuple[torch.optim.Optimizer, Callable[[int], object]]:
    """Return PyTorch's own optimizer, and what takes its step.

    Its SGD tells first steps by group, and a buffer of zeros is what a parameter that moves later has in ours.
    """
    made = TORCH[text]([{"name": name, "params": of, "lr": 0.0} for name, of in named.items()])
    if "sgd(momentum" in text:
        for parameter in (one for of in named.values() for one in of):
            made.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)

    def move(step: int) -> None:
        for group in made.param_groups:
            group["lr"] = sizes_at(step, model_lr)[group["name"]]
        made.step()

    return made, move


def flat(named: Named) -> list[Tensor]:
    return [parameter.detach() for of in named.values() for parameter in of]


def require_equal(one: Sequence[Tensor], other: Sequence[Tensor]) -> None:
    for left, right in zip(one, other, strict=True):
        torch.testing.assert_close(left, right, rtol=0, atol=0)


def moved_moments(state: Mapping[Tensor, Mapping[str, Tensor]], named: Named) -> list[Tensor]:
    return [state[one][name] for of in named.values() for one in of if one in state for name in sorted(state[one])]


@pytest.mark.parametrize("text", TORCH)
@pytest.mark.parametrize("model_lr", [1e-2, 3e-3], ids=["one step size", "two step sizes"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_parameters_and_moments_are_those_of_torch_to_the_last_bit(
    text: str, model_lr: float, dtype: torch.dtype
) -> None:
    mine, theirs = parameters(dtype), parameters(dtype)
    (own, move), (other, their_move) = ours(text, mine, model_lr), of_torch(text, theirs, model_lr)
    train(mine, move)
    train(theirs, their_move)
    require_equal(flat(mine), flat(theirs))
    require_equal(moved_moments(own.state, mine), moved_moments(other.state, theirs))


def test_unless_it_is_to_be_fused_adam_is_the_one_that_torch_takes_by_itself() -> None:
    """The two round differently, which shows in single precision after some steps."""
    moved: dict[str, list[Tensor]] = {}
    for which in ("ours", "torch's", "fused"):
        moved[which] = parameters()["guide"]
        made = {
            "ours": lambda of: AdamOptimizer([Group("guide", of, 1e-2)], Adam(), is_fused=False),
            "torch's": lambda of: torch.optim.Adam(of, lr=1e-2),
            "fused": lambda of: AdamOptimizer([Group("guide", of, 1e-2)], Adam()),
        }[which](moved[which])
        train({"guide": moved[which]}, lambda step, made=made: made.step(), until=60)
    require_equal(moved["ours"], moved["torch's"])
    assert not all(torch.equal(one, other) for one, other in zip(moved["ours"], moved["fused"], strict=True))


@pytest.mark.parametrize("text", TORCH)
@pytest.mark.parametrize("of", [ours, of_torch], ids=["ours", "of before, which was PyTorch's"])
def test_what_was_kept_is_taken_and_goes_on_to_the_last_bit(text: str, of: Callable[..., Any]) -> None:
    whole, cut = parameters(), parameters()
    train(whole, ours(text, whole)[1])
    before, move = of(text, cut)
    train(cut, move, until=3)
    kept = copy.deepcopy(before.state_dict())
    own, go_on = ours(text, cut)
    require_optimizer(own, kept, 3)
    own.restore(kept)
    train(cut, go_on, first=3)
    require_equal(flat(whole), flat(cut))


def test_moments_are_laid_out_as_their_parameters_are() -> None:
    transposed = torch.randn(3, 2).T.requires_grad_()
    own, _ = ours("adam", {"guide": [transposed]})
    transposed.grad = torch.ones(2, 3)
    own.step()
    kept = own.state_dict()
    kept["state"][0] = {name: value.contiguous() for name, value in kept["state"][0].items()}
    own.restore(kept)
    assert {own.state[transposed][name].stride() for name in own.averages} == {transposed.stride()}


@pytest.mark.parametrize("text", ["sgd(momentum=0.9)", "rmsprop(momentum=0.9)", "rmsprop"])
def test_what_was_kept_of_another_optimizer_is_refused(text: str) -> None:
    named = parameters()
    optimizer, move = ours(text, named)
    train(named, move)
    for others in ("adam", "sgd", "sgd(momentum=0.8)", "rmsprop(momentum=0.8)"):
        other, _ = ours(others, parameters())
        with pytest.raises(Unfit):
            require_optimizer(other, optimizer.state_dict(), STEPS)


def test_a_momentum_that_was_lost_is_noticed() -> None:
    named = parameters()
    optimizer, move = ours("sgd(momentum=0.9)", named)
    train(named, move)
    kept = optimizer.state_dict()
    kept["state"][0]["momentum_buffer"] = None
    with pytest.raises(Unfit, match="lacks a moment"):
        require_optimizer(optimizer, kept, STEPS)


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
