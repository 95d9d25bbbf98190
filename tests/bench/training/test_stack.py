"""Many seeds in one step: each ends where it ends alone, whoever its companions are and whatever becomes of them."""

import gc
import weakref
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, final

import pytest
import torch
from torch import Tensor

from bench.machine.streams import OwnStream, seeded
from bench.settings import Training
from bench.training.kinds import Result
from bench.training.stack import Stack
from bench.training.trace import NotBatchable
from bench.training.trainer import Diverged, Trainer
from estimators.base import Estimate, Estimator
from estimators.pathwise.reparam import Reparam
from estimators.score_function.reinforce import Reinforce
from tasks.base import Task
from tasks.toys.gaussian import GaussianQuadratic
from tests.bench.seeds import CPU, alone, assert_agree, settings, stack, state, trainer

VAE = "vae-mnist(data=5k, latent=1, hidden=2, depth=1)"
TOY = "gaussian-quadratic"
LINEAR = "linear-gaussian(dim=2, n=24)"


@pytest.mark.parametrize(
    ("task", "estimator"),
    [
        (TOY, "reinforce-ema"),
        ("linear-gaussian(dim=2, n=24)", "nvil"),
        ("linear-gaussian(dim=2, n=24)", "linear-cv"),
        ("bernoulli-quadratic(dim=3)", "relax"),
        ("gamma-poisson", "reparam"),
        ("sbn-tiny", "disarm"),
        ("mixture-vae", "hybrid"),
        ("mixture-vae", "hybrid(z1=nvil, z2=reparam)"),
        (VAE, "reinforce-loo"),
    ],
    ids=lambda name: name.partition("(")[0],
)
def test_a_seed_ends_among_others_where_it_ends_alone(task: str, estimator: str) -> None:
    together = stack(task, estimator, (0, 1, 2), settings())
    list(together.run(20))
    for seed in (0, 2):
        assert_agree(alone(task, estimator, seed, settings()), together.trainers[seed])
    assert not torch.equal(*(torch.cat([v.reshape(-1) for v in state(t).values()]) for t in together.trainers[:2]))


def test_sgd_agrees_too() -> None:
    training = settings(optimizer="sgd", schedule="constant")
    together = stack("linear-gaussian(dim=2, n=24)", "reparam", (0, 1), training)
    list(together.run(20))
    assert_agree(alone("linear-gaussian(dim=2, n=24)", "reparam", 1, training), together.trainers[1])


@pytest.mark.parametrize("optimizer", ["sgd(momentum=0.9, nesterov=true)", "rmsprop(momentum=0.5)"])
def test_other_optimizers_agree_too_also_when_they_are_resumed(optimizer: str) -> None:
    task = "linear-gaussian(dim=2, n=24)"
    training = settings(optimizer=optimizer, schedule="warmup(steps=5, then=cosine)")
    together = stack(task, "reparam", (0, 1), training)
    list(together.run(7))
    resumed = [trainer(task, "reparam", seed, training, OwnStream(CPU, 99)) for seed in (0, 1)]
    for one, other in zip(resumed, together.trainers, strict=True):
        one.restore(other.state())
    for one in (together, Stack(resumed)):
        list(one.run(20))
        assert_agree(alone(task, "reparam", 1, training), one.trainers[1])


WARM = {"kl_warmup": "linear(steps=8)", "clip_norm": 3.0}


@pytest.mark.parametrize(
    ("task", "estimator", "learning"),
    [
        ("linear-gaussian(dim=2, n=24)", "nvil", "em(guide_steps=2, model_steps=1)"),
        ("ppca(dim=3, latent=1, n=12)", "iwae", "joint"),
        ("sbn-tiny", "disarm", "joint"),
    ],
    ids=lambda name: name.partition("(")[0],
)
def test_kl_warmup_and_clipping_agree_too(task: str, estimator: str, learning: str) -> None:
    training = settings(learning=learning, **WARM)
    together = stack(task, estimator, (0, 1), training)
    list(together.run(20))
    single = alone(task, estimator, 1, training)
    assert_agree(single, together.trainers[1])
    assert [row.beta for row in single.rows[:4]] == [0, 1 / 8, 2 / 8, 3 / 8] or learning != "joint"
    assert single.rows[-1].beta == 1


