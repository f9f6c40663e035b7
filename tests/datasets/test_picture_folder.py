import os
import unicodedata

import numpy as np
import pytest

from zslnb.datasets.picture_folder import (
    picture_endings,
    read_attributes,
    read_class_names,
    read_picture_folder,
)
from zslnb.errors import RequestError


@pytest.fixture
def root(tmp_path):
    """Three classes of two files each that are called pictures; nothing opens them."""
    for name in ("001.grey_heron", "002.egret", "kiwi"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for picture in ("b.jpg", "a.PNG"):
            (tmp_path / "photos" / name / picture).touch()
    return tmp_path / "photos"


@pytest.fixture
def folder(root):
    return read_picture_folder(root)


def table(root, *lines, encoding="utf-8"):
    path = root.parent / "table.csv"
    path.write_text("\n".join(lines), encoding=encoding)
    return path


def test_pictures_are_listed_by_class_in_sorted_order(folder):
    assert [*folder.classes] == ["001.grey_heron", "002.egret", "kiwi"]
    assert folder.classes["kiwi"] == ["kiwi/a.PNG", "kiwi/b.jpg"]
    assert folder.images[:2] == ("001.grey_heron/a.PNG", "001.grey_heron/b.jpg")
    assert (folder.empty, folder.skipped) == ([], {})


def test_pictures_in_deeper_folders_are_their_class_s(root):
    (root / "kiwi" / "2021" / "may").mkdir(parents=True)
    (root / "kiwi" / "2021" / "may" / "c.webp").touch()
    assert "kiwi/2021/may/c.webp" in read_picture_folder(root).classes["kiwi"]


def test_what_is_no_picture_of_a_class_is_passed_over_and_listed(root):
    (root / ".git").mkdir()
    (root / "readme.txt").touch()
    (root / "alone.jpg").touch()
    (root / "nothing").mkdir()
    (root / "kiwi" / ".hidden.jpg").touch()
    (root / "kiwi" / "notes.txt").touch()
    (root / "kiwi" / "again").symlink_to(root)
    listed = read_picture_folder(root)
    assert len(listed.images) == 6
    assert listed.empty == ["nothing"]
    assert listed.skipped == {
        "of systems, viewers and cameras": [".git", "kiwi/.hidden.jpg"],
        "in no class's folder": ["alone.jpg", "readme.txt"],
        "links to folders": ["kiwi/again"],
        "not pictures by their endings": ["kiwi/notes.txt"],
    }


@pytest.mark.parametrize(
    "name",
    [".DS_Store", "._a.jpg", "Thumbs.db", "desktop.ini", "a.jpg.json", "a.xmp", "__MACOSX/a.jpg"],
)
def test_what_systems_and_viewers_leave_is_no_picture_and_no_loss(root, name):
    (root / "nothing").mkdir()
    for folder in ("kiwi", "nothing"):
        (root / folder / name).parent.mkdir(exist_ok=True)
        (root / folder / name).touch()
    folder = read_picture_folder(root)
    assert (len(folder.images), folder.empty) == (6, ["nothing"])
    assert len(folder.skipped["of systems, viewers and cameras"]) == 2


def test_endings_are_those_of_what_pillow_reads():
    assert {".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tiff"} <= picture_endings()
    assert not {".h5", ".wmf", ".mpg", ".eps", ".pdf", ".txt"} & picture_endings()


def test_a_class_that_is_lost_whole_is_an_error(root):
    (root / "owl").mkdir()
    for name in ("a.heic", "b.HEIC", "c.mov"):
        (root / "owl" / name).touch()
    with pytest.raises(RequestError, match=r"'owl' has 3 files and no picture .* 2 with \.heic"):
        read_picture_folder(root)
    (root / "owl" / "d.png").touch()
    assert len(read_picture_folder(root).classes) == 4


def test_a_class_may_be_a_link_to_a_folder(root, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "x.jpg").touch()
    (root / "owl").symlink_to(tmp_path / "elsewhere")
    assert read_picture_folder(root).classes["owl"] == ["owl/x.jpg"]


def test_a_name_that_is_not_utf8_is_passed_over(root):
    try:
        (root / "kiwi" / os.fsdecode(b"\xff.jpg")).touch()
    except OSError:
        pytest.skip("this disk takes UTF-8 only")
    assert read_picture_folder(root).skipped == {"not named in UTF-8": ["kiwi/\\udcff.jpg"]}


def test_a_folder_without_classes_is_refused(tmp_path):
    with pytest.raises(RequestError, match="There is no folder"):
        read_picture_folder(tmp_path / "photos")
    (tmp_path / "a.jpg").touch()
    (tmp_path / "empty").mkdir()
    with pytest.raises(RequestError, match="no sub-folder with a picture"):
        read_picture_folder(tmp_path)


def test_class_names_come_from_folders_and_a_file_may_change_some(root, folder):
    assert [*read_class_names(None, folder).values()] == ["grey heron", "egret", "kiwi"]
    path = table(root, "folder,name", "kiwi, Kiwi (C+)", "", '002.egret,"egret, little"')
    names = read_class_names(path, folder)
    assert [*names.values()] == ["grey heron", "egret, little", "Kiwi (C+)"]


def test_accents_stored_in_two_ways_are_one_name(root):
    apart = unicodedata.normalize("NFD", "grünling")
    (root / apart).mkdir()
    (root / apart / "a.jpg").touch()
    path = table(root, "folder,name", "grünling,green one", encoding="utf-8-sig")
    assert read_class_names(path, read_picture_folder(root))[apart] == "green one"


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "first line that names its columns"),
        (["folder;name"], "commas between them"),
        (["class,name"], "must be folder,name"),
        (["folder,name", "kiwis,a"], r"line 2: there is no folder 'kiwis'.*Did you mean 'kiwi'"),
        (["folder,name", "kiwi,a", "kiwi,b"], "line 3: 'kiwi' is there twice"),
        (["folder,name", "kiwi"], "line 2: 1 cells under 2 columns"),
        (["folder,name", 'kiwi,"a'], "line 2: unexpected end"),
        (["folder,name", "kiwi,egret"], r"'002\.egret', 'kiwi' would all be called 'egret'"),
        (["folder,name", "kiwi,"], "'kiwi' has no name"),
    ],
)
def test_a_wrong_file_of_names_is_refused(root, folder, lines, message):
    with pytest.raises(RequestError, match=message):
        read_class_names(table(root, *lines), folder)


