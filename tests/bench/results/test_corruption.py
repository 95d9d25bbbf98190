"""A damaged file is refused in a sentence, or says what it said before: no other exception, no other number."""

import copy
import json
import math
from collections.abc import Iterator
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.decoding import encodable
from bench.errors import ResultsError
from bench.results.codec import CorruptRecord, dump, parse
from bench.results.schema import SCHEMA_VERSION, Begun, Final, Planned, Record, RunInfo, Written
from bench.results.store import Store, read_record
from tests.bench.results.samples import RUN, cell, gradient, of_version, record, sealed

PATH = Path("results/a file.json")
WRITTEN = Written(3, "0" * 64)
WHOLE = record(
    reason="caf\udce9",
    gradients=[gradient("bias", math.nan, square=-0.5), gradient("snr", math.inf)],
    parameters=WRITTEN,
)
KINDS: dict[type, Any] = {
    Record: WHOLE,
    RunInfo: RunInfo(**{**vars(RUN), "cells": [Planned("folder", "task", "estimator")]}),
    Begun: Begun(cell(), "a run"),
}
NEW_IN_FINAL = [
    name
    for name in (one.name for one in fields(Final))
    if name.startswith("validation")
    or any(f"_{part}" in name for part in ("reconstruction", "kl", "perplexity"))
    or name == "clipped"
]
"""Of rows held back, which no file of before tells of."""

DELETED = object()
ODD = (DELETED, None, True, 0, -1, 1, 1.5, 2**63, 10**400, "", "nan", "7", "\udce9", [], [[]], {}, {"a": 1}, {"": []})

kinds = pytest.mark.parametrize("kind", KINDS)
bits = st.tuples(st.integers(0, 10**6), st.integers(0, 7))


def _flipped(data: bytes, flips: list[tuple[int, int]]) -> bytes:
    changed = bytearray(data)
    for place, bit in flips:
        changed[place % len(data)] ^= 1 << bit
    return bytes(changed)


@kinds
@given(st.lists(bits, min_size=1, max_size=3))
def test_flipped_bits_are_found(kind: type, flips: list[tuple[int, int]]) -> None:
    data = dump(KINDS[kind])
    damaged = _flipped(data, flips)
    if damaged == data:
        return
    with pytest.raises(CorruptRecord):
        parse(kind, damaged, PATH)


@kinds
def test_every_truncation_is_found(kind: type) -> None:
    data = dump(KINDS[kind])
    for length in range(len(data)):
        with pytest.raises(CorruptRecord):
            parse(kind, data[:length], PATH)


@kinds
@given(st.lists(bits, min_size=1, max_size=3))
def test_flipped_bits_of_a_file_without_a_digest_are_refused_or_read_as_they_are(
    kind: type, flips: list[tuple[int, int]]
) -> None:
    damaged = _flipped(json.dumps(of_version(5, dump(KINDS[kind]))).encode(), flips)
    try:
        value = parse(kind, damaged, PATH)
    except ResultsError:
        return
    assert _same(encodable(asdict(value)), _body(json.loads(damaged)))


@kinds
@pytest.mark.parametrize("version", [1, 2, 3, 4])
def test_a_file_that_says_it_is_older_than_what_it_holds_loses_nothing(kind: type, version: int) -> None:
    content = of_version(version, dump(KINDS[kind]))
    if kind is Begun:
        content["schema_version"] = 5  # There is no earlier one.
    try:
        value = parse(kind, json.dumps(content).encode(), PATH)
    except ResultsError:
        return
    assert _same(encodable(asdict(value)), _body(content))


@kinds
@pytest.mark.parametrize("version", [5, SCHEMA_VERSION])
def test_whatever_is_put_at_any_place_is_refused_or_read_as_it_is(kind: type, version: int) -> None:
    """Of the last version the digest is made to fit: what a program of somebody else's might write."""
    written = json.loads(dump(KINDS[kind]))
    content = written if version == SCHEMA_VERSION else of_version(5, dump(KINDS[kind]))
    refused = 0
    for changed in _changed(content):
        data = sealed(changed) if version == SCHEMA_VERSION else json.dumps(changed).encode()
        try:
            value = parse(kind, data, PATH)
        except ResultsError:
            refused += 1
            continue
        assert _same(encodable(asdict(value)), _body(changed))
    assert refused > 100


def test_of_a_cell_no_setting_changes_unseen_in_a_file_of_before(tmp_path: Path) -> None:
    path = Store(tmp_path).write(record())
    content = of_version(5, path.read_bytes())
    for changed in _changed(content["cell"]):
        path.write_text(json.dumps({**content, "cell": changed}))
        try:
            found = read_record(path)
        except ResultsError:
            continue
        assert found == record()


def _places(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Give the way to every value in a tree of JSON."""
    if above:
        yield above
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield from _places(value[key], (*above, key))


def _changed(content: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Give the content with something odd at each place in turn, or nothing, and with a key more in each object."""
    for *above, key in _places(content):
        if above == [] and key in ("schema_version", "sha256"):
            continue
        for odd in ODD:
            changed = copy.deepcopy(content)
            owner = changed
            for step in above:
                owner = owner[step]
            if odd is DELETED:
                del owner[key]
            else:
                owner[key] = odd
            yield changed
    yield {**content, "more": 1}


def _body(content: dict[str, Any]) -> dict[str, Any]:
    """Return what a file holds beside its version and digest, with the settings that it may leave out."""
    body = {key: value for key, value in content.items() if key not in ("schema_version", "sha256")}
    if "gradients" in body:
        body = {"parameters": None, "limit": None, "datapoints": None, **body}
        if isinstance(body["final"], dict):
            body["final"] = {**dict.fromkeys(NEW_IN_FINAL), **body["final"]}
        if isinstance(body["training"], list):
            rows = body["training"]
            body["training"] = [{"beta": 1.0, "clipped": 0.0, **row} if isinstance(row, dict) else row for row in rows]
    if "cell" in body:
        usual = {"model_schedule": "", "learning": "joint", "validation": 0.0, "kl_warmup": "", "clip_norm": 0.0}
        body["cell"] = {"tf32": False, **body["cell"], "training": {**usual, **body["cell"]["training"]}}
    return body


def _same(one: Any, other: Any) -> bool:
    """Return whether trees are equal; true is not 1."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and one == other
