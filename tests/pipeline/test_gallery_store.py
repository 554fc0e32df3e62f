"""The stored keep-list: the same promises in SQLite and on a PostgreSQL server."""

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import create_engine, make_url, text

from pipeline.errors import GalleryError
from pipeline.gallery_store import GalleryStore, Look
from tests.servers import NoServer, postgresql

ROOT = Path(__file__).resolve().parents[2]
MARK = "dlib_resnet 0123"


@pytest.fixture(scope="module")
def server():
    """The URL of a PostgreSQL server."""
    started = postgresql()
    try:
        url = started.__enter__()
    except NoServer as why:
        pytest.skip(f"no PostgreSQL server can be started here: {why}")
    yield url
    started.__exit__(None, None, None)


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request, tmp_path):
    """Where an empty keep-list is."""
    if request.param == "sqlite":
        return str(tmp_path / "people.sqlite")
    url = make_url(request.getfixturevalue("server"))
    with _admin(url) as connection:
        connection.execute(text("DROP DATABASE IF EXISTS people WITH (FORCE)"))
        connection.execute(text("CREATE DATABASE people"))
    return url.set(database="people").render_as_string(hide_password=False)


@pytest.fixture
def store(place):
    """An empty keep-list."""
    made = GalleryStore(place)
    yield made
    made.close()


def _admin(url):
    engine = create_engine(url.set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    connection = engine.connect()

    class Closing:
        def __enter__(self):
            return connection

        def __exit__(self, *_):
            connection.close()
            engine.dispose()

    return Closing()


def look(seed, label="a.jpg"):
    row = np.random.default_rng(seed).normal(size=128).astype(np.float32)
    return Look(row / np.linalg.norm(row), f"{seed:064x}", label)


def test_features_come_back_bit_for_bit(store):
    looks = [look(1, "one.jpg"), look(2, "two.jpg")]
    assert store.add("Ann", looks, MARK) == 2
    gallery = store.gallery(MARK)
    assert gallery.names == ("Ann",)
    assert gallery.labels == ("one.jpg", "two.jpg")
    assert (gallery.features == np.stack([one.features for one in looks])).all()


def test_a_picture_counts_once_however_often_it_is_added(store):
    store.add("Ann", [look(1)], MARK)
    assert store.add("Ann", [look(1), look(2), look(2)], MARK) == 1
    assert store.people() == [("Ann", 2)]


def test_who_is_removed_is_gone_with_all_that_was_known(store):
    store.add("Ann", [look(1)], MARK)
    store.add("Ben", [look(2)], MARK)
    store.remove("Ann")
    assert store.people() == [("Ben", 1)]
    assert store.gallery(MARK).names == ("Ben",)


@pytest.mark.parametrize("names", [["Cleo"], ["Ann", "Cleo"]])
def test_nobody_is_missed_silently(store, names):
    store.add("Ann", [look(1)], MARK)
    with pytest.raises(GalleryError, match="nobody called 'Cleo' is on the keep-list; on it: Ann"):
        store.gallery(MARK, names)
    with pytest.raises(GalleryError, match="nobody called 'Cleo'"):
        store.remove("Cleo")


def test_features_of_another_extractor_are_not_compared(store):
    store.add("Ann", [look(1)], MARK)
    store.add("Ben", [look(2)], "vggface")
    with pytest.raises(GalleryError, match="'Ben' was put on the keep-list with another extractor"):
        store.gallery(MARK)
    assert store.gallery(MARK, ["Ann"]).names == ("Ann",)


def test_of_pictures_that_fail_on_the_way_none_is_stored(store):
    broken = Look(np.full(128, np.nan, np.float32), "f" * 64, "b.jpg")
    broken = Look(broken.features, None, "b.jpg")
    with pytest.raises(GalleryError, match="cannot be used"):
        store.add("Ann", [look(1), broken], MARK)
    assert store.people() == []


def test_opening_it_again_changes_nothing(store, place):
    store.add("Ann", [look(1)], MARK)
    again = GalleryStore(place)
    assert again.people() == [("Ann", 1)]
    again.close()


def test_damaged_features_keep_nobody(store, place):
    store.add("Ann", [look(1)], MARK)
    wrong = "'{1,2}'" if "postgresql" in place else "'[1, \"x\"]'"
    with store._engine.begin() as connection:
        connection.execute(text(f"UPDATE looks SET features = {wrong}"))
    with pytest.raises(GalleryError, match="the keep-list is damaged"):
        store.gallery(MARK)


def test_a_list_of_a_newer_version_is_refused(store, place):
    with store._engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(GalleryError, match="written by a newer version"):
        GalleryStore(place)


WRITER = """
import sys
import numpy as np
from pipeline.gallery_store import GalleryStore, Look
place, name, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
store = GalleryStore(place)
for number in range(count):
    row = np.zeros(128, np.float32)
    row[number % 128] = 1
    looks = [Look(row, f"{name}{number}-{part}".ljust(64, "0"), "x.jpg") for part in range(2)]
    store.add(name, looks, "dlib_resnet 0123")
    print(number, flush=True)
"""


def writer(place, name, count):
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, place, name, str(count)],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_two_processes_make_and_fill_one_list(place):
    both = [writer(place, name, 5) for name in ("Ann", "Ben")]
    said = [one.communicate(timeout=60) for one in both]
    assert [one.returncode for one in both] == [0, 0], said
    store = GalleryStore(place)
    assert store.people() == [("Ann", 10), ("Ben", 10)]
    store.close()


