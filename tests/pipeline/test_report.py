"""`facesurrogate generator-report` on the generator in use, of which few mixes are drawn."""

import shutil

import numpy as np
import pytest

from generator.head import heads
from matcher.attributes import AGE_OFFSET
from pipeline import cli, database, reference, report_balance, report_textures
from pipeline.database import SEAL
from pipeline.matched import K, matched
from pipeline.report import Measure, table
from pipeline.report_textures import worst

FEW = ["--mixes", "20", "--faces", "20"]
pytestmark = pytest.mark.usefixtures("unchanged_process")


@pytest.fixture(scope="module")
def home(tmp_path_factory, donors):
    """A DB folder with the generator in use, and a reference made of donors it draws singly."""
    home = tmp_path_factory.mktemp("db")
    folder = home / "generators" / "measured"
    shutil.copytree(donors.folder, folder)
    weights = np.zeros((42, len(donors.faces.skin)), np.float32)
    weights[np.arange(42), donors.rows.rows[:42]] = 1
    draw = heads(donors.network)[0]
    drawn = np.concatenate([draw(weights[i : i + 14]) for i in (0, 14, 28)])
    textures = np.clip(np.rint(drawn), 0, 255).astype(np.uint8)
    side = textures.shape[1]
    y, x = np.mgrid[:side, :side] / side - 0.5
    mask = (np.hypot(x / 0.4, y / 0.43) < 1).astype(np.float32)
    made = reference.make(textures, mask, np.arange(30), np.arange(42) >= 30)
    np.savez_compressed(folder / reference.REFERENCE, **made)
    database.seal(folder)
    (home / "generators" / "current").write_text("measured\n")
    return home


@pytest.fixture(scope="module")
def report(home, tmp_path_factory):
    """The file that the command writes, and its rows by their measure's name."""
    target = tmp_path_factory.mktemp("out") / "report.md"
    assert cli.main(["generator-report", *FEW, "--db", str(home), "--out", str(target)]) == 0
    text = target.read_text(encoding="utf-8")
    cells = [[cell.strip() for cell in line[1:-1].split("|")] for line in text.splitlines()[4:]]
    return text, {row[0]: row[1:] for row in cells}


MEASURES = [
    "weights",
    "core-ms a face at ",
    "donors of whole faces",
    "donors of open mouths",
    "gradient of mixes to donors'",
    "power of mixes to donors', octaves from the finest",
    "kernel distance of mixes to 12 held-back donors",
    "gradient by group",
    "same person under expression (dlib_resnet)",
    "mix and each of its donors differ (dlib_resnet)",
    "mixes without a common donor taken for one person (dlib_resnet)",
    "same person under expression (dlib_resnet) by group",
    "mouth opening, correlation",
    "eye opening, correlation",
    "gaze across, correlation",
    "gaze down, correlation",
]


@pytest.mark.parametrize("name", MEASURES)
def test_the_report_has_a_row_for_each_measure(report, name):
    found = [row for told, row in report[1].items() if told.startswith(name)]
    assert found
    assert all(value and "nan" not in value for value, _, _ in found)
    assert all(met in {"yes", "no", ""} for _, _, met in found)


def test_the_report_is_one_markdown_table_under_the_generators_name(report):
    lines = report[0].splitlines()
    assert lines[:2] == ["# Generator `measured`", ""]
    assert lines[2:4] == ["| measure | value | goal | met |", "|---|---|---|---|"]
    assert all(line.count("|") == 5 for line in lines[2:])


def test_the_donors_of_the_report_are_those_of_the_db(report, donors):
    rows = report[1]
    assert rows["donors of whole faces"][0].startswith(f"{len(donors.rows.rows)}: ")
    assert rows["donors of open mouths"][0] == str(int(donors.faces.mouth.sum()))


def test_what_is_asked_of_a_face_arrives_in_its_picture(report):
    """Few faces tell it roughly."""
    rows = report[1]
    for name in ("mouth opening", "gaze across"):
        assert float(rows[f"{name}, correlation with what was asked"][0]) > 0.5


@pytest.fixture
def quick(monkeypatch):
    """Nothing but the textures is measured."""
    from pipeline import report_cost, report_faces

    monkeypatch.setattr(report_cost, "measure", lambda *_: [])
    monkeypatch.setattr(report_faces, "measure", lambda *_: [])


