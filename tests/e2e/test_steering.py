"""What a researcher steers, seen in the outputs of whole runs."""

import json

import cv2
import numpy as np
import pytest

from generator.canonical import codes, frontal
from matcher.cosine import similarity
from pipeline import cli, k_same
from tests.conftest import RECOGNISED

pytestmark = pytest.mark.usefixtures("unchanged_process")

LEAST = 0.45  # a little below k_same.SURELY_DIFFERENT: the files are encoded in between


def save(path, picture):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), picture[..., ::-1])
    return path


def read(path):
    return np.asarray(cv2.imread(str(path))[..., ::-1])


@pytest.fixture(scope="module")
def strangers(render, judge, donors, drawing):
    """Pictures of four generated people of whom no two are alike."""
    pictures, rows = [], []
    for donor in donors.rows.rows[::9].tolist():
        picture = render([donor], 320)
        if not len(judge.faces(picture)):
            continue
        row = judge.features(picture)
        if all(similarity(row[None], r[None], drawing.mean)[0, 0] < LEAST for r in rows):
            pictures.append(picture)
            rows.append(row)
        if len(pictures) == 4:
            return pictures
    pytest.fail("too few donors are unlike each other")


@pytest.fixture
def call(tmp_path, capsys):
    def run(*options, source="in"):
        code = cli.main(
            ["run", str(tmp_path / source), "--out", str(tmp_path / "out"), "-q", *options]
        )
        return code, capsys.readouterr().err.splitlines()

    return run


def outputs(tmp_path):
    folder = tmp_path / "out"
    return sorted(p.name for p in folder.iterdir()) if folder.is_dir() else []


@pytest.fixture
def job(tmp_path, strangers):
    for number, picture in enumerate(strangers):
        save(tmp_path / "in" / f"{number}.png", picture)
    save(tmp_path / "in" / "again.png", strangers[0])
    return tmp_path / "in"


def test_a_job_with_enough_persons_shares_surrogates_and_tells_what_it_guarantees(
    tmp_path, call, job, judge, strangers
):
    report = tmp_path / "report.json"
    assert call("--scheme", "k-same", "2", "--report", str(report), "--salt", "a") == (0, [])
    assert len(outputs(tmp_path)) == 5
    record = json.loads(report.read_text())
    assert (record["scheme"], record["k"]) == ("k-same", 2)
    assert sum(group["members"] for group in record["groups"]) == record["persons"] == 4
    assert all(group["surely different"] >= 2 for group in record["groups"])
    for number, before in enumerate(strangers):
        after = read(tmp_path / "out" / f"{number}-deid.png")
        box = judge.faces(before).boxes[0]
        alike = judge.alike(judge.features(before, box), judge.features(after, box))
        assert alike < RECOGNISED
        assert judge.remains(before, after, box) < 0.8  # all drawn heads have much in common


def test_a_job_with_fewer_persons_is_one_line_and_writes_nothing(tmp_path, call, job):
    code, said = call("--scheme", "k-same", "5", "--report", str(tmp_path / "report.json"))
    assert code == 1
    assert len(said) == 1
    assert "--scheme k-same 5 needs 5 persons who can be told apart, this job has 4" in said[0]
    assert outputs(tmp_path) == []
    assert not (tmp_path / "report.json").exists()


def test_an_output_of_an_earlier_job_refuses_the_job(tmp_path, call, job, strangers):
    save(tmp_path / "out" / "0-deid.png", strangers[1])
    code, said = call("--scheme", "k-same", "2")
    assert code == 1
    assert "takes a job as a whole: add --overwrite" in said[0]
    assert outputs(tmp_path) == ["0-deid.png"]


def test_another_extractor_than_the_measured_one_is_refused():
    from pipeline.errors import SettingsError
    from pipeline.settings import Settings

    with pytest.raises(SettingsError, match="counts people by features of dlib_resnet"):
        k_same.check(Settings(extractor="vggface", scheme="k-same 3"))


def test_a_file_that_changes_while_the_job_runs_gets_no_output(
    tmp_path, call, job, strangers, monkeypatch
):
    """It was analysed long before it is written: other faces could lie in it by then."""
    planned = k_same.plans

    def swapped(*given):
        save(job / "1.png", strangers[2])
        return planned(*given)

    monkeypatch.setattr(k_same, "plans", swapped)
    code, said = call("--scheme", "k-same", "2")
    assert code == 1
    assert ["1.png: changed while the job ran" in line for line in said] == [True]
    assert "1-deid.png" not in outputs(tmp_path)
    assert len(outputs(tmp_path)) == 4


def test_the_default_scheme_claims_nothing(tmp_path, call, strangers):
    save(tmp_path / "in" / "a.png", strangers[0])
    report = tmp_path / "report.json"
    assert call("--report", str(report)) == (0, [])
    assert json.loads(report.read_text())["guaranteed"].startswith("nothing formal")


def test_a_neutral_surrogate_closes_a_laughing_mouth(tmp_path, call, astronaut, rooms, drawing):
    save(tmp_path / "in" / "a.png", astronaut)

    def opening(picture):
        fitted = rooms.mesh.fit(picture, rooms.detector.detect(picture)[:1])
        return float(codes(frontal(fitted.mesh, drawing.canonical.shape))[0, 0])

    assert opening(astronaut) > 0.08
    assert call("--expression", "neutral") == (0, [])
    assert opening(read(tmp_path / "out" / "a-deid.png")) < 0.04


def test_one_identity_for_all_is_warned_of_and_worn(tmp_path, call, astronaut, judge, donors):
    save(tmp_path / "in" / "a.png", astronaut)
    rows = donors.rows.rows[:4]
    code, said = call("--identity", ",".join(map(str, rows)))
    assert code == 0
    assert said == []  # -q: warnings are not errors
    after = read(tmp_path / "out" / "a-deid.png")
    assert judge.remains(astronaut, after, judge.faces(astronaut).boxes[0]) < 0.5


@pytest.mark.parametrize("sex", ["female", "male"])
def test_a_wish_for_a_sex_is_seen_by_a_recogniser(tmp_path, call, astronaut, judge, donors, sex):
    save(tmp_path / "in" / "a.png", astronaut)
    assert call("--sex", sex, "--salt", "a") == (0, [])
    after = read(tmp_path / "out" / "a-deid.png")
    row = judge.features(after, judge.faces(astronaut).boxes[0])
    share = float(donors.rows.attributes.of_photograph(row[None])[0, 0])
    assert (share > 0.5) == (sex == "male")
