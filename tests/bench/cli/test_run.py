"""`bench run` as a user meets it: what it prints, what it writes, and how it ends when something is wrong."""

import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

import bench as varbench
from bench.execution import run_cells
from bench.results.store import Store
from bench.training.stack import Stack
from bench.training.trainer import Trainer
from tests.bench.cli.conftest import Outcome

Bench = Callable[..., Outcome]

TOY = ("--task", "gaussian-quadratic", "--estimator", "reinforce", "--no-train", "--replicates", "400")
TINY_VAE = "vae-mnist(data=5k, latent=2, hidden=8, depth=1)"


def test_run_writes_a_record_and_prints_its_table(bench: Bench) -> None:
    outcome = bench("run", *TOY)
    assert outcome.code == 0, outcome.err
    for word in ("relative bias", "variance", "SNR", "guide.loc", "guide.scale", "exact"):
        assert word in outcome.out
    assert "next:" in outcome.err
    results = varbench.load("results")
    found = results.gradients.query("group == 'guide.loc' and metric == 'variance'").iloc[0]
    # c = −2, σ = 1: c⁴ + 14 c² + 15 = 87 (Mohamed et al. 2020). Kurtosis makes ±40% five standard errors of 400 draws.
    assert found.value == pytest.approx(87, rel=0.4)
    assert found.n == 400


def test_a_target_of_an_estimator_s_own_is_its_reference_and_no_other_s(bench: Bench) -> None:
    estimators = ("reparam", "tests.bench.check.samples:Scaled", "tests.bench.check.samples:Scaled(scale=3.0)")
    named = [part for name in estimators for part in ("--estimator", name)]
    task = "linear-gaussian(dim=1, n=8, perturbation=0.3)"
    outcome = bench("run", "--task", task, *named, "--no-train", "--replicates", "4000")
    assert outcome.code == 0, outcome.err
    found = varbench.load("results").gradients.query("group == 'all' and metric == 'relative_bias'")
    assert len(found) == 3
    # One that is compared with another's target is off by a third of it at least.
    assert found.value.max() < 0.2


def test_a_target_of_an_estimator_s_own_has_no_stand_in(bench: Bench) -> None:
    # In two dimensions the bound has no exact value, and an unbiased estimator of it stands in; not of a mixture's.
    outcome = bench(
        "run", "--task", "linear-gaussian(dim=2, n=8)", "--estimator", "dreg", "--estimator", "dreg(alpha=0.5)",
        "--samples", "3", "--no-train", "--replicates", "200",
    )  # fmt: skip
    assert outcome.code == 0, outcome.err
    found = varbench.load("results").gradients.query("group == 'all' and metric == 'relative_bias'")
    assert list(found.estimator_parameters) == ["alpha=0.0"]
    assert "no reference for dreg(alpha=0.5) K=3" in outcome.out


def test_closed_form_variances_lie_in_the_intervals(bench: Bench) -> None:
    outcome = bench(
        "run", "--task", "gaussian-quadratic", "--estimator", "reinforce", "--estimator", "reparam", "--no-train",
        "--replicates", "100000",
    )  # fmt: skip
    assert outcome.code == 0, outcome.err
    rows = varbench.load("results").gradients.set_index(["estimator", "group", "metric"])
    exact = {
        ("reinforce", "guide.loc"): 87.0,
        ("reinforce", "guide.scale"): 346.0,
        ("reparam", "guide.loc"): 4.0,
        ("reparam", "guide.scale"): 24.0,
    }
    for (estimator, group), variance in exact.items():
        row = rows.loc[(estimator, group, "variance")]
        # Four intervals at 95% would fail one time in five; twice their width fails less than once in 2000.
        assert abs(row.value - variance) < 2 * max(row.ci_high - row.value, row.value - row.ci_low)
        bias = rows.loc[(estimator, group, "bias")]
        assert bias.ci_low == 0


