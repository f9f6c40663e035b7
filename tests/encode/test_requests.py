import pytest

from zslnb import cli
from zslnb.encode.requests import read_shard
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
