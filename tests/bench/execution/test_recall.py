"""Which results of before are used, and what is said of those that are not."""

from dataclasses import asdict, replace
from pathlib import Path

import pytest

from bench.execution.checkpoint import continues, other_maker
from bench.execution.kept import keep
from bench.execution.recall import Rerun, recall
from bench.execution.sources import Maker, Source
from bench.machine.info import software
from bench.results.datapoints import save_datapoints
from bench.results.parameters import QUICKLY, written
from bench.results.store import Store, read_run
from tests.bench.results.samples import RUN, cell, points, record

NOW = Source("mine, sha256 1111", "")
PLUG_IN = cell(task="mine:Toy")


@pytest.mark.parametrize(
    ("then", "rerun", "hit", "said"),
    [
        ((NOW.task, ""), None, True, "done already, not run again"),
        (
            ("mine, sha256 2222", ""),
            None,
            False,
            "mine:Toy has changed: it was mine, sha256 2222, and is mine, sha256 1",
        ),
        (("mine, sha256 2222", ""), "stale", False, "mine:Toy has changed"),
        (("mine, sha256 2222", ""), "failed", False, "mine:Toy has changed"),
        ((None, None), None, True, "whether mine:Toy has changed since is not on record, and --rerun stale runs it"),
        ((None, None), "stale", False, "what mine:Toy was then is not on record"),
    ],
)
def test_what_was_made_by_another_source_is_no_result(
    tmp_path: Path, then: tuple[str | None, str | None], rerun: Rerun | None, hit: bool, said: str
) -> None:
    known = record(PLUG_IN, task_source=then[0], estimator_source=then[1])
    found, why = recall(PLUG_IN, known, Store(tmp_path), rerun, NOW)
    assert (found is known) is hit
    assert said in why


def test_records_of_before_sources_were_kept_are_hits_without_a_word_where_all_is_ours(tmp_path: Path) -> None:
    assert recall(cell(), record(), Store(tmp_path), None, Source())[1] == "done already, not run again"


MADE = Maker.of(NOW)


@pytest.mark.parametrize(
    ("made", "goes_on"),
    [
        (None, False),
        (asdict(MADE), True),
        (asdict(replace(MADE, task="mine, sha256 2222")), False),
        (asdict(replace(MADE, varbench="0.0.1")), False),
        (asdict(replace(MADE, torch="1.0")), False),
        (asdict(replace(MADE, schema=1)), False),
    ],
)
def test_a_checkpoint_of_another_maker_is_not_continued(
    tmp_path: Path, made: dict[str, object] | None, goes_on: bool
) -> None:
    path = Store(tmp_path).checkpoint_path(PLUG_IN)
    assert not continues(path, MADE)
    path.parent.mkdir(parents=True)
    keep(path, {} if made is None else {"made": made})
    assert continues(path, MADE) is goes_on
    assert bool(other_maker(path, MADE)) is not goes_on
    why = recall(PLUG_IN, None, Store(tmp_path), None, NOW)[1]
    assert why == ("continues from its checkpoint" if goes_on else "new")


def test_what_another_maker_is_is_said() -> None:
    said = MADE.difference(asdict(replace(MADE, varbench="0.0.1", task="")))
    assert said == f"varbench was 0.0.1, and is {MADE.varbench}; the source of the task was ours, and is {NOW.task}"


@pytest.mark.parametrize(
    ("content", "up_to", "why"),
    [
        (b"whole", QUICKLY, ""),
        (b"long, too", QUICKLY, "its parameters.pt has 9 bytes instead of 5"),
        (b"other", QUICKLY, "its parameters.pt does not have the digest in its record"),
        # A large one is read by `bench results validate`, and not for every hit.
        (b"other", 4, ""),
        ("folder", QUICKLY, "its parameters.pt is not a file"),
        ("link", QUICKLY, "its parameters.pt is not a file"),
    ],
)
def test_a_cell_whose_parameters_are_not_those_of_its_record_is_run_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | str | None, up_to: int, why: str
) -> None:
    monkeypatch.setattr("bench.execution.recall.QUICKLY", up_to)
    path = Store(tmp_path).parameters_path(cell())
    path.parent.mkdir(parents=True)
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content == "folder":
        path.mkdir()
    elif content == "link":
        path.symlink_to("nowhere")
    known = record(parameters=written(b"whole"))
    found, said = recall(cell(), known, Store(tmp_path), None, Source())
    assert (found, said) == ((None, why) if why else (known, "done already, not run again"))
    # Where failures are to be run again, all of it is read.
    again, _ = recall(cell(), known, Store(tmp_path), "failed", Source())
    assert again == (known if content == b"whole" else None)


def test_parameters_that_were_removed_are_made_again_where_that_is_asked_for(tmp_path: Path) -> None:
    known = record(parameters=written(b"whole"))
    found, said = recall(cell(), known, Store(tmp_path), None, Source())
    assert found == known
    assert said.endswith("; its parameters.pt is missing, and --rerun failed makes it again")
    assert recall(cell(), known, Store(tmp_path), "failed", Source()) == (None, "its parameters.pt is missing")


def test_a_cell_whose_datapoints_are_not_those_of_its_record_is_run_again(tmp_path: Path) -> None:
    store = Store(tmp_path)
    known = record(datapoints=save_datapoints(store.datapoints_path(cell()), points(-1.0)))
    assert recall(cell(), known, store, None, Source())[0] == known
    save_datapoints(store.datapoints_path(cell()), points(-2.0))
    why = "its datapoints.npy does not have the digest in its record"
    assert recall(cell(), known, store, None, Source()) == (None, why)
    store.datapoints_path(cell()).unlink()
    assert recall(cell(), known, store, None, Source())[0] == known
    assert recall(cell(), known, store, "failed", Source()) == (None, "its datapoints.npy is missing")


def test_the_note_of_a_run_is_read_once_for_all_of_its_cells_and_again_when_it_is_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, read = Store(tmp_path), []
    monkeypatch.setattr("bench.execution.recall.read_run", lambda path: (read.append(path), read_run(path))[1])
    now = replace(RUN, **software())
    store.write_run(now)
    for seed in range(3):
        assert recall(cell(seed=seed), record(cell(seed=seed)), store, "stale", Source())[0] is not None
    assert len(read) == 1
    store.write_run(replace(now, torch="1.0"))
    assert recall(cell(), record(), store, "stale", Source()) == (None, "done by another version of varbench or torch")
    store.run_path(now.run).unlink()
    assert recall(cell(), record(), store, "stale", Source())[0] is None
    assert len(read) == 2