def test_each_seed_is_clipped_by_its_own_norm() -> None:
    task, training = "linear-gaussian(dim=2, n=24)", settings(clip_norm=2.0, kl_warmup="cyclical(cycles=2)")
    together = stack(task, "reinforce", (0, 1, 2), training)
    list(together.run(20))
    shares = [one.clipped_share for one in together.trainers]
    assert len(set(shares)) > 1
    for seed in (0, 1, 2):
        assert_agree(alone(task, "reinforce", seed, training), together.trainers[seed])


def test_kl_warmup_and_clipping_go_on_when_they_are_resumed() -> None:
    task, training = "ppca(dim=3, latent=1, n=12)", settings(optimizer="rmsprop(momentum=0.5)", **WARM)
    whole, first = (stack(task, "vimco", (0, 1), training) for _ in range(2))
    list(whole.run(20))
    list(first.run(5))
    resumed = [trainer(task, "vimco", seed, training, OwnStream(CPU, 99)) for seed in (0, 1)]
    for one, other in zip(resumed, first.trainers, strict=True):
        one.restore(other.state())
    second = Stack(resumed)
    list(second.run(20))
    for one, other in zip(whole.trainers, second.trainers, strict=True):
        assert_agree(one, other, rtol=0)


def test_variational_em_agrees_too_also_when_it_is_resumed() -> None:
    training = settings(learning="em(guide_steps=2, model_steps=1)", model_schedule="constant")
    task = "linear-gaussian(dim=2, n=24)"
    together = stack(task, "nvil", (0, 1), training)
    list(together.run(2))  # θ has not moved yet, and has no moments
    resumed = [trainer(task, "nvil", seed, training, OwnStream(CPU, 99)) for seed in (0, 1)]
    for one, other in zip(resumed, together.trainers, strict=True):
        one.restore(other.state())
    for one in (together, Stack(resumed)):
        list(one.run(20))
        assert_agree(alone(task, "nvil", 1, training), one.trainers[1])


def test_companions_do_not_matter() -> None:
    few, many = (stack("sbn-tiny", "nvil", seeds, settings()) for seeds in ((3,), (0, 7, 3, 1)))
    list(few.run(20))
    list(many.run(20))
    assert_agree(few.trainers[0], many.trainers[2])
    assert many.trainers[2].progress.together == 4


def diverging(seed: int, stream: OwnStream | None = None) -> Trainer:
    """Return a training whose distance from the minimum grows ninefold a step; seed 1 starts far away."""
    one = trainer(TOY, "reparam", seed, settings(steps=100, optimizer="sgd", guide_lr=5.0, schedule="constant"), stream)
    if seed == 1:
        with torch.no_grad():
            one.task.guide.get_parameter("loc").fill_(1e100)
    return one


def test_a_seed_that_diverges_does_so_at_its_own_step_and_the_others_go_on() -> None:
    together = Stack([diverging(seed, OwnStream(CPU, seed)) for seed in range(3)])
    seen = [list(together.active) for _ in together.run(100)]
    assert seen[0] == [0, 1, 2]
    assert seen[-1] == together.active == [0, 2]
    with seeded(CPU, 1), pytest.raises(Diverged) as reason:
        list(diverging(1).run(100))
    assert together.diverged[1].step == reason.value.step > 0
    other = diverging(2)
    with seeded(CPU, 2):
        list(other.run(100))
    assert_agree(other, together.trainers[2])
    assert together.trainers[1].progress.step < 100


def test_all_may_diverge() -> None:
    together = Stack([diverging(1, OwnStream(CPU, seed)) for seed in range(2)])
    list(together.run(100))
    assert not together.active
    assert sorted(together.diverged) == [0, 1]


