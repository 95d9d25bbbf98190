"""A Pyro model and guide as a task."""

# Pyro is an extra, and has no type stubs.
# pyright: reportMissingImports=false

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, final

import torch
from torch import Tensor, nn
from torch.distributions import Independent, OneHotCategorical

from tasks.base import Data, Defaults, Draw, GenerativeModel, GlobalModel, Guide, Latents, Target, Task
from tasks.pyro.exact import Answers
from tasks.pyro.names import Names
from tasks.pyro.programs import Misfit, Program, of_type, plates_of
from tasks.pyro.readings import Reading, read, rows_last
from tasks.pyro.sites import Given, Handed, Record, Seen
from tasks.pyro.trial import look, require_broadcasting

_ROWS = 100
"""Of a minibatch, where a program does not say."""


@final
class PyroGuide(Guide):
    """q(z|x) as a Pyro program draws it; `values` are its parameters, unconstrained."""

    indexed: bool = False

    def __init__(self, program: Program, reading: Reading) -> None:
        super().__init__()
        self.program, self.reading = program, reading
        self.values = nn.ParameterDict([(name, nn.Parameter(value)) for name, value in program.start.items()])
        self.indexed = reading.kind == "indices"

    def forward(self, x: Tensor, draw: Draw) -> None:
        _run(self.program, self.reading, self.values, x, Handed(draw, self.reading.behind))


class _Program:
    """log p of a Pyro program, site by site."""

    program: Program
    reading: Reading
    values: nn.ParameterDict

    def _build(self, program: Program, reading: Reading) -> None:
        self.program, self.reading = program, reading
        self.values = nn.ParameterDict([(name, nn.Parameter(value)) for name, value in program.start.items()])

    def _terms(self, x: Tensor, z: Latents) -> list[tuple[Seen, Tensor]]:
        """Return the sites with what each adds to log p, [K, B, plates…] or fewer dimensions on the left."""
        record = Record()
        _run(self.program, self.reading, self.values, x, record, Given(z))
        return [(site, log_density(site.fn, site.value) * site.scale) for site in record.sites.values()]

    def prior(self, x: Tensor, draw: Draw) -> None:
        _run(self.program, self.reading, self.values, x, Handed(draw, self.reading.behind))


@final
class PyroModel(_Program, GenerativeModel):
    """log p(x, z) of a Pyro program; `values` are its parameters, unconstrained."""

    def __init__(self, program: Program, reading: Reading) -> None:
        super().__init__()
        self._build(program, reading)

    def log_joint(self, x: Tensor, z: Latents) -> Tensor:
        behind, total = self.reading.behind, torch.zeros((), dtype=x.dtype, device=x.device)
        for _, term in self._terms(x, z):
            if behind:
                term = term.reshape((1,) * max(0, behind - term.dim()) + term.shape).sum(tuple(range(-behind, 0)))
            total = total + term
        return total


@final
class PyroGlobalModel(_Program, GlobalModel):
    """log p(x, z) of a Pyro program whose latents are shared by the rows of a plate that subsamples."""

    def __init__(self, program: Program, reading: Reading) -> None:
        super().__init__()
        self._build(program, reading)
        assert reading.plate is not None
        self.rows = reading.plate.whole

    def log_prior(self, z: Latents) -> Tensor:
        x = torch.zeros(1, 1, 1).to(next(iter(z.values())))
        return self._sum(x, z)[0]

    def log_likelihood(self, x: Tensor, z: Latents) -> Tensor:
        return self._sum(x, z)[1]

    def log_joint(self, x: Tensor, z: Latents) -> Tensor:
        # In one run of the program, where the two apart would take two.
        log_prior, log_likelihood = self._sum(x, z)
        return self.scale(x) * log_likelihood.sum(-1) + log_prior

    def _sum(self, x: Tensor, z: Latents) -> tuple[Tensor, Tensor]:
        """Return log p(z), [K, 1], and the log density of what lies in the plate, [K, 1, M]."""
        plate, depth = self.reading.plate, self.reading.nesting
        assert plate is not None
        assert plate.dim is not None
        log_prior, log_likelihood = x.new_zeros(1, 1), x.new_zeros(1, 1, x.shape[1])
        for site, term in self._terms(x, z):
            if plate.name in {own.name for own in site.plates}:
                log_likelihood = log_likelihood + rows_last(term, plate.dim, depth)
            else:
                term = term.reshape((1,) * max(0, depth - term.dim()) + term.shape)
                log_prior = log_prior + (term.sum(tuple(range(-depth, 0))) if depth else term)
        return log_prior, log_likelihood


