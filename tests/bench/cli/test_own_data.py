"""Data of the user's own: a cell is of what is in a file, wherever that lies; docs/your-data.md does what it says."""

import hashlib
import json
import os
import re
import shlex
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.io import savemat

import bench as varbench
from bench.compare.experiments import identity
from bench.execution.job import _Kept
from bench.execution.plan import Request, make_plan
from bench.figures.page import Page
from bench.names.registry import TASKS
from bench.names.spec import Spec, parse_spec
from bench.pictures import draw
from bench.pictures.images import image_data
from bench.pictures.trained import finished
from bench.results.codec import parse_cell
from bench.results.columns import EXPERIMENT
from bench.results.store import Store
from bench.settings import Cell
from tasks.data import DataUnavailable
from tasks.images.vae_images import VAEImages
from tests.bench.cli.conftest import Bench
from tests.bench.execution.grids import ROOT
from tests.bench.results.samples import cell as other_cell
from tests.bench.results.samples import record
from tests.long import LONG
from tests.tasks.data.own import HEIGHT, WIDTH, images, table, write_folder

PAGE = (ROOT / "docs" / "your-data.md").read_text(encoding="utf-8")
SMALL = shlex.split("--estimator reparam --steps 2 --checkpoints 1 --replicates 40 --evaluation-samples 2")


def cell(task: str) -> Cell:
    (found,) = make_plan(Request((parse_spec(task),), (Spec("reinforce"),), batch_size=100)).cells
    return found


def write(file: Path, change: int = 0) -> Path:
    """Write a file such as its name says, or another one."""
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.suffix == ".npy":
        np.save(file, images() ^ np.uint8(change))
    elif file.suffix == ".csv":
        file.write_text(table(20 + change))
    else:
        file.write_text("bias of a gradient\nnoise\n" * (5 + change))
    return file


@pytest.mark.parametrize(
    ("name", "task"),
    [
        ("a.npy", "vae-images(path={}, latent=2, hidden=3)"),
        ("a.npy", "sbn-images(path={}, latent=2)"),
        ("a.npy", "vae-categorical-images(path={}, variables=2, wide=3, narrow=3)"),
        ("a.csv", "logistic-regression(data={}, target=y)"),
        ("a.csv", "bnn(data={}, target=a, hidden=2)"),
        ("a.txt", "lda(corpus={}, topics=2, hidden=3)"),
    ],
)
def test_a_cell_is_of_what_is_in_a_file(tmp_path: Path, name: str, task: str) -> None:
    def of(file: Path) -> Cell:
        return cell(task.format(f"'{file}'"))

    first = of(write(tmp_path / name))
    elsewhere = write(tmp_path / "my own, (old)" / f"renamed{Path(name).suffix}")
    os.utime(elsewhere, (0, 0))
    copied, changed = of(elsewhere), of(write(tmp_path / "changed" / name, 1))
    assert copied.id == first.id
    assert copied.configuration == first.configuration
    assert changed.id != first.id
    write(tmp_path / name, 1)
    assert of(tmp_path / name).id == changed.id
    # A record keeps where the file is.
    assert str(elsewhere) in copied.task_parameters.values()
    assert parse_cell(json.dumps(copied.settings())) == copied
    assert parse_spec(str(copied.task_spec)) == copied.task_spec


def test_a_folder_is_what_is_in_its_images(tmp_path: Path) -> None:
    task = "vae-images(path={}, latent=2, hidden=3)"
    first = cell(task.format(write_folder(tmp_path / "first", images())))
    second = cell(task.format(write_folder(tmp_path / "second", images()[::-1], "{}-again.png")))
    assert second.id == first.id
    (tmp_path / "second" / "0-again.png").unlink()
    assert cell(task.format(tmp_path / "second")).id != first.id


