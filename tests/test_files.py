"""`zslnb.files`: a file is there whole or not at all."""

import pytest

from zslnb import files


def test_a_file_is_written_whole_and_leaves_nothing_else(tmp_path):
    path = tmp_path / "new" / "a.json"
    for content in ("first", b"second"):
        files.write_atomically(path, content)
    assert path.read_text() == "second"
    assert [*path.parent.iterdir()] == [path]


def test_a_write_that_fails_keeps_what_was_there(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    files.write_atomically(path, "first")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        files.write_atomically(path, "second")
    assert path.read_text() == "first"
    assert [*tmp_path.iterdir()] == [path]
