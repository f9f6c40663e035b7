"""`zslnb.studies.kept`: counted once for the same code, data and inputs."""

import pytest
import torch
from toys import toy

from zslnb.experiments import sources
from zslnb.studies.kept import kept, weights_sha256

STUDY = "zslnb.studies.boosting"


@pytest.fixture
def count(build):
    """Count calls: each gives its number, and says with what it was asked for."""
    calls = []

    def ask(study: str = STUDY, seed: int = 0) -> list:
        def compute() -> tuple:
            calls.append(seed)
            return len(calls), 0.1 + 0.2

        return kept(study, compute, toy(), seed=seed)

    return ask


def test_the_same_question_is_counted_once_and_read_back_to_the_last_digit(count):
    assert count() == count() == [1, 0.1 + 0.2]


def test_another_seed_or_study_is_another_question(count):
    assert [count()[0], count(seed=1)[0], count("zslnb.studies.sampling")[0]] == [1, 2, 3]


def test_a_damaged_file_is_counted_again(count, build):
    count()
    (path,) = (build / "studies").glob("boosting-*.json")
    path.write_text("[1, ")
    assert count()[0] == 2


def test_what_changed_code_counts_is_not_kept(count, build, monkeypatch):
    def refuse(roots: tuple[str, ...]) -> None:
        raise sources.CodeChangedError(f"{roots} changed")

    monkeypatch.setattr("zslnb.studies.kept.check_unchanged", refuse)
    with pytest.raises(sources.CodeChangedError):
        count()
    assert not [*build.rglob("*.json")]


def test_weights_say_what_a_model_is():
    first, second = torch.nn.Linear(2, 3), torch.nn.Linear(2, 3)
    assert weights_sha256(first) != weights_sha256(second)
    second.load_state_dict(first.state_dict())
    assert weights_sha256(first) == weights_sha256(second)
