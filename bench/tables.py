"""Tables of results as frames and as text; `bench table` prints them, `bench.load` gives the tidy ones.

>>> import varbench
>>> results = varbench.load("results")
>>> compared = varbench.tables.comparison(results, ["variance"])
>>> blocks = varbench.tables.pivot_blocks(compared, by="estimator", across="task")
>>> print(varbench.tables.render_blocks(blocks, "text"))
variance (nats²/param²) · all parameters · target expectation · K = 2 ·
  2 evaluations per gradient
estimator  gaussian-quadratic
reinforce  ...
reparam    ...
<BLANKLINE>
mean ± standard error over 2 seeds
...
"""

from bench.results.arranged import pivot_blocks
from bench.results.pivot import comparison
from bench.results.reaching import time_to, time_to_blocks
from bench.results.render import Block, render, render_blocks
from bench.results.summary import final_blocks, gradient_blocks
from bench.results.tables import Results, load
from bench.results.words import Estimate
from bench.statistics.seeds import mean_over_seeds
from bench.statistics.significance import significantly_best

__all__ = [
    "Block",
    "Estimate",
    "Results",
    "comparison",
    "final_blocks",
    "gradient_blocks",
    "load",
    "mean_over_seeds",
    "pivot_blocks",
    "render",
    "render_blocks",
    "significantly_best",
    "time_to",
    "time_to_blocks",
]
