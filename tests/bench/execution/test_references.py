"""An estimator that a task names as its reference and that is none: refused before anything runs, or drawn right."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor

from bench.cli import cli
from bench.errors import UsageError
from bench.execution.fit import Ground
from bench.execution.references import require_references
from bench.names.spec import Spec
from bench.results.store import Store
from tasks.base import Latents, Model, Task
from tasks.latent_variables.linear_gaussian import LinearGaussian
from tests.estimators.tiny import Bits


class _BlackBox(Model):
    def forward(self, x: Tensor, z: Latents) -> Tensor:
        return (z["z"] > 0).to(x.dtype).sum(-1)


def refusal(task: Task, references: Mapping[Any, str]) -> str:
    task.references = references  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(UsageError) as raised:
        require_references(Ground(Spec("tests.estimators.tiny:Bits"), task, task.load(), 1))
    return str(raised.value)


@pytest.mark.parametrize(
    ("references", "reason"),
    [
        ({"elbo": "reparam"}, "does not fit: reparam needs reparameterizable latents; site 'a' of Bits"),
        ({"elbo": "gumbel-softmax"}, "its gradient is not that of the target in θ and φ"),
        ({"elbo": "iwae-reinforce"}, "it estimates iwae"),
        ({"elbo": "sumo(longest=2)"}, "it estimates a target of its own"),
        ({"iwae": "vimco"}, "it needs K ≥ 2, while iwae at K = 1 needs a reference, too"),
        ({"elbo": "reinforse"}, "did you mean 'reinforce'?"),
        ({"elbo": "reinforce("}, "names 'reinforce('"),
        ({"elboo": "reinforce"}, "there is no target 'elboo'; did you mean 'elbo'?"),
    ],
)
def test_it_is_refused_by_name(references: Mapping[Any, str], reason: str) -> None:
    message = refusal(Bits(), references)
    assert message.startswith("Bits names '")
    assert reason in message


def test_a_black_box_has_no_pathwise_reference() -> None:
    task: Any = LinearGaussian()
    task.model = _BlackBox()
    assert "it has no derivative there" in refusal(task, {"elbo": "reparam"})


class TwoSamples(Bits):
    """Without an exact value, and with a reference that needs two samples."""

    references: ClassVar[Mapping[str, str]] = {"elbo": "reinforce-loo"}  # pyright: ignore[reportIncompatibleVariableOverride]
    has_exact = False

    def __init__(self) -> None:
        super().__init__()

    def exact(self, target: str, x: Tensor, samples: int) -> Tensor | None:
        return None


def test_a_reference_is_drawn_with_the_samples_that_it_needs(tmp_path: Path) -> None:
    own = f"{TwoSamples.__module__}:{TwoSamples.__name__}"
    words = ["run", "--task", own, "--estimator", "reinforce", "--estimator", "arm", "--samples", "1", "--steps", "2"]
    cli.main([*words, "--replicates", "400", "--out", str(tmp_path)], standalone_mode=False)
    records = list(Store(tmp_path).records())
    assert {record.status for record in records} == {"done"}
    rows = [row for record in records for row in record.gradients if row.metric == "bias"]
    assert rows
    assert all(torch.isfinite(torch.tensor(row.value)) and row.reference.startswith("reinforce-loo") for row in rows)
