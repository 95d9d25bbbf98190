"""Is a task what estimators take it for? Asked of its data and of two rows of them, before anything runs."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeVar, final

import torch
from torch import Size, Tensor
from torch.distributions import Distribution

from bench.errors import UsageError, named
from bench.evaluation.mode import evaluating
from bench.machine.device import CPU, observations
from bench.machine.streams import seeded
from estimators import distributions
from estimators.distributions import Unsupported
from estimators.draw import Draw, sample_shape
from tasks.base import Data, GenerativeModel, GlobalModel, Latents, Task

T = TypeVar("T")

_ROWS: Final = 2
_SAMPLES: Final = (3, 2)
"""Values of K: with either alone, some wrong axis would have the right size."""


def require_sound(task: Task, data: Data) -> None:
    """Refuse a task whose data, sites or values do not have the form that `tasks.base` says.

    Raises:
        UsageError: one sentence with the task, what is wrong, and what is needed.
    """
    name = task.called
    _require_data(name, task, data)
    with seeded(CPU, "soundness"), evaluating(task), torch.enable_grad():
        rows = data.train[:_ROWS].cpu()
        x = _call(f"`prepare` of {name}", rows, lambda: observations(task, rows))
        batch = 1 if isinstance(task.model, GlobalModel) else len(rows)
        if x.dim() == 0 or len(x) != batch:
            raise UsageError(
                f"`prepare` of {name} makes observations {list(x.shape)} of {len(rows)} rows; they must be [{batch}, …]"
            )
        for samples in _SAMPLES:
            _require_values(name, task, x, samples)
        _require_exact(name, task, x)


def _require_data(name: str, task: Task, data: Data) -> None:
    for split, rows in (("train", data.train), ("test", data.test)):
        if not isinstance(rows, Tensor):
            found = type(rows).__name__
            raise UsageError(
                f"the {split} data of {name} are of type {found}, but Data takes tensors: use torch.as_tensor"
            )
        if rows.dim() == 0:
            raise UsageError(f"the {split} data of {name} are a single number; they must be rows, [N, …]")
        _require_finite(name, split, rows)
    if len(data.train) == 0:
        raise UsageError(f"{name} has no training data: `load` returned {list(data.train.shape)}")
    try:
        task.require_data(data)
    except ValueError as reason:
        raise UsageError(f"the data of {name} do not fit: {reason}") from reason
    train, test = (list(rows.shape[1:]) for rows in (data.train, data.test))
    if len(data.test) and train != test:
        raise UsageError(f"a row of the training data of {name} is {train}, but one of the test data {test}")
    if data.train.dtype != data.test.dtype:
        raise UsageError(f"the training data of {name} are {data.train.dtype}, but the test data {data.test.dtype}")


def _require_finite(name: str, split: str, rows: Tensor) -> None:
    if not rows.is_floating_point():
        return
    finite = rows.isfinite()
    if bool(finite.all()):
        return
    row, *column = (~finite).nonzero()[0].tolist()
    where = f", column {', '.join(map(str, column))}" if column else ""
    value = float(rows[(row, *column)])
    raise UsageError(f"the {split} data of {name} hold {value} in row {row}{where}, counted from 0")


def _require_values(name: str, task: Task, x: Tensor, samples: int) -> None:
    """Draw K samples of every site, evaluate the model there, and ask for [K, B]."""
    needed = Size((samples, len(x)))
    guide = _Checked(f"the guide of {name}", needed)
    _call(guide.what, x, lambda: task.guide(x, guide))
    if not guide.trace.sites:
        raise UsageError(f"the guide of {name} drew no latent site; it must call draw(site, distribution)")
    latents = _Read({n: z.detach().requires_grad_(z.is_floating_point()) for n, z in guide.trace.latents.items()})
    log_p = _evaluated(name, task, x, latents)
    what = "f(z)" if task.target == "expectation" else "log p(x, z)"
    if not isinstance(log_p, Tensor):
        raise UsageError(f"the model of {name} returned a {type(log_p).__name__}; {what} must be a tensor [K, B]")
    if log_p.shape != needed:
        raise UsageError(
            f"the model of {name} returned {list(log_p.shape)} for K = {samples} samples of B = {len(x)} observations; "
            f"{what} must be [K, B] = {list(needed)}, summed over everything behind"
        )
    _require_reached(name, task, log_p, what)
    if task.target != "expectation":
        _require_same_sites(f"the model of {name}", latents.read, guide)
    if isinstance(task.model, GenerativeModel):
        model, prior = task.model, _Checked(f"the prior of {name}", needed, latents)
        _call(prior.what, x, lambda: model.prior(x, prior))
        _require_same_sites(prior.what, prior.trace.sites.keys(), guide)


def _evaluated(name: str, task: Task, x: Tensor, latents: "_Read") -> Any:
    try:
        return _call(f"the model of {name}", x, lambda: task.model(x, latents))
    except _NoSuchSite as missing:
        raise UsageError(
            f"the model of {name} reads a site {missing}, which the guide does not draw; "
            f"it draws {', '.join(map(repr, latents))}"
        ) from missing


def _require_same_sites(what: str, found: Any, guide: "_Checked") -> None:
    for site in guide.trace.sites:
        if site not in found:
            raise UsageError(f"{guide.what} draws a site '{site}', which {what} lacks: log p(x, z) has no factor of it")


def _require_reached(name: str, task: Task, log_p: Tensor, what: str) -> None:
    parameters = [value for value in task.model.parameters() if value.requires_grad]
    if not parameters:
        return
    found = torch.autograd.grad(log_p.sum(), parameters, allow_unused=True) if log_p.requires_grad else ()
    if all(gradient is None for gradient in found):
        raise UsageError(
            f"no gradient of {what} reaches θ, the parameters of the model of {name}: compute it from them in PyTorch, "
            "without no_grad, detach, item or NumPy"
        )


def _require_exact(name: str, task: Task, x: Tensor) -> None:
    for target in dict.fromkeys((task.target, "evidence")):
        value = _call(f"`exact` of {name}", x, lambda target=target: task.exact(target, x, 1))
        if value is None:
            continue
        if not isinstance(value, Tensor) or value.shape != Size((len(x),)):
            found = list(value.shape) if isinstance(value, Tensor) else f"a {type(value).__name__}"
            raise UsageError(f"`exact` of {name} returned {found} for {target}; it must be [B] = [{len(x)}]")
        if target == task.target and not value.requires_grad:
            raise UsageError(
                f"the exact {target} of {name} has no gradient: compute it from the parameters in PyTorch, without "
                "no_grad, detach, item or NumPy"
            )


def _call(what: str, x: Tensor, work: Callable[[], T]) -> T:
    """Return what a stranger's code returns, and name it where it fails."""
    try:
        return work()
    except (UsageError, _NoSuchSite, torch.OutOfMemoryError):
        raise
    except Exception as error:
        raise UsageError(
            f"{what} failed on observations {list(x.shape)} {str(x.dtype).removeprefix('torch.')}: {named(error)}"
        ) from error


