import math

import pytest

from zslnb import cli
from zslnb.encode.requests import read_shard, read_share
from zslnb.errors import RequestError


@pytest.mark.parametrize(
    ("verb", "usage"),
    [("pictures", "[OPTIONS] PICTURES BUNDLE.npz"), ("data", "[OPTIONS] BENCHMARK")],
)
def test_help_names_what_is_given_without_an_option(capsys, verb, usage):
    assert cli.main([verb, "--help"]) == 0
    assert f"usage: zslnb {verb} [-h] {usage}\n" in capsys.readouterr().out


def test_shards_count_from_one():
    assert [read_shard(text) for text in ("", "1/4", "4/4")] == [None, (1, 4), (4, 4)]
    for wrong in ("0/4", "5/4", "1", "1/", "a/b", "-1/2"):
        with pytest.raises(RequestError, match="written I/N"):
            read_shard(wrong)


def test_a_share_is_a_percentage_or_a_fraction():
    assert [read_share(text) for text in ("20%", "0.2", ".25", "37.5%")] == [0.2, 0.2, 0.25, 0.375]
    assert all(math.isnan(read_share(text)) for text in ("", "%", "-0.2", "nan", "1e-1", "a.txt"))
