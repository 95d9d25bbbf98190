"""The answer in words: what to use, why, two tables that fit 80 columns, and what to run next."""

import shlex
from collections.abc import Iterator
from typing import Final

from bench.advise.findings import ALIKE_BEST, BEST, BIASED, FAILED, LEADS, NOISELESS, OPEN, UNKNOWN, WORSE
from bench.advise.words import Found, opening, recommended, said, sentences, when
from bench.execution.pace import duration
from bench.results.digits import number, plus_minus
from bench.results.metrics import FINAL_VALUES
from bench.results.render import render
from bench.results.text import counted, folded

_ORDER: Final = (NOISELESS, BEST, LEADS, ALIKE_BEST, OPEN, WORSE, UNKNOWN, BIASED, FAILED)
_LEAST: Final = 1e-3
"""Ratios below this one are only said to be so."""


def text(found: Found) -> str:
    """Return all of the answer but the command that comes next."""
    parts = [folded(f"{found['task']}: {opening(found)}", 2)]
    parts += [folded(sentence, 2) for sentence in sentences(found)]
    parts += ["", _noise_table(found), "", _cost_table(found)]
    if found["trained"]:
        parts += ["", _final_table(found)]
    parts += ["", *(folded(note, 2) for note in _notes(found))]
    return "\n".join(parts)


def next_command(found: Found, out: str = "") -> str:
    """Return the command that trains what was recommended in several seeds."""
    names = recommended(found) or [found["baseline"]]
    row = next(row for row in found["estimators"] if row["estimator"] == names[0])
    return (
        f"bench run --task {shlex.quote(found['task'])} --estimator {shlex.quote(names[0])} "
        f"--samples {row['samples']} --seeds 0-4{out}"
    )


def _noise_table(found: Found) -> str:
    places = [*reversed(found["places"])]
    headers = ["estimator", *(when(place) for place in places), "verdict"]
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
    return f"< {number(_LEAST)}" if ratio["high"] < _LEAST else said(ratio)


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
                said(bias) if bias else "–",
            ]
        )
    return render(f"What that is made of, {when(last)}", headers, lines, "text")


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
        why = "; ".join(f"{', '.join(names)} ({aim})" for aim, names in by_aim.items())
        yield f"not ranked, since they do not estimate the gradient of {found['target']}: {why}"
    if any(row["verdict"] == BIASED for row in found["estimators"]):
        yield "biased ones are not ranked: less noise around a wrong mean does not make a better gradient"
    remarks = [f"{row['estimator']}: {remark}" for row in found["estimators"] for remark in row["remarks"]]
    if len(remarks) > 1:
        names = ", ".join(row["estimator"] for row in found["estimators"] if row["remarks"])
        yield f"adaptive parts had little time to fit, so these may do better than shown here: {names}"
    yield from remarks if len(remarks) == 1 else []
    yield (
        f"each gradient was given {counted(found['evaluations'], 'evaluation')} of the model per datapoint (evals: "
        f"what it used); hyperparameters are defaults"
    )
    step = found["places"][-1]["step"]
    if step:
        by = "the exact gradient" if found["trajectory"] == "exact" else found["trajectory"]
        yield f"the shared parameters were trained by {by}"
    elif found["trajectory"]:
        yield f"there was no shared training: {found['trajectory']}"
    yield (
        f"brackets and ± are individual 95% intervals; verdicts are corrected for all comparisons and looks: the best "
        f"is called worse in at most {100 * found['level']:.0f}% of runs"
    )
    open_ = "" if found["decided"] else ", not all decided"
    yield f"{duration(found['seconds'])} of {duration(found['budget'])}{open_}"