@final
class _Checked(Draw):
    """Detached draws of sites that have been looked at: by a guide, or by a prior at the guide's values."""

    def __init__(self, what: str, needed: Size, latents: Latents | None = None) -> None:
        super().__init__()
        self.what, self.needed, self.latents = what, needed, latents

    def value(self, site: str, distribution: Distribution) -> Tensor:
        if site in self.trace.sites:
            raise UsageError(f"{self.what} draws site '{site}' twice; every site needs its own name")
        if not isinstance(distribution, Distribution):
            raise UsageError(
                f"{self.what} draws site '{site}' from a {type(distribution).__name__}, which is not a distribution"
            )
        self._require_shape(site, distribution)
        if self.latents is not None:
            if site not in self.latents:
                raise UsageError(f"{self.what} draws a site '{site}', which the guide does not draw")
            return self.latents[site]
        try:
            return distributions.sample(distribution, sample_shape(distribution, self.needed[0])).detach()
        except Unsupported as reason:
            raise UsageError(
                f"{self.what} draws site '{site}' from {distributions.family(distribution)}, but {reason}: register "
                f"one with estimators.distributions.sample.register"
            ) from reason

    def _require_shape(self, site: str, distribution: Distribution) -> None:
        batch = distribution.batch_shape
        if batch in (self.needed, self.needed[1:]):
            return
        count = len(batch) - (2 if batch[:2] == self.needed else 1)
        advice = f": wrap it in torch.distributions.Independent(…, {count})" if count > 0 else ""
        raise UsageError(
            f"{self.what} draws site '{site}' from {distributions.family(distribution)} with batch shape {list(batch)} "
            f"and event shape {list(distribution.event_shape)}; the batch shape must be [B] = {list(self.needed[1:])}, "
            f"or [K, B] = {list(self.needed)} where it depends on a site drawn before{advice}"
        )


class _NoSuchSite(KeyError):
    """The model reads a site that the guide does not draw."""


@final
class _Read(Mapping[str, Tensor]):
    """Latents that remember which of them were read."""

    def __init__(self, latents: dict[str, Tensor]) -> None:
        self.latents = latents
        self.read: set[str] = set()

    def __getitem__(self, site: str) -> Tensor:
        if site not in self.latents:
            raise _NoSuchSite(site)
        self.read.add(site)
        return self.latents[site]

    def __iter__(self) -> Iterator[str]:
        return iter(self.latents)

    def __len__(self) -> int:
        return len(self.latents)
