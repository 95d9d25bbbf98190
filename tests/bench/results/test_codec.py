import json
import math
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.decoding import LARGEST
from bench.errors import ResultsError
from bench.names.spec import Value
from bench.results import codec
from bench.results.codec import CorruptRecord, dump, parse
from bench.results.metrics import METRICS
from bench.results.schema import SCHEMA_VERSION, Begun, Final, GradientRow, Limit, Planned, Record, RunInfo, TrainingRow
from tests.bench.results.samples import RUN, before_8, before_9, cell, gradient, limited, of_version, record, sealed

PATH = Path("results/record.json")

numbers = st.floats(allow_nan=True, allow_infinity=True)
values = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
cells = st.builds(
    cell, task=st.text(min_size=1), task_parameters=st.dictionaries(st.text(), values), seed=st.integers(0, 10**6)
)
steps = st.integers(0, cell().training.steps)
amounts = st.floats(0, allow_infinity=False)
rows = st.builds(
    GradientRow,
    step=steps,
    group=st.text(),
    metric=st.sampled_from(list(METRICS)),
    **dict.fromkeys(("value", "se", "ci_low", "ci_high"), numbers),
    n=st.integers(0, LARGEST),
    reference=st.text(),
    target=st.text(),
)
records = st.builds(
    Record,
    cell=cells,
    run=st.text(),
    status=st.sampled_from(["done", "diverged", "failed"]),
    reason=st.none() | st.text(),
    started=st.text(),
    seconds=amounts,
    gradients=st.lists(rows, max_size=3),
    training=st.lists(st.builds(TrainingRow, steps, amounts, *[numbers] * 6), max_size=3),
    final=st.none() | st.builds(Final, st.text(), steps, *[st.none() | numbers] * 8),
    chunk=st.none() | st.integers(1, LARGEST),
    notes=st.lists(st.text(), max_size=2),
    task_source=st.none() | st.text(),
    estimator_source=st.none() | st.text(),
)


def _refuse(word: str) -> None:
    raise AssertionError(f"{word} is not JSON")


@given(records)
def test_a_record_comes_back_as_it_was(written: Record) -> None:
    data = dump(written)
    json.loads(data, parse_constant=_refuse)
    # repr tells 1 from 1.0 and -0.0 from 0.0, and finds NaN equal to itself.
    assert repr(parse(Record, data, PATH)) == repr(written)


def test_a_run_comes_back_as_it_was() -> None:
    assert parse(RunInfo, dump(RUN), PATH) == RUN


def test_missing_nan_and_infinities_stay_apart() -> None:
    final = Final("nats", 1, train_elbo=None, test_elbo=math.nan, objective=-math.inf, test_log_likelihood=math.inf)
    read = parse(Record, dump(record(final=final)), PATH).final
    assert read is not None
    assert read.train_elbo is None
    assert read.test_elbo is not None
    assert math.isnan(read.test_elbo)
    assert (read.objective, read.test_log_likelihood) == (-math.inf, math.inf)


def test_an_undecodable_file_name_in_a_reason_survives() -> None:
    written = record(reason="no file caf\udce9.npz ±")
    assert parse(Record, dump(written), PATH) == written


def test_a_newer_schema_is_refused() -> None:
    data = {**json.loads(dump(record())), "schema_version": SCHEMA_VERSION + 1}
    with pytest.raises(
        ResultsError, match=rf"results/record\.json has schema version {SCHEMA_VERSION + 1}, .*: update varbench"
    ) as error:
        parse(Record, sealed(data), PATH)
    assert not isinstance(error.value, CorruptRecord)
    assert error.value.exit_code == 5


def test_an_older_schema_is_upgraded_step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    data = json.loads(dump(record()))
    data["took"] = data.pop("seconds")
    data["status"] = "finished"
    monkeypatch.setattr(codec, "SCHEMA_VERSION", SCHEMA_VERSION + 2)
    monkeypatch.setitem(
        codec.UPGRADES,
        Record,
        {
            SCHEMA_VERSION: lambda old: {**{key: old[key] for key in old if key != "took"}, "seconds": old["took"]},
            SCHEMA_VERSION + 1: lambda old: {**old, "status": "done"},
        },
    )
    assert parse(Record, sealed(data), PATH) == record()


