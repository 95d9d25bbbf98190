"""Perplexity: into how many equally likely words a bound on log p of texts makes each of their words a choice."""

import math

import torch
from torch import Tensor

from bench.evaluation.bounds import Bounds, Mean
from tasks.base import Task


def evaluate_perplexity(task: Task, rows: Tensor, bounds: Bounds) -> Mean | None:
    """Return exp(−Σ_d ELBO_d / Σ_d N_d) over stored rows d, of N_d words each (Blei, Ng & Jordan 2003, section 7.1).

    Their log p(w_d) is the ELBO here, as in what is published for topic models: it is at most log p, and the perplexity
    at least that of log p. The standard error is that of a ratio of sums over documents; of a single one, that of its
    ELBO. None where the task's rows have no words.
    """
    words = task.words(rows)
    if words is None or not (total := float(words.sum())):
        return None
    elbos = bounds.points.elbo
    per_word = float(elbos.sum()) / total
    error = bounds.elbo.se / total
    if (count := len(rows)) > 1:
        spread = (elbos - per_word * words.to(elbos)).square().sum() * count / (count - 1)
        error = math.sqrt(float(spread)) / total
    # What is so far from the data that no number holds it is infinite.
    value = float(torch.tensor(-per_word, dtype=torch.float64).exp())
    return Mean(value, value * error)
