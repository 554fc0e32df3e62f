"""Networks: made when they are asked, kept safely between runs, the same on every device."""

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from pipeline import network_cache, networks, onnx_runtime
from pipeline.errors import ContractError, SettingsError
from pipeline.networks import Network
from pipeline.registry import files
from pipeline.rooms import furnish
from pipeline.settings import Settings
from pipeline.weights import locate

ROOT = Path(__file__).resolve().parents[2]
CLOSE = 1e-3


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """A cache folder of its own."""
    folder = tmp_path / "kept"
    monkeypatch.setenv(network_cache.VARIABLE, str(folder))
    return folder


@pytest.fixture(autouse=True)
def on_the_cpu():
    yield
    networks.choose()
    networks.limit(0)


@pytest.fixture
def picture():
    return np.random.default_rng(4).random((1, 192, 192, 3)).astype(np.float32)


def mesh():
    return Network(locate("face_landmark"))


def blobs(folder):
    return sorted(path.name for path in folder.iterdir())


def test_nothing_is_compiled_before_it_is_asked(kept):
    mesh()
    assert not kept.exists()


def test_a_kept_network_says_what_a_new_one_says(kept, picture):
    first = mesh()(picture)
    assert [path[-5:] for path in blobs(kept)] == [".blob"]
    read = []
    again = Network(locate("face_landmark"), lambda core, file: read.append(file))
    for one, other in zip(first, again(picture), strict=True):
        np.testing.assert_array_equal(one, other)
    assert read == []


def test_the_cache_is_its_owners_alone(kept, picture):
    mesh()(picture)
    assert kept.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in kept.iterdir()} == {0o600}