@pytest.mark.parametrize("estimator", ["nvil", "reinforce-ema"])
def test_a_saved_stack_goes_on_with_the_same_numbers_stacked_or_alone(estimator: str) -> None:
    task = "linear-gaussian(dim=2, n=24)"
    whole, first = (stack(task, estimator, (0, 1), settings()) for _ in range(2))
    list(whole.run(20))
    list(first.run(7))
    saved = [one.state() for one in first.trainers]
    list(first.run(9))  # what was saved must not be moved on
    resumed = [trainer(task, estimator, seed, settings(), OwnStream(CPU, 99)) for seed in (0, 1)]
    for one, kept in zip(resumed, saved, strict=True):
        one.restore(kept)
    second = Stack(resumed)
    list(second.run(20))
    single = trainer(task, estimator, 1, settings())
    with seeded(CPU, 99):
        single.restore(saved[1])
        list(single.run(20))
    for one, other in zip(whole.trainers, second.trainers, strict=True):
        assert_agree(one, other, rtol=0)
    assert_agree(whole.trainers[1], single)


def test_what_is_saved_holds_one_seed_only() -> None:
    together = stack(VAE, "reparam", (0, 1, 2), settings(steps=2))
    list(together.run(2))
    for values in (together.trainers[0].state()["task"], together.trainers[0].state()["optimizer"]["state"][0]):
        for value in values.values():
            assert value.untyped_storage().nbytes() == value.numel() * value.element_size()


def test_a_released_seed_is_changed_no_more() -> None:
    together = stack(TOY, "reinforce-ema", (0, 1), settings())
    list(together.run(5))
    together.release(0)
    before = {name: value.clone() for name, value in state(together.trainers[0]).items()}
    list(together.run(20))
    for name, value in state(together.trainers[0]).items():
        assert torch.equal(value, before[name])


@pytest.mark.parametrize(
    ("task", "estimator"), [("linear-gaussian(dim=2, n=24)", "naive-mc"), ("gamma-weights", "iwae")]
)
def test_groups_without_a_gradient_or_with_scalars_only(task: str, estimator: str) -> None:
    together = stack(task, estimator, (0, 1), settings())
    list(together.run(20))
    assert_agree(alone(task, estimator, 0, settings()), together.trainers[0])


@final
class Remembering(Estimator):
    """Puts a new tensor in the place of its buffer, where the others update theirs."""

    targets = ("expectation",)
    formula = paper = "none"
    last: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("last", torch.zeros(()))

    def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
        inner = Reparam().estimate(task, x, samples)
        return Estimate(inner.objective, inner.surrogate + self.last * inner.surrogate)

    def observe(self, estimate: Estimate) -> None:
        self.last = estimate.objective.detach().mean().tanh()


def toy(estimator: Estimator, task: Task, seed: int, stream: OwnStream | None = None) -> Trainer:
    return Trainer(task, estimator.double(), task.load(), settings(), 1, stream)


def test_a_buffer_that_is_replaced_is_kept() -> None:
    together = Stack([toy(Remembering(), GaussianQuadratic(), seed, OwnStream(CPU, seed)) for seed in (0, 1)])
    list(together.run(20))
    single = toy(Remembering(), GaussianQuadratic(), 1)
    with seeded(CPU, 1):
        list(single.run(20))
    assert_agree(single, together.trainers[1])


def test_a_seed_with_state_that_cannot_be_stacked_is_found_out() -> None:
    """A plain attribute of the first seed's estimator would be used for all."""

    class Scaled(Reinforce):  # pyright: ignore[reportGeneralTypeIssues]
        scale = 1.0

        def estimate(self, task: Task, x: Tensor, samples: int) -> Estimate:
            inner = super().estimate(task, x, samples)
            return Estimate(inner.objective, self.scale * inner.surrogate)

    trainers = [toy(Scaled(), GaussianQuadratic(), seed, OwnStream(CPU, seed)) for seed in (0, 1)]
    trainers[1].estimator.scale = 2.0  # pyright: ignore[reportAttributeAccessIssue, reportArgumentType]
    before = [asdict(one.progress) | {"guide": one.task.state_dict()} for one in trainers]
    with pytest.raises(NotBatchable, match="differs from its gradient alone"):
        Stack(trainers)
    assert [asdict(one.progress) | {"guide": one.task.state_dict()} for one in trainers] == before


def test_a_random_number_of_samples_cannot_be_stacked() -> None:
    with pytest.raises(NotBatchable, match="random number of samples"):
        stack("linear-gaussian(dim=2, n=24)", "sumo", (0, 1), settings())


