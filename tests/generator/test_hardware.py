"""In which precision training runs, for machines that are only pretended."""

import os

import pytest

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]


@pytest.fixture
def hardware():
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    pytest.importorskip("tensorflow", reason="training needs TensorFlow")
    from generator import hardware

    return hardware


def pretend(monkeypatch, hardware, gpus, abilities=()):
    config = hardware.tf.config
    monkeypatch.setattr(config, "list_physical_devices", lambda kind: gpus)
    monkeypatch.setattr(config.experimental, "get_device_details", lambda gpu: gpu)
    monkeypatch.setattr(hardware, "_abilities", lambda: list(abilities))


@pytest.mark.parametrize(
    ("gpus", "abilities", "chosen"),
    [
        ([], ["FP32", "BF16"], "mixed_bfloat16"),
        ([], ["FP32"], "float32"),
        ([{"compute_capability": (9, 0), "device_name": "H"}], [], "mixed_bfloat16"),
        ([{"compute_capability": (7, 5), "device_name": "T"}], ["BF16"], "float32"),
        ([{"compute_capability": (9, 0)}, {"compute_capability": (6, 1)}], ["BF16"], "float32"),
        ([{}], ["BF16"], "float32"),
    ],
)
def test_half_the_bits_are_used_where_they_pay(
    monkeypatch, caplog, hardware, gpus, abilities, chosen
):
    pretend(monkeypatch, hardware, gpus, abilities)
    monkeypatch.setattr(hardware, "_NVIDIA", hardware.Path("/nowhere"))
    with caplog.at_level("INFO"):
        assert hardware.policy() == chosen
    (line,) = [record.message for record in caplog.records]
    assert line.startswith("training on ")
    assert line.endswith(chosen)


def test_a_gpu_that_cannot_be_used_is_told_with_the_way_out(
    monkeypatch, tmp_path, caplog, hardware
):
    pretend(monkeypatch, hardware, [])
    monkeypatch.setattr(hardware, "_NVIDIA", tmp_path)
    assert hardware.policy() == "float32"
    assert "tensorflow[and-cuda]==2." in caplog.text


def test_this_machines_abilities_are_known(hardware):
    assert "FP32" in hardware._abilities()