@pytest.mark.parametrize(
    "spoil",
    [lambda whole: whole[: len(whole) // 2], lambda whole: b"", lambda whole: whole[:-3] + b"abc"],
    ids=["cut", "empty", "altered"],
)
def test_a_damaged_network_is_made_anew(kept, picture, spoil):
    first = mesh()(picture)
    (name,) = blobs(kept)
    whole = (kept / name).read_bytes()
    (kept / name).write_bytes(spoil(whole))
    np.testing.assert_array_equal(first[0], mesh()(picture)[0])
    assert blobs(kept) == [name]
    assert len((kept / name).read_bytes()) == pytest.approx(len(whole), rel=0.01)


def test_what_openvino_refuses_is_made_anew(kept, picture):
    first = mesh()(picture)
    (name,) = blobs(kept)
    other = network_cache.Kept(kept, name.removesuffix(".blob"))

    class Nonsense:
        def getvalue(self):
            return b"a network of another OpenVINO"

    other.write(Nonsense)
    np.testing.assert_array_equal(first[0], mesh()(picture)[0])


def test_a_folder_that_others_can_write_to_is_not_believed(kept, picture):
    kept.mkdir()
    kept.chmod(0o777)
    mesh()(picture)
    assert blobs(kept) == []


def test_where_nothing_can_be_kept_nobody_is_bothered(tmp_path, monkeypatch, picture):
    (tmp_path / "file").touch()
    monkeypatch.setenv(network_cache.VARIABLE, str(tmp_path / "file" / "below"))
    assert mesh()(picture)[0].size == 468 * 3
    monkeypatch.setenv(network_cache.VARIABLE, "")
    assert network_cache.folder() is None


def test_a_full_disk_leaves_nothing_half_written(kept, picture, monkeypatch):
    def full(self, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    assert mesh()(picture)[0].size == 468 * 3
    assert blobs(kept) == []


def test_processes_that_start_at_once_do_not_disturb_each_other(kept, picture):
    code = (
        "import numpy as np\nfrom pipeline.networks import Network\n"
        "from pipeline.weights import locate\n"
        "x = np.random.default_rng(4).random((1, 192, 192, 3)).astype(np.float32)\n"
        "print(Network(locate('face_landmark'))(x)[0].tobytes().hex())\n"
    )
    some = [
        subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    told = {process.communicate()[0].strip() for process in some}
    assert told == {mesh()(picture)[0].tobytes().hex()}
    assert [path[-5:] for path in blobs(kept)] == [".blob"]


def test_threads_that_are_the_first_to_ask_do_not_wait_for_each_other_for_ever(kept):
    """OpenVINO's own tables, made by whoever comes first, would make them; in a new process."""
    code = (
        "import os, threading\nimport numpy as np\nfrom pipeline.networks import Network\n"
        "from pipeline.weights import locate\n"
        "both = [(Network(locate(name)), np.zeros((1, side, side, 3), np.float32))\n"
        "        for name, side in (('face_landmark', 192), ('iris_landmark', 64))]\n"
        "start = threading.Barrier(4)\n"
        "def ask(network, picture):\n    network.ready\n    start.wait()\n"
        "    network(picture)\n"
        "some = [threading.Thread(target=ask, args=both[i % 2], daemon=True) for i in range(4)]\n"
        "for one in some: one.start()\n"
        "for one in some: one.join(30)\n"
        "os._exit(any(one.is_alive() for one in some))\n"
    )
    assert all(
        subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
        for _ in range(3)
    )


def test_networks_unused_for_longest_give_way(kept, monkeypatch):
    monkeypatch.setattr(network_cache, "_MOST_BYTES", 250)
    kept.mkdir()

    class Blob:
        def getvalue(self):
            return b"x" * 68

    for number, key in enumerate(("a", "b", "c")):
        network_cache.Kept(kept, key).write(Blob)
        os.utime(kept / f"{key}.blob", (number, number))
    network_cache.Kept(kept, "d").write(Blob)
    assert blobs(kept) == ["c.blob", "d.blob"]


def test_threads_get_the_same_as_one_after_the_other(picture):
    network, turns = (
        mesh(),
        [picture * share for share in np.linspace(0.2, 1, 12, dtype=np.float32)],
    )
    alone = [network(turn)[0] for turn in turns]
    with ThreadPoolExecutor(4) as pool:
        together = [result[0] for result in pool.map(network, turns)]
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_allclose(one, other, atol=CLOSE)


def test_a_network_is_made_once_whoever_asks_first(picture, monkeypatch):
    made, network = [], mesh()
    real = Network._made
    monkeypatch.setattr(Network, "_made", lambda self, *a: made.append(1) or real(self, *a))
    threads = [threading.Thread(target=network, args=(picture,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [1]


@pytest.mark.parametrize("device", sorted({*networks.present(), *onnx_runtime.present()}))
def test_features_are_the_same_on_every_device_that_is_there(device, astronaut, face, drawing):
    features = furnish(Settings(device=device)).drawing.extractor.extract(astronaut, face)
    np.testing.assert_allclose(features, drawing.extractor.extract(astronaut, face), atol=CLOSE)


@pytest.mark.parametrize("device", ["gpu", "npu"])
def test_a_device_that_is_not_there_is_told_with_those_that_are(device):
    if device in networks.present():
        pytest.skip(f"there is a {device} here")
    with pytest.raises(SettingsError, match=f"--device {device}: there is none here; here: .*cpu"):
        networks.choose(device)


def test_auto_takes_the_cpu_where_there_is_no_gpu(monkeypatch):
    monkeypatch.setattr(networks, "present", lambda: ["cpu", "npu"])
    assert networks._named("auto") == "CPU"
    monkeypatch.setattr(networks, "present", lambda: ["cpu", "gpu"])
    assert networks._named("auto") == "GPU"


@pytest.mark.parametrize(("off", "fails"), [(1e-5, False), (0.01, True), (np.nan, True)])
def test_a_device_that_says_something_else_than_the_cpu_is_found_out(picture, off, fails):
    network = Network(locate("face_landmark"), exact=True)
    true = network(picture)
    said = [output + np.float32(off) * np.abs(output).max() for output in true]
    network._checked = False
    network._ready = lambda inputs: said
    for _ in range(2):  # what was wrong once is not believed the next time
        if fails:
            with pytest.raises(ContractError, match="use --device cpu"):
                network(picture)
        else:
            assert network(picture) is said


def test_a_device_that_gives_other_sizes_is_found_out(picture):
    network = mesh()
    said = [output[..., :1] for output in network(picture)]
    network._checked = False
    network._ready = lambda inputs: said
    with pytest.raises(ContractError, match="use --device cpu"):
        network(picture)


def test_every_model_file_is_still_checked(tmp_path):
    quick = {"centerface_int8", "centerface_int8_weights"}
    assert set(files(Settings())) == {"centerface", *quick, "dlib_resnet", "dlib_5_points"}
