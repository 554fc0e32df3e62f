import numpy as np
import pytest

from pipeline import sheets

RED, GREEN = (np.full((20, 20, 3), colour, np.uint8) for colour in ((255, 0, 0), (0, 255, 0)))


def has(picture, colour):
    return bool((np.abs(picture.astype(int) - colour).max(axis=2) < 8).any())


def test_a_sheet_shows_every_tile_once_in_its_row():
    sheet = sheets.contact_sheet([("reds", [RED] * 3, []), ("greens", [GREEN], ["one"])], tile=40)
    red = (sheet == (255, 0, 0)).all(axis=2)
    green = (sheet == (0, 255, 0)).all(axis=2)
    assert (red.sum(), green.sum()) == (3 * 1600, 1600)
    assert np.flatnonzero(red.any(axis=1)).max() < np.flatnonzero(green.any(axis=1)).min()


def test_captions_are_written_under_their_tiles():
    plain, told = (
        sheets.contact_sheet([("", [RED], captions)], tile=40) for captions in ([], ["smile"])
    )
    assert len(told) > len(plain)
    assert has(told[len(plain) :], (30, 30, 30)) or has(told[-24:], (30, 30, 30))


@pytest.mark.parametrize("count", [1, 2, 3, 500])
def test_a_plot_draws_each_series_that_has_values(count):
    x = np.arange(1, count + 1, dtype=np.float32)
    series = {"a": 1 / x, "b": 2 / x, "never": np.zeros(count), "unknown": np.full(count, np.nan)}
    plot = sheets.curves(x, series, "epoch", "losses")
    assert has(plot, (200, 60, 40))
    assert has(plot, (40, 100, 190))
    assert not has(plot, (40, 150, 80))


def test_a_falling_loss_falls_in_the_plot():
    x = np.arange(1.0, 101)
    plot = sheets.curves(x, {"a": 10.0 ** (-x / 25)}, "epoch", "losses")[:, :720]
    rows, columns = np.nonzero((plot == (200, 60, 40)).all(axis=2))
    assert np.corrcoef(rows, columns)[0, 1] > 0.99


@pytest.mark.parametrize("values", [[], [0.0], [float("nan")], [-1.0]])
def test_nothing_to_plot_says_so(values):
    with pytest.raises(ValueError, match="no positive values"):
        sheets.curves(np.arange(len(values), dtype=np.float32), {"a": np.array(values)}, "x", "")
