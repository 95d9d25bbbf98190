"""What differs from run to run of one and the same cell, since it is of a clock or of what else the machine does."""

from typing import Final

TIMED: Final = ("seconds", "work_variance", "relative_cost", "peak_memory")
"""Metrics measured by a clock, or that count what other threads free meanwhile, as those of a Dask worker do."""
