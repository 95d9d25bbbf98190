"""From a request to records: cells are planned, run, resumed and recorded.

Whoever runs something comes in by two modules: `plan` says what (`Request`, and `make_plan`, which makes a `Plan` of
cells of it), and `invocation` does it (`execute` for a request, or `run_plan` and `print_dry_run` for a plan, each as
`Asked`). `initial` tells where a cell starts, for laws that are computed there. All else is behind these:

    invocation → session → run_cells → cell → meter, trajectory, final
                 locks,    trains     one    gradients, common parameters, bounds
                 recalls   to stops   cell
"""
