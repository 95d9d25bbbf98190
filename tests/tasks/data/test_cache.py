import dataclasses
import gzip
import hashlib
import random
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.data import DataUnavailable, cache
from tasks.data.catalogue import DATASETS, Dataset, File
from tests.tasks.data.server import Server, serve

CONTENT = random.Random(0).randbytes(500_000)
NOWHERE = "http://127.0.0.1:9/a.bin"  # the discard port: nothing listens there


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serve({"/a.bin": CONTENT}) as server:
        yield server


def catalogue(
    monkeypatch: pytest.MonkeyPatch, *mirrors: str, content: bytes = CONTENT, name: str = "a.bin", zipped: bool = False
) -> File:
    """Make `tiny` a dataset of one file."""
    file = File(f"tiny/{name}", hashlib.sha256(content).hexdigest(), len(content), mirrors, zipped)
    monkeypatch.setitem(DATASETS, "tiny", Dataset("a test", "none", (file,), published=False))
    return file


def put(folder: Path, name: str, content: bytes) -> Path:
    path = folder / "tiny" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_folder_is_the_environment_variable_or_the_users_cache(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("BENCH_DATA", "~/somewhere")
    assert cache.cache_folder() == Path.home() / "somewhere"
    monkeypatch.delenv("BENCH_DATA")
    assert cache.cache_folder().parts[-2:] == ("varbench", "data")


def test_fetch_then_verify_then_read(monkeypatch, empty_cache: Path, server: Server):
    file = catalogue(monkeypatch, f"{server.url}/a.bin")
    assert cache.verify("tiny") == {"tiny/a.bin": "missing"}
    seen: list[int] = []
    assert cache.fetch("tiny", lambda _, done: seen.append(done)) == [empty_cache / "tiny" / "a.bin"]
    assert cache.verify("tiny") == {"tiny/a.bin": "ok"}
    assert cache.read("tiny", file.name) == CONTENT
    assert seen[-1] == len(CONTENT)
    assert seen == sorted(seen)


def test_what_is_there_is_not_fetched_again(monkeypatch, empty_cache: Path, server: Server):
    catalogue(monkeypatch, f"{server.url}/a.bin")
    cache.fetch("tiny")
    cache.fetch("tiny")
    assert len(server.requests) == 1


def test_interrupted_download_is_continued(monkeypatch, empty_cache: Path, server: Server):
    catalogue(monkeypatch, f"{server.url}/a.bin")
    server.cut = 300_000
    with pytest.raises(DataUnavailable, match=r"a\.bin \(the connection broke\)"):
        cache.fetch("tiny")
    assert not (empty_cache / "tiny" / "a.bin").exists()
    kept = (empty_cache / "tiny" / "a.bin.part").stat().st_size
    assert 0 < kept <= 300_000

    server.cut = None
    cache.fetch("tiny")
    assert server.requests[-1] == ("/a.bin", f"bytes={kept}-")
    assert cache.read("tiny", "a.bin") == CONTENT
    assert not (empty_cache / "tiny" / "a.bin.part").exists()


def test_download_is_continued_from_another_mirror(monkeypatch, empty_cache: Path, server: Server):
    catalogue(monkeypatch, NOWHERE, f"{server.url}/a.bin")
    put(empty_cache, "a.bin.part", CONTENT[:1000])
    cache.fetch("tiny")
    assert server.requests == [("/a.bin", "bytes=1000-")]
    assert cache.verify("tiny") == {"tiny/a.bin": "ok"}


def test_download_starts_again_where_the_server_knows_no_ranges(monkeypatch, empty_cache: Path, server: Server):
    catalogue(monkeypatch, f"{server.url}/a.bin")
    put(empty_cache, "a.bin.part", CONTENT[:1000])
    server.ranges = False
    cache.fetch("tiny")
    assert len(server.requests) == 1
    assert cache.verify("tiny") == {"tiny/a.bin": "ok"}


@pytest.mark.parametrize("part", [b"spoilt", b"spoilt" * 100_000], ids=["short", "longer than the file"])
def test_spoilt_partial_file_is_thrown_away(monkeypatch, empty_cache: Path, server: Server, part: bytes):
    catalogue(monkeypatch, f"{server.url}/a.bin")
    put(empty_cache, "a.bin.part", part)
    cache.fetch("tiny")
    assert [wanted for _, wanted in server.requests] == [f"bytes={len(part)}-", None]
    assert cache.verify("tiny") == {"tiny/a.bin": "ok"}


def test_complete_partial_file_is_taken(monkeypatch, empty_cache: Path, server: Server):
    catalogue(monkeypatch, f"{server.url}/a.bin")
    put(empty_cache, "a.bin.part", CONTENT)
    cache.fetch("tiny")
    assert len(server.requests) == 1
    assert cache.verify("tiny") == {"tiny/a.bin": "ok"}


def test_next_mirror_is_tried(monkeypatch, empty_cache: Path, server: Server):
    server.files["/wrong.bin"] = b"not the file"
    catalogue(monkeypatch, NOWHERE, f"{server.url}/gone.bin", f"{server.url}/wrong.bin", f"{server.url}/a.bin")
    cache.fetch("tiny")
    assert [path for path, _ in server.requests] == ["/gone.bin", "/wrong.bin", "/a.bin"]
    assert cache.read("tiny", "a.bin") == CONTENT


def test_failure_names_every_mirror_and_why(monkeypatch, empty_cache: Path, server: Server):
    server.files["/wrong.bin"] = b"not the file"
    catalogue(monkeypatch, NOWHERE, f"{server.url}/gone.bin", f"{server.url}/wrong.bin")
    with pytest.raises(DataUnavailable) as raised:
        cache.fetch("tiny")
    message = str(raised.value)
    assert f"{NOWHERE} (no connection)" in message
    assert f"{server.url}/gone.bin (HTTP 404)" in message
    assert f"{server.url}/wrong.bin (the download has the wrong checksum)" in message
    assert "bench data fetch tiny" in message
    assert "BENCH_DATA" in message
    assert "\n" not in message
    assert [path.name for path in (empty_cache / "tiny").iterdir() if path.name != ".fetch.lock"] == []


def test_file_without_an_address_says_where_to_put_it(monkeypatch, empty_cache: Path):
    catalogue(monkeypatch)
    with pytest.raises(DataUnavailable, match=f"no public address.*copy it to {empty_cache / 'tiny' / 'a.bin'}"):
        cache.fetch("tiny")
    with pytest.raises(DataUnavailable, match=r"tiny is not in .*; set BENCH_DATA to a folder that holds tiny/"):
        cache.read("tiny", "a.bin")


def test_missing_file_says_what_to_do(monkeypatch, empty_cache: Path):
    catalogue(monkeypatch, NOWHERE)
    with pytest.raises(DataUnavailable, match=f"tiny is not in {empty_cache}; run `bench data fetch tiny`, or set"):
        cache.read("tiny", "a.bin")


def test_corrupt_file_is_found_and_mended(monkeypatch, empty_cache: Path, server: Server):
    catalogue(monkeypatch, f"{server.url}/a.bin")
    path = put(empty_cache, "a.bin", CONTENT[:-1] + b"!")
    assert cache.present("tiny")
    assert cache.verify("tiny") == {"tiny/a.bin": "corrupt"}
    with pytest.raises(DataUnavailable, match=f"{path} is corrupt .*delete it, then run `bench data fetch tiny`"):
        cache.read("tiny", "a.bin")
    cache.fetch("tiny")
    assert cache.read("tiny", "a.bin") == CONTENT


def test_folder_that_cannot_be_written(monkeypatch, tmp_path: Path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "file"))
    catalogue(monkeypatch, NOWHERE)
    with pytest.raises(DataUnavailable, match=r"cannot be written .*set BENCH_DATA"):
        cache.fetch("tiny")


