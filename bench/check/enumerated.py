"""Exact moments of gradient estimates in the logits, by summing over every outcome of their draws."""

from collections.abc import Callable, Iterable, Sequence
from itertools import product

import torch
from torch import Tensor

Outcome = tuple[float, Tensor]
"""A probability, and a value."""


def moments(outcomes: Iterable[Outcome]) -> tuple[Tensor, Tensor]:
    """Return mean and variance, coordinate by coordinate, of a value with finitely many outcomes."""
    probability, values = zip(*outcomes, strict=True)
    mass, stacked = torch.tensor(probability, dtype=torch.float64), torch.stack(list(values))
    assert abs(float(mass.sum()) - 1) < 1e-12
    mean = mass @ stacked
    return mean, mass @ (stacked - mean) ** 2


def bit_vectors(p: Tensor) -> list[Outcome]:
    """Return every vector of bits with its probability under independent Bernoulli(p)."""
    found: list[Outcome] = []
    for state in product((0.0, 1.0), repeat=len(p)):
        b = torch.tensor(state, dtype=torch.float64)
        found.append((float(torch.where(b == 1, p, 1 - p).prod()), b))
    return found


def antithetic_pairs(p: Tensor) -> list[tuple[float, Tensor, Tensor]]:
    """Return every (b, b̃) of b = 1[u < p], b̃ = 1[1 − u < p], with its probability."""
    choices: list[Sequence[tuple[float, float, float]]] = []
    for q in p.tolist():
        low = min(q, 1 - q)
        choices.append([(low, 1.0, 0.0), (low, 0.0, 1.0), (1 - 2 * low, float(q > 0.5), float(q > 0.5))])
    found: list[tuple[float, Tensor, Tensor]] = []
    for combination in product(*choices):
        probability, b, opposite = (
            torch.tensor(column, dtype=torch.float64) for column in zip(*combination, strict=True)
        )
        found.append((float(probability.prod()), b, opposite))
    return found


def score_function(p: Tensor, f: Callable[[Tensor], Tensor]) -> list[Outcome]:
    """Return f(b)(b − p)."""
    return [(mass, f(b) * (b - p)) for mass, b in bit_vectors(p)]


def leave_one_out(p: Tensor, f: Callable[[Tensor], Tensor]) -> list[Outcome]:
    """Return ½ (f(b) − f(c))(b − c), REINFORCE with leave-one-out baseline at K = 2."""
    draws = bit_vectors(p)
    return [(m * n, 0.5 * (f(b) - f(c)) * (b - c)) for (m, b), (n, c) in product(draws, draws)]


def disarm(p: Tensor, f: Callable[[Tensor], Tensor]) -> list[Outcome]:
    """Return ½ (f(b) − f(b̃))(b − b̃) max(p, 1 − p); σ(|logit|) is the larger probability."""
    larger = torch.maximum(p, 1 - p)
    return [(mass, 0.5 * (f(b) - f(c)) * (b - c) * larger) for mass, b, c in antithetic_pairs(p)]


def arm_moments(p: Tensor, f: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor]:
    """Return mean and variance of (f(b) − f(b̃))(½ − u); u is uniform on an interval given a pair."""
    low = torch.minimum(p, 1 - p)
    mean, square = torch.zeros_like(p), torch.zeros_like(p)
    for mass, b, c in antithetic_pairs(p):
        # ½ − u lies in (½ − low, ½) where b alone is one, in its mirror image where b̃ is, else in between.
        start, end = torch.where(b == c, low - 0.5, 0.5 - low), torch.where(b == c, 0.5 - low, torch.tensor(0.5))
        first = torch.where(b < c, -1.0, 1.0) * (start + end) / 2
        second = (start**2 + start * end + end**2) / 3
        difference = f(b) - f(c)
        mean, square = mean + mass * difference * first, square + mass * difference**2 * second
    return mean, square - mean**2


def bitflip(p: Tensor, f: Callable[[Tensor], Tensor]) -> list[Outcome]:
    """Return D p_i (1 − p_i)[f(b_i = 1) − f(b_i = 0)] e_i, i uniform."""
    found: list[Outcome] = []
    for mass, b in bit_vectors(p):
        for chosen in torch.eye(len(p), dtype=torch.float64):
            high, low = torch.maximum(b, chosen), b * (1 - chosen)
            found.append((mass / len(p), len(p) * chosen * p * (1 - p) * (f(high) - f(low))))
    return found


def local_expectation(p: Tensor, f: Callable[[Tensor], Tensor]) -> list[Outcome]:
    """Return p_i (1 − p_i)[f(b_i = 1) − f(b_i = 0)] for all i."""
    found: list[Outcome] = []
    for mass, b in bit_vectors(p):
        difference = [f(torch.maximum(b, e)) - f(b * (1 - e)) for e in torch.eye(len(p), dtype=torch.float64)]
        found.append((mass, p * (1 - p) * torch.stack(difference)))
    return found