def test_a_db_without_a_reference_says_so_and_is_measured_all_the_same(
    home, tmp_path, quick, capsys
):
    shutil.copytree(home, tmp_path / "db")
    folder = tmp_path / "db" / "generators" / "measured"
    (folder / reference.REFERENCE).unlink()
    database.seal(folder)
    assert cli.main(["generator-report", *FEW, "--db", str(tmp_path / "db")]) == 0
    told = capsys.readouterr().out
    assert "| textures | not measured: reference.npz is missing |" in told
    assert "| donors of whole faces |" in told


def test_an_altered_reference_is_refused(home, tmp_path, capsys):
    shutil.copytree(home, tmp_path / "db")
    folder = tmp_path / "db" / "generators" / "measured"
    (folder / reference.REFERENCE).write_bytes(b"other numbers")
    assert reference.REFERENCE in (folder / SEAL).read_text()
    target = tmp_path / "report.md"
    told = ["generator-report", *FEW, "--db", str(tmp_path / "db"), "--out", str(target)]
    assert cli.main(told) == 1
    assert "reference.npz was altered" in capsys.readouterr().err
    assert not target.exists()


@pytest.mark.parametrize("name", ["mixes", "faces"])
@pytest.mark.parametrize("value", ["0", "-3", "19"])
def test_too_few_of_anything_is_told_in_one_line(capsys, tmp_path, name, value):
    target = tmp_path / "report.md"
    assert cli.main(["generator-report", f"--{name}", value, "--out", str(target)]) == 1
    assert capsys.readouterr().err == f"--{name} must be 20 or more, got {value}\n"
    assert not target.exists()


@pytest.mark.parametrize("value", ["many", "", "1.5"])
def test_what_is_no_number_is_refused_with_the_options_name(capsys, value):
    with pytest.raises(SystemExit) as stopped:
        cli.main(["generator-report", "--mixes", value])
    assert stopped.value.code != 0
    assert "--mixes" in capsys.readouterr().err


def test_an_unknown_generator_is_told_in_one_line(capsys):
    assert cli.main(["generator-report", "--generator", "nosuch"]) == 1
    (told,) = capsys.readouterr().err.splitlines()
    assert told.startswith("no generator called 'nosuch'; known: ")


def test_a_report_that_cannot_be_written_leaves_nothing(home, tmp_path, quick, capsys):
    target = tmp_path / "no" / "folder" / "report.md"
    assert cli.main(["generator-report", *FEW, "--db", str(home), "--out", str(target)]) == 1
    assert str(target) in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("met", "told"), [(None, ""), (True, "yes"), (False, "no")])
def test_a_measure_is_met_or_not_or_has_no_goal(met, told):
    row = table([Measure("a thing", "3", "≥ 2", met)]).splitlines()[-1]
    assert row == f"| a thing | 3 | ≥ 2 | {told} |"


def test_the_same_seed_draws_the_same_mixes_and_another_others(donors):
    first, again, other = (matched(donors.rows, 8, seed) for seed in (0, 0, 1))
    assert first.shape == (8, K)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert np.isin(first, donors.rows.rows).all()


@pytest.mark.parametrize(("low", "fair"), [(0.79, False), (0.81, True), (1.0, True)])
def test_the_worst_group_must_not_lie_far_below_the_best(low, fair):
    told = worst("x", {"many": np.ones(9), "few": np.full(9, low)})
    assert told.met is fair
    assert f"few {low:.2f}" in told.value


def test_every_donor_is_of_one_sex_one_age_and_at_most_one_skin():
    rng = np.random.default_rng(0)
    years = rng.uniform(0, 90, 200)
    likeness = np.column_stack([rng.random(200), np.log(years + AGE_OFFSET)]).astype(np.float32)
    skin = rng.uniform([20, 0, 1], [90, 20, 30], (200, 3)).astype(np.float32)
    groups = report_balance.groups(likeness, skin)
    assert (groups["female"] ^ groups["male"]).all()
    ages = np.stack([groups[name] for name in ("child", "young adult", "adult", "senior")])
    assert (ages.sum(axis=0) == 1).all()
    skins = np.stack([mask for name, mask in groups.items() if name.endswith(" skin")])
    assert skins.sum(axis=0).max() == 1
    lightness = [skin[mask, 0].mean() for mask in skins]
    assert lightness == sorted(lightness, reverse=True)


def test_a_generator_of_its_own_kind_tells_no_cost_and_no_textures(donors):
    from dataclasses import replace

    from pipeline import report_cost
    from pipeline.report import Scope

    other = replace(donors, kind="other")
    assert report_cost.measure(other) == []
    (told,) = report_textures.measure(other, Scope(mixes=20))
    assert told.value.startswith("not measured")


def test_the_installed_generator_is_small_enough(donors):
    assert (donors.folder / database.WEIGHTS).stat().st_size < 30e6
