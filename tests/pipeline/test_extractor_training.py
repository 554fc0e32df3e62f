"""A recogniser is trained, small but real: folders of invented people in, an extractor out."""

import csv
import os
import re
import shutil

import cv2
import numpy as np
import pytest

from pipeline import extractor_training, extractors, fetch, registry, roc_plot, weights
from pipeline.contract import Faces
from pipeline.errors import SettingsError
from pipeline.settings import Settings

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning:keras.*"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
PEOPLE, EACH = 6, 4


@pytest.fixture(scope="module")
def pictures(tmp_path_factory, render, donors):
    """A folder for each of six invented people, with a few pictures in different light."""
    pytest.importorskip("tensorflow", reason="training needs TensorFlow")
    folder = tmp_path_factory.mktemp("people")
    rng = np.random.default_rng(0)
    for person in range(PEOPLE):
        (folder / f"person {person}").mkdir()
        face = render([int(donors.rows.rows[person * 40])], size=200)
        for number in range(EACH):
            turn = cv2.getRotationMatrix2D((100, 100), rng.uniform(-8, 8), 1)
            picture = cv2.warpAffine(face, turn, (200, 200), borderMode=cv2.BORDER_REPLICATE)
            lit = np.clip(picture * rng.uniform(0.8, 1.2), 0, 255).astype(np.uint8)
            cv2.imwrite(str(folder / f"person {person}" / f"{number}.png"), lit[..., ::-1])
    return folder


def arguments(pictures, db, name="tiny", *others):
    sizes = ["--side", "32", "--epochs", "2", "--batch", "8"]
    return [str(pictures), "--out", str(db), "--name", name, *sizes, *others]


@pytest.fixture(scope="module")
def trained(tmp_path_factory, pictures):
    db = tmp_path_factory.mktemp("db")
    assert extractor_training.main(arguments(pictures, db)) == 0
    return db


def test_a_training_run_gives_a_sealed_network_and_a_curve(trained):
    folder = extractors.home_of("tiny", trained)
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["manifest.json", "network.bin", "network.xml", "roc.png"]
    assert cv2.imread(str(folder / "roc.png")).shape == (480, 640, 3)
    assert extractors.locate("tiny", trained) == folder / "network.xml"
    told = extractors.thresholds("tiny", trained)
    assert -1 <= told.unlike < told.same_person <= 1


def test_the_trained_extractor_is_used_by_its_name(trained, astronaut, face):
    assert registry.installed_extractors(trained) == ["dlib_resnet", "tiny"]
    made = registry.extractor(Settings(extractor="tiny"), trained)
    rows = made.extract(astronaut, face[[0, 0]])
    assert rows.shape == (2, 128)
    assert np.linalg.norm(rows, axis=1) == pytest.approx([1, 1], abs=1e-5)
    assert np.isnan(made.extract(astronaut, Faces.of([[9, 9, 9, 9]]))).all()


def test_an_unknown_extractor_lists_the_trained_ones(trained):
    with pytest.raises(SettingsError, match=r"no extractor called 'tinny'; known: dlib_.*, tiny$"):
        registry.extractor(Settings(extractor="tinny"), trained)


def test_the_exported_network_is_the_best_one(trained, pictures):
    """Its quality is the best that the log tells, and the log goes on for each epoch."""
    (work,) = (trained / "local" / "training").glob("extractor-tiny-*")
    with (work / "tuned.csv").open(newline="") as log:
        logged = [float(row["quality"]) for row in csv.DictReader(log)]
    assert len(logged) == 2
    assert float((work / "best.json").read_text()) == pytest.approx(max(logged), rel=1e-6)


def test_a_second_call_trains_no_more(trained, pictures, monkeypatch):
    (log,) = (trained / "local" / "training").glob("extractor-tiny-*/tuned.csv")
    before = log.read_text()
    monkeypatch.setattr(extractor_training.stills, "each", None)
    assert extractor_training.main(arguments(pictures, trained)) == 0
    assert log.read_text() == before
    assert extractors.locate("tiny", trained).is_file()


def test_a_run_that_was_stopped_goes_on(trained, tmp_path, pictures, monkeypatch, caplog):
    """Stopped in its second epoch, the first is not repeated."""
    shutil.copytree(trained / "local" / "training", tmp_path / "work", symlinks=True)
    (old,) = (tmp_path / "work").glob("extractor-tiny-*")
    shutil.rmtree(old)
    from extractor import train

    whole = train._Best.on_epoch_end

    def stop(self, epoch, logs=None):
        whole(self, epoch, logs)
        if epoch == 1:
            raise KeyboardInterrupt

    told = arguments(pictures, tmp_path / "db", "tiny", "--work", str(tmp_path / "work"))
    with monkeypatch.context() as patched:
        patched.setattr(train._Best, "on_epoch_end", stop)
        assert extractor_training.main(told) == 130
    assert "goes on from here" in caplog.text
    assert not (tmp_path / "db").exists()
    assert extractor_training.main(told) == 0
    (log,) = (tmp_path / "work").glob("extractor-tiny-*/tuned.csv")
    assert re.findall(r"^\d+", log.read_text(), re.MULTILINE) == ["0", "1"]


@pytest.mark.parametrize(
    ("others", "why"),
    [
        (["--name", "dlib_resnet"], "that extractor is built in"),
        (["--name", "../x"], "takes letters, digits"),
        (["--backbone", "alexnet"], "no backbone called 'alexnet'; known: auto, small, vggface"),
        (["--backbone", "vggface"], "`facesurrogate fetch vggface` brings it"),
    ],
)
def test_a_bad_option_is_one_line(tmp_path, pictures, others, why, caplog):
    assert extractor_training.main([str(pictures), "--out", str(tmp_path / "db"), *others]) == 1
    assert why in caplog.text
    assert "\n" not in caplog.messages[-1]
    assert not (tmp_path / "db").exists()


