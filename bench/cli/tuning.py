"""`--select`: results at the best settings of each estimator."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from bench.escaping import echo
from bench.results.contest import SELECTABLE
from bench.results.tuned import MEASURES

if TYPE_CHECKING:
    from bench.results.tables import Results
    from bench.results.tuned import Tuned

_OPTIONS = [
    click.option(
        "--select",
        "selected",
        type=click.Choice([*SELECTABLE]),
        metavar="SETTING",
        multiple=True,
        help="Show each estimator at its best value of this setting, chosen on rows held back by `bench run "
        f"--validation`; repeatable: {', '.join(SELECTABLE)}.",
    ),
    click.option(
        "--select-by",
        type=click.Choice([*MEASURES]),
        help="What --select chooses by.  [default: elbo; objective if the task is an expectation]",
    ),
]


def selecting(command: Any) -> Any:
    """Give a command the options `--select` and `--select-by`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def at_best(results: "Results", selected: Sequence[str], select_by: str | None) -> "Tuned | None":
    """Return results at the best settings, as `bench.results.tuned.at_best`, and say what is left out."""
    from bench.results.tuned import at_best as found

    return found(results, selected, select_by, partial(echo, err=True))