def test_a_kill_while_writing_loses_nothing_that_was_confirmed(place):
    process = writer(place, "Ann", 100_000)
    confirmed = -1
    while confirmed < 3:
        confirmed = int(process.stdout.readline())
    process.send_signal(signal.SIGKILL)
    rest, _ = process.communicate(timeout=30)
    confirmed = int(rest.split()[-1]) if rest.split() else confirmed
    store = _opened(place)
    ((name, count),) = store.people()
    assert name == "Ann"
    assert count % 2 == 0, "half of an addition is there"
    assert count >= 2 * (confirmed + 1)
    assert store.add("Ann", [look(5)], MARK) == 1
    store.close()


def _opened(place):
    """A server needs a moment to notice that its client is gone."""
    for _ in range(50):
        try:
            return GalleryStore(place)
        except GalleryError:
            time.sleep(0.1)
    return GalleryStore(place)


def test_the_file_is_its_owners_only(tmp_path):
    file = tmp_path / "new" / "people.sqlite"
    GalleryStore(str(file)).close()
    assert stat.S_IMODE(os.stat(file).st_mode) == 0o600


def test_a_name_that_was_removed_is_not_left_in_the_file(tmp_path):
    file = tmp_path / "people.sqlite"
    store = GalleryStore(str(file))
    store.add("Annabel Example", [look(1)], MARK)
    assert b"Annabel Example" in file.read_bytes()
    store.remove("Annabel Example")
    store.close()
    assert b"Annabel Example" not in file.read_bytes()


@pytest.mark.parametrize(
    ("place", "why"),
    [
        ("mysql://a@b/c", "knows sqlite:// and postgresql://, got mysql"),
        ("://", "is no URL of a database"),
        ("sqlite://", "needs a file"),
        ("postgresql://ann:secret@127.0.0.1:1/people", "cannot be used: connection failed"),
        ("/proc/people.sqlite", "cannot be used: No such file"),
    ],
)
def test_a_place_that_cannot_be_used_says_why_without_the_password(place, why):
    with pytest.raises(GalleryError, match=why) as caught:
        GalleryStore(place)
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_database_is_refused(tmp_path):
    file = tmp_path / "people.sqlite"
    file.write_bytes(b"something else" * 100)
    with pytest.raises(GalleryError, match="file is not a database"):
        GalleryStore(str(file))


def test_without_the_driver_it_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(GalleryError, match=r"pip install 'psycopg\[binary\]'"):
        GalleryStore("postgresql://ann@nowhere/people")
