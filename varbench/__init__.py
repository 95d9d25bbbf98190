"""Variance, bias and cost of Monte Carlo gradient estimators: everything that other code imports.

An estimator derives from `Estimator`, a task from `Task`, with a `Guide` and a `Model`. The contracts
(`check_estimator`, `estimator_contract`, ...) test them, `load` returns the measurements as pandas frames, and
`figures`, `pictures` and `tables` show it. `python -m varbench` is the command line.

Everything is imported when it is first used, so `import varbench` need not wait for torch.

>>> import varbench
>>> results = varbench.load("results")
>>> sorted(results.final["estimator"].unique())
['reinforce', 'reparam']
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from varbench.ours import claim

if TYPE_CHECKING:
    from bench import errors, figures, pictures, tables
    from bench.api.advise import advise
    from bench.api.plot import plot
    from bench.api.report import report
    from bench.api.run import dry_run, run
    from bench.api.table import table
    from bench.contract import check_estimator, check_task, estimator_contract, task_contract
    from bench.losses.moments import GradientMoments, moments
    from bench.losses.recorder import Recorder
    from bench.results.tables import Results, load
    from estimators import distributions
    from estimators import draw as draws
    from estimators.base import (
        Bias,
        Estimate,
        Estimator,
        Evaluation,
        Unfit,
        evaluate,
        generative,
        integrand,
        log_mean_exp,
        log_mean_exp_of_others,
        log_prob_detached,
        log_sum_exp_of_others,
        mean_of_others,
        without_parameters,
    )
    from estimators.draw import Detached, PathwiseOrDetached, Reparameterized
    from tasks.base import (
        Data,
        Defaults,
        Draw,
        GenerativeModel,
        GlobalModel,
        Guide,
        Latents,
        Model,
        SimulableModel,
        Target,
        Task,
        empty_data,
        is_elbo,
    )
    from tasks.data import DataUnavailable

    __version__: str

__all__ = [
    "Bias",
    "Data",
    "DataUnavailable",
    "Defaults",
    "Detached",
    "Draw",
    "Estimate",
    "Estimator",
    "Evaluation",
    "GenerativeModel",
    "GlobalModel",
    "GradientMoments",
    "Guide",
    "Latents",
    "Model",
    "PathwiseOrDetached",
    "Recorder",
    "Reparameterized",
    "Results",
    "SimulableModel",
    "Target",
    "Task",
    "Unfit",
    "__version__",
    "advise",
    "check_estimator",
    "check_task",
    "distributions",
    "draws",
    "dry_run",
    "empty_data",
    "errors",
    "estimator_contract",
    "evaluate",
    "figures",
    "generative",
    "integrand",
    "is_elbo",
    "load",
    "log_mean_exp",
    "log_mean_exp_of_others",
    "log_prob_detached",
    "log_sum_exp_of_others",
    "mean_of_others",
    "moments",
    "pictures",
    "plot",
    "report",
    "run",
    "table",
    "tables",
    "task_contract",
    "without_parameters",
]

_HOMES: Final = {
    "bench.api.advise": ("advise",),
    "bench.api.plot": ("plot",),
    "bench.api.report": ("report",),
    "bench.api.run": ("dry_run", "run"),
    "bench.api.table": ("table",),
    "bench.contract": ("check_estimator", "check_task", "estimator_contract", "task_contract"),
    "bench.losses.moments": ("GradientMoments", "moments"),
    "bench.losses.recorder": ("Recorder",),
    "bench.results.tables": ("Results", "load"),
    "estimators.base": (
        "Bias",
        "Estimate",
        "Estimator",
        "Evaluation",
        "Unfit",
        "evaluate",
        "generative",
        "integrand",
        "log_mean_exp",
        "log_mean_exp_of_others",
        "log_prob_detached",
        "log_sum_exp_of_others",
        "mean_of_others",
        "without_parameters",
    ),
    "estimators.draw": ("Detached", "PathwiseOrDetached", "Reparameterized"),
    "tasks.base": (
        "Data",
        "Defaults",
        "Draw",
        "GenerativeModel",
        "GlobalModel",
        "Guide",
        "Latents",
        "Model",
        "SimulableModel",
        "Target",
        "Task",
        "empty_data",
        "is_elbo",
    ),
    "tasks.data": ("DataUnavailable",),
}
_MODULES: Final = {
    "distributions": "estimators.distributions",
    "draws": "estimators.draw",
    "errors": "bench.errors",
    "figures": "bench.figures",
    "pictures": "bench.pictures",
    "tables": "bench.tables",
}


if not TYPE_CHECKING:  # to a type checker, a name that is not imported above is an error

    def __getattr__(name: str) -> Any:
        if name == "__version__":
            from importlib.metadata import version

            return version("varbench")
        home = next((module for module, names in _HOMES.items() if name in names), None)
        if home is None and name not in _MODULES:
            raise AttributeError(f"module 'varbench' has no attribute '{name}'")
        claim()
        found = import_module(_MODULES[name]) if home is None else getattr(import_module(home), name)
        globals()[name] = found
        return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
