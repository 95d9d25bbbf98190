"""The answer in sentences, and what it is that is recommended."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bench.advise.findings import BIASED, FAILED, UNKNOWN
from bench.results.digits import interval, minus, number
from bench.results.text import counted

Found = Mapping[str, Any]


def recommended(found: Found) -> Sequence[str]:
    """Return what to use: the best of the screening, unless another ends better; then those that are as good."""
    best, (*_, last) = found["best"], found["places"]
    if not best:
        return []
    ended = {row["best"]: row for row in found["differences"] if row["differs"] and row["estimator"] == best[0]}
    first = next(iter(ended), best[0])
    others = last["alike"] + last["not_told_apart"] if first == last["leader"] and not last["noiseless"] else []
    return [first, *(name for name in best if name in others)]


def opening(found: Found) -> str:
    """Return what to use."""
    names = recommended(found)
    if not names:
        return "nothing is known yet"
    first = next(row for row in found["estimators"] if row["estimator"] == names[0])
    others = f"; {listed(names[1:])} may be as good" if names[1:] else ""
    competing = [row for row in found["estimators"] if row["verdict"] not in (BIASED, FAILED)]
    known = [row for row in competing if row["verdict"] != UNKNOWN]
    if 2 * len(known) < len(competing):
        return (
            f"not decided: there was time to measure {len(known)} of {counted(len(competing), 'estimator')}, of which "
            f"{names[0]}, K = {first['samples']}, has the least noise; give a longer `--budget`"
        )
    return f"use {names[0]}, K = {first['samples']}{others}"


def sentences(found: Found) -> Iterator[str]:
    """Give what that rests on, and what did not go as it should."""
    *before, last = found["places"]
    yield from _of_place(found, last)
    for place in before:
        yield from _of_before(found, place, last)
    yield from _of_trainings(found)
    rows = found["estimators"]
    for row in rows:
        if row["bias_seen"] and row["declared_unbiased"]:
            bias = next(one["relative_bias"] for one in row["places"] if one["bias_seen"])
            command = f"bench check {shlex.quote(row['estimator'])} --task {shlex.quote(found['task'])}"
            yield (
                f"{row['estimator']} is biased, although it declares no bias, and is not ranked: relative bias "
                f"{said(bias)}; `{command}` tests it"
            )
    undecided = [row for row in rows if row["verdict"] == UNKNOWN]
    if undecided:
        yield f"Undecided, for lack of time: {listed([row['estimator'] for row in undecided])}."
    for row in rows:
        if row["failed"]:
            yield f"{row['estimator']} could not be measured: {row['failed']}."


def _of_place(found: Found, place: Found) -> Iterator[str]:
    at = when(place)
    if place["noiseless"]:
        names = place["noiseless"]
        verb = "have" if len(names) > 1 else "has"
        rows = {row["estimator"]: row for row in found["estimators"]}
        cost = f"{number(rows[names[0]]['evaluations'])} evaluations per gradient"
        yield f"{listed(names)} {verb} no variance {at}: the gradient is exact, at {cost}."
    if place["leader"] is None:
        return
    least = "has the least noise for its time" if not place["noiseless"] else "has the least among the others"
    yield f"{place['leader']} {least} {at}: {_ratio_words(found, place['leader'], place['step'])}."
    if place["not_told_apart"]:
        names = place["not_told_apart"]
        yield f"{listed(names)} {'are' if len(names) > 1 else 'is'} not distinguishable from it."
    if place["alike"]:
        names = place["alike"]
        verb = "are" if len(names) > 1 else "is"
        yield f"{listed(names)} {verb} as good, to within {100 * (found['alike'] - 1):.0f}%."


def _of_before(found: Found, place: Found, last: Found) -> Iterator[str]:
    leader, now = place["leader"], last["leader"]
    if leader is None or now is None:
        return
    if leader == now:
        yield f"So it does {when(place)}: {_ratio_words(found, leader, place['step'])}."
    elif now in place["worse"]:
        yield (
            f"{when(place).capitalize()} the order is different: {leader} has the least, "
            f"{_ratio_words(found, leader, place['step'])}, and {now} is worse there "
            f"({_ratio_words(found, now, place['step'])})."
        )
    else:
        yield f"{when(place).capitalize()} {now} is not distinguishable from the best, {leader}."


def _ratio_words(found: Found, name: str, step: int) -> str:
    if name == found["baseline"]:
        return "it is what the others are compared with"
    ratio = _ratio(found, name, step)
    if ratio is None:
        return "how that compares is not known"
    if ratio["value"] < 1:
        more = {"value": 1 / ratio["value"], "low": 1 / ratio["high"], "high": 1 / ratio["low"]}
        return f"{said(more)} times more variance per second than {found['baseline']}"
    return f"{said(ratio)} times less variance per second than {found['baseline']}"


def _ratio(found: Found, name: str, step: int) -> Found | None:
    row = next(row for row in found["estimators"] if row["estimator"] == name)
    return next(one["times_less"] for one in row["places"] if one["step"] == step)


def _of_trainings(found: Found) -> Iterator[str]:
    if found["untrained"]:
        yield f"Nothing was trained: {found['untrained']}."
    differences = found["differences"]
    if differences:
        best, unit = differences[0]["best"], _unit(found)
        differ = [row for row in differences if row["differs"]]
        if differ:
            words = [f"{row['estimator']} by {said(_absolute(row))}" for row in differ]
            yield f"Trained for equally long, {best} ends best; behind it are {listed(words)}{unit}."
        same = [row["estimator"] for row in differences if not row["differs"]]
        if same:
            yield f"Trained for equally long, {listed([*same, best])} end at values that are not distinguishable."


def _absolute(row: Found) -> Found:
    sign = -1.0 if row["difference"] < 0 else 1.0
    low, high = sorted((sign * row["low"], sign * row["high"]))
    return {"value": abs(row["difference"]), "low": low, "high": high}


def _unit(found: Found) -> str:
    return f" {found['unit']}" if found["unit"] not in ("", "cost") else ""


def when(place: Found) -> str:
    """Return what a place is called."""
    return f"after {place['step']} steps" if place["step"] else "before training"


def said(of: Found) -> str:
    """Return a value with its interval, with fewer digits if it would be long."""
    text = interval(of["value"], of["low"], of["high"])
    if len(text) <= 20:
        return text
    return f"{number(of['value'], 2)} [{minus(number(of['low'], 2))}, {minus(number(of['high'], 2))}]"


def listed(names: Sequence[str]) -> str:
    """Return names with an `and` before the last."""
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]
