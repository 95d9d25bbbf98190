"""`--preset`: values of settings by one name, for a first try, a first look, or a paper."""

from typing import Any, Final

from bench.names.spec import spanned

PRESETS: Final[dict[str, dict[str, Any]]] = {
    "smoke": {"steps": 20, "checkpoints": 2, "replicates": 40, "evaluation_samples": 5, "seeds": (0,)},
    "quick": {"steps": 300, "checkpoints": 3, "precision": 0.2, "evaluation_samples": 50, "seeds": (0, 1, 2)},
    "paper": {"checkpoints": 8, "precision": 0.03, "evaluation_samples": 1000, "seeds": tuple(range(10))},
}
"""By preset, what it sets, by the name of a parameter of `bench run`. What it does not set is the task's default."""


def spelled_out(preset: str) -> str:
    """Return a preset as the options that it stands for.

    >>> from bench.cli.presets import spelled_out
    >>> spelled_out("smoke")
    '--steps 20 --checkpoints 2 --replicates 40 --evaluation-samples 5 --seeds 0'
    """
    return " ".join(
        f"--{name.replace('_', '-')} {spanned(value) if isinstance(value, tuple) else value}"
        for name, value in PRESETS[preset].items()
    )
