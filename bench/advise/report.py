"""The answer in words: what to use, why, two tables that fit 80 columns, and what to run next."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from bench.advise.findings import ALIKE_BEST, BEST, BIASED, FAILED, LEADS, NOISELESS, OPEN, UNKNOWN, WORSE
from bench.execution.pace import duration
from bench.results.digits import interval, minus, number, plus_minus
from bench.results.metrics import FINAL_VALUES
from bench.results.render import render
from bench.results.text import counted, folded

_ORDER: Final = (NOISELESS, BEST, LEADS, ALIKE_BEST, OPEN, WORSE, UNKNOWN, BIASED, FAILED)
_LEAST: Final = 1e-3
"""Ratios below this one are only said to be so."""

Found = Mapping[str, Any]


def text(found: Found) -> str:
    """Return all of the answer but the command that comes next."""
    parts = [folded(f"{found['task']}: {_opening(found)}", 2)]
    parts += [folded(sentence, 2) for sentence in _sentences(found)]
    parts += ["", _noise_table(found), "", _cost_table(found)]
    if found["trained"]:
        parts += ["", _final_table(found)]
    parts += ["", *(folded(note, 2) for note in _notes(found))]
    return "\n".join(parts)


def recommended(found: Found) -> Sequence[str]:
    """Return what to use: the best of the screening, unless another is seen to end better; then whoever is as good."""
    best, (*_, last) = found["best"], found["places"]
    if not best:
        return []
    ended = {row["best"]: row for row in found["differences"] if row["differs"] and row["estimator"] == best[0]}
    first = next(iter(ended), best[0])
    others = last["alike"] + last["not_told_apart"] if first == last["leader"] and not last["noiseless"] else []
    return [first, *(name for name in best if name in others)]


def next_command(found: Found, out: str = "") -> str:
    """Return the command that trains what was recommended in several seeds."""
    names = recommended(found) or [found["baseline"]]
    row = next(row for row in found["estimators"] if row["estimator"] == names[0])
    return (
        f"bench run --task {shlex.quote(found['task'])} --estimator {shlex.quote(names[0])} "
        f"--samples {row['samples']} --seeds 0-4{out}"
    )


def _opening(found: Found) -> str:
    names = recommended(found)
    if not names:
        return "nothing is known yet"
    first = next(row for row in found["estimators"] if row["estimator"] == names[0])
    others = f"; {_and(names[1:])} may be as good" if names[1:] else ""
    competing = [row for row in found["estimators"] if row["verdict"] not in (BIASED, FAILED)]
    known = [row for row in competing if row["verdict"] != UNKNOWN]
    if 2 * len(known) < len(competing):
        return (
            f"not decided: there was time to measure {len(known)} of {counted(len(competing), 'estimator')}, of which "
            f"{names[0]}, K = {first['samples']}, has the least noise; give a longer `--budget`"
        )
    return f"use {names[0]}, K = {first['samples']}{others}"


def _sentences(found: Found) -> Iterator[str]:
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
                f"{row['estimator']} is biased, though it declares not to be, and is not ranked: relative bias "
                f"{_said(bias)}; `{command}` tests it"
            )
    undecided = [row for row in rows if row["verdict"] == UNKNOWN]
    if undecided:
        yield f"Undecided, for lack of time: {_and([row['estimator'] for row in undecided])}."
    for row in rows:
        if row["failed"]:
            yield f"{row['estimator']} could not be measured: {row['failed']}."


def _of_place(found: Found, place: Found) -> Iterator[str]:
    when = _when(place)
    if place["noiseless"]:
        names = place["noiseless"]
        verb = "have" if len(names) > 1 else "has"
        rows = {row["estimator"]: row for row in found["estimators"]}
        cost = f"{number(rows[names[0]]['evaluations'])} evaluations a gradient"
        yield f"{_and(names)} {verb} no variance {when}: the gradient is exact, at {cost}."
    if place["leader"] is None:
        return
    least = "has the least noise for its time" if not place["noiseless"] else "has the least of the others"
    yield f"{place['leader']} {least} {when}: {_ratio_words(found, place['leader'], place['step'])}."
    if place["not_told_apart"]:
        names = place["not_told_apart"]
        yield f"{_and(names)} {'are' if len(names) > 1 else 'is'} not distinguishable from it."
    if place["alike"]:
        names = place["alike"]
        yield f"{_and(names)} {'are' if len(names) > 1 else 'is'} as good, to within {100 * (found['alike'] - 1):.0f}%."


def _of_before(found: Found, place: Found, last: Found) -> Iterator[str]:
    leader, now = place["leader"], last["leader"]
    if leader is None or now is None:
        return
    if leader == now:
        yield f"So it does {_when(place)}: {_ratio_words(found, leader, place['step'])}."
    elif now in place["worse"]:
        yield (
            f"{_when(place).capitalize()} the order is another: {leader} has the least, "
            f"{_ratio_words(found, leader, place['step'])}, and {now} is worse there "
            f"({_ratio_words(found, now, place['step'])})."
        )
    else:
        yield f"{_when(place).capitalize()} {now} is not distinguishable from the best, {leader}."


def _ratio_words(found: Found, name: str, step: int) -> str:
    if name == found["baseline"]:
        return "it is what the others are compared with"
    ratio = _ratio(found, name, step)
    if ratio is None:
        return "how that compares is not known"
    if ratio["value"] < 1:
        more = {"value": 1 / ratio["value"], "low": 1 / ratio["high"], "high": 1 / ratio["low"]}
        return f"{_said(more)} times more variance per second than {found['baseline']}"
    return f"{_said(ratio)} times less variance per second than {found['baseline']}"


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
            words = [f"{row['estimator']} by {_said(_absolute(row))}" for row in differ]
            yield f"Trained for equally long, {best} ends best; behind it are {_and(words)}{unit}."
        same = [row["estimator"] for row in differences if not row["differs"]]
        if same:
            yield f"Trained for equally long, {_and([*same, best])} end at values that are not distinguishable."


def _absolute(row: Found) -> Found:
    sign = -1.0 if row["difference"] < 0 else 1.0
    low, high = sorted((sign * row["low"], sign * row["high"]))
    return {"value": abs(row["difference"]), "low": low, "high": high}


def _unit(found: Found) -> str:
    return f" {found['unit']}" if found["unit"] not in ("", "cost") else ""


def _noise_table(found: Found) -> str:
    places = [*reversed(found["places"])]
    headers = ["estimator", *(_when(place) for place in places), "verdict"]
    lines = [
        [row["estimator"], *(_ratio_cell(found, row, place["step"]) for place in places), row["verdict"]]
        for row in _sorted(found)
    ]
    title = f"Variance × seconds: how many times less than {found['baseline']}"
    return render(title, headers, lines, "text")


def _ratio_cell(found: Found, row: Found, step: int) -> str:
    measured = next(one for one in row["places"] if one["step"] == step)
    if row["estimator"] == found["baseline"] and measured["variance"]:
        return "1"
    if measured["variance"] and measured["variance"]["value"] == 0:
        return "no variance"
    ratio = measured["times_less"]
    if ratio is None:
        return "–"
    return f"< {number(_LEAST)}" if ratio["high"] < _LEAST else _said(ratio)


def _cost_table(found: Found) -> str:
    (*_, last) = found["places"]
    headers = ["estimator", "K", "evals", "ms/gradient", "variance", "relative bias"]
    lines = []
    for row in _sorted(found):
        measured = next(one for one in row["places"] if one["step"] == last["step"])
        variance, bias = measured["variance"], measured["relative_bias"]
        lines.append(
            [
                row["estimator"],
                str(row["samples"]),
                number(row["evaluations"]),
                number(1000 * row["seconds"], 2) if row["seconds"] else "–",
                number(variance["value"], 2) if variance else "–",
                _said(bias) if bias else "–",
            ]
        )
    return render(f"What that is made of, {_when(last)}", headers, lines, "text")


def _final_table(found: Found) -> str:
    headers = ["estimator", "steps", "time", "seeds", FINAL_VALUES[found["objective"]].head(found["unit"])]
    lines = [
        [
            one["name"],
            str(one["steps"]),
            duration(one["seconds"]),
            str(one["seeds"]),
            _ended(one),
        ]
        for one in found["trained"]
    ]
    return render("Trained", headers, lines, "text")


def _ended(one: Found) -> str:
    if not one["seeds"]:
        return f"diverged: {one['diverged']}"
    if one["low"] == one["high"]:
        return number(one["value"])
    return plus_minus(one["value"], (one["high"] - one["low"]) / 2)


def _sorted(found: Found) -> list[Found]:
    """Return the estimators, those of a better verdict and less noise first."""
    (*_, last) = found["places"]

    def key(row: Found) -> tuple[int, float]:
        measured = next(one for one in row["places"] if one["step"] == last["step"])
        work = measured["work_variance"]
        return _ORDER.index(row["verdict"]), float("inf") if work is None else work

    return sorted(found["estimators"], key=key)


def _notes(found: Found) -> Iterator[str]:
    if found["interrupted"]:
        yield "interrupted: this is what was known by then"
    aside = found["not_measured"]
    if aside:
        by_aim: dict[str, list[str]] = {}
        for one in aside:
            by_aim.setdefault(one["aim"], []).append(one["estimator"])
        said = "; ".join(f"{', '.join(names)} ({aim})" for aim, names in by_aim.items())
        yield f"not ranked, since they do not estimate the gradient of {found['target']}: {said}"
    if any(row["verdict"] == BIASED for row in found["estimators"]):
        yield "biased ones are not ranked: less noise around a wrong mean is no better gradient"
    remarks = [f"{row['estimator']}: {remark}" for row in found["estimators"] for remark in row["remarks"]]
    if len(remarks) > 1:
        names = ", ".join(row["estimator"] for row in found["estimators"] if row["remarks"])
        yield f"adaptive parts had little time to fit, so that these may do better than here: {names}"
    yield from remarks if len(remarks) == 1 else []
    yield (
        f"each gradient was to have {counted(found['evaluations'], 'evaluation')} of the model per datapoint (evals: "
        "what it has); hyperparameters are defaults"
    )
    step = found["places"][-1]["step"]
    if step:
        by = "the exact gradient" if found["trajectory"] == "exact" else found["trajectory"]
        yield f"the common parameters were trained by {by}"
    elif found["trajectory"]:
        yield f"there was no common training: {found['trajectory']}"
    yield (
        "brackets and ± are 95% intervals, each by itself; verdicts are corrected for all comparisons and looks: the "
        f"best is called worse anywhere in at most {100 * found['level']:.0f}% of runs"
    )
    open_ = "" if found["decided"] else ", with not all decided"
    yield f"{duration(found['seconds'])} of {duration(found['budget'])}{open_}"


def _when(place: Found) -> str:
    return f"after {place['step']} steps" if place["step"] else "before training"


def _said(of: Found) -> str:
    text = interval(of["value"], of["low"], of["high"])
    if len(text) <= 20:
        return text
    return f"{number(of['value'], 2)} [{minus(number(of['low'], 2))}, {minus(number(of['high'], 2))}]"


def _and(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]
