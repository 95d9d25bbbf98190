"""`bench samples` as a user meets it."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from bench.pictures import IMAGES, KINDS
from bench.results.parameters import written
from bench.results.store import Store, read_record
from tests.bench.cli.conftest import Outcome
from tests.bench.pictures.trained import finish

Bench = Callable[..., Outcome]
VAE = "vae-mnist(data=5k, latent=2, hidden=4, depth=1)"
SBN = "sbn-mnist(data=5k, latent=3)"


def test_every_kind_is_drawn_by_default(bench: Bench) -> None:
    cell = finish(Path("results"), VAE)
    outcome = bench("samples", "--format", "png", "--columns", "1")
    assert outcome.code == 0, outcome.err
    expected = [f"samples/vae-mnist/{cell.name}/{kind}.png" for kind in IMAGES]
    assert outcome.out.splitlines() == expected
    assert "next:" in outcome.err
    with Image.open(expected[0]) as picture:
        note = json.loads(picture.info["Description"])
    assert (note["figure"], note["seed"], len(note["cells"])) == ("samples, prior", 0, 1)


def test_kinds_are_chosen_and_a_seed_fixes_the_picture(bench: Bench) -> None:
    cell = finish(Path("out"), VAE)
    pictures = []
    for folder, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        asked = ("--kind", "prior", "--out", folder, "--seed", seed, "--format", "svg")
        outcome = bench("samples", str(cell), *asked)
        assert outcome.code == 0, outcome.err
        (path,) = outcome.out.splitlines()
        pictures.append(Path(path).read_bytes())
    assert pictures[0] == pictures[1] != pictures[2]


def test_what_does_not_fit_is_told_in_a_sentence(bench: Bench) -> None:
    finish(Path("results"), SBN)
    outcome = bench("samples", "--kind", "reconstructions", "--kind", "traversal")
    assert outcome.code == 0, outcome.err
    assert outcome.out.splitlines()[0].endswith("reconstructions.pdf")
    assert "left out: traversal needs a continuous latent; 'z1' at the top of sbn-mnist is Bernoulli" in outcome.err
    alone = bench("samples", "--kind", "traversal")
    assert (alone.code, alone.out) == (2, "")
    assert "traversal needs a continuous latent" in alone.err


def test_a_run_without_test_images_leaves_the_others_drawn(bench: Bench) -> None:
    bare = finish(Path("results"), "vae-mnist(data=5k, latent=2, hidden=4, depth=1, guide=per-datapoint)")
    gone = finish(Path("results"), "vae-mnist(data=5k, latent=3, hidden=4, depth=1)")
    (gone / "parameters.pt").unlink()
    whole = finish(Path("results"), VAE)
    outcome = bench("samples", "--kind", "prior", "--kind", "reconstructions", "--format", "png")
    assert outcome.code == 0, outcome.err
    drawn = [(bare, "prior"), (whole, "prior"), (whole, "reconstructions")]
    assert sorted(outcome.out.splitlines()) == sorted(f"samples/vae-mnist/{of.name}/{kind}.png" for of, kind in drawn)
    assert "left out: reconstructions needs test images, but this run of vae-mnist has none" in outcome.err
    assert "parameters.pt, which holds what the run learned, is missing" in outcome.err
    assert bench("samples", str(gone)).code == 5


def test_without_a_finished_run_it_says_how_to_get_one(bench: Bench) -> None:
    finish(Path("results"), VAE, status="failed", reason="broken", final=None)
    outcome = bench("samples")
    assert outcome.code == 5
    reason = "there is no finished run of a model of images, clusters, tracks or topics in results"
    assert f"{reason}: `bench run --task vae-mnist" in outcome.err
    assert bench("samples", "nowhere").code == 5


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.unlink(), ", which holds what the run learned, is missing: run it again with `--rerun all`"),
        (lambda path: path.write_bytes(b"nothing"), "cannot be read"),
    ],
)
def test_parameters_that_are_gone_are_an_error(bench: Bench, damage: Callable[[Path], object], message: str) -> None:
    damage(finish(Path("results"), VAE) / "parameters.pt")
    outcome = bench("samples")
    assert outcome.code == 5
    assert message in outcome.err
    assert "Traceback" not in outcome.err


def test_parameters_that_are_not_those_of_the_record_are_refused(bench: Bench) -> None:
    folder = finish(Path("results"), VAE)
    path = folder / "parameters.pt"
    known = read_record(folder / "record.json")
    assert known is not None
    Store("results").write(replace(known, parameters=written(path.read_bytes())))
    assert bench("samples", "--kind", "prior").code == 0
    whole = torch.load(path)
    torch.save({name: value.double() for name, value in whole.items()}, path)
    outcome = bench("samples", "--kind", "prior")
    assert outcome.code == 5
    assert f"{path} has" in outcome.err
    assert ": repeat the `bench run` that wrote it with `--rerun failed`, which makes it again" in outcome.err
    path.unlink()
    outcome = bench("samples", "--kind", "prior")
    assert outcome.code == 5
    assert ", which holds what the run learned, is missing: repeat the `bench run`" in outcome.err


def test_data_that_are_gone_are_an_error(bench: Bench) -> None:
    finish(Path("results"), "vae-mnist(data=full, latent=2, hidden=4, depth=1)")
    outcome = bench("samples", "--kind", "prior")
    assert outcome.code == 4
    assert "bench data fetch mnist" in outcome.err


def test_the_help_names_every_kind(bench: Bench) -> None:
    printed = " ".join(bench("samples", "--help").out.split())
    for kind, about in KINDS.items():
        assert kind in printed
        assert about in printed


def test_topics_are_printed_as_words(bench: Bench) -> None:
    cell = finish(Path("results"), "lda(topics=3, side=2, length=5, n=8)")
    outcome = bench("samples")
    assert outcome.code == 0, outcome.err
    drawn, name, *topics = outcome.out.splitlines()
    assert drawn == f"samples/lda/{cell.name}/topics.pdf"
    assert name.endswith(cell.name)
    assert len(topics) == 3
    for number, topic in enumerate(topics, start=1):
        title, words = topic.strip().split(": ")
        assert title == f"topic {number}"
        assert sorted(words.split(", ")) == [f"word {word}" for word in range(4)]
