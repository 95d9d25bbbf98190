import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bench.cli import cli
from bench.errors import ResultsError
from bench.results.schema import Planned
from bench.results.store import Begun, Store
from tests.bench.cli.conftest import Bench
from tests.bench.results.samples import MEASUREMENT, RUN, TRAINING, cell, limited, record


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "1000")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "results")


def _status(*folders: Path) -> Result:
    return CliRunner().invoke(cli, ["status", *map(str, folders)], catch_exceptions=False)


def _interrupt(store: Store, seed: int, run: str | None = None) -> None:
    with store.lock(cell(seed=seed)):
        store.checkpoint_path(cell(seed=seed)).write_text("")
        if run is not None:
            store.begin(Begun(cell(seed=seed), run))


def _next(store: Store) -> str:
    return _status(store.folder).stderr.splitlines()[-1].removeprefix("next: ")


def _lines(printed: str) -> list[str]:
    """Return lines with single spaces between their words."""
    return [" ".join(line.split()) for line in printed.splitlines()]


def test_every_state_is_told(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.write(record())
    store.write(record(cell(seed=1), status="diverged", reason="NaN at step 7"))
    store.write(record(cell(seed=2), status="failed", reason="out of memory"))
    store.write(record(cell(seed=3))).write_text("{")
    with store.lock(cell(seed=4)):
        pass
    _interrupt(store, 5)
    _interrupt(store, 6, RUN.run)
    monkeypatch.setenv("COLUMNS", "90")
    with store.lock(cell(seed=7)), store.lock(cell(seed=8)):
        store.begin(Begun(cell(seed=7), RUN.run))
        printed = _status(store.folder).stdout
    lines = _lines(printed)
    name = "rebar(temperature=0.3, learned=True) 1"
    assert lines[1] == "estimator K seeds state took started (UTC)"
    for expected in (
        f"{name} 0 done 12 s 2026-01-01 00:00",
        f"{name} 1 diverged 12 s 2026-01-01 00:00",
        f"{name} 2 failed 12 s 2026-01-01 00:00",
        "vae-mnist",
    ):
        assert expected in lines
    for seeds, state in (("3", "unreadable"), ("4,5", "interrupted"), ("6", "interrupted"), ("7", "running")):
        assert [line for line in lines if line.endswith(f" 1 {seeds} {state}")]
    for expected in (
        "\n\ndiverged: vae-mnist · rebar(temperature=0.3, learned=True) · K=1 · seed 1\n  NaN at step 7\n\n",
        "seed 2\n  out of memory\n\n",
        "seed 4\n  before its first checkpoint\n\n",
        "seed 5\n  last checkpoint 20",
        "3 interrupted, ",
    ):
        assert expected in printed
    assert "delete it" in " ".join(printed.split())


def test_a_cell_that_is_run_again_is_running(store: Store) -> None:
    store.write(record(status="failed", reason="out of memory"))
    with store.lock(cell()):
        result = _status(store.folder)
    assert "running" in result.stdout
    assert "out of memory" not in result.stdout
    assert f"next: `bench status {store.folder}` again" in result.stderr


def test_what_was_interrupted_is_continued_by_its_own_command(store: Store) -> None:
    store.write_run(RUN)
    store.write_run(replace(RUN, run="20260102T000000Z-abcdef", argv=["bench", "run", "--seeds", "1"]))
    store.write_run(replace(RUN, run="20260103T000000Z-abcdef", argv=["bench", "run", "--seeds", "2"]))
    first = f"`bench run --task vae-mnist --estimator 'rebar(temperature=0.3)' --out {store.folder}`"
    _interrupt(store, 0, RUN.run)
    assert _next(store) == f"{first} again: it continues where it was"
    _interrupt(store, 1, "20260102T000000Z-abcdef")
    assert (
        _next(store) == f"{first} and `bench run --seeds 1 --out {store.folder}` again: they continue where they were"
    )
    _interrupt(store, 2)
    assert _next(store).endswith("they continue where they were; the command of 1 cell is not on record")


def test_a_command_that_is_not_on_record_is_not_guessed(store: Store) -> None:
    _interrupt(store, 0)
    assert _next(store) == "the command that made them again; it is not on record"
    store.write_run(replace(RUN, argv=["bench", "--durations", "7"]))
    _interrupt(store, 0, RUN.run)
    assert _next(store).endswith("is not on record")


def test_what_has_failed_is_run_again_by_its_own_command(store: Store) -> None:
    store.write(record())
    assert _next(store) == f"`bench table {store.folder}`"
    store.write_run(replace(RUN, argv=["bench", "run", "--rerun", "all", "--seeds=1", "--out", "elsewhere"]))
    store.write(record(status="failed", reason="out of memory"))
    assert _next(store) == f"`bench run --seeds=1 --rerun failed --out {store.folder}`"


def test_what_was_limited_goes_on_with_a_higher_limit(store: Store) -> None:
    store.write_run(replace(RUN, argv=["bench", "run", "--seeds", "1", "--time-limit", "60"]))
    store.write(record())
    store.write(limited(cell(seed=1)))
    command = f"`bench run --seeds 1 --time-limit 60 --out {store.folder}` again"
    assert _next(store) == f"{command}: limited cells continue if a limit is higher, or gone"
    printed = _status(store.folder).stdout
    assert "rebar(temperature=0.3, learned=True) 1 1 limited 60 s 2026-01-01 00:00" in _lines(printed)
    assert "seed 1\n  time limit of 60 s reached at step 34 of 100, in training\n\n1 done, 1 limited" in printed
    with store.lock(cell(seed=1)):
        assert "1 done, 1 running" in _status(store.folder).stdout


def test_settings_that_differ_are_named(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.write(record())
    store.write(record(cell(training=replace(TRAINING, steps=50))))
    store.write(record(cell(measurement=replace(MEASUREMENT, at="shared", replicates=400))))
    store.begin(Begun(cell(training=replace(TRAINING, schedule="robbins-monro")), RUN.run))
    store.write(record(cell(estimator="reinforce")))
    monkeypatch.setenv("COLUMNS", "80")
    assert max(map(len, _status(store.folder).stdout.splitlines())) <= 80
    monkeypatch.setenv("COLUMNS", "120")
    printed = _status(store.folder).stdout
    for settings in (
        "steps=100 schedule=constant at=own",
        "steps=50 schedule=constant at=own",
        "steps=100 schedule=constant at=shared replicates=400",
        "steps=100 schedule=robbins-monro at=own",
    ):
        assert [
            line for line in _lines(printed) if line.startswith(f"rebar(temperature=0.3, learned=True) {settings} 1")
        ]
    assert "reinforce(temperature=0.3, learned=True) 1 0 done" in _lines(printed)


def test_commands_quote_the_folder(tmp_path: Path) -> None:
    store = Store(tmp_path / "my results")
    store.folder.mkdir()
    assert f"--out '{store.folder}'`" in _next(store)
    store.write(record())
    assert _next(store) == f"`bench table '{store.folder}'`"


def test_cells_that_a_run_did_not_get_to_are_not_begun(store: Store) -> None:
    seeds = [cell(seed=seed) for seed in range(12)]
    planned = [Planned(one.folder, "vae-mnist(hidden=100)", "rebar(temperature=0.3)") for one in seeds]
    store.write_run(replace(RUN, cells=planned))
    for one in seeds[:2]:
        store.write(record(one))
    # As a run that sends cells to other processes leaves one that none of them has begun.
    with store.lock(seeds[5]):
        pass
    result = _status(store.folder)
    assert "vae-mnist(hidden=100)\n" in result.stdout
    assert "rebar(temperature=0.3) 1 2-11 not begun" in _lines(result.stdout)
    assert "10 not begun, 2 done" in result.stdout
    assert result.stderr.startswith("next: `bench run --task vae-mnist")
    assert result.exit_code == 0
    # Only a part of the folder is asked about.
    assert "not begun" not in _status(store.folder / seeds[0].folder).stdout


def test_a_folder_without_cells_says_how_to_begin(bench: Bench) -> None:
    Path("empty").mkdir()
    outcome = bench("status", "empty")
    assert (outcome.code, outcome.out) == (0, "")
    assert outcome.err.startswith("no cells in empty\nnext: `bench run ")


@pytest.mark.parametrize("words", [("nowhere",), ("--out", "nowhere"), ()])
def test_a_folder_that_is_not_there_is_an_error(bench: Bench, words: tuple[str, ...]) -> None:
    outcome = bench("status", *words)
    assert (outcome.code, outcome.out) == (5, "")
    assert "does not exist: `bench run --task " in outcome.err


def test_a_file_is_not_a_results_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ResultsError, match="is not a folder"):
        _status(tmp_path / "file")


@pytest.mark.parametrize(
    ("states", "code"),
    [
        (("done", "diverged"), 0),
        (("done", "failed"), 3),
        (("failed", "unreadable"), 5),
        (("interrupted",), 0),
        (("limited",), 0),
    ],
)
def test_the_exit_code_tells_failed_cells_and_unreadable_ones(bench: Bench, states: tuple[str, ...], code: int) -> None:
    store = Store("here")
    for seed, state in enumerate(states):
        if state == "interrupted":
            _interrupt(store, seed)
        elif state == "unreadable":
            store.write(record(cell(seed=seed))).write_text("{")
        elif state == "limited":
            store.write(limited(cell(seed=seed)))
        else:
            store.write(record(cell(seed=seed), status=state))
    for words in (["here"], ["--out", "here"], ["here/vae-mnist"], ["here", "--format", "json"]):
        assert bench("status", *words).code == code


def test_folders_tasks_and_cells_are_taken_together_and_once(store: Store) -> None:
    first, second = store.write(record()).parent, store.write(record(cell(seed=1))).parent
    for folders in ([first, second], [store.folder, first], [first.parent]):
        assert _status(*folders).stdout.endswith("\n2 done\n")
    assert _status(first).stdout.endswith("\n1 done\n")


def test_a_failed_cell_names_its_traceback(store: Store) -> None:
    store.write(record(status="failed", reason="out of memory"))
    log = store.traceback_path(cell())
    log.write_text("Traceback")
    assert f"\n  out of memory\n  {log} has the traceback\n" in _status(store.folder).stdout


def test_numbers_are_sorted_as_numbers(store: Store) -> None:
    for samples in (10, 2, 1):
        store.write(record(cell(samples=samples)))
    lines = _status(store.folder).stdout.splitlines()[2:5]
    assert [line.split(")")[1].split()[0] for line in lines] == ["1", "2", "10"]


def test_json_has_every_cell(store: Store) -> None:
    store.write(record())
    store.write(record(cell(seed=1), status="failed", reason="out of memory"))
    result = CliRunner().invoke(cli, ["status", str(store.folder), "--format", "json"], catch_exceptions=False)
    content = json.loads(result.stdout)
    assert content["states"] == {"done": 1, "failed": 1}
    assert [(one["state"], one["seed"], one["reason"]) for one in content["cells"]] == [
        ("done", 0, None),
        ("failed", 1, "out of memory"),
    ]
