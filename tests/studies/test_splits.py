"""`zslnb.studies.splits`: which images are for what."""

from toys import PER_CLASS, SEEN, TRAIN, toy

from zslnb.studies import Split


def test_every_image_of_every_class_is_in_one_part() -> None:
    split = Split(toy())
    counts = split.counts()
    assert counts.sum(axis=1).tolist() == [PER_CLASS] * len(counts)
    assert counts["trainval"].tolist() == [TRAIN] * SEEN + [0, 0]
    assert counts["test, unseen classes"].tolist() == [0] * SEEN + [PER_CLASS] * 2
    (line,) = split.figure().axes[0].lines
    assert line.get_xdata() == [SEEN - 0.5] * 2  # between seen and unseen classes
    assert "only seen classes train" in split.finding()
