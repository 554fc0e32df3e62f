"""Recognisers are fetched from a server or a file, verified, converted, and then run."""

import errno
import hashlib
import json
import os
import re
import shutil
import sys
import threading
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.machinery import ModuleSpec

import numpy as np
import pytest

from extractor.converted import VggFace
from pipeline import cli, database, extractors, fetch, registry, weights
from pipeline.contract import Faces, Person
from pipeline.errors import SettingsError, WeightsError
from pipeline.rooms import furnish
from pipeline.settings import Settings
from tests.conftest import unknown_person

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning:keras.*"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.usefixtures("unchanged_process"),
]
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


@dataclass
class Shop:
    """A server with one file, and what it does wrong the next times it is asked."""

    content: bytes
    url: str = ""
    faults: list[str] = field(default_factory=list)
    asked: int = 0


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    """A tiny VGG16 in the released layout."""
    pytest.importorskip("tensorflow", reason="converting needs TensorFlow")
    from tests.extractor import released

    path = tmp_path_factory.mktemp("released") / "vgg16.h5"
    released.write(path, released.vgg16())
    return path.read_bytes()


@pytest.fixture
def shop(content):
    shop = Shop(content)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            shop.asked += 1
            fault = shop.faults.pop(0) if shop.faults else ""
            if fault.isdigit():
                self.send_error(int(fault))
                return
            body = bytes([shop.content[0] ^ 1]) + shop.content[1:] if fault == "altered" else None
            body = body or shop.content
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: len(body) // 2] if fault == "cut" else body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    shop.url = f"http://127.0.0.1:{server.server_port}/vgg16.h5"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield shop
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def row(shop):
    known = weights.manifest()["vggface"]
    return replace(known, url=shop.url, sha256=hashlib.sha256(shop.content).hexdigest())


@pytest.fixture
def of_shop(monkeypatch, shop):
    """The manifest's VGG-Face comes from the shop, and no sha256 of it is published."""
    rows = weights.manifest()
    rows["vggface"] = replace(rows["vggface"], url=shop.url)
    monkeypatch.setattr(fetch.weights, "manifest", lambda: rows)
    return rows["vggface"]


