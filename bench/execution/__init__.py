"""From a request to records: cells are planned, run, resumed and recorded.

Whoever runs something comes in by two modules: `plan` says what (`Request`, and `make_plan` or, of several, `plan_all`,
which make a `Plan` of cells), and `invocation` does it (`execute` and `execute_all` for requests, or `run_plan` for a
plan, each as `Asked`). `block` makes requests of a grid; `dry_run` says what a plan would do; `initial` tells where a
cell starts, for laws that are computed there. All else is behind these:

    invocation → session → run_cells → cell → meter, trajectory, final
                 locks,    trains     one    gradients, common parameters, bounds
                 recalls   to stops   cell
"""