@pytest.mark.parametrize("final", [record().final, None])
def test_a_record_of_version_1_is_read(final: Final | None) -> None:
    written = record(final=final)
    data = _of_version(1, written)
    if final is not None:
        for key in ("log_evidence", "gap", "gap_se", "active_units", "seeds_together"):
            del data["final"][key]
    del data["training"][0]["updated"]
    for row in data["gradients"]:
        del row["square"]
    for key in ("model_schedule", "learning"):
        del data["cell"]["training"][key]
    read = parse(Record, json.dumps(data).encode(), PATH)
    assert read == written
    assert read.cell.id == written.cell.id


def test_a_record_of_version_2_is_read() -> None:
    data = _of_version(2, record())
    for row in data["gradients"]:
        del row["square"]
    assert parse(Record, json.dumps(data).encode(), PATH) == record()


def test_a_record_of_version_3_is_read() -> None:
    assert parse(Record, json.dumps(_of_version(3, record())).encode(), PATH) == record()


@pytest.mark.parametrize(
    ("estimator", "parameters", "of"),
    [
        ("gumbel-softmax", {"temperature": 5.0}, "relaxed"),
        ("linear-cv", {"estimator": "gumbel-softmax"}, "relaxed"),
        ("linear-cv", {"estimator": "reparam"}, "target"),
    ],
)
def test_an_objective_of_before_says_whose_it_is(estimator: str, parameters: dict[str, Value], of: str) -> None:
    written = record(cell(estimator=estimator, estimator_parameters=parameters))
    (row,) = parse(Record, json.dumps(_of_version(3, written)).encode(), PATH).training
    assert row.objective_of == of


def test_what_a_record_was_made_by_is_kept() -> None:
    written = record(task_source="mine, sha256 0123456789abcdef", estimator_source="")
    assert parse(Record, dump(written), PATH) == written


@pytest.mark.parametrize("version", [1, 2, 3, 4])
def test_a_run_of_before_its_cells_were_noted_is_read(version: int) -> None:
    data = of_version(version, dump(RUN))
    assert data.pop("cells") == []
    assert parse(RunInfo, json.dumps(data).encode(), PATH) == RUN


@pytest.mark.parametrize("version", [4, 5])
def test_a_record_of_the_versions_before_is_read_as_it_was(version: int) -> None:
    data = of_version(version, dump(record()))
    assert parse(Record, json.dumps(data).encode(), PATH) == record()


def test_a_record_of_version_6_knows_no_parameters() -> None:
    data = before_8({**json.loads(dump(record())), "schema_version": 6})
    assert data.pop("parameters") is None
    assert parse(Record, sealed(data), PATH) == record()


@pytest.mark.parametrize("final", [record().final, None])
def test_a_record_of_version_7_has_no_rows_held_back_and_no_limit(final: Final | None) -> None:
    written = record(final=final)
    data = {**json.loads(dump(written)), "schema_version": 7}
    assert ("validation_elbo" in (data["final"] or {})) == (final is not None)
    assert parse(Record, sealed(before_8(data)), PATH) == written
    for new in ("limit", *(["final"] if final is not None else [])):
        early = before_8(data) | {new: data[new]}
        with pytest.raises(CorruptRecord, match="which is newer than the version"):
            parse(Record, sealed(early), PATH)


@pytest.mark.parametrize("final", [record().final, None])
def test_a_record_of_version_8_is_of_before_what_version_9_has(final: Final | None) -> None:
    written = record(final=final)
    data = {**json.loads(dump(written)), "schema_version": 8}
    assert ("test_kl" in (data["final"] or {})) == (final is not None)
    assert data["training"][0]["beta"] == 1
    assert parse(Record, sealed(before_9(data)), PATH) == written
    for new in ("datapoints", "training", *(["final"] if final is not None else [])):
        early = before_9(data) | {new: data[new]}
        with pytest.raises(CorruptRecord, match="which is newer than the version"):
            parse(Record, sealed(early), PATH)