def _tensors_of(result: Result) -> list[Tensor]:
    clipping = result.clipping
    more = [] if clipping is None else [*clipping.norms.values(), clipping.above, clipping.scale]
    return [*result.gradients.values(), result.objective, *more]


class Emulated:
    """A graph on the CPU: a capture leaves everything as it was, and a replay writes to what the capture returned."""

    def __init__(self, of: Stack, error: RuntimeError | None = None) -> None:
        self.of, self.error, self.replays = of, error, 0

    def warm_up(self, step: Callable[[], None]) -> None:
        step()

    def capture(self, step: Callable[[], None]) -> None:
        if self.error is not None:
            raise self.error
        stacked = [*self.of._trained.values(), *self.of._fixed.values()]
        moments = [m for state in self.of._optimizer.state.values() for m in state.values() if isinstance(m, Tensor)]
        before = [value.clone() for value in stacked + moments]
        streams = [stream.state() for stream in self.of._streams]
        step()
        for value, kept in zip(stacked + moments, before, strict=True):
            value.copy_(kept)
        for stream, kept in zip(self.of._streams, streams, strict=True):
            stream.restore(kept)
        self.step, self.captured = step, dict(self.of._results)

    def replay(self) -> None:
        self.replays += 1
        others = dict(self.of._results)
        self.step()
        for kind, result in self.of._results.items():
            if others[kind] is not self.of._results[kind]:
                for value, static in zip(_tensors_of(result), _tensors_of(self.captured[kind]), strict=True):
                    static.copy_(value)
        self.of._results.update(others)


@pytest.mark.parametrize("learning", ["joint", "em(guide_steps=2, model_steps=1)"])
def test_replayed_steps_agree_with_training_alone(learning: str) -> None:
    task, training = "linear-gaussian(dim=2, n=24)", settings(learning=learning)
    together = stack(task, "nvil", (0, 1), training)
    graphs: list[Emulated] = []
    together._new_graph = lambda: graphs.append(Emulated(together)) or graphs[-1]
    list(together.run(20))
    # Three steps of each kind are warm-up, and every later one a replay.
    kinds = 1 if learning == "joint" else 2
    assert sum(graph.replays for graph in graphs) == 20 - 3 * kinds
    assert together.plain_reason is None
    assert_agree(alone(task, "nvil", 1, training), together.trainers[1])


def test_steps_of_the_warmup_and_behind_it_are_replayed_apart() -> None:
    task, training = "ppca(dim=3, latent=1, n=12)", settings(optimizer="sgd(momentum=0.9)", **WARM)
    together = stack(task, "iwae", (0, 1), training)
    graphs: list[Emulated] = []
    together._new_graph = lambda: graphs.append(Emulated(together)) or graphs[-1]
    list(together.run(20))
    assert [graph.replays for graph in graphs] == [8 - 3, 12 - 3]
    assert_agree(alone(task, "iwae", 1, training), together.trainers[1])


class Still:
    """Stands in for a graph that holds on to nothing, as one of CUDA does."""

    def warm_up(self, step: Callable[[], None]) -> None:
        step()

    def capture(self, step: Callable[[], None]) -> None:
        step()

    def replay(self) -> None:
        pass


def trained_and_dropped(task: str, estimator: str, training: Training, *, close: bool) -> dict[str, Any]:
    together = stack(task, estimator, (0, 1), training)
    together._new_graph = Still
    list(together.run(training.steps))
    held = {
        "stack": together,
        "graph": next(iter(together._graphs.values())),
        "task": together.trainers[0].task,
        "parameters": next(iter(together._trained.values())),
        "moments": together._optimizer,
    }
    if close:
        together.close()
        assert not together._graphs
    return {name: weakref.ref(one) for name, one in held.items()}