def files(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def run(db, *arguments):
    return cli.main(["fetch", "vggface", "--db", str(db), *map(str, arguments)])


# bringing


def test_a_download_is_whole_and_leaves_nothing_beside_it(tmp_path, row, shop):
    path = fetch.bring(row, None, tmp_path)
    assert path.read_bytes() == shop.content
    assert files(tmp_path) == [row.file]


def test_what_is_there_and_whole_is_not_fetched_again(tmp_path, row, shop):
    fetch.bring(row, None, tmp_path)
    fetch.bring(row, None, tmp_path)
    assert shop.asked == 1


def test_a_file_that_was_damaged_later_is_taken_anew(tmp_path, row, shop):
    path = fetch.bring(row, None, tmp_path)
    path.write_bytes(path.read_bytes()[:-5])
    assert fetch.bring(row, None, tmp_path).read_bytes() == shop.content
    assert shop.asked == 2


@pytest.mark.parametrize("fault", ["cut", "altered"])
def test_a_broken_download_is_taken_anew(tmp_path, row, shop, fault):
    shop.faults = [fault, fault]
    assert fetch.bring(row, None, tmp_path).read_bytes() == shop.content
    assert shop.asked == 3


@pytest.mark.parametrize(
    ("faults", "asked", "why"),
    [
        (["404"], 1, "404 .*--from FILE"),
        (["503"], 1, "503 .*--from FILE"),
        (["cut"] * 9, 3, r"broke off.*\(3 tries\); try again later"),
        (["altered"] * 9, 3, r"sha256 should start with .*\(3 tries\)"),
    ],
)
def test_a_download_that_fails_is_one_line_and_leaves_nothing(
    tmp_path, row, shop, faults, asked, why
):
    shop.faults = faults
    with pytest.raises(WeightsError, match=why) as caught:
        fetch.bring(row, None, tmp_path)
    assert "\n" not in str(caught.value)
    assert files(tmp_path) == []
    assert shop.asked == asked


def test_a_failed_download_leaves_the_file_before_it(tmp_path, row, shop):
    path = fetch.bring(row, None, tmp_path)
    path.write_bytes(b"damaged")
    shop.faults = ["404"]
    with pytest.raises(WeightsError):
        fetch.bring(row, None, tmp_path)
    assert path.read_bytes() == b"damaged"


def test_a_server_that_is_not_there_is_one_line(tmp_path, row):
    with pytest.raises(WeightsError, match=r"127\.0\.0\.1:9/x: Connection refused") as caught:
        fetch.bring(replace(row, url="http://127.0.0.1:9/x"), None, tmp_path)
    assert "\n" not in str(caught.value)
    assert files(tmp_path) == []


def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path, row, monkeypatch):
    def full(url, temporary, quiet):
        temporary.write_bytes(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(fetch, "_stream", full)
    with pytest.raises(WeightsError, match=r"disk is full; .*--db"):
        fetch.bring(row, None, tmp_path)
    assert files(tmp_path) == []


def test_a_folder_that_may_not_be_written_to_is_one_line(tmp_path, row):
    (tmp_path / "local").write_text("a file where a folder should be")
    with pytest.raises(WeightsError, match="cannot be written: "):
        fetch.bring(row, None, tmp_path)


def test_a_file_that_the_user_has_is_copied(tmp_path, row, shop):
    given = tmp_path / "mine.h5"
    given.write_bytes(shop.content)
    path = fetch.bring(row, given, tmp_path / "db")
    assert path.read_bytes() == given.read_bytes() == shop.content
    assert fetch.bring(row, path, tmp_path / "db") == path
    assert shop.asked == 0


def test_a_file_with_another_sha256_is_refused(tmp_path, row):
    given = tmp_path / "mine.h5"
    given.write_bytes(b"something else")
    with pytest.raises(WeightsError, match=r"mine\.h5 is another file than the one known"):
        fetch.bring(row, given, tmp_path / "db")
    assert not (tmp_path / "db").exists()


@pytest.mark.parametrize("name", ["no-such.h5", "."])
def test_a_given_file_that_cannot_be_read_is_named(tmp_path, row, name):
    with pytest.raises(SettingsError, match=r"--from .*: (No such file|Is a directory)"):
        fetch.bring(row, tmp_path / name, tmp_path / "db")


# the command


@pytest.fixture(scope="module")
def fetched(content, tmp_path_factory):
    """A DB folder to which the tiny VGG16 was brought from a file."""
    db = tmp_path_factory.mktemp("db")
    given = tmp_path_factory.mktemp("given") / "tiny.h5"
    given.write_bytes(content)
    options = cli._parser().parse_args(
        ["fetch", "vggface", "--from", str(given), "--db", str(db), "-q"]
    )
    assert options.run(options) == 0
    shutil.copytree(weights.DB / "generators", db / "generators")
    return db


def test_what_was_fetched_is_converted_sealed_and_kept(fetched, content):
    local = fetched / "local"
    assert files(local / "extractors") == ["manifest.json", "network.bin", "network.xml"]
    assert "non-commercial" in (local / "extractors/vggface/manifest.json").read_text()
    (sums,) = (fetch.sums(fetched),)
    assert sums == {"rcmalli_vggface_tf_vgg16.h5": hashlib.sha256(content).hexdigest()}


def test_the_converted_network_is_the_keras_one(fetched, astronaut, face):
    from extractor.crops import crop
    from extractor.vggface import features

    path = fetch.downloads(fetched) / "rcmalli_vggface_tf_vgg16.h5"
    square = crop(astronaut, face.boxes[0], 64)
    wanted = np.asarray(features("vgg16", path)(square[None].astype(np.float32)))[0]
    got = VggFace(extractors.locate("vggface", fetched)).extract(astronaut, face)[0]
    assert got == pytest.approx(wanted / np.linalg.norm(wanted), abs=2e-3)


def test_the_first_file_sets_the_sum_that_later_ones_must_fit(tmp_path, of_shop, shop, capsys):
    assert run(tmp_path) == 0
    assert re.search("this first one, .*must fit it", capsys.readouterr().err)
    shop.content = shop.content[:-1] + b"!"
    shutil.rmtree(tmp_path / "local" / "extractors")
    (fetch.downloads(tmp_path) / of_shop.file).unlink()
    assert run(tmp_path) == 1
    assert "sha256 should start with" in capsys.readouterr().err
    assert not (tmp_path / "local" / "extractors").exists()


def test_a_second_fetch_does_nothing(fetched, of_shop, shop, capsys):
    assert run(fetched) == 0
    assert "already there and whole" in capsys.readouterr().err
    assert shop.asked == 0


def test_a_first_file_that_is_no_network_does_not_stay(tmp_path, of_shop, shop, capsys):
    shop.content = b"<html>please log in</html>"
    assert run(tmp_path) == 1
    assert "no whole h5 file" in capsys.readouterr().err
    assert files(tmp_path) == []


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "full"), RuntimeError("iostream error")])
def test_a_network_that_cannot_be_written_leaves_the_download(
    tmp_path, of_shop, monkeypatch, capsys, error
):
    from extractor import export

    def fail(model, target):
        target.write_text("half")
        raise error

    monkeypatch.setattr(export, "export", fail)
    assert run(tmp_path) == 1
    assert "disk" in capsys.readouterr().err.splitlines()[-1]
    assert files(tmp_path) == [of_shop.file]


def test_training_libraries_that_are_missing_are_one_line(tmp_path, of_shop, monkeypatch, capsys):
    def find(name: str) -> ModuleSpec | None:
        return None if name == "tensorflow" else ModuleSpec(name, None)

    monkeypatch.setattr(fetch.importlib.util, "find_spec", find)
    assert run(tmp_path) == 1
    assert "needs tensorflow: run `./train_once.sh --help` once" in capsys.readouterr().err
    assert files(tmp_path) == []