@pytest.mark.parametrize(
    ("fetched", "wanted", "chosen"),
    [
        ([], "auto", "small"),
        (["vggface"], "auto", "vggface"),
        (["vggface", "vggface_resnet50"], "auto", "vggface_resnet50"),
        (["vggface"], "small", "small"),
        (["vggface", "vggface_senet50"], "vggface_senet50", "vggface_senet50"),
    ],
)
def test_the_backbone_is_what_was_asked_for_or_else_what_is_fetched(
    tmp_path, fetched, wanted, chosen
):
    fetch.downloads(tmp_path).mkdir(parents=True)
    files = {name: row.file for name, row in weights.manifest().items()}
    for name in fetched:
        (fetch.downloads(tmp_path) / files[name]).touch()
    told = ["data", "--out", str(tmp_path), "--backbone", wanted]
    options = extractor_training._parser().parse_args(told)
    name, path = extractor_training._backbone(options)
    assert name == chosen
    assert path == (None if chosen == "small" else fetch.downloads(tmp_path) / files[chosen])


@pytest.mark.parametrize("option", ["--epochs", "--batch", "--side"])
def test_a_number_below_one_is_one_line(pictures, option, capsys):
    with pytest.raises(SystemExit):
        extractor_training.main([str(pictures), option, "0"])
    assert f"{option}: invalid" in capsys.readouterr().err


def test_no_person_is_both_learnt_and_checked():
    people = np.repeat(np.arange(20), 3)
    split = extractor_training.split_by_identity(people, 0)
    assert sorted([*split.learnt, *split.checked]) == list(range(60))
    assert set(people[split.learnt]) & set(people[split.checked]) == set()
    assert len(set(people[split.checked])) == 4


@pytest.mark.parametrize("people", [[], [0, 0, 1, 1, 2, 2], [0, 1, 2, 3, 4, 5, 6]])
def test_too_few_people_are_told_in_one_line(people):
    with pytest.raises(SettingsError, match=r"only \d people .*a folder of their own"):
        extractor_training.split_by_identity(np.array(people, np.int64), 0)


def test_thresholds_are_measured_where_there_are_pairs_enough():
    strangers = np.linspace(-1, 1, 2001, dtype=np.float32)
    told = extractor_training.thresholds_of(strangers)
    assert told.unlike == pytest.approx(0, abs=1e-3)
    assert told.same_person == pytest.approx(0.998, abs=1e-3)
    assert extractor_training.thresholds_of(strangers[:999]) == extractors.UNMEASURED


def test_a_curve_is_drawn_where_it_belongs(tmp_path):
    rates = np.logspace(-4, 0, 41)
    roc_plot.write(tmp_path / "a.png", rates, np.full(41, 0.5), "title")
    drawn = cv2.imread(str(tmp_path / "a.png"))
    assert drawn[230, 300].tolist() == [170, 90, 30]
    assert drawn[100, 301].tolist() in ([255, 255, 255], [220, 220, 220])


@pytest.mark.parametrize("head", ["arcface", "softmax"])
def test_a_fetched_backbone_is_frozen_first_and_tuned_then(tmp_path, head):
    pytest.importorskip("tensorflow", reason="training needs TensorFlow")
    from extractor.train import Backbone, Crops, Recipe, describe, train
    from extractor.vggface import features
    from tests.extractor import released

    path = tmp_path / "vgg16.h5"
    weights = released.write(path, released.vgg16(side=32))
    people = np.repeat(np.arange(3), 3)
    pictures = np.full((9, 32, 32, 3), 80, np.uint8) * people[:, None, None, None].astype(np.uint8)
    crops = Crops(pictures, np.arange(9), people)
    backbone = Backbone(lambda: features("vgg16", path), pretrained=True)
    told: list[int] = []
    changed = {}
    for epochs in (0, 3):
        recipe = Recipe(head=head, frozen_epochs=1, epochs=epochs, batch=9, dimensions=8)
        network = train(crops, crops, backbone, recipe, tmp_path / str(epochs), told.append)
        now = network.get_layer("vgg16").get_layer("conv1_1").get_weights()[0]
        changed[epochs] = not np.allclose(now, weights["conv1_1"][0], atol=1e-7)
        assert describe(network, crops).shape == (9, 8)
    assert told[-1] == 4
    assert changed == {0: False, 3: True}


def test_batch_statistics_of_a_fetched_backbone_stay():
    train = pytest.importorskip("extractor.train", reason="training needs Keras")
    vggface = pytest.importorskip("extractor.vggface", reason="needs Keras and h5py")
    body = vggface.build("resnet50", vggface.Sizes(shrink=16, side=32))
    train._thaw(body, "frozen", True)
    assert body.trainable_weights == []
    train._thaw(body, "tuned", True)
    assert all(not layer.trainable for layer in body.layers if layer.name.endswith(".bn"))
    assert len(body.trainable_weights) == 53


def test_the_margin_asks_more_of_the_own_person_only():
    """Deng et al., eq. 3, against the same written out."""
    train = pytest.importorskip("extractor.train", reason="training needs Keras")
    cosines = np.float32([[0.4, 0.3, 0.2]])
    widened = np.cos(np.arccos(0.4) + train._MARGIN)
    logits = train._SCALE * np.array([widened, 0.3, 0.2])
    wanted = np.log(np.exp(logits - logits[0]).sum())
    assert float(train._loss("arcface")(np.array([0]), cosines)) == pytest.approx(wanted, rel=1e-4)
    assert float(train._loss("softmax")(np.array([0]), cosines)) < wanted
