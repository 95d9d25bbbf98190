import pytest
import torch
from torch import Tensor

from bench.evaluation.active_units import active_units, activity
from bench.names.registry import TASKS
from bench.names.spec import parse_spec
from tasks.images.vae import VAEMnist
from tasks.parts.image_vae import ImageVAE


def built(spec: str) -> tuple[ImageVAE, Tensor]:
    torch.manual_seed(0)
    task = TASKS.build(parse_spec(spec))
    assert isinstance(task, ImageVAE)
    return task, task.load().test


@torch.no_grad()
def test_a_unit_whose_mean_does_not_move_is_not_active():
    task, rows = built("vae-mnist(data=5k, latent=4, hidden=8, depth=1)")
    assert active_units(task, rows, 0) == 4
    head = task.get_submodule("guide.head.loc_and_log_scale")
    deviations = activity(task, rows)["z"].sqrt()
    # One unit's mean is constant, one's moves by less than the threshold, one's by more.
    for unit, wanted in enumerate((0.0, 0.09, 0.11)):
        head.get_parameter("weight")[unit] *= wanted / deviations[unit]
    assert active_units(task, rows, 0) == 2


def test_both_layers_count_and_noise_of_the_first_does_not():
    task, rows = built("vae-mnist(data=5k, latent=2, hidden=8, depth=1, layers=2)")
    assert active_units(task, rows, 0) is not None
    with torch.no_grad():
        # q(z1|x) is the same for every x, and z2's mean follows z1's noise only.
        task.get_submodule("guide.first_head.loc_and_log_scale").get_parameter("weight").zero_()
    torch.manual_seed(0)
    variances = activity(task, rows)
    assert (variances["z1"] == 0).all()
    # The noise of a mean over 10 draws, whose variance is about 0.1, is taken off.
    assert (variances["z2"].abs() < 0.02).all()


def test_a_seed_fixes_the_draws_and_leaves_the_others_alone():
    task, rows = built("vae-mnist(data=5k, latent=2, hidden=8, depth=1, layers=2)")
    torch.manual_seed(1)
    before = torch.get_rng_state()
    active_units(task, rows, 0)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("spec", ["sbn-mnist(data=5k, latent=3)", "vae-gamma(data=5k, latent=3, hidden=4, depth=1)"])
def test_latents_that_are_not_gaussian_have_none(spec: str):
    task, rows = built(spec)
    assert active_units(task, rows, 0) is None


def test_tasks_without_images_have_none():
    task = TASKS.build(parse_spec("ppca"))
    assert active_units(task, task.load().test, 0) is None


def test_full_covariance_counts_too():
    torch.manual_seed(0)
    task = VAEMnist(data="tiny", latent=2, hidden=8, depth=1, covariance="full")
    assert active_units(task, task.load().test, 0) == 2
