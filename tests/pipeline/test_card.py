import csv

import pytest

from pipeline import card
from pipeline.layouts import Unusable

STORY = dict(
    name="mine", note="", licence="", side=192, epochs=3, seed=4, policy="float32",
    losses={"copied": 0.12345, "critic": 1.0}, layout="KDEF file names",
    extractors=["dlib_resnet", "vggface"], files=9, people=5, looked_at=12, rows=7, identity=4,
    mouth=3, held_back=1, unusable=[Unusable("a.jpg", "dark, grey"), Unusable("b.jpg", "grey")],
)  # fmt: skip


@pytest.mark.parametrize(
    "words",
    [
        "# Generator `mine`", "192 px", "7 donor rows", "3 epochs, seed 4, float32",
        "copied 0.1235, critic 1.0000", "9 pictures and videos of 5 people", "KDEF file names",
        "`dlib_resnet`, `vggface`; the first is the default", "4 people lend a whole face, 3",
        "1 pictures were held back", "Left out: 2 of 12.", "grey 2, dark 1", "Not measured.",
        "not stated (`--note`)", "not stated (`--licence`)", "openvino 20", "Python 3.",
    ],
)  # fmt: skip
def test_the_card_tells(words):
    assert words in card.write(card.Story(**STORY))


def test_measures_have_their_own_heading():
    told = card.write(card.Story(**STORY | {"measures": "| x | 1 |"}))
    assert "## Measures\n\n| x | 1 |\n" in told
    assert "Not measured" not in told


@pytest.mark.parametrize(
    ("reasons", "told"),
    [([], ""), (["dark"], "dark 1"), (["cannot be read: torn", "cannot be read: cut", "dark, grey"],
                                      "cannot be read 2, dark 1, grey 1")],
)  # fmt: skip
def test_reasons_are_counted_without_their_details(reasons, told):
    assert card.tally(Unusable(str(n), reason) for n, reason in enumerate(reasons)) == told


def test_names_with_commas_stay_one_column(tmp_path):
    entries = [Unusable("b.mp4, frame 3", "dark, grey"), Unusable("a.jpg", "no face found")]
    card.write_unusable(entries, tmp_path / "unusable.csv")
    with (tmp_path / "unusable.csv").open(newline="") as lines:
        assert list(csv.reader(lines)) == [
            ["file", "reason"],
            ["a.jpg", "no face found"],
            ["b.mp4, frame 3", "dark, grey"],
        ]
