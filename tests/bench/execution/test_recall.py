"""Which results of before are used, and what is said of those that are not."""

from dataclasses import asdict, replace
from pathlib import Path

import pytest

from bench.execution.checkpoint import continues, other_maker
from bench.execution.kept import keep
from bench.execution.recall import Rerun, recall
from bench.execution.sources import Maker, Source
from bench.results.store import Store
from tests.bench.results.samples import cell, record

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
        ((None, None), "stale", False, "it is not on record what mine:Toy was then"),
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
