"""Models and guides written in Pyro, as tasks; they need the extra `pyro`.

`programs` runs one with its parameters, and with its sites in other hands; `sites` and `trial` say what does not fit,
`readings` which rows it has; `names` finds what the command names, `exact` sums over few latents.
"""

from tasks.pyro.task import PyroPrograms, from_pyro

__all__ = ["PyroPrograms", "from_pyro"]