def test_naive_evidence_bias_shrinks_as_one_over_samples(bench: Bench) -> None:
    outcome = bench(
        "run", "--task", "linear-gaussian(dim=1)", "--estimator", "naive-mc", "--samples", "10,100", "--no-train",
        "--replicates", "10000", "--batch-size", "8",
    )  # fmt: skip
    assert outcome.code == 0, outcome.err
    rows = varbench.load("results").gradients.query("group == 'model' and metric == 'bias_evidence'")
    ten, hundred = (rows.query(f"samples == {samples}").iloc[0] for samples in (10, 100))
    ratio = ten.value / hundred.value
    error = ratio * ((ten.se / ten.value) ** 2 + (hundred.se / hundred.value) ** 2) ** 0.5
    assert ten.ci_low > 0
    # 1/M, plus the next order at M = 10: within four standard errors of ten, and never as slow as 1/√M.
    assert ratio == pytest.approx(10, abs=4 * error + 2)
    assert ratio > 5


def test_a_second_identical_run_is_a_hit(bench: Bench) -> None:
    first = bench("run", *TOY)
    record = next(Path("results").glob("*/*/record.json"))
    before = (record.stat().st_mtime_ns, record.read_bytes())
    second = bench("run", *TOY)
    assert second.code == 0
    assert "done already" in second.err
    assert second.out == first.out
    assert (record.stat().st_mtime_ns, record.read_bytes()) == before
    assert len(list(Path("results/runs").glob("*.json"))) == 1


def test_rerun_all_runs_again(bench: Bench) -> None:
    bench("run", *TOY)
    record = next(Path("results").glob("*/*/record.json"))
    before = json.loads(record.read_text())["run"]
    assert bench("run", *TOY, "--rerun", "all").code == 0
    assert json.loads(record.read_text())["run"] != before


def test_dry_run_says_what_would_run_and_runs_nothing(bench: Bench) -> None:
    outcome = bench("run", *TOY, "--samples", "1,5", "--seeds", "0-2", "--dry-run")
    assert outcome.code == 0
    assert "6 of 6 cells would run" in outcome.out
    assert not Path("results").exists()


def test_training_improves_the_bound_on_digits_and_compares_at_shared_parameters(bench: Bench) -> None:
    outcome = bench(
        "run", "--task", TINY_VAE, "--estimator", "reinforce-loo", "--estimator", "reparam", "--samples", "2",
        "--steps", "150", "--guide-lr", "0.003", "--model-lr", "0.01", "--replicates", "60",
        "--evaluation-samples", "10",
    )  # fmt: skip
    assert outcome.code == 0, outcome.err
    assert "reference trajectory" in outcome.out
    results = varbench.load("results")
    assert (results.final.test_log_likelihood > results.final.test_elbo).all()
    assert (results.final.test_elbo > -230).all()
    last = results.gradients.query("step == 150 and group == 'guide' and metric == 'variance'").set_index("estimator")
    assert last.loc["reinforce-loo"].ci_low > 5 * last.loc["reparam"].ci_high
    training = results.training
    for _, rows in training.groupby("cell"):
        assert rows.objective.iloc[-10:].mean() > rows.objective.iloc[:10].mean()


def test_evidence_and_elbo_are_learned_in_turn_and_compared_in_the_final_table(bench: Bench) -> None:
    outcome = bench(
        "run", "--task", "ppca(dim=3, latent=1, n=40)", "--estimator", "naive-mc", "--estimator", "reparam",
        "--learning", "em(guide_steps=3)", "--model-schedule", "robbins-monro", "--steps", "80", "--samples", "10",
        "--checkpoints", "1", "--replicates", "40", "--evaluation-samples", "10",
    )  # fmt: skip
    assert outcome.code == 0, outcome.err
    reached = outcome.out[outcome.out.index("ppca(dim=3, latent=1, n=40): values after training") :]
    assert re.search(r"train ELBO +log p\(x\) +gap \(KL\)", reached)
    assert re.search(r"reparam +10 +−\S+ ±\S+ +−\S+ +\d", reached)
    assert "the gap is of the exact ELBO" in reached
    results = varbench.load("results")
    final = results.final.set_index("estimator")
    assert (final.gap > 0).all()
    # Only one of them moves the guide.
    assert final.loc["naive-mc"].gap > final.loc["reparam"].gap
    assert set(final.training_learning) == {"em(guide_steps=3)"}
    assert set(final.training_model_schedule) == {"robbins-monro"}
    assert results.training[results.training.estimator == "reparam"].updated.tolist() == ["guide", "model"] * 20


