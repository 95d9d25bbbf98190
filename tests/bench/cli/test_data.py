import hashlib
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bench.cli.data import data
from tasks.data import DataUnavailable
from tasks.data.catalogue import DATASETS, Dataset, File
from tests.tasks.data.server import serve

CONTENT = b"some images"


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty cache folder, and a catalogue with `mnist` (fetched from nowhere) and `faces` (copied by hand) only."""
    monkeypatch.setenv("BENCH_DATA", str(tmp_path))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    for name in list(DATASETS):
        monkeypatch.delitem(DATASETS, name)
    describe(monkeypatch, "mnist", "http://127.0.0.1:9/a.bin")
    describe(monkeypatch, "faces")
    return tmp_path


def describe(monkeypatch: pytest.MonkeyPatch, name: str, *mirrors: str) -> None:
    file = File(f"{name}/a.bin", hashlib.sha256(CONTENT).hexdigest(), 12_300_000, mirrors)
    monkeypatch.setitem(DATASETS, name, Dataset("images", "MIT, somebody", (file,), published=bool(mirrors)))


def put(folder: Path, name: str, content: bytes = CONTENT) -> None:
    (folder / name).mkdir()
    (folder / name / "a.bin").write_bytes(content)


def bench_data(*arguments: str) -> Result:
    return CliRunner().invoke(data, list(arguments))


def rows(result: Result) -> dict[str, list[str]]:
    lines = (line.split() for line in result.stdout.splitlines())
    return {line[0]: line[1:] for line in lines if line}


def test_list(folder: Path):
    put(folder, "mnist")
    result = bench_data("list")
    assert result.exit_code == 0
    assert rows(result)["mnist"] == ["12.3", "MB", "yes", "images", "MIT,", "somebody"]
    assert rows(result)["faces"] == ["12.3", "MB", "no,", "by", "hand", "images", "MIT,", "somebody"]
    assert f"cache folder: {folder}" in result.stdout


def test_list_has_one_line_per_dataset_where_there_is_room(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("BENCH_DATA", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "240")
    lines = bench_data("list").stdout.splitlines()
    assert [line.split()[0] for line in lines[1 : 1 + len(DATASETS)]] == list(DATASETS)


def test_list_for_programs(folder: Path):
    put(folder, "mnist")
    content = json.loads(bench_data("list", "--format", "json").stdout)
    assert content["folder"] == str(folder)
    assert [one["name"] for one in content["datasets"]] == list(DATASETS)
    assert [one["name"] for one in content["datasets"] if one["in_cache"]] == ["mnist"]


def test_verify_for_programs(folder: Path):
    put(folder, "mnist")
    (file,) = json.loads(bench_data("verify", "mnist", "--format", "json").stdout)["files"]
    assert (file["dataset"], file["status"]) == ("mnist", "ok")


def test_verify_named(folder: Path):
    put(folder, "mnist")
    put(folder, "faces")
    result = bench_data("verify", "mnist", "faces")
    assert result.exit_code == 0
    assert rows(result)["mnist"] == ["mnist/a.bin", "ok", "published"]
    assert rows(result)["faces"] == ["faces/a.bin", "ok", "recorded", "by", "varbench"]


@pytest.mark.parametrize("content", [None, b"damaged"])
def test_verify_refuses_what_is_missing_or_corrupt(folder: Path, content: bytes | None):
    if content is not None:
        put(folder, "mnist", content)
    result = bench_data("verify", "mnist")
    assert isinstance(result.exception, DataUnavailable)
    assert str(result.exception) == "1 of 1 files missing or corrupt (mnist); run `bench data fetch mnist`"
    assert rows(result)["mnist"][1] == ("missing" if content is None else "corrupt")


def test_verify_says_when_only_a_copy_helps(folder: Path):
    result = bench_data("verify", "faces")
    assert isinstance(result.exception, DataUnavailable)
    assert str(result.exception).endswith("(faces); copy them into the cache folder")


def test_verify_without_names_looks_at_what_is_there(folder: Path):
    result = bench_data("verify")
    assert result.exit_code == 0
    assert "no dataset is in it" in result.stdout
    put(folder, "faces")
    result = bench_data("verify")
    assert result.exit_code == 0
    assert "faces" in rows(result)
    assert "mnist" not in rows(result)


def test_fetch(monkeypatch: pytest.MonkeyPatch, folder: Path):
    with serve({"/a.bin": CONTENT}) as server:
        describe(monkeypatch, "mnist", f"{server.url}/a.bin")
        result = bench_data("fetch", "mnist")
    assert result.exit_code == 0
    assert result.stderr == "next: `bench list`\n"
    assert f"mnist: 1 file in {folder / 'mnist'}" in result.stdout
    assert (folder / "mnist" / "a.bin").read_bytes() == CONTENT


def test_fetch_all_leaves_out_what_has_no_address(monkeypatch: pytest.MonkeyPatch, folder: Path):
    with serve({"/a.bin": CONTENT}) as server:
        describe(monkeypatch, "mnist", f"{server.url}/a.bin")
        result = bench_data("fetch", "--all")
    assert result.exit_code == 0
    assert "faces" not in result.output


def test_fetch_goes_on_after_a_failure(monkeypatch: pytest.MonkeyPatch, folder: Path):
    with serve({"/a.bin": CONTENT}) as server:
        describe(monkeypatch, "fashion_mnist", f"{server.url}/a.bin")
        result = bench_data("fetch", "mnist", "faces", "fashion_mnist")
    assert isinstance(result.exception, DataUnavailable)
    assert "http://127.0.0.1:9/a.bin (no connection)" in str(result.exception)
    assert "faces/a.bin has no public address" in str(result.exception)
    assert "fashion_mnist: 1 file" in result.stdout


@pytest.mark.parametrize("arguments", [(), ("mnits",)])
def test_fetch_usage(folder: Path, arguments: tuple[str, ...]):
    result = bench_data("fetch", *arguments)
    assert result.exit_code == 2
    assert "Error" in result.stderr


def test_every_command_has_help():
    for command in ("list", "fetch", "verify"):
        result = bench_data(command, "--help")
        assert result.exit_code == 0
        assert len(result.stdout) > 100