class PyroPrograms(Task):
    """A Pyro model and guide, called with the same arguments.

    Each latent site of the guide is drawn as the estimator wants; log p is summed over the model's sites. Inside the
    programs, samples are the leftmost dimension, as with `Trace_ELBO(vectorize_particles=True)`.

    If every site lies in a plate of as many rows as the arguments have, each row is a datapoint, and the programs are
    called with minibatches; likewise if the plate subsamples (`subsample_size`), and programs pick the rows themselves.
    Latents outside the one plate that subsamples are shared by its rows, which count N/|B| times. Anything else is one
    observation, and the ELBO is that of all data. The exact ELBO is known if the latents have few joint states, and at
    most two Gaussian numbers beside them.

    Raises:
        Misfit: a site, a plate or a parameter does not fit; the message says which.
    """

    references: ClassVar[Mapping[str, str]] = {"elbo": "reinforce", "iwae": "iwae-reinforce"}
    has_exact = True
    unit: str = "nats per datapoint"
    defaults: Defaults = Defaults()

    def __init__(self, model: Callable[..., Any], guide: Callable[..., Any], *args: Any) -> None:
        super().__init__()
        guides, models, seen = look(model, guide, args)
        self.reading = read(guides, models, args, seen)
        reading = self.reading
        self.guide: PyroGuide = PyroGuide(guides, reading)
        joint = PyroGlobalModel if reading.kind == "minibatches" else PyroModel
        self.model: PyroModel | PyroGlobalModel = joint(models, reading)
        if not any(True for _ in self.parameters()):
            raise Misfit("neither the model nor the guide has a parameter: there is nothing to train")
        if reading.kind in ("whole", "minibatches"):
            self.unit = "nats for the whole dataset"
        self.defaults = Defaults(batch_size=_batch_size(reading))
        self._answers = Answers(require_broadcasting(self, reading, (guides, models), seen))

    def load(self) -> Data:
        rows = self.reading.stored()
        note = "all data are one observation" if self.reading.plate is None else f"{len(rows)} rows"
        return Data(rows, rows[:0], f"pyro-{self.reading.digest()}", f"{note} of a Pyro model")

    def prepare(self, raw: Tensor) -> Tensor:
        return raw[None] if self.reading.kind == "minibatches" else raw

    def exact(self, target: Target, x: Tensor, samples: int) -> Tensor | None:
        return self._answers.value(self.guide, self.model, target, x, samples)


@final
class PyroTask(PyroPrograms):
    """Your own Pyro model and guide, as `pyro(model=mine:model, guide=mine:guide, data=mine:data)`.

    `data` names a tensor, a tuple of arguments, or a function that returns either; model and guide are called with it.
    `mine:VAE.model` is a method of an instance of VAE, which is created again for each seed, including its networks.
    docs/pyro.md says what becomes a datapoint, and what is exact.

    Args:
        model: `module:name` of the model.
        guide: `module:name` of the guide.
        data: `module:name` of the arguments of both; none unless given.
    """

    def __init__(self, model: str, guide: str, data: str | None = None) -> None:
        names = Names()
        programs = names.find("model", model), names.find("guide", guide)
        super().__init__(*programs, *(() if data is None else names.arguments(data)))


def from_pyro(model: Callable[..., Any], guide: Callable[..., Any], *args: Any) -> PyroPrograms:
    """Return a Pyro model and guide as a task, both called with `args`.

    Raises:
        Misfit: a site, a plate or a parameter does not fit; the message says which.

    >>> import pyro, torch
    >>> import pyro.distributions as dist
    >>> from tasks.pyro import from_pyro
    >>> def model():
    ...     pyro.sample("x", dist.Normal(pyro.sample("z", dist.Normal(0.0, 1.0)), 1.0), obs=torch.tensor(2.0))
    >>> def guide():
    ...     pyro.sample("z", dist.Normal(pyro.param("m", torch.tensor(1.0)), 0.7))
    >>> task = from_pyro(model, guide)
    >>> task.exact("elbo", task.load().train, 1).shape
    torch.Size([1])
    """
    return PyroPrograms(model, guide, *args)


def log_density(fn: Any, value: Tensor) -> Tensor:
    """Return the log density of a value, differentiable at relaxed ones, too, where torch's takes an argmax."""
    if isinstance(fn, Independent):
        inner = log_density(fn.base_dist, value)
        return inner.sum(tuple(range(-fn.reinterpreted_batch_ndims, 0))) if fn.reinterpreted_batch_ndims else inner
    if isinstance(fn, OneHotCategorical):
        return (value * fn.logits).sum(-1)
    return fn.log_prob(value)


def _run(program: Program, reading: Reading, values: nn.ParameterDict, x: Tensor, *handlers: Any) -> None:
    args, rows = reading.call(x)
    with of_type(x), plates_of(rows):
        program.run(dict(values.items()), args, *handlers)


def _batch_size(reading: Reading) -> int:
    if reading.plate is None:
        return 1
    return min(reading.plate.size, _ROWS)