def test_a_guide_per_datapoint_has_no_test_elbo(bench: Bench) -> None:
    outcome = bench(
        "run", "--task", "ppca(dim=3, latent=1, n=40, guide=per-datapoint)", "--estimator", "reparam",
        "--steps", "20", "--checkpoints", "1", "--replicates", "40",
    )  # fmt: skip
    assert outcome.code == 0, outcome.err
    assert "gap (KL)" in outcome.out
    assert "test ELBO" not in outcome.out
    final = varbench.load("results").final.iloc[0]
    assert pd.isna(final.test_elbo)
    assert final.notes.endswith("the guide has parameters for the training rows only: nothing is known about test data")


def test_a_whole_data_set_is_one_datapoint(bench: Bench) -> None:
    outcome = bench(
        "run", "--task", "logistic-regression(data=toy)", "--estimator", "reparam", "--estimator", "nvil",
        "--batch-size", "4", "--steps", "20", "--checkpoints", "1", "--replicates", "40",
    )  # fmt: skip
    assert outcome.code == 0, outcome.err
    results = varbench.load("results")
    assert set(results.final.unit) == {"nats for the whole dataset"}
    assert set(results.gradients.query("metric == 'evaluations'").value) == {1.0}
    assert (results.final.gap > 0).all()


def test_divergence_is_recorded_with_its_step(bench: Bench) -> None:
    outcome = bench(
        "run", "--task", "gaussian-quadratic", "--estimator", "reinforce", "--optimizer", "sgd", "--guide-lr", "1e6",
        "--steps", "200", "--replicates", "40",
    )  # fmt: skip
    assert outcome.code == 0
    assert "diverged" in outcome.out
    final = varbench.load("results").final.iloc[0]
    assert final.status == "diverged"
    assert 0 <= final.diverged_at < 200