def test_files_that_cannot_be_read_are_refused(root, folder):
    with pytest.raises(RequestError, match="There is no file"):
        read_class_names(root / "names.csv", folder)
    with pytest.raises(RequestError, match="is not UTF-8"):
        read_class_names(table(root, "folder,name", "kiwi,é", encoding="latin-1"), folder)


def test_attributes_follow_the_classes(root):
    (root / "nothing").mkdir()
    path = table(
        root,
        "folder,size,flies",
        "kiwi,0.5,0",
        "nothing,9,9",
        "002.egret,1,1",
        "001.grey_heron,2,1",
    )
    columns, values = read_attributes(path, read_picture_folder(root))
    assert columns == ("size", "flies")
    assert values.dtype == np.float32
    np.testing.assert_array_equal(values, [[2, 1], [1, 1], [0.5, 0]])


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["kiwi,1"], r"no row for '001\.grey_heron', '002\.egret'"),
        (["kiwi,1", "002.egret,2", "001.grey_heron,tall"], "001.grey_heron, size: 'tall' is not"),
        (["kiwi,1", "002.egret,2", "001.grey_heron,nan"], "'nan' is not a number"),
        (["kiwi,1", "002.egret,2", "001.grey_heron,1e39"], "'1e39' is not a number"),
        (["kiwi,1", "002.egret,2", "001.grey_heron,"], "'' is not a number"),
        (["kiwi,1", "002.egret,2", "001.grey_heron,3", "emu,4"], "no folder 'emu'"),
    ],
)
def test_wrong_attributes_are_refused(root, folder, rows, message):
    with pytest.raises(RequestError, match=message):
        read_attributes(table(root, "folder,size", *rows), folder)