def test_a_moved_file_is_a_hit_and_a_changed_one_another_cell(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_COST_SECONDS", "0")

    def run(path: str, *more: str) -> str:
        outcome = bench("run", "--task", f"logistic-regression(data='{path}', target=y)", *SMALL, *more)
        assert outcome.code == 0, outcome.err
        return outcome.out + outcome.err

    write(tmp_path / "my mails" / "a.csv")
    said = run("my mails/a.csv")
    assert "logistic-regression(data='my mails/a.csv', target=y): gradient" in said
    assert "16 rows of 4 features, and 4 to test; label 1: y = spam" in said
    (tmp_path / "my mails").rename(tmp_path / "mails")
    run("mails/a.csv")
    (found,) = varbench.load("results").final["dataset"]
    digest = hashlib.sha256((tmp_path / "mails" / "a.csv").read_bytes()).hexdigest()
    assert found == f"data=sha256:{digest[:16]}"
    assert "done already" in run("mails/a.csv", "--dry-run")
    write(tmp_path / "mails" / "a.csv", 1)
    assert "1 of 1 cells would run" in run("mails/a.csv", "--dry-run")


def test_pictures_are_of_the_file_that_the_run_was_about(tmp_path: Path) -> None:
    write_folder(tmp_path / "faces", images(channels=3))
    spec = parse_spec(f"vae-images(path={tmp_path}/faces, latent=2, hidden=3, depth=1)")
    task = TASKS.build(spec)
    made = other_cell(task=spec.name, task_parameters=TASKS.parameters(spec), dataset=task.load().name)
    store = Store(tmp_path / "results")
    store.write(record(made))
    torch.save(task.state_dict(), store.parameters_path(made))
    (run,) = finished([tmp_path / "results"], lambda said: None)
    found = run.task()
    assert isinstance(found, VAEImages)
    data = image_data(found)
    assert (data.width, data.channels, data.dark) == (WIDTH, 3, False)
    # Red, green and blue are behind height and width, as a picture has them.
    first = data.shaped(data.x)
    assert first.shape == (4, HEIGHT, WIDTH, 3)
    assert any(np.allclose(first[0], one / 255) for one in images(channels=3))
    (shown,) = draw("reconstructions", found, data, Page("icml", 1)).axes[0].get_images()
    array = shown.get_array()
    assert array is not None
    assert array.shape == (2 * HEIGHT + 1, 4 * WIDTH + 3, 3)
    next(iter((tmp_path / "faces").iterdir())).unlink()
    with pytest.raises(DataUnavailable, match="has changed"):
        run.task()
    (tmp_path / "faces").rename(tmp_path / "elsewhere")
    with pytest.raises(DataUnavailable, match="faces does not exist"):
        run.task()


def test_a_process_refuses_a_file_that_has_changed_since(tmp_path: Path) -> None:
    file = write(tmp_path / "a.npy")
    planned = cell(f"vae-images(path={file}, latent=2, hidden=3)")
    assert len(_Kept().of(planned).train) == 16
    write(file, 1)
    with pytest.raises(DataUnavailable, match="has changed"):
        _Kept().of(planned)


def test_experiments_are_the_same_wherever_the_file_was() -> None:
    def row(place: str, digit: str) -> dict[str, str | int]:
        named = {"task_parameters": f"path={place}, latent=2", "dataset": f"path=sha256:{16 * digit}-grey"}
        return dict.fromkeys(EXPERIMENT, 1) | named

    assert identity(row("here.npy", "0")) == identity(row("'my own/there.npy'", "0"))
    assert identity(row("here.npy", "0")) != identity(row("here.npy", "1"))


@pytest.mark.parametrize(
    ("task", "code", "said"),
    [
        ("vae-images(path=my faces)", 2, "quote a value"),
        ("vae-images(path=nowhere/)", 4, "nowhere/ does not exist"),
        ("vae-images(path=a.npy, width=4)", 4, "5 pixels wide, but width=4 was given"),
        ("vae-images(path=a.npy, axis=second)", 2, "'axis' must be auto or first or last"),
        ("vae-images(path=.)", 4, "holds no images"),
        ("sbn-images(path=a.csv)", 4, "not a file of images"),
        ("logistic-regression(data=a.csv)", 2, "target=COLUMN must say which column"),
        ("logistic-regression(data=a.csv, target=z)", 2, "no column 'z'"),
        ("logistic-regression(data=a.csv, target=b)", 4, "has 3 values (blue, green, red)"),
        ("logistic-regression(target=y)", 2, "leave it out"),
        ("bnn(data=a.csv)", 2, "target=COLUMN must say which column"),
        ("bnn(data=a.csv, target=y)", 4, "holds words ('ham'), but a regression predicts a number"),
        ("bnn(data=a.csv, target=same)", 4, "is 7 in all rows: there is nothing to predict"),
        ("lda(corpus=a.npy)", 4, "not UTF-8 text"),
        ("lda(corpus=nowhere.txt)", 4, "nowhere.txt does not exist"),
    ],
)
def test_what_does_not_fit_is_a_sentence(bench: Bench, tmp_path: Path, task: str, code: int, said: str) -> None:
    write(tmp_path / "a.npy")
    write(tmp_path / "a.csv")
    outcome = bench("run", "--task", task, *SMALL, "--dry-run")
    assert outcome.code == code
    assert said in outcome.err
    assert "Traceback" not in outcome.err
    assert not (tmp_path / "results").exists()


def commands() -> list[list[str]]:
    """Return the words of each command of the page."""
    blocks = re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    return [shlex.split(line) for block in blocks for line in block.splitlines()]


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Write the files that the page names."""
    grey = images(20)
    (tmp_path / "mail.csv").write_text(table(40).replace("a,b,same,y", "length,sender,version,kind"))
    (tmp_path / "houses.csv").write_text(table(40).replace("a,b,same,y", "price,street,rooms,sold"))
    write_folder(tmp_path / "faces", images(channels=3))
    np.savez(tmp_path / "digits.npz", images=grey, labels=np.arange(20))
    savemat(tmp_path / "frey.mat", {"ff": images(40).reshape(-1, 40 * 30 // 20)[:40]})
    (tmp_path / "abstracts.txt").write_text("the bias of a gradient\nits noise\n" * 10)
    (tmp_path / "counts.ldac").write_text("2 0:2 3:1\n1 1:4\n" * 10)
    return tmp_path


def understood(bench: Bench, words: Sequence[str]) -> None:
    outcome = bench(*words)
    assert outcome.code == 0, outcome.err


@pytest.mark.usefixtures("files")
def test_commands_of_the_page_are_understood(bench: Bench) -> None:
    runs = [words for _, *words in commands() if words[0] == "run"]
    assert len(runs) == 7
    for words in runs:
        understood(bench, [*words, "--dry-run"])


@LONG
@pytest.mark.usefixtures("files")
def test_commands_of_the_page_do_what_it_says(bench: Bench) -> None:
    for _, *words in commands():
        understood(bench, [*words, "--preset", "smoke"] if words[0] == "run" else words)
    assert set(varbench.load("results").final["status"]) == {"done"}
