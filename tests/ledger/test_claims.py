"""The published numbers, read from `papers/`."""

import pytest

from zslnb.ledger import published, published_sizes, published_value
from zslnb.protocol import harmonic_mean


def test_every_printed_h_of_genzsl_follows_from_its_s_and_u():
    quoted = published("genzsl")
    for benchmark in ("CUB", "SUN", "AWA2"):
        s, u, h = (quoted.loc[f"T2-{benchmark}-{metric}", "value"] for metric in "SUH")
        assert harmonic_mean(s, u) == pytest.approx(h, abs=0.05)


def test_scientific_notation_is_a_number():
    assert published_value("genzsl", "F3-CUB-after") == pytest.approx(1.825e-5)


def test_an_unknown_paper_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="genzsl"):
        published("genzls")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("- {id: a, place: T1}", "lacks 'benchmark'"),
        (2 * "- {id: a, place: T, benchmark: b, method: m, metric: H, value: 1, source: s}\n", "a"),
    ],
)
def test_a_broken_entry_is_named(tmp_path, text, says):
    (tmp_path / "x.yml").write_text(text)
    with pytest.raises(ValueError, match=says):
        published("x", tmp_path)


def test_the_published_sizes_add_up():
    total = {
        b["benchmark"]: b["trainval"] + b["test seen"] + b["test unseen"] for b in published_sizes()
    }
    assert total == {"AWA2": 37322, "CUB": 11788, "SUN": 14340}