@pytest.mark.parametrize("wrong", [{"beta": 1.5}, {"clipped": -0.1}])
def test_a_share_that_cannot_be_is_refused(wrong: dict[str, float]) -> None:
    data = json.loads(dump(record()))
    data["training"][0] |= wrong
    with pytest.raises(CorruptRecord, match=next(iter(wrong))):
        parse(Record, sealed(data), PATH)


def test_what_a_limited_cell_reached_is_kept() -> None:
    assert parse(Record, dump(limited()), PATH) == limited()


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"limit": None}, "its status is limited, but its limit is None"),
        ({"status": "done"}, "its status is done, but its limit is "),
        ({"reason": None}, "a limited cell must have a reason"),
        ({"final": record().final}, "a limited cell must have a reason and no final values"),
        ({"limit": Limit("time", -1.0)}, "limit.reached"),
    ],
)
def test_a_limit_that_cannot_be_is_refused(wrong: dict[str, Any], why: str) -> None:
    with pytest.raises(ResultsError, match=why):
        parse(Record, dump(limited(**wrong)), PATH)


def test_a_run_keeps_its_cells() -> None:
    run = replace(RUN, cells=[Planned("ppca/reparam-K1-seed0-0123456789abcdef", "ppca(dim=3)", "reparam")])
    assert parse(RunInfo, dump(run), PATH) == run


def test_a_failed_record_of_the_first_schema_is_read() -> None:
    failed = record(final=None, training=[])
    data = _of_version(1, failed)
    for row in data["gradients"]:
        del row["square"]
    assert parse(Record, json.dumps(data).encode(), PATH) == failed


def test_an_older_schema_without_an_upgrade_is_refused() -> None:
    data = of_version(0, dump(record()))
    with pytest.raises(ResultsError, match="schema version 0, which this varbench no longer reads"):
        parse(Record, json.dumps(data).encode(), PATH)


def _of_version(version: int, written: Record) -> dict[str, Any]:
    """Return a record as JSON without what came in version 4, which no version before had."""
    data = of_version(version, dump(written))
    new = {key: data.pop(key) for key in ("task_source", "estimator_source")}
    assert set(new.values()) == {None}
    for row in data["training"]:
        del row["objective_of"]
    return data


NOW = str(SCHEMA_VERSION).encode()


def _without(key: str) -> bytes:
    data = json.loads(dump(record()))
    del data[key]
    return sealed(data)


def _with(**changes: object) -> bytes:
    return sealed({**json.loads(dump(record())), **changes})


def _with_cell(**changes: object) -> bytes:
    return _with(cell={**cell().identity(), **changes})


