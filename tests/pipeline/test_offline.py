"""What `./train_once.sh` says before it trains; tests/generator/test_training.py trains."""

import errno

import pytest

from pipeline import extractor_training, glasses_training, offline


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ([], "say which folder of faces to train on: ./train_once.sh DATA (none is shipped)"),
        (["nowhere"], "no folder nowhere"),
        (["{}"], "no pictures to train on"),
        (["{}", "--resume"], "no pictures to train on"),
        (["{}", "--layout", "rafd"], "no pictures to train on"),
        (["{}", "--extractor", "nose"], "no extractor called 'nose'"),
        (["{}", "--epochs", "0"], "--epochs must be 1 or more, got 0"),
    ],
)
def test_a_call_that_cannot_be_obeyed_is_told_in_one_line(tmp_path, caplog, told, why):
    assert offline.main([part.format(tmp_path) for part in told]) == 1
    (record,) = caplog.records
    assert why in record.message
    assert "\n" not in record.message
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("fault", "code", "why"),
    [
        (KeyboardInterrupt(), 130, "stopped; the same command goes on from here"),
        (OSError(errno.ENOSPC, "No space left on device", "DB/x"), 1, "DB/x: No space left"),
        (OSError(errno.EIO, "Input/output error"), 1, "Input/output error"),
    ],
)
def test_what_stops_it_is_told_in_one_line(monkeypatch, caplog, fault, code, why):
    def stopped(_):
        raise fault

    monkeypatch.setattr(offline, "build", stopped)
    assert offline.main(["somewhere"]) == code
    assert why in caplog.text
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize(
    ("word", "other"), [("extractor", extractor_training), ("glasses", glasses_training)]
)
def test_a_word_ahead_trains_another_network(monkeypatch, word, other):
    given = []
    monkeypatch.setattr(other, "main", lambda told: given.append(told) or 7)
    assert offline.main([word, "faces", "--epochs", "2"]) == 7
    assert given == [["faces", "--epochs", "2"]]
