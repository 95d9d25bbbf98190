from bench.check.report import advice
from bench.check.verdicts import Line


def test_names_are_quoted():
    biased = Line("my module:Mine(scale=2)", "gaussian-quadratic", "biased")
    assert "`bench info 'my module:Mine'`" in advice([biased])
    open_ = Line("mine(name=it's)", "gaussian-quadratic", "inconclusive")
    assert """`bench check 'mine(name=it'"'"'s)' --budget 1000`""" in advice([open_])
