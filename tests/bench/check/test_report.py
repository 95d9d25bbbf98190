"""How verdicts are told: within the terminal's width, and without what does not apply."""

import pytest

from bench.check.plan import Plan
from bench.check.report import Layout, advice, summary
from bench.check.run import Settings
from bench.check.verdicts import Line

LONG = "vae-mnist(data=tiny, latent=2, hidden=3, depth=1, covariance=full)"
LINES = [
    Line("reinforce", LONG, "pass", (1, 3), 0.081, 4096, 0.2),
    Line("reinforce", "ppca", "biased", (1, 3), 1.5, 4096, 120.0, "guide.loc[0] is 3.657 and not -3.635 " * 4),
    Line("vimco", "declared properties", "pass", (3,), seconds=0.1),
]


def _told(lines: list[Line], verbose: bool = False) -> list[str]:
    layout = Layout(Plan({}, lines), verbose)
    told = [layout.header(), *(text for line in lines for text in layout.lines(line)), layout.held_back()]
    return "\n".join(told).splitlines()


def test_names_are_quoted():
    biased = Line("my module:Mine(scale=2)", "gaussian-quadratic", "biased")
    assert "`bench info 'my module:Mine'`" in advice([biased])
    open_ = Line("mine(name=it's)", "gaussian-quadratic", "inconclusive")
    assert """`bench check 'mine(name=it'"'"'s)' --budget 1000`""" in advice([open_])
    right = Line("mine(scale=2)", "ppca(dim=3)", "pass", (1,), 0.1)
    assert "`bench run --task 'ppca(dim=3)' --estimator 'mine(scale=2)'`" in advice([right])


@pytest.mark.parametrize("width", [80, 100, 120])
def test_lines_fit_the_terminal(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    told = _told(LINES)
    assert max(map(len, told)) <= width
    assert max(map(len, summary(LINES, Settings(), 3.0).splitlines())) <= width
    assert [line.split()[0] for line in told if line and not line.startswith(" ")] == ["reinforce", "vimco"]
    assert " ".join(" ".join(told).split()).count(LINES[1].detail.strip()) == 1
    assert any(line.split() == ["ppca", "1,3", "biased", "150%", "120", "s"] for line in told)


@pytest.mark.parametrize(("count", "verbose", "listed"), [(5, False, 5), (6, False, 0), (6, True, 6)])
def test_what_does_not_apply_is_counted(count: int, verbose: bool, listed: int) -> None:
    misfits = [Line("stl", f"task-{number}", "not applicable", detail="it does not fit") for number in range(count)]
    told = _told([*LINES, *misfits], verbose)
    assert sum("it does not fit" in line for line in told) == listed
    assert any(line.startswith(f"{count} checks do not apply") for line in told) is (listed == 0)
    assert f"{count} not applicable" in summary(misfits, Settings(), 1.0)