@pytest.mark.parametrize(
    ("task", "estimator", "changes"),
    [
        (TOY, "reinforce-ema", {}),
        ("sbn-tiny", "relax", {}),
        ("ppca(dim=3, latent=1, n=12)", "iwae", WARM),
    ],
    ids=lambda what: what.partition("(")[0] if isinstance(what, str) else "",
)
@pytest.mark.parametrize("close", [False, True], ids=["dropped", "closed"])
def test_a_stack_goes_without_the_collector(task: str, estimator: str, changes: dict[str, Any], close: bool) -> None:
    """In a circle of references its memory, that of its graphs above all, would be kept until the collector runs."""
    # What is imported first here leaves circles of its own.
    trained_and_dropped(TOY, "reinforce-ema", settings(steps=6), close=close)
    gc.collect()
    gc.disable()
    try:
        left = trained_and_dropped(task, estimator, settings(steps=6, **changes), close=close)
        assert [name for name, one in left.items() if one() is not None] == []
    finally:
        gc.enable()


def test_a_failed_capture_is_told_and_training_goes_on_plainly() -> None:
    task, training = "linear-gaussian(dim=2, n=24)", settings(learning="em(guide_steps=2, model_steps=1)")
    together = stack(task, "reinforce-ema", (0, 1), training)
    together._new_graph = lambda: Emulated(together, RuntimeError("not permitted when stream is capturing"))
    list(together.run(20))
    assert together.plain_reason == "not permitted when stream is capturing"
    assert_agree(alone(task, "reinforce-ema", 1, training), together.trainers[1])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("optimizer", ["adam", "sgd(momentum=0.9)", "rmsprop(momentum=0.5)"])
def test_a_captured_step_of_warmup_and_clipping_agrees_on_a_gpu(optimizer: str) -> None:
    device, training = torch.device("cuda"), settings(optimizer=optimizer, **WARM)
    task = "ppca(dim=3, latent=1, n=12)"
    together = stack(task, "iwae", (0, 1, 2), training, device)
    list(together.run(20))
    assert together.plain_reason is None
    assert_agree(alone(task, "iwae", 1, training, device), together.trainers[1], rtol=1e-6)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize(
    ("task", "estimator"), [(TOY, "reinforce-ema"), ("gamma-poisson", "reparam"), ("sbn-tiny", "disarm"), (VAE, "nvil")]
)
def test_a_captured_step_agrees_with_plain_training_on_a_gpu(task: str, estimator: str) -> None:
    device = torch.device("cuda")
    together = stack(task, estimator, (0, 1, 2), settings(), device)
    list(together.run(20))
    assert together.plain_reason is None
    assert_agree(alone(task, estimator, 1, settings(), device), together.trainers[1], rtol=1e-6)


@pytest.mark.parametrize("optimizer", ["adam", "sgd(momentum=0.9)", "rmsprop"])
def test_a_gradient_may_lie_in_memory_otherwise_than_its_parameter(optimizer: str) -> None:
    training = settings(optimizer=optimizer, schedule="constant")

    def trained(*, transposed: bool) -> Stack:
        together = stack(LINEAR, "reparam", (0, 1), training)
        [(which, program)] = together._programs.items()

        def laid(*arguments: Any) -> Any:
            gradients, *rest = program(*arguments)
            other = {name: value.mT.contiguous().mT if value.dim() > 2 else value for name, value in gradients.items()}
            assert any(value.stride() != gradients[name].stride() for name, value in other.items())
            return other, *rest

        if transposed:
            together._programs[which] = laid  # pyright: ignore[reportArgumentType]
        list(together.run(20))
        return together

    for one, other in zip(trained(transposed=False).trainers, trained(transposed=True).trainers, strict=True):
        assert_agree(one, other)


def test_moments_of_a_stack_fit_a_parameter_that_lies_otherwise_in_memory() -> None:
    def transposed(one: Trainer) -> Trainer:
        """As of a task whose parameters are transposed views, which keep their order when they are loaded."""
        for parameter in one.loss.parameters():
            if parameter.dim() == 2:
                parameter.data = parameter.data.mT.contiguous().mT
        return one

    training = settings()
    together = stack(LINEAR, "reparam", (0, 1), training)
    list(together.run(7))
    resumed = transposed(trainer(LINEAR, "reparam", 1, training))
    assert any(not parameter.is_contiguous() for parameter in resumed.loss.parameters())
    with seeded(CPU, 99):
        resumed.restore(together.trainers[1].state())
        list(resumed.run(20))
    assert_agree(alone(LINEAR, "reparam", 1, training), resumed)
