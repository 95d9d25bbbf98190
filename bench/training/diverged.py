"""What ends a training or a measurement early: a number that is not finite."""

from typing import Final

GREEK: Final = {"guide": "φ", "model": "θ"}
"""The letters of the parameter groups."""

_SMALLER_STEPS: Final = "a smaller --guide-lr or --model-lr may help"


class Diverged(Exception):
    """Something is not finite; the message says what, how that was met, and what may help.

    Args:
        what: an objective or a gradient, with what it was.
        where: how it was met, with the step.
        step: training steps that led there.
        advice: smaller step sizes, unless given, where steps were taken.
    """

    def __init__(self, what: str, where: str, step: int, advice: str = "") -> None:
        advice = advice or (_SMALLER_STEPS if step > 0 else "")
        super().__init__(f"{what} {where}{'; ' if advice else ''}{advice}")
        self.what, self.where, self.step = what, where, step
