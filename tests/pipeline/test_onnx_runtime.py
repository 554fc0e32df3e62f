"""ONNX Runtime's devices: the same output as elsewhere, or one line and no output at all."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline import cli, networks, onnx_runtime
from pipeline.errors import SettingsError
from pipeline.networks import Machine, Network
from pipeline.onnx_runtime import DEVICES, Session
from pipeline.settings import DEVICES as ALL
from pipeline.weights import locate

ROOT = Path(__file__).resolve().parents[2]
ABSENT = [name for name in DEVICES if name not in onnx_runtime.present()]
ROUNDING = 0.1  # grey level, mean over the pixels of a surrogate

pytestmark = pytest.mark.usefixtures("unchanged_process")


@pytest.fixture(autouse=True)
def on_the_cpu():
    yield
    networks.choose()
    onnx_runtime._library.cache_clear()


@pytest.fixture(scope="module")
def photo(tmp_path_factory, astronaut):
    path = tmp_path_factory.mktemp("photo") / "portrait.png"
    cv2.imwrite(str(path), astronaut[:320, 60:380, ::-1])
    return path


@pytest.fixture
def run(photo, tmp_path, capfd):
    """Runs the command line on the photo: its exit code, what it says and what it writes."""
    salt = tmp_path / "salt"
    salt.write_text("a salt of more than sixteen letters")

    def run(device):
        out = tmp_path / f"by {device}"
        arguments = ["run", photo, "--out", out, "--device", device, "--salt-file", salt, "-q"]
        code = cli.main([str(part) for part in arguments])
        told = [line for line in capfd.readouterr().err.splitlines() if line]
        files = list(out.iterdir()) if out.exists() else []
        return code, told, [cv2.imread(str(file)).astype(float) for file in files]

    return run


def test_every_device_can_be_asked_for():
    assert set(DEVICES) < set(ALL)
    assert "onnx" in onnx_runtime.present()


def test_a_photo_is_drawn_as_on_the_cpu(run, photo, monkeypatch):
    """As on a CPU that computes in full numbers: with short ones another mix can be nearer."""
    real = Machine.properties
    monkeypatch.setattr(Machine, "properties", lambda self, exact: real(self, exact=True))
    before = cv2.imread(str(photo)).astype(float)
    (code, told, (by_cpu,)), (other_code, other_told, (by_onnx,)) = run("cpu"), run("onnx")
    assert (code, other_code) == (0, 0)
    assert told == other_told == []
    drawn = np.abs(by_cpu - before).max(axis=2) > 0
    assert drawn.mean() > 0.02
    assert np.abs(by_onnx - by_cpu)[drawn].mean() < ROUNDING
    strays = (np.abs(by_onnx - before).max(axis=2) > 0) & ~drawn
    assert strays.mean() < 1e-3


@pytest.mark.parametrize("device", ABSENT)
def test_a_device_that_is_not_there_is_one_line_and_no_output(run, device):
    code, told, files = run(device)
    assert (code, files) == (1, [])
    (line,) = told
    assert f"--device {device}: the ONNX Runtime here has no {DEVICES[device].provider}" in line
    assert f"pip install -e '.[{DEVICES[device].extra}]'" in line
    assert "CPUExecutionProvider" in line


@pytest.mark.parametrize("library", ["onnx", "onnxruntime"])
def test_a_library_that_is_not_installed_is_one_line_and_no_output(run, monkeypatch, library):
    onnx_runtime._library.cache_clear()
    monkeypatch.setitem(sys.modules, library, None)
    code, told, files = run("cuda")
    assert (code, files) == (1, [])
    (line,) = told
    assert "--device cuda: no ONNX Runtime can be loaded" in line
    assert library in line
    assert "pip install -e '.[cuda]'" in line
    assert onnx_runtime.present() == []


def test_a_device_that_quietly_leaves_its_work_to_the_cpu_is_refused(monkeypatch):
    """As ONNX Runtime does where a driver or a library is missing."""
    library = onnx_runtime._library()

    def built_for_cuda():
        return ["CUDAExecutionProvider", "CPUExecutionProvider"]

    def session(content, options, **told):
        return real(content, options, providers=["CPUExecutionProvider"])

    real = library.InferenceSession
    monkeypatch.setattr(library, "get_available_providers", built_for_cuda)
    monkeypatch.setattr(library, "InferenceSession", session)
    with pytest.raises(SettingsError, match=r"--device cuda: .* found no device, driver or lib"):
        networks.choose("cuda")


def test_a_network_that_a_device_does_not_take_is_one_line():
    with pytest.raises(SettingsError, match=r"--device onnx: .*use --device cpu") as caught:
        Session(b"no network", "onnx")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("file", "off"),
    [("dlib_face_recognition_resnet_model_v1.dat", 1.002), ("centerface.onnx", 1.2)],
)
def test_a_device_that_answers_wrongly_draws_no_face(run, monkeypatch, file, off):
    real = networks.onnx_writing.written
    names, wrong = {}, Session.__call__

    def written(model, name):
        content = real(model, name)
        names[content] = name
        return content

    def made(self, content, *args):
        self.file = names.get(content)
        first(self, content, *args)

    def answer(self, inputs):
        share = np.float32(off if self.file == file else 1)
        return [output * share for output in wrong(self, inputs)]

    first = Session.__init__
    monkeypatch.setattr(networks.onnx_writing, "written", written)
    monkeypatch.setattr(Session, "__init__", made)
    monkeypatch.setattr(Session, "__call__", answer)
    code, told, files = run("onnx")
    assert (code, files) == (1, [])
    (line,) = told
    assert f"{file} differs on --device onnx from what it gives on the CPU" in line


@pytest.mark.parametrize("one_by_one", [False, True])
def test_threads_get_the_same_as_one_after_the_other(monkeypatch, one_by_one):
    device = DEVICES["onnx"]._replace(one_by_one=one_by_one)
    monkeypatch.setitem(DEVICES, "onnx", device)
    networks.choose("onnx")
    network = Network(locate("face_landmark"))
    rng = np.random.default_rng(4)
    turns = list(rng.random((12, 1, 192, 192, 3)).astype(np.float32))
    alone = [network(turn)[0] for turn in turns]
    with ThreadPoolExecutor(4) as pool:
        together = [result[0] for result in pool.map(network, turns)]
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_run_on_the_cpu_loads_nothing_of_onnx():
    code = (
        "import sys\nimport numpy as np\nfrom pipeline.rooms import furnish\n"
        "from pipeline.settings import Settings\n"
        "furnish(Settings()).detector.detect(np.zeros((64, 64, 3), np.uint8))\n"
        "sys.exit(' '.join({'onnx', 'onnxruntime'} & set(sys.modules)) or None)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_exact_networks_are_never_computed_in_shorter_numbers():
    """What each maker calls it; neither TensorRT nor Apple's neural engine can be told enough."""
    told = {name: onnx_runtime._providers(name, exact=True) for name in DEVICES}
    assert dict(told["cuda"])["CUDAExecutionProvider"]["use_tf32"] == "0"
    assert told["tensorrt"] == told["cuda"]
    assert dict(told["coreml"])["CoreMLExecutionProvider"]["MLComputeUnits"] == "CPUAndGPU"
    assert [place[0] for place in onnx_runtime._providers("tensorrt", exact=False)] == [
        "TensorrtExecutionProvider",
        "CUDAExecutionProvider",
    ]
