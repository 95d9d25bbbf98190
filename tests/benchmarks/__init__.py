"""What costs how much, beside what one would write by hand."""

import pytest


def is_timed(config: pytest.Config) -> bool:
    """Return whether benchmarks are measured: `--benchmark-enable` wins over pyproject.toml."""
    return config.getoption("benchmark_enable") or not config.getoption("benchmark_disable")
