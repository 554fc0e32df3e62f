"""A reviewer's round: run, review, edit on the page, download, render."""

import cv2
import numpy as np
import pytest

from pipeline import cli, record
from tests.browser import chromium
from tests.e2e.conftest import read_clip, write_clip

FRAMES = 12

pytestmark = pytest.mark.usefixtures("unchanged_process")


def test_what_is_decided_on_the_page_is_what_the_new_video_shows(tmp_path, moving, judge):
    pictures = [cv2.resize(p, (480, 360), interpolation=cv2.INTER_AREA) for p in moving[:FRAMES]]
    clip = write_clip(tmp_path / "a clip.mp4", pictures)
    told = tmp_path / "told"
    quick = ("--preset", "ultrafast", "--crf", "8", "--suffix=-new", "--salt", "x", "-q")
    assert cli.main(["run", str(clip), "--out", str(tmp_path), "--record", str(told), *quick]) == 0
    path = told / "a clip.faces.json"
    assert cli.main(["review", str(path), "-q"]) == 0
    with chromium() as browser:
        page = browser.new_page()
        page.goto((told / "a clip.review.html").as_uri())
        page.click("#tab-tracks")
        page.locator(".card[data-track='1']").get_by_label("Keep").check()
        with page.expect_download() as waiting:
            page.click("#download")
        waiting.value.save_as(told / waiting.value.suggested_filename)
    again = ("--out", str(tmp_path / "again"), "--salt", "x", "-q")
    assert cli.main(["render", str(clip), "--record", str(path), *again]) == 0
    (entry,) = record.read(path).tracks
    assert (entry.decision, entry.rendered.decision) == ("keep", "keep")
    source, covered, shown = (
        read_clip(place).frames
        for place in (clip, tmp_path / "a clip-new.mp4", tmp_path / "again" / "a clip-new.mp4")
    )
    assert len(source) == len(shown) == FRAMES
    for number, box in enumerate(entry.boxes):
        box = np.float32(box)
        assert judge.remains(source[number], covered[number], box) < 0.7
        assert judge.remains(source[number], shown[number], box) > 0.9
