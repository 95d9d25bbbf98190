"""What makes a file of an earlier schema version one of the next."""

from collections.abc import Callable
from typing import Any, Final

from bench.decoding import Undecodable
from bench.results.schema import Begun, Record, RunInfo

Data = dict[str, Any]

_NEW_IN_2: Final = ("log_evidence", "gap", "gap_se", "active_units", "seeds_together")
_NEW_IN_8: Final = tuple(
    f"validation_{name}{error}" for name in ("objective", "elbo", "log_likelihood") for error in ("", "_se")
)
_NEW_IN_9: Final = tuple(
    f"{split}_{name}{error}"
    for split in ("train", "validation", "test")
    for name in ("reconstruction", "kl", *(() if split == "train" else ("perplexity",)))
    for error in ("", "_se")
)


def _with_new(content: Data, **new: Any) -> Data:
    """Return content with the keys of the next version.

    Raises:
        Undecodable: it has one of them, and so is not of the version that it says it is of.
    """
    for key in new.keys() & content.keys():
        raise Undecodable(f"it has `{key}`, which is newer than the version it states")
    return {**content, **new}


def _second(record: Data) -> Data:
    """Return a record of version 1 as one of version 2, in which there are ways of learning and more final values."""
    final = record["final"]
    return {
        **record,
        "training": [_with_new(row, updated="both") for row in record["training"]],
        "final": None if final is None else _with_new(final, **dict.fromkeys(_NEW_IN_2)),
    }


def _third(record: Data) -> Data:
    """Return a record of version 2 as one of version 3, whose norms have their squares beside them."""
    return {**record, "gradients": [_with_new(row, square=None) for row in record["gradients"]]}


def _fourth(record: Data) -> Data:
    """Return a record of version 3 as one of version 4, with its sources, and with whose value an objective is."""
    cell = record["cell"]
    relaxed = "gumbel-softmax" in (cell["estimator"], cell["estimator_parameters"].get("estimator"))
    of = "relaxed" if relaxed else "target"
    rows = [_with_new(row, objective_of=of) for row in record["training"]]
    return _with_new({**record, "training": rows}, task_source=None, estimator_source=None)


def _seventh(record: Data) -> Data:
    """Return a record of version 6 as one of version 7, which knows the file of parameters."""
    return _with_new(record, parameters=None)


def _eighth(record: Data) -> Data:
    """Return a record of version 7 as one of version 8, with limits and values of rows held back."""
    final = record["final"]
    final = None if final is None else _with_new(final, **dict.fromkeys(_NEW_IN_8))
    return _with_new({**record, "final": final}, limit=None)


def _ninth(record: Data) -> Data:
    """Return a record of version 8 as one of version 9, with bounds split, datapoints, and what was clipped.

    Version 9 knows optimizers that are not ours, too. Before it nothing was clipped, nor a divergence weighed.
    """
    rows, final = record["training"], record["final"]
    # What is no list is refused as that, later.
    if isinstance(rows, list):
        rows = [_with_new(row, beta=1.0, clipped=0.0) for row in rows]
    final = None if final is None else _with_new(final, **dict.fromkeys(_NEW_IN_9), clipped=None)
    return _with_new({**record, "training": rows, "final": final}, datapoints=None)


def _unchanged(content: Data) -> Data:
    return content


FIRST_WITH_DIGEST: Final = 6
"""The version from which on a file has a digest."""

UPGRADES: Final[dict[type, dict[int, Callable[[Data], Data]]]] = {
    Record: {
        1: _second,
        2: _third,
        3: _fourth,
        4: _unchanged,
        5: _unchanged,
        6: _seventh,
        7: _eighth,
        8: _ninth,
    },
    # Version 5 knows the cells of a run.
    RunInfo: {
        1: _unchanged,
        2: _unchanged,
        3: _unchanged,
        4: lambda run: _with_new(run, cells=[]),
        5: _unchanged,
        6: _unchanged,
        7: _unchanged,
        8: _unchanged,
    },
    Begun: {5: _unchanged, 6: _unchanged, 7: _unchanged, 8: _unchanged},
}
"""What makes a file of schema version v one of version v + 1, by v."""

UNNUMBERED: Final[dict[type, int]] = {Begun: 5}
"""The version of files that do not say which, where there were such."""
