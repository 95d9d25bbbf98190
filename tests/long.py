"""Tests that take minutes of several processes, for which CI has no time: `BENCH_LONG=1 pytest tests/…` runs them."""

import os

import pytest

LONG = pytest.mark.skipif("BENCH_LONG" not in os.environ, reason="it takes minutes; BENCH_LONG=1 runs it")