def _with_row(**changes: object) -> bytes:
    return _with(gradients=[{**vars(gradient("variance", 1.0)), **changes}])


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "truncated"),
        (json.dumps(of_version(5, dump(record()))).encode()[:-100], "truncated"),
        (dump(record())[:-100], "digest does not match"),
        (dump(record()).replace(b"12.5", b"12.6"), "digest does not match"),
        (dump(record()).replace(b"sha256", b"sha257"), "no digest"),
        (b"\xff\xfe\x00", "malformed"),
        (b"[]", "not a JSON object"),
        (b"{}", "no schema_version"),
        (b"[" * 100_000, "recursion depth"),
        (_without("cell"), "missing required field `cell`"),
        (_without("seconds"), "missing required field `seconds`"),
        (_without("chunk"), "missing required field `chunk`"),
        (_with(parameters={"bytes": 1, "sha256": "0"}), "matching regex"),
        (_with(colour="red"), "unknown field `colour`"),
        (_with(status="started"), "Invalid enum value 'started'"),
        (_with(seconds="12"), r"got `str` - at `\$\.seconds`"),
        (_with(seconds="nan"), r"got `str` - at `\$\.seconds`"),
        (_with(seconds=-1.0), r">= 0.0 - at `\$\.seconds`"),
        (_with(chunk=1.5), r"got `float` - at `\$\.chunk`"),
        (_with(chunk=True), r"got `bool` - at `\$\.chunk`"),
        (_with(chunk=0), r">= 1 - at `\$\.chunk`"),
        (_with(gradients={}), "Expected `array`"),
        (
            dump(record()).replace(f": {SCHEMA_VERSION}".encode(), f': "{SCHEMA_VERSION}"'.encode()),
            "schema_version is not a number",
        ),
        (_with_row(value="12"), "Invalid enum value '12'"),
        (_with_row(value=10**400), "out of range"),
        (_with_row(value=0).replace(b'"value": 0', b'"value": 1e999'), "digest"),
        (_with_row(n=-1), ">= 0"),
        (_with_row(n=2**63), "<= 9223372036854775807"),
        (_with_row(step=101), "gradients are for step 101, but training has 100"),
        (_with_row(metric="speed"), "no metric 'speed'"),
        (_with(training=[{**vars(record().training[0]), "step": 101}]), "training are for step 101"),
        (_with(final={**vars(Final("nats", 101))}), "final.steps is 101"),
        (_with_cell(samples=0), r">= 1 - at `\$\.cell\.samples`"),
        (_with_cell(samples="5"), "got `str`"),
        (_with_cell(seed=1.0), "got `float`"),
        (_with_cell(dtype="float16"), "Invalid enum value 'float16'"),
        (_with_cell(task_parameters={"hidden": [1]}), "got `array`"),
        (_with_cell(task_parameters=None), "got `null`"),
        (_with_cell(training={**cell().identity()["training"], "steps": -1}), ">= 0"),
        (_with_cell(training={**cell().identity()["training"], "momentum": 1}), "unknown field `momentum`"),
    ],
)
def test_damage_is_named(data: bytes, why: str) -> None:
    with pytest.raises(CorruptRecord, match=rf"^results/record\.json is not a readable record \(.*({why}).*delete it"):
        parse(Record, data, PATH)


def test_integers_count_as_numbers() -> None:
    whole = record(gradients=[gradient("variance", 2)])
    value = parse(Record, dump(whole), PATH).gradients[0].value
    assert (value, type(value)) == (2.0, float)


@pytest.mark.parametrize("version", [4, 5])
def test_nothing_is_nested_too_deep(version: int) -> None:
    data = json.dumps({**of_version(version, dump(record())), "notes": 0}).encode()
    for deep in (b"[" * 100_000, b'{"a":' * 100_000, b"[" * 100_000 + b"]" * 100_000):
        with pytest.raises(CorruptRecord, match=r"recursion depth|array"):
            parse(Record, data.replace(b'"notes": 0', b'"notes": ' + deep), PATH)


def test_a_checkout_may_change_the_ends_of_lines() -> None:
    assert parse(Record, dump(record()).replace(b"\n", b"\r\n"), PATH) == record()


def test_whole_step_sizes_stay_whole() -> None:
    """The id tells 1 from 1.0."""
    of = cell(training=replace(cell().training, model_lr=1, guide_lr=1.0), task_parameters={"a": 1, "b": 1.0})
    read = parse(Record, dump(record(of)), PATH).cell
    assert (repr(read), read.id) == (repr(of), of.id)


def test_a_note_of_a_cell_begun_is_read_with_a_digest_and_without() -> None:
    begun = Begun(cell(), RUN.run)
    assert parse(Begun, dump(begun), PATH) == begun
    assert parse(Begun, json.dumps({"cell": asdict(cell()), "run": RUN.run}).encode(), PATH) == begun
    with pytest.raises(CorruptRecord, match="not a readable note of a cell begun"):
        parse(Begun, b'{"cell": 1, "run": 1}', PATH)