def test_text_may_be_gzipped(monkeypatch, empty_cache: Path):
    catalogue(monkeypatch, NOWHERE, content=b"0 1 0", name="a.amat", zipped=True)
    zipped = put(empty_cache, "a.amat.gz", gzip.compress(b"0 1 0", mtime=0))
    assert cache.verify("tiny") == {"tiny/a.amat": "ok"}
    assert cache.read("tiny", "a.amat") == b"0 1 0"
    assert cache.fetch("tiny") == [zipped]
    put(empty_cache, "a.amat", b"0 1 1")
    assert cache.verify("tiny") == {"tiny/a.amat": "corrupt"}


@pytest.mark.parametrize(
    "damage", [b"", b"not gzip", gzip.compress(b"0 1 0", mtime=0)[:-9], gzip.compress(b"0 1 1", mtime=0)]
)
def test_damaged_gzip(monkeypatch, empty_cache: Path, damage: bytes):
    catalogue(monkeypatch, NOWHERE, content=b"0 1 0", name="a.amat", zipped=True)
    put(empty_cache, "a.amat.gz", damage)
    assert cache.verify("tiny") == {"tiny/a.amat": "corrupt"}
    with pytest.raises(DataUnavailable, match=r"a\.amat\.gz is corrupt"):
        cache.read("tiny", "a.amat")


@pytest.mark.parametrize("zipped", [False, True])
def test_no_more_is_read_than_a_file_has(monkeypatch, empty_cache: Path, zipped: bool):
    catalogue(monkeypatch, NOWHERE, content=b"0 1 0", name="a.amat", zipped=True)
    endless = bytes(50 << 20)
    put(empty_cache, "a.amat.gz" if zipped else "a.amat", gzip.compress(endless, 1) if zipped else endless)
    tracemalloc.start()
    try:
        with pytest.raises(DataUnavailable, match="corrupt"):
            cache.read("tiny", "a.amat")
        assert cache.verify("tiny") == {"tiny/a.amat": "corrupt"}
        assert tracemalloc.get_traced_memory()[1] < 5 << 20
    finally:
        tracemalloc.stop()


def test_a_download_that_has_no_end_is_ended(monkeypatch, empty_cache: Path, server: Server):
    file = catalogue(monkeypatch, f"{server.url}/a.bin")
    monkeypatch.setitem(
        DATASETS, "tiny", Dataset("a test", "none", (dataclasses.replace(file, size=1000),), published=False)
    )
    with pytest.raises(DataUnavailable, match="the download is longer than 1000 bytes"):
        cache.fetch("tiny")
    assert not list((empty_cache / "tiny").glob("a.bin*"))
