from pathlib import Path

import pytest

from pipeline import labels, layouts
from pipeline.errors import SettingsError


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return folder


def only(folder: Path, *names: str) -> layouts.Picture:
    (picture,) = layouts.read(touch(folder, *names)).pictures
    return picture


@pytest.mark.parametrize(
    ("name", "person", "words"),
    [
        (
            "Rafd090_01_Caucasian_female_angry_frontal.jpg",
            "rafd 01",
            "female, typical adult, angry, looking ahead",
        ),
        ("Rafd090_40_Kid_male_happy_left.jpg", "rafd 40", "male, child, smiling, looking left"),
        ("Rafd090_70_Moroccan_male_neutral_right.JPG", "rafd 70",
         "male, typical adult, neutral, looking right"),
        ("subject01.glasses", "yalefaces 01", "glasses"),
        ("subject02.noglasses.gif", "yalefaces 02", "neutral"),
        ("subject15.leftlight.pgm", "yalefaces 15", "side light"),
        ("subject03.sleepy", "yalefaces 03", "eyes closed"),
        ("subject04.gif", "yalefaces 04", ""),
        ("yaleB01_P00A+000E+00.pgm", "yaleb yaleb01", ""),
        ("yaleB01_P00A-110E+40.pgm", "yaleb yaleb01", "side light"),
        ("yaleB39_P00A+005E-90.pgm", "yaleb yaleb39", "side light"),
        ("yaleB11_P03_Ambient.pgm", "yaleb yaleb11", ""),
        ("KA.AN1.39.tiff", "jaffe ka", "female, typical adult, angry"),
        ("YM.NE3.51.tiff", "jaffe ym", "female, typical adult, neutral"),
        ("AF01ANS.JPG", "kdef f01", "female, typical adult, angry"),
        ("BM35SUS.JPG", "kdef m35", "male, typical adult, surprised"),
    ],
)  # fmt: skip
def test_a_known_file_name_tells_who_and_how(tmp_path, name, person, words):
    picture = only(tmp_path, f"deep/er/{name}")
    assert (picture.person, picture.labels) == (person, words)
    assert picture.name == f"deep/er/{name}"


@pytest.mark.parametrize(
    ("name", "sex", "years"),
    [
        ("Rafd090_01_Caucasian_female_sad_frontal.jpg", 0, 32),
        ("Rafd090_02_Kid_male_sad_frontal.jpg", 1, 8),
        ("AM03NES.JPG", 1, 32),
        ("KR.SU2.40.tiff", 0, 32),
    ],
)
def test_its_words_are_read_as_sex_and_age(tmp_path, name, sex, years):
    words = only(tmp_path, name).labels
    assert (labels.sex(words), labels.age(words)) == (sex, years)


@pytest.mark.parametrize(
    ("calm", "lively"),
    [
        ("Rafd090_01_Caucasian_female_neutral_frontal.jpg",
         "Rafd090_01_Caucasian_female_neutral_left.jpg"),
        ("AF01NES.JPG", "AF01HAS.JPG"),
        ("KA.NE1.26.tiff", "KA.SU1.36.tiff"),
        ("subject01.normal", "subject01.wink"),
    ],
)  # fmt: skip
def test_a_calm_look_ahead_is_told_from_expressions(tmp_path, calm, lively):
    assert not labels.lively(only(tmp_path / "a", calm).labels)
    assert labels.lively(only(tmp_path / "b", lively).labels)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("Rafd000_01_Caucasian_female_angry_frontal.jpg", "turned"),
        ("Rafd135_01_Caucasian_female_angry_frontal.jpg", "turned"),
        ("AF01ANFL.JPG", "turned"),
        ("AF01ANHR.JPG", "turned"),
        ("yaleB11_P00A+050E-40.pgm.bad", "bad"),
    ],
)
def test_a_name_that_says_unfit_is_listed_with_the_reason(tmp_path, name, reason):
    found = layouts.read(touch(tmp_path, name))
    assert found.pictures == []
    (entry,) = found.unusable
    assert entry.name == name
    assert reason in entry.reason


def test_both_sessions_of_kdef_show_one_person(tmp_path):
    found = layouts.read(touch(tmp_path, "AF01ANS.JPG", "BF01NES.JPG", "AM01NES.JPG"))
    assert [p.person for p in found.pictures] == ["kdef f01", "kdef m01", "kdef f01"]
    assert found.layout == "KDEF file names"


def test_folders_stand_for_people_and_take_their_videos_along(tmp_path):
    found = layouts.read(touch(tmp_path, "anna/1.jpg", "anna/talks.mp4", "ben/x/1.png"))
    assert [p.person for p in found.pictures] == ["anna", "anna", "ben/x"]
    assert [p.is_video for p in found.pictures] == [False, True, False]
    assert found.layout == "one folder per person"


@pytest.mark.parametrize(
    "names", [("1.jpg", "2.jpg"), ("images/1.jpg", "images/2.jpg"), ("1.jpg", "more/2.jpg")]
)
def test_without_a_folder_for_each_every_picture_is_a_person(tmp_path, names):
    found = layouts.read(touch(tmp_path, *names))
    assert len({p.person for p in found.pictures}) == 2
    assert found.layout == "one person per picture"


