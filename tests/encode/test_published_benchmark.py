"""What is refused at once; `tests/datasets/test_rehearsal.py` goes the whole way."""

import pytest

from zslnb import cli


@pytest.mark.parametrize("option", ["--weights=own.pt", "--shard=1/2", "--shards=2"])
def test_what_means_nothing_beside_published_features_is_refused(capsys, option):
    assert cli.main(["data", "cub", "--features", "resnet101", option, "--dry-run"]) == 2
    output = capsys.readouterr()
    assert output.err.startswith("zslnb: Features 'resnet101' are published, not made here: ")
    assert (output.out, output.err.count("\n")) == ("", 1)