@pytest.mark.parametrize("name", ["facenet", "../vggface", ""])
def test_an_unknown_name_lists_the_known_ones(name, capsys):
    assert cli.main(["fetch", name]) == 1
    assert "known: vggface, vggface_resnet50, vggface_senet50" in capsys.readouterr().err


def test_a_broken_list_of_sums_is_named(tmp_path, row):
    fetch.downloads(tmp_path).mkdir(parents=True)
    (fetch.downloads(tmp_path) / fetch.SUMS).write_text("[1")
    with pytest.raises(WeightsError, match=r"sha256\.json cannot be used"):
        fetch.bring(replace(row, sha256=""), None, tmp_path)


# what a run makes of it


def test_a_fetched_extractor_is_installed(fetched, tmp_path):
    assert registry.installed_extractors(fetched)[:2] == ["dlib_resnet", "vggface"]
    assert registry.installed_extractors(tmp_path) == ["dlib_resnet"]


@pytest.mark.parametrize("name", list(fetch.NETWORKS))
def test_an_extractor_that_was_not_fetched_says_how(tmp_path, name):
    with pytest.raises(WeightsError, match=f"is missing; `facesurrogate fetch {name}` brings it"):
        registry.extractor(Settings(extractor=name), tmp_path)


def test_the_extractor_runs_without_keras(fetched, astronaut, face, monkeypatch):
    for library in ("keras", "tensorflow", "h5py"):
        monkeypatch.setitem(sys.modules, library, None)
    made = registry.extractor(Settings(extractor="vggface"), fetched)
    two = Faces.of(np.concatenate([face.boxes, face.boxes + 9]))
    rows = made.extract(astronaut, two)
    assert rows.dtype == np.float32
    assert rows.shape == (2, 256)
    assert np.linalg.norm(rows, axis=1) == pytest.approx([1, 1], abs=1e-5)
    assert np.array_equal(made.extract(astronaut, two), rows)
    assert made.extract(astronaut, Faces.of([])).shape == (0, 256)


def test_donors_of_another_extractor_are_refused_naming_both(fetched):
    with pytest.raises(WeightsError, match=r"'dlib_resnet'.* not 'vggface'"):
        furnish(Settings(extractor="vggface"), fetched)


def test_donors_that_were_described_by_it_are_matched_by_it(
    fetched, tmp_path, donors, astronaut, face
):
    shutil.copytree(fetched, tmp_path / "db")
    folder = tmp_path / "db" / "generators" / donors.name
    rng = np.random.default_rng(0)
    features = rng.normal(size=(len(donors.faces.skin), 256)).astype(np.float32)
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    flat = np.zeros(257, np.float32)
    arrays = {"features": features, "mean": features.mean(axis=0), "sex_weights": flat}
    arrays |= {"age_weights": flat, "likeness": donors.faces.likeness}
    np.savez(folder / database.features_file("vggface"), extractor=np.array("vggface"), **arrays)
    database.seal(folder)
    drawing = furnish(Settings(extractor="vggface"), tmp_path / "db").drawing
    who = drawing.extractor.extract(astronaut, face)[0]
    person = Person(who, np.float32([66, 16, 16]), unknown_person().shape)
    found = drawing.matcher.match(person, 4, np.random.default_rng(1))
    assert np.isin(found.identities, donors.rows.rows).all()
    assert np.isfinite(found.similarity).all()
    assert drawing.thresholds == extractors.UNMEASURED


@pytest.mark.parametrize("name", ["network.xml", "network.bin", "manifest.json"])
@pytest.mark.parametrize("how", ["altered", "missing"])
def test_a_damaged_network_is_refused_with_the_way_out(fetched, tmp_path, name, how):
    shutil.copytree(fetched / "local" / "extractors", tmp_path / "local" / "extractors")
    path = extractors.home_of("vggface", tmp_path) / name
    if how == "missing":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(WeightsError, match="delete the folder, then fetch or train it anew"):
        extractors.locate("vggface", tmp_path)
    assert "vggface" not in registry.installed_extractors(tmp_path)


def test_thresholds_of_an_unmeasured_extractor_are_careful(fetched):
    measured, careful = (extractors.thresholds(n, fetched) for n in ("dlib_resnet", "vggface"))
    assert (measured.same_person, measured.unlike) == (0.72, 0.05)
    assert careful.same_person > measured.same_person
    assert careful.unlike < measured.unlike
    assert extractors.thresholds("some.module:Class", fetched) == careful


@pytest.mark.parametrize("told", [None, {}, {"unlike": 0.1}, {"unlike": 0, "other": 1}])
def test_a_manifest_without_thresholds_is_named(tmp_path, told):
    folder = extractors.home_of("mine", tmp_path)
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(json.dumps({"files": {}, "thresholds": told}))
    with pytest.raises(WeightsError, match="tells no thresholds"):
        extractors.thresholds("mine", tmp_path)