def test_config_file_and_command_line_win_in_that_order(bench: Bench) -> None:
    Path("sweep.toml").write_text(
        'task = "gaussian-quadratic"\nestimator = ["reinforce", "reparam"]\nsamples = [1, 5]\nno-train = true\n'
    )
    assert "4 of 4" in bench("run", "--config", "sweep.toml", "--dry-run").out
    assert "2 of 2" in bench("run", "--config", "sweep.toml", "--samples", "3", "--dry-run").out
    Path("sweep.toml").write_text("stepz = 3\n")
    outcome = bench("run", "--config", "sweep.toml")
    assert outcome.code == 2
    assert "did you mean 'steps'" in outcome.err
    Path("sweep.toml").write_text('task = "gaussian-quadratic"\nestimator = "reinforce"\nprecision = nan\n')
    outcome = bench("run", "--config", "sweep.toml")
    assert (outcome.code, "'precision': nan is not a finite number" in outcome.err) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--task", "vae-mnst", "--estimator", "reinforce"), 2, "did you mean 'vae-mnist'"),
        (("--task", "vae-mnist", "--estimator", "reinforc"), 2, "did you mean 'reinforce'"),
        (("--task", "gaussian-quadratic(kk=2)", "--estimator", "reinforce"), 2, "no parameter 'kk'"),
        (("--task", "gaussian-quadratic(k=two)", "--estimator", "reinforce"), 2, "'k' must be a number"),
        (("--task", "gaussian-quadratic(k=2", "--estimator", "reinforce"), 2, "is not of the form"),
        (("--task", "bernoulli-quadratic", "--estimator", "reparam"), 2, "needs reparameterizable latents"),
        (("--task", "gaussian-quadratic", "--estimator", "reinforce-loo", "--samples", "1"), 2, "at least 2 samples"),
        (("--task", "gaussian-quadratic", "--estimator", "iwae"), 2, "needs log p(x, z)"),
        (("--task", "gaussian-quadratic", "--estimator", "reinforce", "--schedule", "cosin"), 2, "no schedule"),
        (("--task", "gaussian-quadratic", "--estimator", "reinforce", "--samples", "5-1"), 2, "runs backwards"),
        (("--task", "gaussian-quadratic", "--estimator", "no.module:Thing"), 2, "not installed"),
        (
            ("--task", "gaussian-quadratic", "--estimator", "tests.bench.names.test_protocols:NoTargets"),
            2,
            "declare targets",
        ),
        (
            ("--task", "tests.bench.names.test_protocols:NoGuide", "--estimator", "reinforce"),
            2,
            "has no guide and no model",
        ),
        (("--task", "gaussian-quadratic(dim=-1)", "--estimator", "reinforce"), 2, "dim must be at least 1; it is -1"),
        (("--task", f"gaussian-quadratic(dim={10**15})", "--estimator", "reinforce"), 2, "more memory than there is"),
        (("--task", f"gaussian-mixture(n={10**15})", "--estimator", "reinforce"), 2, "more memory than there is"),
        (("--task", "vae-mnist(beta=1e999)", "--estimator", "reinforce"), 2, "'beta' must be a finite number"),
        ((*TOY, "--precision", "nan"), 2, "nan is not a finite number"),
        ((*TOY, "--guide-lr", "inf"), 2, "inf is not a finite number"),
        ((*TOY, "--model-lr", "nan"), 2, "nan is not a finite number"),
        ((*TOY, "--seeds", f"{2**63}"), 2, "too large"),
        ((*TOY, "--checkpoints", f"{2**63}"), 2, "too large"),
        (("--task", "gaussian-quadratic"), 2, "--estimator"),
        (("--task", "vae-mnist(data=full)", "--estimator", "reinforce"), 4, "bench data fetch mnist"),
        (("--task", "gaussian-quadratic", "--estimator", "reinforce", "--device", "cuda"), 4, "--device cuda"),
        ((*TOY, "--out", "file/results"), 5, "--out"),
    ],
)
def test_what_is_wrong_gets_one_sentence_and_its_exit_code(
    bench: Bench, arguments: tuple[str, ...], code: int, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    Path("file").write_text("not a folder")
    outcome = bench("run", *arguments)
    assert outcome.code == code, outcome.err
    assert words in outcome.err
    assert "Traceback" not in outcome.err
    assert not Path("results").exists()


def test_a_cell_that_fails_is_recorded_and_the_others_go_on(bench: Bench) -> None:
    Path("broken.py").write_text(
        "from estimators.score_function.reinforce import Reinforce\n"
        "from estimators.base import Estimator\n"
        "class Broken(Estimator):\n"
        "    targets = ('expectation',)\n"
        "    formula = paper = 'none'\n"
        "    def estimate(self, task, x, samples):\n"
        "        raise RuntimeError('out of luck')\n"
    )
    options = ("--task", "gaussian-quadratic", "--estimator", "broken:Broken", "--estimator", "reinforce", "--no-train")
    outcome = bench("run", *options, "--replicates", "40")
    assert outcome.code == 3
    assert (
        "Error: 1 of 2 cells failed:\n  gaussian-quadratic · broken:Broken · K=1 · seed 0: RuntimeError: out"
        in outcome.err
    )
    (log,) = Path("results").glob("*/broken*/traceback.txt")
    assert f"\n    {log} has the traceback\n" in outcome.err
    debugged = bench("--debug", "run", *options, "--replicates", "40")
    assert "raise RuntimeError('out of luck')" in debugged.err
    assert "CellsFailed" not in debugged.err
    statuses = varbench.load("results").final.set_index("estimator").status
    assert statuses["broken:Broken"] == "failed"
    assert statuses["reinforce"] == "done"
    again = bench("run", *options, "--replicates", "40")
    assert "--rerun failed" in again.err


def test_an_interrupted_cell_remembers_its_command(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("bench.execution.runner.run_alone", interrupt)
        patch.setattr("sys.argv", ["bench", "run", *TOY])
        assert bench("run", *TOY).code == 130
    assert bench("run", *TOY, "--seeds", "1").code == 0
    assert f"next: `bench run {' '.join(TOY)}` again: it continues where it was" in bench("status").err
    assert bench("status").out.endswith("1 interrupted, 1 done\n")
    assert bench("run", *TOY).code == 0
    assert "2 done" in bench("status").out


def test_a_corrupt_record_is_set_aside_and_the_cell_runs_again(bench: Bench) -> None:
    bench("run", *TOY)
    record = next(Path("results").glob("*/*/record.json"))
    record.write_text('{"half of')
    assert bench("table").code == 5
    outcome = bench("run", *TOY)
    assert outcome.code == 0
    assert "is not a readable record" in outcome.err
    assert record.with_name("record.json.corrupt-1").read_text() == '{"half of'


def test_a_beta_vae_reports_its_objective_beside_the_true_bounds(bench: Bench) -> None:
    asked = ("--estimator", "reparam", "--steps", "3", "--checkpoints", "1", "--replicates", "40")
    for beta in (1, 4):
        task = f"vae-mnist(data=tiny, latent=1, hidden=4, depth=1, beta={beta})"
        outcome = bench("run", "--task", task, *asked, "--evaluation-samples", "50")
        assert outcome.code == 0, outcome.err
        assert "active units " in outcome.out
    assert "objective " in outcome.out
    plain, weighted = varbench.load("results").final.sort_values("task_parameters").to_dict("records")
    assert math.isnan(plain["objective"])
    # A larger weight of a positive divergence: the objective is below the ELBO by three times the divergence.
    assert weighted["objective"] < weighted["test_elbo"] < weighted["test_log_likelihood"]
    # Three steps of training change little, and the bounds are those of the same kind of model.
    assert weighted["test_elbo"] == pytest.approx(plain["test_elbo"], abs=0.5)
    assert (plain["active_units"], weighted["active_units"]) == (1, 1)


def test_latents_of_no_gaussian_have_no_active_units(bench: Bench) -> None:
    asked = ("--steps", "3", "--checkpoints", "1", "--replicates", "40", "--evaluation-samples", "5")
    outcome = bench("run", "--task", "sbn-tiny", "--estimator", "disarm", *asked)
    assert outcome.code == 0, outcome.err
    assert "active units" not in outcome.out
    assert list(varbench.load("results").final["active_units"].notna()) == [False]


SHORT = ("--steps", "6", "--replicates", "40", "--checkpoints", "1", "--evaluation-samples", "5", "--batch-size", "6")


def test_what_cannot_be_trained_together_is_trained_one_by_one_and_that_is_said(bench: Bench) -> None:
    outcome = bench("run", "--task", "linear-gaussian(dim=2,n=24)", "--estimator", "sumo", "--seeds", "0-1", *SHORT)
    assert outcome.code == 0, outcome.err
    assert outcome.err.count("trained one by one, since sumo draws a random number of samples") == 1
    assert [*varbench.load("results").final.seeds_together] == [1, 1]


def test_too_many_seeds_for_the_memory_are_trained_in_halves(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def small(trainers: Any) -> Stack:
        if len(trainers) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return Stack(trainers)

    monkeypatch.setattr(run_cells, "Stack", small)
    outcome = bench("run", "--task", "gaussian-quadratic", "--estimator", "reinforce", "--seeds", "0-2", *SHORT)
    assert outcome.code == 0, outcome.err
    assert "not enough memory for so many at once; trained as 2 halves" in outcome.err
    final = varbench.load("results").final.set_index("seed")
    assert [*final.seeds_together] == [1, 2, 2]
    assert (final.status == "done").all()


@pytest.mark.parametrize("seeds", ["0-1", "0"], ids=["together", "alone"])
def test_a_gpu_that_fails_ends_the_run_and_what_is_left_is_run_by_the_same_command(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, seeds: str
) -> None:
    """After a kernel's assertion every operation fails: later cells would be recorded as failed, one by one."""
    asked = ("run", "--task", "gaussian-quadratic", "--estimator", "reinforce", "--estimator", "reparam")
    count = len(seeds.split("-"))
    take, begun = Trainer.step, list[str]()

    def fail(*_: Any) -> None:
        begun.append("step")
        raise torch.AcceleratorError("CUDA error: device-side assert triggered")

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "step", fail)
        patch.setattr(Stack, "_advance", fail)
        outcome = bench(*asked, "--seeds", seeds, *SHORT)
    assert take is Trainer.step
    assert outcome.code == 4
    assert begun == ["step"]
    assert outcome.err.strip().splitlines()[-1].startswith("Error: the GPU has failed (CUDA error: device-side assert")
    assert f"{count} of {2 * count} cells are left, and the same command runs them" in outcome.err
    assert [record.status for record in Store(Path("results")).records()] == ["failed"] * count
    again = bench(*asked, "--seeds", seeds, *SHORT)
    assert again.code == 3
    statuses = [record.status for record in Store(Path("results")).records()]
    assert sorted(statuses) == ["done"] * count + ["failed"] * count
    assert bench(*asked, "--seeds", seeds, *SHORT, "--rerun", "failed").code == 0
