"""`bench results validate`: every file that is damaged is named, and none that is not."""

import hashlib
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from bench.execution.kept import keep
from bench.results.codec import dump
from bench.results.parameters import written
from bench.results.schema import Begun
from bench.results.store import Store
from tests.bench.cli.conftest import Bench
from tests.bench.results.samples import RUN, cell, of_version, record


def _tensors(digest: bool) -> bytes:
    stream = io.BytesIO()
    torch.save({"a": torch.arange(100.0)}, stream)
    data = stream.getvalue()
    return f"varbench kept 2 sha256 {hashlib.sha256(data).hexdigest()}\n".encode() + data if digest else data


@pytest.fixture
def files(bench: Bench) -> dict[str, Path]:
    """Return a file of each kind in the folder `results`, all whole."""
    store = Store("results")
    begun = cell(seed=1)
    store.begin(Begun(begun, RUN.run))
    of_before = store.write(record(cell(seed=2)))
    of_before.write_text(json.dumps(of_version(5, of_before.read_bytes())))
    found = {
        "record": store.write(record()),
        "run": store.write_run(RUN),
        "begun": store.record_path(begun).with_name("begun.json"),
        "parameters": store.parameters_path(cell()),
        "checkpoint": store.checkpoint_path(begun),
        "trajectory": store.folder / cell().task_folder / "trajectory-0123456789abcdef.pt",
    }
    found["parameters"].write_bytes(_tensors(digest=False))
    found["checkpoint"].write_bytes(_tensors(digest=True))
    found["trajectory"].write_bytes(_tensors(digest=True))
    return found


def test_whole_files_are_counted(bench: Bench, files: dict[str, Path]) -> None:
    outcome = bench("results", "validate")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out == "7 of 7 files are whole, 1 of them without a digest to compare with\n"
    assert bench("results", "validate", str(files["record"].parent)).out == "2 of 2 files are whole\n"


@pytest.mark.parametrize("kind", ["record", "run", "begun", "parameters", "checkpoint", "trajectory"])
@pytest.mark.parametrize("damage", ["flipped", "cut", "empty"])
def test_a_damaged_file_is_named(bench: Bench, files: dict[str, Path], kind: str, damage: str) -> None:
    data = bytearray(files[kind].read_bytes())
    data[len(data) // 2] ^= 1
    files[kind].write_bytes({"flipped": bytes(data), "cut": bytes(data[:-50]), "empty": b""}[damage])
    outcome = bench("results", "validate", "results", "--format", "json")
    assert outcome.code == 5
    content = json.loads(outcome.out)
    assert [one["file"] for one in content["wrong"]] == [str(files[kind])]
    assert (content["files"], content["without_digest"]) == (7, 1)
    text = bench("results", "validate", "results")
    assert text.code == 5
    assert text.out.startswith(str(files[kind]))
    assert text.out.endswith("6 of 7 files are whole, 1 of them without a digest to compare with\n")


def test_every_byte_of_the_numbers_of_an_archive_counts(bench: Bench, files: dict[str, Path]) -> None:
    data = files["parameters"].read_bytes()
    numbers = data.index(torch.arange(100.0).numpy().tobytes())
    for place in range(numbers, numbers + 400, 40):
        files["parameters"].write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        assert bench("results", "validate").code == 5


def test_a_record_in_the_folder_of_another_cell_is_named(bench: Bench, files: dict[str, Path]) -> None:
    files["record"].write_bytes(dump(record(cell(seed=2))))
    assert "it is the record of another cell" in " ".join(bench("results", "validate").out.split())


def test_a_folder_in_the_place_of_a_file_is_named(bench: Bench, files: dict[str, Path]) -> None:
    for path in files.values():
        path.unlink()
        path.mkdir()
    outcome = bench("results", "validate", "--format", "json")
    assert outcome.code == 5
    assert sorted(one["file"] for one in json.loads(outcome.out)["wrong"]) == sorted(map(str, files.values()))


def test_no_results_are_no_damage(bench: Bench) -> None:
    Path("results").mkdir()
    assert bench("results", "validate").out == "there are no files of results\n"
    nowhere = bench("results", "validate", "nowhere")
    assert (nowhere.code, nowhere.out) == (5, "")
    assert nowhere.err.startswith("Error: nowhere does not exist")


def test_parameters_are_those_that_their_record_tells_of(bench: Bench, files: dict[str, Path]) -> None:
    whole = files["parameters"].read_bytes()
    Store("results").write(record(parameters=written(whole)))
    assert bench("results", "validate").code == 0
    other = io.BytesIO()
    torch.save({"a": torch.arange(100.0) + 1}, other)
    for damage, why in ((other.getvalue(), "does not have the digest in its record"), (None, "is missing")):
        files["parameters"].unlink()
        if damage is not None:
            files["parameters"].write_bytes(damage)
        outcome = bench("results", "validate")
        assert outcome.code == 5
        text = " ".join(outcome.out.split())
        assert f"{files['parameters']} {why}: repeat the `bench run` that wrote it with `--rerun failed`" in text


def test_what_stands_before_an_archive_is_damage(bench: Bench, files: dict[str, Path]) -> None:
    for kind in ("checkpoint", "trajectory", "parameters"):
        whole = files[kind].read_bytes()
        files[kind].write_bytes(b"\xef\xbb\xbf" + whole)
        assert bench("results", "validate").code == 5
        files[kind].write_bytes(whole)


def test_a_file_that_another_cell_keeps_is_named(bench: Bench, files: dict[str, Path], tmp_path: Path) -> None:
    trajectory = files["trajectory"]
    keep(trajectory, {"a": 1})
    assert bench("results", "validate").code == 0
    trajectory.rename(trajectory.with_name("trajectory-0123456789abcdee.pt"))
    assert "it belongs to another cell" in " ".join(bench("results", "validate").out.split())


@pytest.mark.parametrize("kind", ["record", "run", "begun", "parameters", "checkpoint", "trajectory"])
@pytest.mark.parametrize("to", ["nowhere", "itself"])
def test_a_link_in_the_place_of_a_file_is_named(bench: Bench, files: dict[str, Path], kind: str, to: str) -> None:
    files[kind].unlink()
    files[kind].symlink_to(files[kind].name if to == "itself" else to)
    outcome = bench("results", "validate", "--format", "json")
    assert outcome.code == 5
    assert [one["file"] for one in json.loads(outcome.out)["wrong"]] == [str(files[kind])]


def test_the_note_of_another_run_or_cell_is_named(bench: Bench, files: dict[str, Path]) -> None:
    files["run"].write_bytes(dump(replace(RUN, run="another")))
    files["begun"].write_bytes(dump(Begun(cell(seed=7), RUN.run)))
    text = " ".join(bench("results", "validate").out.split())
    assert "it is the note of another run, another" in text
    assert "it is the note of another cell" in text
