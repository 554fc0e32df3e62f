import keras
import numpy as np
import pytest

from generator import checkpoint
from pipeline.errors import SettingsError

# Keras hands TensorFlow's variables to numpy in a way that numpy 2 is going to give up.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def variables(*shapes):
    return [keras.Variable(np.full(shape, i + 1, np.float32)) for i, shape in enumerate(shapes)]


def test_what_is_saved_comes_back(tmp_path):
    path = tmp_path / checkpoint.CHECKPOINT
    checkpoint.save(variables((2, 3), (), (4,)), 7, path)
    empty = [keras.Variable(np.zeros(shape, np.float32)) for shape in ((2, 3), (), (4,))]
    assert checkpoint.restore(empty, path) == 7
    assert [float(v.numpy().mean()) for v in empty] == [1, 2, 3]


def test_without_a_checkpoint_training_begins_anew(tmp_path):
    assert checkpoint.restore(variables((2,)), tmp_path / checkpoint.CHECKPOINT) == 0


@pytest.mark.parametrize("shapes", [[(2, 3), (), (4,), (5,)], [(2, 3), ()], [(2, 3), (), (5,)]])
def test_a_checkpoint_of_another_version_is_told_in_one_line(tmp_path, shapes):
    path = tmp_path / checkpoint.CHECKPOINT
    checkpoint.save(variables((2, 3), (), (4,)), 7, path)
    before = variables(*shapes)
    with pytest.raises(SettingsError, match=f"delete {tmp_path} to start anew"):
        checkpoint.restore(before, path)
    assert [float(v.numpy().mean()) for v in before] == [i + 1 for i in range(len(shapes))]
