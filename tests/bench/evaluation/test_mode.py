"""Evaluation, samples and exact answers are in `eval` mode; training and the moments of gradients in `train` mode."""

from dataclasses import replace

import torch
from torch import nn

from bench.check.points import Point, task_subjects
from bench.evaluation.bounds import evaluate_train
from bench.evaluation.mode import evaluating
from bench.execution.final import evaluated
from bench.measure.reference import exact_reference
from bench.settings import Training
from bench.training.trainer import Trainer
from estimators.pathwise.reparam import Reparam
from tests.bench.evaluation.dropout import Dropout
from tests.bench.results.samples import cell

SPEC = "tests.bench.evaluation.dropout:Dropout"


def _ignored(_: object) -> None:
    """Neither progress nor warnings."""


def test_every_part_is_put_back_into_its_own_mode():
    module = nn.Sequential(nn.Dropout(), nn.BatchNorm1d(2))
    module[1].eval()
    with evaluating(module):
        assert not any(part.training for part in module.modules())
    assert [part.training for part in module.modules()] == [True, True, False]


def test_final_values_are_those_of_eval_mode():
    task, asked = Dropout(), cell(task=SPEC, estimator="reparam")
    data = task.load()
    found = evaluated(asked, task, data, _ignored, _ignored)
    assert task.training
    noisy, exact = evaluate_train(task, data, asked.seed), evaluate_train(task.eval(), data, asked.seed)
    assert found.values == evaluated(asked, task, data, _ignored, _ignored).values
    assert found.values["train_elbo"] == exact.value
    assert noisy.value != exact.value


def test_exact_answers_do_not_depend_on_a_mask():
    task = Dropout()
    x = task.load().train
    first, again = (exact_reference(task, "elbo", x, 1) for _ in range(2))
    assert first is not None
    assert again is not None
    assert torch.equal(first.mean, again.mean)
    assert not Point(task_subjects(SPEC)[0]).task.training


def test_training_is_in_train_mode():
    task = Dropout()
    data = task.load()
    seen: list[bool] = []
    task.guide.dropout.register_forward_hook(lambda module, inputs, output: seen.append(module.training))
    settings = replace(cell().training, steps=2, batch_size=4)
    assert isinstance(settings, Training)
    list(Trainer(task, Reparam(), data, settings, samples=1).run(2))
    assert seen == [True, True]
