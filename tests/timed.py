"""What differs from run to run of one and the same cell, since it is of a clock or of what else the machine does."""

from typing import Final

TIMED: Final = ("seconds", "work_variance", "relative_cost", "peak_memory")
"""Metrics that are measured by a clock, or count what other threads of a process free meanwhile, as a Dask worker's do."""
