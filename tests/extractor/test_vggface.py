"""The networks of VGG-Face take the released files as they are, and compute what they should."""

import os

import cv2
import h5py
import numpy as np
import pytest

from pipeline.errors import WeightsError
from tests.extractor import released

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
vggface = pytest.importorskip("extractor.vggface", reason="needs Keras and h5py")

LAYOUTS = {
    "vgg16": released.vgg16(),
    "resnet50": released.residual(classes=7),
    "senet50": released.residual(classes=7, squeeze=True),
}
TOPLESS = {
    "vgg16": released.vgg16(top=False),
    "resnet50": released.residual(),
    "senet50": released.residual(squeeze=True),
}


def layers_with_weights(model):
    return [layer.name.replace(".", "/") for layer in model.layers if layer.weights]


@pytest.mark.parametrize(
    ("kind", "classes", "count"),
    [
        ("vgg16", 2622, 145_002_878),
        ("resnet50", 8631, 41_246_071),
        ("resnet50", 0, 23_561_152),
        ("senet50", 8631, 43_777_063),
    ],
)
def test_the_published_networks_have_as_many_parameters_as_published(kind, classes, count):
    assert vggface.build(kind, vggface.Sizes(classes=classes)).count_params() == count


@pytest.mark.parametrize("kind", LAYOUTS)
@pytest.mark.parametrize("top", [True, False])
def test_every_layer_has_its_released_name(kind, top):
    """Siblings of one block may come in another order: files are read by name."""
    layout = (LAYOUTS if top else TOPLESS)[kind]
    model = vggface.build(kind, vggface.Sizes(shrink=16, side=64, classes=5 if top else 0))
    assert sorted(layers_with_weights(model)) == sorted(n for n, arrays in layout.items() if arrays)


@pytest.mark.parametrize("kind", LAYOUTS)
@pytest.mark.parametrize("nested", [False, True])
def test_a_released_file_loads_by_name_unchanged(tmp_path, kind, nested):
    path = tmp_path / "weights.h5"
    written = released.write(path, LAYOUTS[kind], nested)
    classes = 5 if kind == "vgg16" else 7
    model = vggface.build(kind, vggface.Sizes(shrink=16, side=64, classes=classes))
    vggface.load(model, path)
    for layer in model.layers:
        expected = written.get(layer.name.replace(".", "/"), [])
        assert len(layer.get_weights()) == len(expected)
        assert all(map(np.array_equal, layer.get_weights(), expected))


@pytest.mark.parametrize(
    ("kind", "layout", "width"),
    [
        ("vgg16", LAYOUTS["vgg16"], 256),
        ("vgg16", TOPLESS["vgg16"], 32),
        ("resnet50", LAYOUTS["resnet50"], 128),
        ("senet50", TOPLESS["senet50"], 128),
    ],
)
def test_features_come_from_fc7_or_from_the_pooling(tmp_path, kind, layout, width):
    path = tmp_path / "weights.h5"
    released.write(path, layout)
    assert vggface.features(kind, path).output_shape == (None, width)


def test_vgg16_computes_fc7_after_its_relu(tmp_path):
    """Against the same sums written with NumPy and OpenCV, from blue, green, red less the mean."""
    path = tmp_path / "weights.h5"
    weights = released.write(path, released.vgg16(side=32))
    rgb = np.random.default_rng(2).integers(0, 256, (32, 32, 3)).astype(np.float32)
    x = rgb[..., ::-1] - np.float32([93.5940, 104.7624, 129.1863])
    for stage, depth in enumerate((2, 2, 3, 3, 3), 1):
        for place in range(1, depth + 1):
            x = convolved(x, *weights[f"conv{stage}_{place}"])
        x = x.reshape(x.shape[0] // 2, 2, x.shape[1] // 2, 2, -1).max(axis=(1, 3))
    x = x.ravel()
    for name in ("fc6", "fc7"):
        x = np.maximum(x @ weights[name][0] + weights[name][1], 0)
    got = np.asarray(vggface.features("vgg16", path)(rgb[None]))[0]
    assert got == pytest.approx(x, rel=1e-3, abs=1e-3 * float(x.max()))
    assert x.min() == 0 < x.max()


def convolved(x, kernel, bias):
    """(h, w, c) → (h, w, d): a 3×3 convolution with a border of zeros, then ReLU."""
    planes = [
        sum(
            cv2.filter2D(x[..., i], cv2.CV_32F, kernel[..., i, j], borderType=cv2.BORDER_CONSTANT)
            for i in range(x.shape[2])
        )
        for j in range(kernel.shape[-1])
    ]
    return np.maximum(np.stack(planes, axis=-1) + bias, 0)


@pytest.mark.parametrize(
    ("version", "means"),
    [(1, (93.5940, 104.7624, 129.1863)), (2, (91.4953, 103.8827, 131.0912))],
)
def test_pictures_become_blue_green_red_less_the_mean(version, means):
    rgb = np.float32([[[10, 20, 30]]])
    wanted = np.float32([30, 20, 10]) - np.float32(means)
    assert np.asarray(vggface.preprocess(rgb, version))[0, 0] == pytest.approx(wanted)


def test_a_file_of_another_network_is_refused(tmp_path):
    path = tmp_path / "weights.h5"
    released.write(path, LAYOUTS["resnet50"])
    with pytest.raises(WeightsError, match="holds no vgg16 of keras-vggface"):
        vggface.features("vgg16", path)
    with pytest.raises(WeightsError, match=r"does not fit vggface_senet50: conv2_1_1x1_down"):
        vggface.features("senet50", path)


def test_a_file_that_lacks_a_layer_names_it(tmp_path):
    path = tmp_path / "weights.h5"
    released.write(path, LAYOUTS["vgg16"])
    with h5py.File(path, "a") as file:
        del file["conv4_2"]
    with pytest.raises(WeightsError, match="conv4_2 should hold"):
        vggface.features("vgg16", path)


@pytest.mark.parametrize("keep", [0, 7, 3000, -400])
def test_a_cut_file_is_refused_in_one_line(tmp_path, keep):
    path = tmp_path / "weights.h5"
    released.write(path, LAYOUTS["vgg16"])
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(WeightsError) as caught:
        vggface.features("vgg16", path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("path", ["nothing.h5", "."])
def test_a_missing_file_is_refused_in_one_line(tmp_path, path):
    with pytest.raises(WeightsError, match="no whole h5 file") as caught:
        vggface.features("vgg16", tmp_path / path)
    assert "\n" not in str(caught.value)
