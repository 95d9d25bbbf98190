"""`advance` takes the step that the optimizer's own method takes, to the last bit."""

from typing import Literal

import pytest
import torch
from torch import Tensor

from bench.settings import Training
from bench.training.optimizers import advance, make_optimizer, set_step_sizes

SHAPES = {"guide": [(3, 2), (3,)], "model": [(4,)], "estimator": [(2,)]}


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
@pytest.mark.parametrize("model_lr", [1e-2, 3e-3], ids=["one step size", "two step sizes"])
def test_the_same_parameters_and_moments(optimizer: Literal["adam", "sgd"], model_lr: float) -> None:
    """The model rests at step 2, and the estimator's parameters until then, which get their moments later."""
    results = []
    for take in (advance, lambda optimizer: optimizer.step()):
        generator = torch.Generator().manual_seed(0)
        groups = {
            name: [torch.randn(shape, generator=generator).requires_grad_() for shape in shapes]
            for name, shapes in SHAPES.items()
        }
        sizes = {"guide": 1e-2, "model": model_lr, "estimator": 1e-2}
        chosen = make_optimizer(groups, sizes, Training(4, 8, optimizer, 1e-2, model_lr, "constant"))
        for step in range(4):
            set_step_sizes(chosen, {name: size / (1 + step) for name, size in sizes.items()})
            for name, parameters in groups.items():
                for parameter in parameters:
                    gradient = torch.randn(parameter.shape, generator=generator)
                    rests = (name == "model" and step == 2) or (name == "estimator" and step < 2)
                    parameter.grad = None if rests else gradient
            take(chosen)
        moments = [value for state in chosen.state.values() for value in state.values() if isinstance(value, Tensor)]
        results.append([*(p.detach() for parameters in groups.values() for p in parameters), *moments])
    assert len(results[0]) == 4 + (4 * 3 if optimizer == "adam" else 0)
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)
