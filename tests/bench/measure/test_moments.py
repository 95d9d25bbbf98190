import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bench.measure.metrics import coordinate_snr, gradient_metrics, variance
from bench.measure.moments import GROUPS, Moments
from bench.measure.norms import pairs
from bench.measure.summary import gram

CPU = torch.device("cpu")


def accumulate(data: torch.Tensor, chunks: list[int], dtype: torch.dtype = torch.float64) -> tuple[Moments, np.ndarray]:
    """Return the moments of the rows, and the group [R] that each row went to."""
    moments = Moments(data.shape[1], dtype, CPU)
    groups, start = [], 0
    for count in chunks:
        chunk = data[start : start + count].to(dtype)
        owner = np.full(len(chunk), -1)
        for part in moments.update(chunk):
            parts = np.arange(part.groups.start, part.groups.stop)
            owner[part.rows] = np.repeat(parts, (part.rows.stop - part.rows.start) // len(parts))
        groups.append(owner)
        start += count
    assert start == len(data)
    return moments, np.concatenate(groups)


@given(st.lists(st.integers(1, 130), max_size=12), st.integers(0, 100), st.sampled_from([0.0, 1e6]))
def test_any_chunking_gives_the_direct_moments(extra: list[int], seed: int, offset: float):
    # Twenty single rows first, so that no group is empty.
    chunks = [1] * GROUPS + extra
    data = offset + torch.randn(sum(chunks), 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    moments, groups = accumulate(data, chunks)
    rows = data.numpy()
    by_group = [rows[groups == j] for j in range(GROUPS)]
    np.testing.assert_array_equal(moments.counts.numpy(), [len(part) for part in by_group])
    np.testing.assert_allclose(moments.mean.numpy(), [part.mean(0) for part in by_group], rtol=1e-12, atol=1e-12)
    summary = moments.summary(slice(0, 3)).in_unit(1.0)
    within = [part.var(0).sum() * len(part) for part in by_group]
    np.testing.assert_allclose(summary.within.numpy(), within, rtol=1e-6, atol=1e-8)
    if len(rows) > GROUPS:
        assert variance(summary).value == pytest.approx(rows.var(0, ddof=1).sum(), rel=1e-8)


def test_unequal_groups_leave_out_the_right_rows():
    """The jackknife's leave-one-group-out values are those computed on all the data kept."""
    chunks = [7, 3, 55, 1, 12] * 8
    data = torch.randn(sum(chunks), 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64).exp()
    moments, groups = accumulate(data, chunks)
    rows, n, summary = data.numpy(), moments.counts, moments.summary(slice(0, 4)).in_unit(1.0)
    assert len(set(n.tolist())) > 1
    from bench.measure.metrics import _variances

    _, left = _variances(summary)
    expected = [rows[groups != j].var(0, ddof=1).sum() for j in range(GROUPS)]
    np.testing.assert_allclose(left.numpy(), expected, rtol=1e-10)

    def ratio(kept: np.ndarray) -> float:
        return float((abs(kept.mean(0)) / kept.std(0, ddof=1)).mean())

    interval = coordinate_snr(moments, slice(0, 4))
    assert interval.value == pytest.approx(ratio(rows))
    h = (n.sum() / n).numpy()
    without = np.array([ratio(rows[groups != j]) for j in range(GROUPS)])
    pseudo = h * ratio(rows) - (h - 1) * without
    assert interval.se == pytest.approx(np.sqrt(((pseudo - (pseudo / h).sum()) ** 2 / (h - 1)).mean()))

    means = np.array([rows[groups == j].mean(0) for j in range(GROUPS)])
    weights = np.outer(n, n) * (1 - np.eye(GROUPS))
    full, left = pairs(summary.means, n)
    assert full == pytest.approx((weights * (means @ means.T)).sum() / weights.sum())
    for j in range(GROUPS):
        rest = np.delete(np.delete(weights, j, 0), j, 1)
        others = np.delete(means, j, 0)
        assert float(left[j]) == pytest.approx((rest * (others @ others.T)).sum() / rest.sum())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("size", [20, 12_000])
@pytest.mark.parametrize("chunk", [1, 16, 500])
def test_a_mean_of_ten_thousand_standard_deviations(dtype: torch.dtype, size: int, chunk: int):
    """The tolerance is rounding of the gradients themselves; float32 ones are rounded to 10⁻³ standard deviations."""
    data = (1e4 + torch.randn(1000, size, generator=torch.Generator().manual_seed(0), dtype=torch.float64)).to(dtype)
    moments, _ = accumulate(data, [chunk] * (1000 // chunk) + [1000 % chunk] * (1000 % chunk > 0), dtype)
    exact = data.double()
    assert variance(moments.summary(slice(0, size))).value == pytest.approx(float(exact.var(0).sum()), rel=1e-5)
    # Means over 50 replicates have a standard error of 0.14; what float32 can express there is 0.001.
    centre = moments.mean.double().T @ moments.counts / 1000
    torch.testing.assert_close(centre, exact.mean(0), rtol=0, atol=2e-3 if dtype == torch.float32 else 1e-9)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("scale", [1.0, 1e-3])
def test_variances_a_million_apart(dtype: torch.dtype, scale: float):
    """With the same mean, standard deviations of 1 and 10⁻³ give variances to the accuracy of the input."""
    size, generator = 12_000, torch.Generator().manual_seed(1)
    data = (3.0 + scale * torch.randn(400, size, generator=generator, dtype=torch.float64)).to(dtype)
    moments, _ = accumulate(data, [8] * 50, dtype)
    metrics = gradient_metrics(moments, slice(0, size), None)
    assert metrics["variance"].value == pytest.approx(scale**2 * size, rel=0.01)
    assert metrics["variance"].value == pytest.approx(float(data.double().var(0).sum()), rel=1e-5)
    assert metrics["snr"].value == pytest.approx(3 / scale, rel=0.01)


def test_long_runs_in_float32_do_not_stall():
    """Welford's running mean stops moving once a step is below half a unit of rounding; the tail here would be lost."""
    size = 12_000
    moments = Moments(size, torch.float32, CPU)
    for step in range(2000):
        moments.update(torch.full((1, size), 1e4 + (1.0 if step < 1000 else 2.0)))
    torch.testing.assert_close(moments.mean, torch.full((GROUPS, size), 1e4 + 1.5), rtol=0, atol=1.1e-3)
    assert variance(moments.summary(slice(0, size))).value == pytest.approx(0.25 * size * 2000 / 1999, rel=1e-5)


def test_chunks_are_dealt_evenly():
    moments = Moments(2, torch.float64, CPU)
    for _ in range(3):
        moments.update(torch.zeros(16_384, 2, dtype=torch.float64))
    assert float(moments.counts.max() - moments.counts.min()) <= 4
    small = Moments(2, torch.float64, CPU)
    for _ in range(40):
        small.update(torch.zeros(3, 2, dtype=torch.float64))
    assert small.counts.tolist() == [6.0] * GROUPS


def test_gram_is_float64_over_many_columns():
    rows = torch.randn(3, 200_000, generator=torch.Generator().manual_seed(0))
    exact = rows.double() @ rows.double().T
    torch.testing.assert_close(gram(rows), exact, rtol=1e-12, atol=1e-9)
