"""`bench compare` as a user meets it, on real runs: seeds do not matter, a fifth more noise does."""

import csv
import io
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.measure import chunk
from tests.bench.cli.conftest import Outcome
from tests.bench.compare.noisy import NoisyReinforce

Bench = Callable[..., Outcome]

PLUGIN = ("--plugin", "tests.bench.compare.noisy")
NOISY = "tests.bench.compare.noisy:NoisyReinforce"
TOYS = (
    "run", "--task", "gaussian-cosine", "--task", "bernoulli-quadratic", "--estimator", NOISY, "--no-train",
    "--replicates", "8000",
)  # fmt: skip
VAE = (
    "run", "--task", "vae-mnist(data=5k, latent=2, hidden=8, depth=1)", "--estimator",
    "tests.bench.compare.noisy:NoisyReparam", "--no-train", "--replicates", "600", "--batch-size", "50",
    "--samples", "5", "--evaluation-samples", "5",
)  # fmt: skip


def rows(outcome: Outcome) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(outcome.out)))


def test_another_seed_is_not_worse_and_a_fifth_more_noise_is(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    assert bench(*TOYS, "--out", "base").code == 0
    assert bench(*TOYS, "--out", "other", "--seeds", "1").code == 0
    monkeypatch.setattr(NoisyReinforce, "extra", 0.2)
    assert bench(*TOYS, "--out", "noisy", "--seeds", "1").code == 0

    same = bench("compare", "base", "other", "--format", "csv", *PLUGIN)
    assert same.code == 0, same.out
    assert {row["verdict"] for row in rows(same)} <= {"equivalent", "inconclusive"}

    worse = bench("compare", "base", "noisy", *PLUGIN)
    assert worse.code == 1
    assert "2 worse, 0 better" in worse.out
    gate = ("compare", "base", "noisy", *PLUGIN, "--fail-if", "variance:+60%", "--format")
    found = [row for row in rows(bench(*gate, "csv")) if row["metric"] == "variance"]
    for row in found:
        assert float(row["ci_low"]) < 0.2 < float(row["ci_high"])
    passed = bench(*gate, "json")
    assert (passed.code, json.loads(passed.out)["failing"]) == (0, 0)
    assert bench("compare", "noisy", "base", *PLUGIN).code == 0


def test_vae_before_training_shows_the_noise(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    # The chunk decides which draws 600 replicates are, and the machine's load which chunk is the fastest. Among some
    # draws a single one is so large that the interval of a variance is honestly too wide for any verdict.
    monkeypatch.setattr(chunk, "fastest_chunk", lambda *_: 40)
    assert bench(*VAE, "--out", "base").code == 0
    assert bench(*VAE, "--out", "other", "--seeds", "1").code == 0
    # One seed on each side, and not the same: nothing can be said, which is no pass.
    assert bench("compare", "base", "other").code == 1
    assert bench("compare", "base", "other", "--require", "0").code == 0
    monkeypatch.setattr(NoisyReinforce, "extra", 3.0)
    assert bench(*VAE, "--out", "noisy").code == 0
    outcome = bench("compare", "base", "noisy", "--format", "csv")
    assert outcome.code == 1
    verdicts = {(row["metric"], row["step"], row["group"]): row["verdict"] for row in rows(outcome)}
    assert verdicts["variance", "0", "guide"] == verdicts["variance", "0", "model"] == "worse"


FAILS = """
import os
from estimators.score_function.reinforce import Reinforce
class Mine(Reinforce):
    def estimate(self, task, x, samples):
        if os.environ.get("MINE") == "broken":
            raise RuntimeError("out of luck")
        return super().estimate(task, x, samples)
"""


def test_what_fails_in_new_alone_is_a_negative_verdict(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("mine_that_fails.py").write_text(FAILS)
    plugin = ("--plugin", "mine_that_fails")
    asked = ("run", "--task", "gaussian-quadratic", "--task", "gaussian-cosine", "--estimator", "mine_that_fails:Mine")
    few = ("--no-train", "--replicates", "40", "--out")
    assert bench(*asked, *few, "base").code == 0
    monkeypatch.setenv("MINE", "broken")
    assert bench(*asked, *few, "new").code == 3
    worse = bench("compare", "base", "new", *plugin)
    assert worse.code == 1
    assert worse.err.count("fails: ") == 3
    told = " ".join(worse.err.split())
    for task in ("gaussian-quadratic", "gaussian-cosine"):
        assert f"fails: {task} · mine_that_fails:Mine · K=1: in NEW, seed 0 failed: RuntimeError: out of luck" in told
    assert "every comparison is inconclusive" in told
    assert "fails for 3" in worse.out
    assert bench("compare", "base", "new", *plugin, "--require", "0").code == 1
    neither = bench("compare", "new", "new", *plugin)
    assert (neither.code, neither.err.count("fails: ")) == (1, 1)
    assert bench("compare", "new", "new", *plugin, "--require", "0").code == 0


def test_what_new_lacks_is_listed_and_may_fail(bench: Bench) -> None:
    toy = ("run", "--estimator", "reparam", "--no-train", "--replicates", "40", "--task", "gaussian-quadratic")
    assert bench(*toy, "--task", "gaussian-cosine", "--out", "base").code == 0
    assert bench(*toy, "--out", "new").code == 0
    lenient = bench("compare", "base", "new")
    assert (lenient.code, "1 missing" in lenient.out) == (0, True)
    assert "only in BASE: gaussian-cosine · reparam" in lenient.err
    strict = bench("compare", "base", "new", "--fail-if", "missing")
    assert (strict.code, "fails: missing: only in BASE: gaussian-cosine" in strict.err) == (1, True)
    assert bench("compare", "new", "base", "--fail-if", "missing").code == 0
    many = bench("compare", "base", "new", "--require", "100")
    assert (many.code, "--require asks for 100 judged comparisons" in " ".join(many.err.split())) == (1, True)


def test_committed_results_are_read_by_revision(bench: Bench) -> None:
    toy = ("run", "--task", "gaussian-quadratic", "--estimator", "reparam", "--no-train", "--replicates", "40")
    assert bench(*toy, "--out", "kept").code == 0
    git = ["git", "-c", "user.name=n", "-c", "user.email=n@example.org"]
    for command in (["init", "-q"], ["add", "kept"], ["commit", "-q", "-m", "kept"]):
        subprocess.run([*git, *command], check=True)
    outcome = bench("compare", "HEAD:kept", "kept")
    assert outcome.code == 0
    assert "0 worse" in outcome.out
    assert "identical" in outcome.out
    assert "no folder nothing" in bench("compare", "HEAD:nothing", "kept").err
    missing = bench("compare", "gone:kept", "kept")
    assert (missing.code, "neither a folder nor a git revision" in missing.err) == (5, True)


def test_mistakes_end_with_one_sentence(bench: Bench) -> None:
    toy = ("run", "--task", "gaussian-quadratic", "--no-train", "--replicates", "40", "--estimator")
    assert bench(*toy, "reparam", "--out", "a").code == 0
    assert bench(*toy, "reinforce", "--out", "b").code == 0
    Path("empty").mkdir()
    for arguments, code, sentence in (
        (("a", "b"), 2, "no experiment in common"),
        (("a", "nowhere"), 5, "does not exist"),
        (("a", "empty"), 5, "no finished cell"),
        (("a", "a", "--fail-if", "variance"), 2, "not a threshold"),
        (("a", "a", "--level", "nan"), 2, "nan is not a finite number"),
        (("a", "a", "--fail-if", "test_elbo:-1"), 2, "never compared; there are "),
        (("a", "a", "--group", "guid"), 2, "there is no group 'guid'; did you mean 'guide'"),
        (("a", "a", "--group", "phi"), 2, "there is no group 'phi'; there are all, guide, guide.loc, guide.scale"),
    ):
        outcome = bench("compare", *arguments)
        assert (outcome.code, sentence in outcome.err) == (code, True), outcome.err
    paired = bench("compare", "a", "b", "--pair", "reparam=reinforce")
    assert "reparam" in paired.out


def test_a_committed_folder_that_is_huge_is_not_unpacked(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("kept").mkdir()
    Path("kept/large").write_bytes(bytes(3 << 20))
    for command in (["init", "-q"], ["add", "kept"], ["commit", "-q", "-m", "kept"]):
        subprocess.run(["git", "-c", "user.name=n", "-c", "user.email=n@example.org", *command], check=True)
    monkeypatch.setattr("bench.compare.sources._LARGEST", 2 << 20)
    outcome = bench("compare", "HEAD:kept", "kept")
    assert (outcome.code, "HEAD:kept holds 3 MiB, but at most 2 are unpacked" in outcome.err) == (5, True)
