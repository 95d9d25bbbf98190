"""What is on record of trained parameters: bounds in parts, those of single datapoints, a perplexity of texts."""

import hashlib
import math
from pathlib import Path
from typing import Any

import pytest
import torch

from bench.execution.cell import CellRun
from bench.execution.invocation import Asked, execute
from bench.execution.plan import Request
from bench.names.spec import parse_spec
from bench.results.schema import Final, Record
from bench.results.store import Store, beside
from bench.results.tables import load

PPCA = "ppca(dim=3, latent=2, n=20)"
LDA = "lda(topics=2, hidden=3, side=2, length=5, n=20)"


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.measure.cost._SECONDS", 0.0)


def run(folder: Path, task: str, **settings: Any) -> tuple[Record, Final]:
    asked = {"steps": 2, "replicates": 40, "evaluation_samples": 20, **settings}
    asked |= {"checkpoints": 1} if asked["steps"] else {}
    execute(Request((parse_spec(task),), (parse_spec("reparam"),), **asked), Asked(folder, None, False, False))
    (record,) = Store(folder).records()
    assert record.final is not None
    return record, record.final


@pytest.mark.parametrize(("task", "shares"), [(PPCA, False), (LDA, False), ("polynomial-regression", True)])
def test_datapoints_make_up_the_values_on_record(tmp_path: Path, task: str, shares: bool) -> None:
    record, final = run(tmp_path, task)
    frame = load(tmp_path).datapoints
    assert len(frame) == (30 if shares else 20)
    assert frame["datapoint"].tolist() == list(range(len(frame)))
    for name in ("elbo", "log_likelihood"):
        mean = float(torch.from_numpy(frame[name].to_numpy(copy=True)).mean())
        assert (len(frame) * mean if shares else mean) == getattr(final, f"test_{name}")
        total = float(frame[name].to_numpy().sum())
        assert total / (1 if shares else len(frame)) == pytest.approx(getattr(final, f"test_{name}"))
    folder = Store(tmp_path).record_path(record.cell).parent
    for name, told in beside(record).items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == told.sha256


def test_bounds_are_their_parts(tmp_path: Path) -> None:
    final = vars(run(tmp_path, PPCA, validation=0.2)[1])
    for split in ("train", "validation", "test"):
        parts = final[f"{split}_reconstruction"] - final[f"{split}_kl"]
        assert parts == pytest.approx(final[f"{split}_elbo"], rel=1e-12)
        assert 0 < final[f"{split}_kl_se"] < final[f"{split}_kl"]
        assert final[f"{split}_reconstruction_se"] > 0
    assert (final["test_perplexity"], final["validation_perplexity"]) == (None, None)


def test_texts_have_a_perplexity(tmp_path: Path) -> None:
    final = run(tmp_path, LDA, validation=0.2)[1]
    # Of documents of five words each, it is that of the mean bound.
    for perplexity, elbo in (
        (final.test_perplexity, final.test_elbo),
        (final.validation_perplexity, final.validation_elbo),
    ):
        assert perplexity == pytest.approx(math.exp(-(elbo or 0) / 5))


def test_a_task_without_data_has_none_of_them(tmp_path: Path) -> None:
    record, final = run(tmp_path, "gaussian-quadratic", steps=0)
    assert list(beside(record)) == ["parameters.pt"]
    assert (final.train_kl, final.test_reconstruction, final.test_perplexity) == (None, None, None)
    assert load(tmp_path).datapoints.empty
    means = [row for row in record.gradients if row.metric == "mean"]
    truths = [row for row in record.gradients if row.metric == "true_gradient"]
    assert [row.group for row in means] == [row.group for row in truths] == ["guide.loc[0]", "guide.scale[0]"]
    assert [row.value for row in truths] == pytest.approx([-4.0, 2.0])
    assert {(row.n, row.reference) for row in means} == {(40, "")}
    assert {(row.n, row.reference) for row in truths} == {(0, "exact")}


def test_a_record_comes_after_the_files_that_it_tells_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is killed between them has no record yet, and goes on from the checkpoint."""

    class Killed(BaseException):
        pass

    def killed(store: Store, record: Record) -> Path:
        folder = store.record_path(record.cell).parent
        assert {name for name in beside(record) if (folder / name).is_file()} == {"parameters.pt", "datapoints.npy"}
        assert not store.record_path(record.cell).exists()
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Store, "write", killed)
        with pytest.raises(Killed):
            run(tmp_path / "killed", PPCA)
    # What is there then is of no record, and so in no table.
    assert load(tmp_path / "killed").datapoints.empty
    trained: list[int] = []
    restore = CellRun.restore
    with monkeypatch.context() as patch:
        patch.setattr(CellRun, "restore", lambda of: (restore(of), trained.append(of.trainer.progress.step))[0])
        record, final = run(tmp_path / "killed", PPCA)
    assert trained == [2]
    other, whole = run(tmp_path / "whole", PPCA)
    assert record.datapoints == other.datapoints
    assert final.test_kl == whole.test_kl