def test_flat_reads_folders_as_mere_order(tmp_path):
    found = layouts.read(touch(tmp_path, "a/1.jpg", "a/2.jpg", "b/1.jpg", "a/2.mov"), "flat")
    assert [p.person for p in found.pictures] == ["a/1", "a/2", "a/2", "b/1"]


def test_mixed_folders_are_told_with_counts(tmp_path):
    found = layouts.read(touch(tmp_path, "AF01NES.JPG", "AF02NES.JPG", "mine.jpg"))
    assert found.layout == "KDEF file names (2), one person per picture (1)"


def test_an_asked_for_layout_lists_what_does_not_fit(tmp_path):
    found = layouts.read(touch(tmp_path, "AF01NES.JPG", "mine.jpg"), "kdef")
    assert [p.name for p in found.pictures] == ["AF01NES.JPG"]
    assert [(u.name, u.reason) for u in found.unusable] == [("mine.jpg", "no KDEF file names")]


def test_named_pictures_are_left_out(tmp_path):
    found = layouts.read(touch(tmp_path, "a/1.jpg", "b/1.jpg"))
    names = tmp_path / "names.txt"
    names.write_text("\nb/1.jpg\n")
    assert [p.unwanted for p in layouts.leaving_out(found, names).pictures] == [False, True]


@pytest.mark.parametrize("content", ["c/1.jpg\n", None])
def test_a_list_to_leave_out_that_cannot_be_obeyed_says_why(tmp_path, content):
    found = layouts.read(touch(tmp_path, "a/1.jpg", "b/1.jpg"))
    names = tmp_path / "names.txt"
    if content:
        names.write_text(content)
    with pytest.raises(SettingsError, match=r"--leave-out .*names\.txt (names c/1\.jpg|cannot)"):
        layouts.leaving_out(found, names)


def test_labels_are_added_to_what_is_known(tmp_path):
    found = layouts.read(touch(tmp_path, "a/1.jpg", "b/1.jpg"))
    table = tmp_path / "labels.csv"
    table.write_text("file,labels\nb/1.jpg,stubble\n")
    once = layouts.relabelled(found, table)
    assert [p.labels for p in once.pictures] == ["", "stubble"]
    assert [p.labels for p in layouts.relabelled(once, table).pictures] == ["", "stubble; stubble"]


@pytest.mark.parametrize("content", ["file,labels\nc/1.jpg,beard\n", "a,b\n1,2\n", None])
def test_labels_that_cannot_be_added_say_why(tmp_path, content):
    found = layouts.read(touch(tmp_path, "a/1.jpg", "b/1.jpg"))
    table = tmp_path / "labels.csv"
    if content:
        table.write_text(content)
    with pytest.raises(SettingsError, match=r"--labels .*labels\.csv (names c/1\.jpg|cannot)"):
        layouts.relabelled(found, table)


def test_hidden_files_and_what_is_no_picture_are_passed_over(tmp_path):
    picture = only(tmp_path, "a.jpg", ".b.jpg", ".git/c.jpg", "README.txt", "yaleB01_P00.info")
    assert picture.name == "a.jpg"


def table(folder: Path, text: str) -> Path:
    (folder / "faces.csv").write_text(text, encoding="utf-8")
    return folder


def test_a_table_tells_labels_measures_and_people(tmp_path):
    touch(tmp_path, "1.png", "2.png", "3.png")
    found = layouts.read(
        table(tmp_path, "file,labels,face_width_px,yaw_asymmetry,identity\n"
              "1.png,a boy,120,-0.1,x\n2.png,,,,x\n3.png,,,,\n4.png,,,,\n")
    )  # fmt: skip
    assert [p.labels for p in found.pictures] == ["a boy", "", ""]
    assert (found.pictures[0].width, found.pictures[0].yaw) == (120, -0.1)
    assert found.pictures[1].width != found.pictures[1].width
    assert [p.person for p in found.pictures] == ["x", "x", "3.png alone"]
    assert [(u.name, u.reason) for u in found.unusable] == [("4.png", "no such file")]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "lists no pictures"),
        ("file,labels\n", "lists no pictures"),
        ("name\na.png\n", "no column 'file'"),
        ("file,face_width_px\na.png,wide\n", "line 2: could not convert string to float: 'wide'"),
    ],
)
def test_a_table_that_cannot_be_obeyed_says_why(tmp_path, text, why):
    with pytest.raises(SettingsError, match=why):
        layouts.read(table(tmp_path, text))


def test_a_table_that_is_not_there_is_named(tmp_path):
    with pytest.raises(SettingsError, match=r"faces\.csv cannot be read"):
        layouts.read(tmp_path, "faces.csv")


def test_a_missing_folder_and_an_empty_one_are_told(tmp_path):
    with pytest.raises(SettingsError, match=r"no folder .*nowhere"):
        layouts.read(tmp_path / "nowhere")
    with pytest.raises(SettingsError, match="no pictures to train on"):
        layouts.read(tmp_path)
    with pytest.raises(SettingsError, match="holds no RaFD file names"):
        layouts.read(touch(tmp_path, "a.jpg"), "rafd")
