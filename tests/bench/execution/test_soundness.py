"""A task of one's own that is not what estimators take it for is refused in one sentence, before anything runs."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Normal

import tasks
from bench.errors import UsageError
from bench.execution.fit import Ground
from bench.execution.plan import Request, make_plan
from bench.execution.references import require_references
from bench.execution.soundness import require_sound
from bench.names.building import build_task
from bench.names.registry import TASKS
from bench.names.spec import Spec, parse_spec
from tasks.base import Data, Draw, GenerativeModel, Guide, Latents, Target, Task
from tasks.images.vae import VAEMnist
from tasks.regression.logistic_regression import LogisticRegression
from tests.bench.execution.broken import Broken
from tests.bench.execution.test_ids import _data
from tests.estimators.tiny import Bits, Choice, Counts, ScalarBit
from tests.museum.two_bits import TwoBits

Draws = Callable[[Tensor, Draw], Any]
Density = Callable[["_Model", Tensor, Latents], Any]


class _Unknown(Distribution):
    """A family of which nothing is registered."""


class _Guide(Guide):
    """q(z|x) = N(m x, 1), or whatever a test says."""

    def __init__(self) -> None:
        super().__init__()
        self.mean = nn.Parameter(torch.ones(()))
        self.draws: Draws = lambda x, draw: draw("z", self.normal(x))

    def normal(self, x: Tensor) -> Distribution:
        return Independent(Normal(self.mean * x, 1.0), 1)

    def forward(self, x: Tensor, draw: Draw) -> None:
        self.draws(x, draw)


class _Model(GenerativeModel):
    """z ~ N(θ, 1), x|z ~ N(z, 1), or whatever a test says."""

    def __init__(self) -> None:
        super().__init__()
        self.theta = nn.Parameter(torch.zeros(()))
        self.density: Density = lambda self, x, z: self.right(x, z["z"])
        self.draws: Draws = lambda x, draw: draw("z", Independent(Normal(self.theta.expand_as(x), 1.0), 1))

    def right(self, x: Tensor, z: Tensor) -> Tensor:
        return -0.5 * ((x - z) ** 2 + (z - self.theta) ** 2).sum(-1)

    def log_joint(self, x: Tensor, z: Latents) -> Tensor:
        return self.density(self, x, z)

    def prior(self, x: Tensor, draw: Draw) -> None:
        self.draws(x, draw)


class Own(Task):
    """A task of two columns that is right until a test breaks it."""

    def __init__(self) -> None:
        super().__init__()
        self.guide: _Guide = _Guide()
        self.model: _Model = _Model()
        self.answer: Callable[[Tensor], Any] = lambda x: -self.guide.mean.expand(len(x))

    def load(self) -> Data:
        return Data(torch.ones(5, 2), torch.ones(3, 2), "ones")

    def exact(self, target: Target, x: Tensor, samples: int) -> Any:
        return self.answer(x) if target == "elbo" else None


def refusal(task: Task, data: Data | None = None) -> str:
    with pytest.raises(UsageError) as caught:
        require_sound(task, data or task.load())
    message = str(caught.value)
    assert task.called in message
    assert "\n" not in message
    return message


def test_a_right_task_is_accepted_and_left_as_it_was() -> None:
    task, state = Own(), torch.get_rng_state()
    require_sound(task, task.load())
    assert task.training
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(
    ("draws", "words"),
    [
        (lambda g, x, draw: draw("z", Normal(g.mean * x, 1.0)), ["[2, 2]", "[B] = [2]", "Independent(…, 1)"]),
        (lambda g, x, draw: draw("z", Normal(g.mean * x[:, :1], 1.0)), ["[2, 1]", "Independent(…, 1)"]),
        (lambda g, x, draw: draw("z", Independent(Normal(g.mean * x, 1.0), 2)), ["batch shape []", "[B] = [2]"]),
        (lambda g, x, draw: [draw("z", g.normal(x)), draw("z", g.normal(x))], ["twice"]),
        (lambda g, x, draw: draw("w", g.normal(x)), ["reads a site 'z'", "draws 'w'"]),
        (lambda g, x, draw: [draw("z", g.normal(x)), draw("w", g.normal(x))], ["site 'w'", "lacks"]),
        (lambda g, x, draw: draw("z", g.mean * x), ["'z'", "not a distribution"]),
        (lambda g, x, draw: draw("z", _Unknown(x.shape[:1], validate_args=False)), ["_Unknown", "sample.register"]),
        (lambda g, x, draw: None, ["no latent site"]),
        (lambda g, x, draw: draw("z", g.normal(x @ torch.ones(3))), ["the guide", "[2, 2] float32", "RuntimeError"]),
    ],
)
def test_sites_of_a_guide(draws: Callable[[_Guide, Tensor, Draw], Any], words: list[str]) -> None:
    task = Own()
    task.guide.draws = lambda x, draw: draws(task.guide, x, draw)
    message = refusal(task)
    assert all(word in message for word in words), message


@pytest.mark.parametrize(
    ("density", "words"),
    [
        (lambda m, x, z: m.right(x, z["z"]).unsqueeze(-1), ["[3, 2, 1]", "[K, B] = [3, 2]"]),
        (lambda m, x, z: m.right(x, z["z"]).mean(), ["returned []", "[K, B] = [3, 2]"]),
        (lambda m, x, z: m.right(x, z["z"]).T, ["[2, 3]", "[K, B] = [3, 2]"]),
        (lambda m, x, z: (x - z["z"]) ** 2, ["[3, 2, 2]", "[K, B] = [3, 2]"]),
        (lambda m, x, z: 1.0, ["float", "tensor [K, B]"]),
        (lambda m, x, z: m.right(x, z["z"]).detach(), ["no gradient", "θ", "no_grad"]),
        (lambda m, x, z: -z["z"].square().sum(-1), ["no gradient", "θ"]),
        (lambda m, x, z: m.right(x, z["z"] @ torch.ones(2, 2).double()), ["the model", "float32", "RuntimeError"]),
    ],
)
def test_values_of_a_model(density: Density, words: list[str]) -> None:
    task = Own()
    task.model.density = density
    message = refusal(task)
    assert all(word in message for word in words), message


def test_a_prior_of_another_site() -> None:
    task = Own()
    task.model.draws = lambda x, draw: draw("w", Independent(Normal(torch.zeros_like(x), 1.0), 1))
    assert "the prior of Own draws a site 'w', which the guide does not draw" in refusal(task)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda task, x: task.guide.mean, ["returned []", "[B] = [2]"]),
        (lambda task, x: task.guide.mean.expand(3, 2), ["[3, 2]", "[B] = [2]"]),
        (lambda task, x: 0.5, ["float", "[B] = [2]"]),
        (lambda task, x: task.guide.mean.detach().expand(2), ["exact elbo", "no gradient"]),
    ],
)
def test_exact_values(answer: Callable[[Own, Tensor], Any], words: list[str]) -> None:
    task = Own()
    task.answer = lambda x: answer(task, x)
    message = refusal(task)
    assert all(word in message for word in words), message


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"train": torch.ones(5, 2).numpy()}, ["train data", "ndarray", "torch.as_tensor"]),
        ({"test": [[1.0, 1.0]]}, ["test data", "list"]),
        ({"train": torch.tensor([[0.0, 1.0], [2.0, torch.nan]])}, ["train data", "nan", "row 1, column 1"]),
        ({"test": torch.tensor([[0.0, torch.inf]])}, ["test data", "inf", "row 0, column 1"]),
        ({"test": torch.ones(3, 4)}, ["[2]", "[4]"]),
        ({"test": torch.ones(3, 2).double()}, ["float32", "float64"]),
        ({"train": torch.ones(0, 2)}, ["no training data"]),
        ({"train": torch.tensor(1.0)}, ["single number"]),
    ],
)
def test_data(data: dict[str, Any], words: list[str]) -> None:
    message = refusal(Own(), replace(Own().load(), **data))
    assert all(word in message for word in words), message


def test_labels_are_minus_one_and_one() -> None:
    task = LogisticRegression("toy")
    data = task.load()
    data.train[3, -1] = 0.0
    assert "−1 or 1; one of the training data is 0.0" in refusal(task, data)


@pytest.mark.parametrize("split", ["train", "test"])
def test_images_are_grey_levels(split: str) -> None:
    task = VAEMnist(data="tiny", latent=2, hidden=4)
    data = task.load()
    assert "torch.uint8" in refusal(task, replace(data, **{split: getattr(data, split) / 255}))


def test_a_plan_refuses_it() -> None:
    with pytest.raises(UsageError, match="nan in row 3, column 0"):
        make_plan(Request((parse_spec("tests.bench.execution.broken:Broken(what=data)"),), (Spec("reparam"),)))


@pytest.mark.parametrize("name", tasks.INDEX)
def test_every_task_of_the_suite_is_sound(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BENCH_DATA", str(tmp_path))
    for values in TASKS.load(name).checked or ({},):
        spec = Spec(name, dict(values))
        task = build_task(spec)
        data = _data(spec, task)
        require_sound(task, data)
        require_references(Ground(spec, task, data, task.defaults.batch_size))


@pytest.mark.parametrize("task", [Bits(), Bits(chained=True), ScalarBit(), Counts(), Choice(), TwoBits(), Broken()])
def test_tasks_of_the_tests_are_sound(task: Task) -> None:
    require_sound(task, task.load())
