"""What cannot be a task is refused by one sentence with the site's name."""

# Pyro is an extra, and has no type stubs.
# pyright: reportMissingImports=false, reportAttributeAccessIssue=false, reportArgumentType=false

import re
from collections.abc import Callable
from typing import Any

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro import poutine
from pyro.infer.autoguide import AutoNormal
from torch import Tensor

from bench.errors import UsageError
from bench.execution.grounds import built_with_data
from bench.execution.soundness import require_sound
from bench.names.spec import Spec
from tasks.pyro import from_pyro
from tasks.pyro.programs import Misfit

DATA = torch.tensor([0.3, -0.4, 1.0, 0.2])


def model(x: Tensor) -> Tensor:
    z = pyro.sample("z", dist.Normal(0.0, 1.0))
    with pyro.plate("rows", len(x)):
        pyro.sample("x", dist.Normal(z, 1.0), obs=x)
    return z


def guide(x: Tensor) -> Tensor:
    return pyro.sample("z", dist.Normal(pyro.param("m", torch.tensor(0.0)), 1.0))


def more(x: Tensor) -> None:
    pyro.sample("more", dist.Normal(model(x), 1.0))


def unknown(x: Tensor) -> None:
    pyro.sample("unknown", dist.Normal(guide(x), 1.0))


def masked(x: Tensor) -> None:
    with poutine.mask(mask=torch.tensor(False)):
        model(x)


def scaled(x: Tensor) -> None:
    with poutine.scale(scale=0.5):
        guide(x)


def fixed(x: Tensor) -> None:
    pyro.sample("z", dist.Delta(pyro.param("m", torch.tensor(0.0))))


def seen(x: Tensor) -> None:
    pyro.sample("y", dist.Normal(guide(x), 1.0), obs=torch.tensor(1.0))


def undeclared(x: Tensor) -> None:
    z = pyro.sample("z", dist.Normal(0.0, 1.0))
    pyro.sample("x", dist.Normal(z, 1.0).expand([4]), obs=x)


def flow(x: Tensor) -> None:
    z = pyro.sample("z", dist.Normal(0.0, 1.0))
    pyro.sample("x", dist.Normal(z if z > 0 else -z, 1.0), obs=x[0])


def varying(x: Tensor) -> None:
    for row in range(int(torch.randint(1, 5, ()))):
        pyro.sample(f"x{row}", dist.Normal(0.0, 1.0), obs=x[row])
    pyro.sample("z", dist.Normal(0.0, 1.0))


def growing(x: Tensor) -> None:
    pyro.sample("z", dist.Normal(torch.zeros(int(torch.randint(1, 9, ()))), 1.0).to_event(1))


def summed(x: Tensor) -> None:
    z = pyro.sample("z", dist.Normal(0.0, 1.0))
    pyro.sample("x", dist.Normal(z.sum(), 1.0), obs=x[0])


def failing(x: Tensor) -> None:
    raise RuntimeError("out of ideas")


def nameless(x: Tensor) -> None:
    pyro.sample("z", dist.Normal(pyro.param("lost"), 1.0))


def plain(x: Tensor) -> None:
    pyro.sample("z", dist.Normal(0.0, 1.0))


def inside(x: Tensor) -> None:
    z = pyro.sample("z", dist.Normal(0.0, 1.0))
    with pyro.plate("rows", 4, subsample_size=2) as index:
        k = pyro.sample("k", dist.Normal(z, 1.0))
        pyro.sample("x", dist.Normal(k, 1.0), obs=x[index])


def inside_guide(x: Tensor) -> None:
    guide(x)
    with pyro.plate("rows", 4, subsample_size=2):
        pyro.sample("k", dist.Normal(0.0, 1.0))


def looped(x: Tensor) -> None:
    z = pyro.sample("z", dist.Normal(0.0, 1.0))
    for row in pyro.plate("rows", 4, subsample_size=2):
        pyro.sample(f"x{row}", dist.Normal(z, 1.0), obs=x[row])


@pytest.mark.parametrize(
    ("model", "guide", "sentence"),
    [
        (more, guide, "site 'more' of the model is not drawn by the guide"),
        (model, unknown, "site 'unknown' of the guide is not in the model"),
        (masked, guide, "site 'z' of the model is masked (poutine.mask)"),
        (model, scaled, "site 'z' of the guide is scaled (poutine.scale)"),
        (model, fixed, "site 'z' of the guide is a Delta"),
        (model, seen, "site 'y' of the guide is observed"),
        (model, AutoNormal(model), "the guide is an AutoNormal, whose sites are not the model's"),
        (undeclared, guide, "site 'x' of the model has the batch shape [4], whose dimension -1 is not a plate"),
        (flow, guide, "the model does not take 3 samples at once: RuntimeError: Boolean value"),
        (varying, guide, "of the model is not in every run"),
        (growing, growing, "site 'z' of the guide has the shapes"),
        (summed, guide, "samples are the leftmost dimension, [K, …]"),
        (failing, guide, "the model fails: RuntimeError: out of ideas (test_misfits.py, line "),
        (model, nameless, "parameter 'lost' of the guide has no initial value"),
        (plain, plain, "neither the model nor the guide has a parameter"),
        (inside, inside_guide, "plate 'rows' subsamples, with site 'k' of the guide inside and site 'z' outside"),
        (looped, guide, "of the model is not in every run"),
        (guide, guide, "parameter 'm' belongs to both the model and the guide"),
        (3, guide, "the model is a int, which cannot be called"),
    ],
)
def test_says_what_does_not_fit(model: Callable[..., Any], guide: Callable[..., Any], sentence: str):
    with pytest.raises(Misfit, match=re.escape(sentence)) as raised:
        from_pyro(model, guide, DATA)
    assert "\n" not in str(raised.value)


def test_a_family_without_a_functional_draw_is_refused_with_its_site():
    def model() -> None:
        pyro.sample("z", dist.ProjectedNormal(torch.ones(2)))

    def guide() -> None:
        pyro.sample("z", dist.ProjectedNormal(pyro.param("m", torch.ones(2))))

    task = from_pyro(model, guide)
    with pytest.raises(UsageError, match="site 'z'"):
        require_sound(task, task.load())


@pytest.mark.parametrize(
    ("task", "sentence"),
    [
        ({"model": "model", "guide": "m:guide"}, "write module:name, as in model=mine:model"),
        ({"model": "no_such_module:model", "guide": "m:guide"}, "there is no module no_such_module"),
        ({"model": f"{__name__}:mdel", "guide": f"{__name__}:guide"}, "has no 'mdel'; did you mean 'model'?"),
        ({"model": f"{__name__}:model"}, "needs a value for 'guide'"),
        ({"model": f"{__name__}:model", "guide": f"{__name__}:guide"}, "missing 1 required positional argument: 'x'"),
    ],
)
def test_a_wrong_name_is_told(task: dict[str, Any], sentence: str):
    with pytest.raises(UsageError, match=re.escape(sentence)):
        built_with_data(Spec("pyro", task))
