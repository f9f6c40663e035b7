"""`zslnb.experiments.models`: a model is trained once, and found again as it was."""

import os
from dataclasses import fields, replace

import pytest
import torch
from toys import QUICK, QUICK_IMAGINATION, QUICK_REVCD, toy

from zslnb.device import Replayed
from zslnb.experiments import models
from zslnb.experiments.families import FIT
from zslnb.experiments.models import InTheMakingError, deferring, trained
from zslnb.files import claimed
from zslnb.protocol import validation_split

B = toy()
CASES = {
    "genzsl": QUICK,
    "conditional prior": replace(QUICK, prior="conditional"),
    **{kind: replace(QUICK_IMAGINATION, kind=kind) for kind in ("fvaegan", "gan", "cvae")},
    **{f"revcd {kind}": replace(QUICK_REVCD, kind=kind) for kind in ("revcd", "cvae", "gan")},
}
# another value of each setting that has no part in the training
OTHERWISE = {
    "synthesis": "tiled",
    "n_synthetic": 7,
    "n_synthetic_choices": (3,),
    "classifier": replace(QUICK.classifier, epochs=9),
    "conventional": "per image",
    "epoch_choices": (1,),
    "sampler": "ancestral",
    "sampling_steps": 3,
    "n_samples": 2,
    "guidance": 3.0,
    "guidance_choices": (1.0,),
    "spaces": ("as given",),
}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("ZSLNB_BUILD", str(tmp_path))
    return tmp_path / "models"


def weights(model) -> dict[str, torch.Tensor]:
    return model.networks.state_dict()


def never(*_args, **_options):
    raise AssertionError("trained again")


@pytest.mark.parametrize("settings", CASES.values(), ids=CASES)
def test_a_kept_model_is_the_trained_one(settings, monkeypatch):
    first = trained(B, settings, 3)
    monkeypatch.setitem(FIT, type(settings), never_like(FIT[type(settings)]))
    again = trained(B, settings, 3)
    assert again.history == first.history
    torch.testing.assert_close(weights(again), weights(first), rtol=0, atol=0)
    if hasattr(first, "synthesise"):
        outputs = [model.synthesise(B.unseen, 4)[0] for model in (first, again)]
    else:
        outputs = [model.estimate(B.features[:5]) for model in (first, again)]
    assert torch.equal(*outputs)


def never_like(fit):
    """Something that may not be called, of the same module, which is part of a model's key."""
    refused = lambda *_args, **_options: never()  # noqa: E731
    refused.__module__ = fit.__module__
    return refused


@pytest.mark.parametrize("kind", ["revcd", "cvae"])
def test_the_first_epoch_of_a_longer_training_is_a_candidate_that_is_not_trained(kind, monkeypatch):
    longer = replace(QUICK_REVCD, kind=kind)
    alone = FIT[type(longer)](B, replace(longer, epochs=1), 3)
    trained(B, longer, 3)
    monkeypatch.setitem(FIT, type(longer), never_like(FIT[type(longer)]))
    kept = trained(B, replace(longer, epochs=1), 3)
    assert kept.history == alone.history
    torch.testing.assert_close(weights(kept), weights(alone), rtol=0, atol=0)
    with pytest.raises(AssertionError, match="trained again"):
        trained(B, replace(longer, epochs=2), 3)  # at a rate that falls faster


def test_a_first_epoch_that_nobody_tries_is_not_kept(folder):
    trained(B, replace(QUICK_REVCD, epoch_choices=(3, 2)))
    assert len([*folder.iterdir()]) == 1


@pytest.mark.parametrize("settings", [QUICK, QUICK_IMAGINATION, QUICK_REVCD])
def test_settings_of_the_use_share_one_training(settings, folder):
    first = trained(B, settings)
    for name in settings.AFTER_TRAINING:
        value = OTHERWISE.get(name, not getattr(settings, name))
        other = replace(settings, **{name: value})
        assert getattr(other, name) != getattr(settings, name)
        shared = trained(B, other)
        assert shared.settings == other
        alone = FIT[type(settings)](B, other, 0)  # so that sharing is right
        torch.testing.assert_close(weights(alone), weights(first), rtol=0, atol=0)
    first_epoch = settings is QUICK_REVCD  # which is kept as well
    assert len([*folder.iterdir()]) == 1 + first_epoch
    assert set(settings.AFTER_TRAINING) < {field.name for field in fields(settings)}


@pytest.mark.skipif(not torch.cuda.is_available(), reason="CUDA graphs need a GPU")
@pytest.mark.parametrize("settings", [*CASES.values(), replace(QUICK, mixing="drawn")])
def test_a_training_of_replayed_steps_is_the_training(settings, monkeypatch):
    replayed = FIT[type(settings)](B, settings, 0, "cuda")
    monkeypatch.setattr(Replayed, "WARM_UP", 10**9)
    stepped = FIT[type(settings)](B, settings, 0, "cuda")
    assert replayed.history == pytest.approx(stepped.history)
    torch.testing.assert_close(weights(replayed), weights(stepped))


def test_data_seed_and_settings_tell_models_apart(folder):
    trained(B, QUICK)
    trained(B, QUICK, 1)
    trained(B, replace(QUICK, lr=2e-3))
    trained(validation_split(B, 0), QUICK)
    assert len([*folder.iterdir()]) == 4


def test_who_watches_a_training_sees_it_again():
    trained(B, QUICK)
    rounds = []
    trained(B, QUICK, on_round=lambda model: rounds.append(len(model.history)))
    assert rounds == [1, 2, 3]


def test_a_model_in_the_making_puts_off_who_defers_and_nobody_else(folder):
    trained(B, QUICK)
    (path,) = folder.iterdir()
    with claimed(folder.parent / "claims" / f"{path.stem}.lock"), deferring():
        trained(B, QUICK)  # it is there already
        path.unlink()
        with pytest.raises(InTheMakingError):
            trained(B, QUICK)
        rounds = []
        trained(B, QUICK, on_round=rounds.append)
        assert len(rounds) == 3
    path.unlink()
    with claimed(folder.parent / "claims" / f"{path.stem}.lock"):
        assert trained(B, QUICK).history
    path.unlink()
    with deferring():
        assert trained(B, QUICK).history


@pytest.mark.parametrize("content", [b"", b"half a file", None])
def test_a_damaged_file_is_as_good_as_none(folder, content):
    first = trained(B, QUICK)
    (path,) = folder.iterdir()
    path.write_bytes(content if content is not None else path.read_bytes()[:-100])
    again = trained(B, QUICK)
    torch.testing.assert_close(weights(again), weights(first), rtol=0, atol=0)
    assert trained(B, QUICK).history == first.history


def test_beyond_the_limit_the_longest_unread_go_first(folder, monkeypatch):
    for seed in range(3):
        trained(B, QUICK, seed)
    oldest, middle, newest = sorted(folder.iterdir(), key=os.path.getmtime)
    for age, path in enumerate((newest, middle, oldest)):
        os.utime(path, (1e9 - age, 1e9 - age))
    trained(B, QUICK, 0)  # read: no longer the oldest
    monkeypatch.setattr(models, "LIMIT", int(3.5 * newest.stat().st_size))
    trained(B, QUICK, 9)
    assert not middle.exists()
    assert oldest.exists()
    assert newest.exists()
