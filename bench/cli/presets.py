"""`--preset`: values of settings by one name, for a first try, a first look, or a paper."""

from typing import Any, Final

PRESETS: Final[dict[str, dict[str, Any]]] = {
    "smoke": {"steps": 20, "checkpoints": 2, "replicates": 40, "evaluation_samples": 5, "seeds": (0,)},
    "quick": {"steps": 300, "checkpoints": 3, "precision": 0.2, "evaluation_samples": 50, "seeds": (0, 1, 2)},
    "paper": {"checkpoints": 8, "precision": 0.03, "evaluation_samples": 1000, "seeds": tuple(range(10))},
}
"""By preset, what it sets, by the name of a parameter of `bench run`. What it does not set is the task's default."""
