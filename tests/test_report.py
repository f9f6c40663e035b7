"""The README's generated parts."""

import pytest

from zslnb import report
from zslnb.places import repository_root


def test_the_readme_says_what_the_records_say():
    assert report.main(["--check"]) == 0, "the README is stale: make report"


def test_a_readme_without_its_places_is_refused():
    with pytest.raises(ValueError, match="results"):
        report.filled("# no places here")


def test_a_run_that_nobody_recorded_reads_not_measured(tmp_path):
    assert "Not measured" in report.results_block(tmp_path)


def test_every_notebook_is_on_the_map():
    text = (repository_root() / "README.md").read_text(encoding="utf-8")
    assert all(path.name in text for path in (repository_root() / "notebooks").glob("*.ipynb"))
