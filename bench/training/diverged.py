"""What ends a training or a measurement early: a number that is not finite."""

from typing import Final

GREEK: Final = {"guide": "φ", "model": "θ"}
"""The letters of the parameter groups."""

_SMALLER_STEPS: Final = "; a smaller --guide-lr or --model-lr may help"


class Diverged(Exception):
    """Something is not finite; the message says what, how that was met, and, where steps were taken, what may help.

    Args:
        what: an objective or a gradient, with what it was.
        where: how it was met, with the step.
        step: training steps that led there.
    """

    def __init__(self, what: str, where: str, step: int) -> None:
        super().__init__(f"{what} {where}{_SMALLER_STEPS if step > 0 else ''}")
        self.what, self.where, self.step = what, where, step
