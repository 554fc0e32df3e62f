"""The review page in a browser: it plays, jumps, and its forms edit the record, and nothing else.

Each page is opened from the disk without a network; it must log no error and ask for nothing but
itself and the output.
"""

import json
import re
import time
from copy import deepcopy

import pytest

from pipeline import cli
from pipeline import record as records
from pipeline.record import Added, PersonEntry
from tests.browser import chromium
from tests.reviewed import (
    FRAMES,
    HEIGHT,
    TIMES,
    WIDTH,
    record_of,
    track,
    write_gif,
    write_photo,
    write_record,
    write_video,
)

pytestmark = pytest.mark.usefixtures("unchanged_process")

PATIENCE = 20.0  # seconds
NUMBER = """element => {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [160, 120];
    const context = canvas.getContext("2d", {willReadFrequently: true});
    context.drawImage(element, 0, 0, 160, 120);
    const bit = n => context.getImageData(20 * n + 10, 10, 1, 1).data[1] > 120;
    return [...Array(8).keys()].reduce((sum, n) => sum + (bit(n) ? 1 << n : 0), 0);
}"""


@pytest.fixture(scope="module")
def browser():
    """One Chromium for all pages."""
    with chromium() as result:
        yield result


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    """The content of an output."""
    return write_video(tmp_path_factory.mktemp("video") / "clip.mp4").read_bytes()


@pytest.fixture
def made(video, tmp_path):
    """The record of a clip."""
    output = tmp_path / "clip-deid.mp4"
    output.write_bytes(video)
    return write_record(record_of(output), tmp_path)


@pytest.fixture
def opened(browser):
    """Write the page of a record and open it: a playwright page that is ready."""
    contexts = []

    def run(path, *options, fails=False):
        target = path.with_name("page.html")
        assert (
            cli.main(["review", str(path), "--out", str(target), "--overwrite", "-q", *options])
            == 0
        )
        context = browser.new_context(viewport={"width": 1280, "height": 800}, offline=True)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.problems, page.asked = [], []
        page.on("pageerror", lambda error: page.problems.append(str(error)))
        page.on(
            "console", lambda line: page.problems.append(line.text) if line.type != "log" else 0
        )
        page.on("request", lambda request: page.asked.append(request.url))
        contexts.append((context, page, fails))
        page.goto(target.as_uri())
        until(page, "document.title.startsWith('Review of')")
        return page

    yield run
    for context, page, fails in contexts:
        context.close()
        assert fails or page.problems == []
        elsewhere = [url for url in page.asked if not re.match(r"file:|blob:|data:", url)]
        assert elsewhere == []


def until(page, function, argument=None):
    """Wait until a function of the page gives something; the page's policy allows no `eval`."""
    end = time.monotonic() + PATIENCE
    while not page.evaluate(function, argument):
        assert time.monotonic() < end, f"never came true: {function}"
        page.wait_for_timeout(20)


def frame_shown(page):
    """The number of the frame by the page's own words."""
    return int(re.search(r"frame (\d+)", page.locator("#now").inner_text())[1])


def settled(page, frame):
    """Wait until the page and the picture show a frame."""
    until(page, "f => document.querySelector('#now').textContent.includes(`frame ${f} /`)", frame)
    until(page, f"f => ({NUMBER})(document.querySelector('video')) === f", frame)


def loaded(page):
    """Wait until the video can be shown."""
    until(page, "document.querySelector('video').readyState >= 2")
    return page


def download(page, folder):
    """Click for the edited record: (its name, its text)."""
    with page.expect_download() as waiting:
        page.click("#download")
    target = folder / "downloaded.json"
    waiting.value.save_as(target)
    return waiting.value.suggested_filename, target.read_text(encoding="utf-8")


def card_of(page, number):
    page.click("#tab-tracks")
    return page.locator(f"#panel-tracks .card[data-track='{number}']")


@pytest.mark.parametrize(
    ("ending", "carried"),
    [(".mp4", "--embed"), (".mp4", "--link"), (".mkv", "--embed"), (".mkv", "--link")],
)
def test_the_page_plays_the_output_from_the_disk(tmp_path, opened, ending, carried):
    output = write_video(tmp_path / f"ü 50% #1 it's{ending}")
    page = loaded(opened(write_record(record_of(output), tmp_path), carried))
    page.click("#play")
    until(page, "document.querySelector('video').currentTime > 0.3")
    assert page.locator("#cannot").is_hidden()
    assert page.locator("h1").inner_text() == output.name
    assert len(page.asked) == 2


def test_every_step_shows_the_frame_it_names(made, opened):
    page = loaded(opened(made))
    for frame in (0, 1, 2):
        settled(page, frame)
        page.keyboard.press("ArrowRight")
    slider = page.get_by_role("slider", name="Playhead")
    slider.focus()
    page.keyboard.press("End")
    settled(page, FRAMES - 1)
    for back in range(2, 6):  # where there are ten a second
        page.keyboard.press("ArrowLeft")
        settled(page, FRAMES - back)
    assert slider.get_attribute("aria-valuenow") == str(FRAMES - 5)
    assert "frame 70" in slider.get_attribute("aria-valuetext")
    page.keyboard.press("Home")
    settled(page, 0)


@pytest.mark.parametrize(
    ("ending", "delay", "tone"),
    [
        (".mp4", 1.4, None),
        (".mkv", 1.4, None),
        (".mp4", 0.0, 0.5),
        (".mkv", 0.5, 0.0),
        (".mp4", 2.0, 2.0),
        (".mkv", 2.0, 2.0),
    ],
)
def test_frames_are_told_apart_wherever_the_clock_starts(tmp_path, opened, ending, delay, tone):
    output = write_video(tmp_path / f"late{ending}", delay=delay, tone=tone)
    page = loaded(opened(write_record(record_of(output), tmp_path)))
    page.locator("#playhead").focus()
    page.keyboard.press("End")
    settled(page, FRAMES - 1)
    page.keyboard.press("Home")
    settled(page, 0)
    page.keyboard.press("ArrowRight")
    settled(page, 1)


def test_a_click_on_the_timeline_shows_that_frame(made, opened):
    page = loaded(opened(made))
    bar = page.locator(".rows [data-track='1'] .edge").bounding_box()
    page.mouse.click(bar["x"] + bar["width"] * 60.5 / FRAMES, bar["y"] + 8)
    settled(page, 60)
    assert page.locator(".face.selected").get_attribute("data-track") == "1"


def test_n_jumps_from_one_suspect_moment_to_the_next(made, opened):
    page = loaded(opened(made))
    items = page.locator(".moment")
    assert [row.inner_text() for row in items.locator(".why").all()] == [
        "Near the keep-list's threshold",
        "A cut with faces",
        "Covered by mosaic or blur",
        "Found with a low score",
    ]
    assert items.locator(".time").all_inner_texts() == [
        records.timecode(TIMES[frame]) for frame in (18, 37, 37, 56)
    ]
    starts = []
    page.evaluate("""window.starts = []; document.querySelector("video").addEventListener(
        "play", event => window.starts.push(event.target.currentTime))""")
    for row in range(4):
        page.keyboard.press("n")
        until(page, "n => window.starts.length === n", row + 1)
        assert page.locator(".moment.current").get_attribute("data-suspect") == str(row)
        starts.append(page.evaluate("document.querySelector('video').currentTime"))
    assert page.evaluate("!document.querySelector('video').paused")
    for start, frame in zip(page.evaluate("window.starts"), (18, 37, 37, 56), strict=True):
        assert start == pytest.approx(max(TIMES[frame] - 1, 0), abs=0.15)
    page.keyboard.press("n")
    assert page.locator("#told").inner_text() == "No suspect moment follows."
    page.keyboard.press("Shift+N")
    assert page.locator(".moment.current").get_attribute("data-suspect") == "2"
    assert page.locator(".moment.current .card").get_attribute("data-track") == "1"
    assert page.locator(".moment.visited").count() == 4


def test_a_click_jumps_too_and_the_list_can_be_narrowed(made, opened):
    page = loaded(opened(made))
    page.select_option("#kinds", "low score")
    assert page.locator(".moment").count() == 1
    page.click(".moment .jump")
    until(page, "document.querySelector('video').currentTime > 2.5")
    assert page.locator(".moment.current .card").get_attribute("data-track") == "3"


def test_without_edits_the_download_is_the_record(made, opened, tmp_path):
    name, text = download(opened(made), tmp_path)
    assert name == "clip.faces.json"
    assert records.loads(text) == records.read(made)
    assert order(json.loads(text)) == order(json.loads(made.read_text()))


def order(value):
    """The names of fields in their order, to the last depth."""
    if isinstance(value, dict):
        return [(name, order(inner)) for name, inner in value.items()]
    return [order(inner) for inner in value] if isinstance(value, list) else None


def test_the_forms_change_the_record_and_nothing_else(made, opened, tmp_path):
    page = loaded(opened(made))
    card_of(page, 1).get_by_label("Ignore").check()
    card_of(page, 3).get_by_label("Replace").check()
    merged = card_of(page, 2).get_by_label("Is the same as")
    merged.focus()
    assert merged.locator("option").all_inner_texts() == [
        "Person 1 (track 1)", "Person 2 (track 3)", "A new person (split off)"
    ]  # fmt: skip
    merged.select_option("1")
    split = card_of(page, 3).get_by_label("Is the same as")
    split.focus()
    split.select_option("new")
    assert page.locator(".timeline .label").all_text_contents() == [
        "Suspect",
        "Person 1",
        "Person 3",
    ]
    expected = records.read(made)
    before = deepcopy(expected)
    expected.tracks[0].decision, expected.tracks[2].decision = "ignore", "replace"
    expected.tracks[1].person, expected.tracks[2].person = 1, 3
    expected.persons.append(PersonEntry(3, None))
    _, text = download(page, tmp_path)
    assert records.loads(text) == expected
    assert [entry.rendered for entry in expected.tracks] == [e.rendered for e in before.tracks]


def test_keys_decide_about_the_track_that_is_selected(made, opened, tmp_path):
    page = loaded(opened(made))
    page.keyboard.press("k")
    assert "Select a track first" in page.locator("#told").inner_text()
    page.locator(".face[data-track='1'] .box").click()
    page.keyboard.press("k")
    assert page.locator(".face.keep").get_attribute("data-track") == "1"
    _, text = download(page, tmp_path)
    assert [entry.decision for entry in records.loads(text).tracks] == ["keep", "replace", "keep"]


def test_a_person_is_merged_as_a_whole(made, opened, tmp_path):
    page = opened(made)
    page.click("#tab-tracks")
    choice = page.locator("section.group[aria-label='Person 2']").get_by_label("Merge into")
    choice.focus()
    choice.select_option("1")
    assert page.locator("section.group").count() == 1
    _, text = download(page, tmp_path)
    assert [entry.person for entry in records.loads(text).tracks] == [1, 1, 1]


def test_a_missed_face_is_added_by_dragging_a_box(made, opened, tmp_path):
    page = loaded(opened(made))
    page.keyboard.press("ArrowRight")
    settled(page, 1)
    page.click("#play")
    page.click("#add")
    assert page.evaluate("document.querySelector('video').paused")
    frame = frame_shown(page)
    place = page.locator("#picture").bounding_box()
    scale = place["width"] / WIDTH

    def at(x, y):
        return place["x"] + x * scale, place["y"] + y * scale

    page.mouse.move(*at(100, 80))
    page.mouse.down()
    page.mouse.move(*at(120, 90))
    page.mouse.move(*at(130, 40))
    page.mouse.up()
    page.get_by_role("button", name="Add this face").click()
    _, text = download(page, tmp_path)
    (added,) = records.loads(text).added
    assert added.box == pytest.approx([100, 40, 130, 80], abs=1)
    assert (added.first, added.last, added.person) == (frame, 36, None)  # a cut comes at 37
    assert page.locator(".rows .label").first.text_content() == "Added"


def test_a_face_that_is_drawn_and_not_added_is_not_lost_silently(made, opened, tmp_path):
    page = loaded(opened(made))
    page.click("#add")
    for name, value in (("x1", 10), ("y1", 8), ("x2", 50), ("y2", 40)):
        page.fill(f"#added-{name}", str(value))
    page.click("#download")
    assert "is drawn but not added" in page.locator("#told").inner_text()
    asked = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
    page.close(run_before_unload=True)
    page.wait_for_timeout(300)
    assert asked == ["beforeunload"]
    page.get_by_role("button", name="Add this face").click()
    _, text = download(page, tmp_path)
    assert [added.box for added in records.loads(text).added] == [[10, 8, 50, 40]]


def test_keys_go_to_the_page_again_when_a_person_was_chosen(made, opened, tmp_path):
    page = loaded(opened(made))
    page.locator(".face[data-track='1'] .box").click()
    choice = card_of(page, 1).get_by_label("Is the same as")
    choice.focus()
    choice.select_option("2")
    page.keyboard.press("k")
    _, text = download(page, tmp_path)
    entry = next(entry for entry in records.loads(text).tracks if entry.number == 1)
    assert (entry.decision, entry.person) == ("keep", 2)


def test_a_missed_face_is_added_by_keys_and_what_is_no_box_is_refused(made, opened, tmp_path):
    page = loaded(opened(made))
    page.keyboard.press("a")
    problem = page.locator(".problem")
    for values, why in [
        ({}, "type all four corners"),
        ({"x1": 9, "y1": 8, "x2": 5, "y2": 30}, "left before right"),
        (
            {"x1": 9, "y1": 8, "x2": 50, "y2": 30, "last": FRAMES},
            f"Frames must lie in 0–{FRAMES - 1}",
        ),
        ({"x1": WIDTH, "y1": 8, "x2": 500, "y2": 30}, "must lie in the picture"),
    ]:
        for name, value in values.items():
            page.fill(f"#added-{name}", str(value))
        page.keyboard.press("Enter")
        page.click("#adding button[type=submit]")
        assert why in problem.inner_text()
    for name, value in {
        "x1": -3,
        "y1": 8,
        "x2": 50,
        "y2": HEIGHT + 3,
        "first": 70,
        "last": 74,
    }.items():
        page.fill(f"#added-{name}", str(value))
    settled(page, 70)
    page.select_option("#added-person", "2")
    page.click("#adding button[type=submit]")
    _, text = download(page, tmp_path)
    assert records.loads(text).added == [Added([-3, 8, 50, HEIGHT + 3], 70, 74, 2)]


def test_every_edit_can_be_undone(made, opened, tmp_path):
    record = records.read(made)
    record.added = [Added([1, 2, 30, 40], 5, 9), Added([2, 2, 30, 40], 5, 9, 1)]
    records.write(record, made)
    page = opened(made)
    card_of(page, 1).get_by_label("Keep").check()
    card_of(page, 2).get_by_label("Keep").check()
    page.click("#tab-edits")
    page.get_by_role("button", name="Remove").first.click()
    assert page.locator(".edits li span").all_inner_texts() == [
        "Track 1: keep instead of replace",
        "Track 2: keep instead of replace",
        "Removed: A missed face at 1, 2, 30, 40, frames 5–9, a new person",
        "A missed face at 2, 2, 30, 40, frames 5–9, person 1",
    ]
    page.get_by_role("button", name="Undo: Track 1").click()
    _, text = download(page, tmp_path)
    changed = deepcopy(record)
    changed.tracks[1].decision, changed.added = "keep", record.added[1:]
    assert records.loads(text) == changed
    page.keyboard.press("Control+z")
    page.click("#undo")
    assert page.locator("#undo").is_disabled()
    _, text = download(page, tmp_path)
    assert records.loads(text) == record


def test_a_decision_set_back_is_no_edit(made, opened):
    page = opened(made)
    card = card_of(page, 1)
    card.get_by_label("Keep").check()
    assert card.get_by_text("to be rendered").is_visible()
    card.get_by_label("Replace").check()
    assert card.get_by_text("to be rendered").is_hidden()
    assert page.locator("#tab-edits").inner_text() == "Edits (0)"


def test_edits_that_were_not_downloaded_are_not_lost_silently(made, opened, tmp_path):
    page = opened(made)
    asked = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
    card_of(page, 1).get_by_label("Keep").check()
    assert page.locator("#unsaved").is_visible()
    page.close(run_before_unload=True)
    page.wait_for_timeout(300)
    assert asked == ["beforeunload"]
    download(page, tmp_path)
    assert page.locator("#unsaved").is_hidden()
    with page.expect_event("close"):
        page.close(run_before_unload=True)
    assert asked == ["beforeunload"]


HOSTILE = "</script><img src=x onerror=window.hacked=1>\"'`${window.hacked=1}<!--\u2028{{script}}"


def test_nothing_of_a_record_runs(video, opened, tmp_path):
    name = "<img src=x onerror=window.hacked=1>\"'&amp;.mp4"
    (tmp_path / name).write_bytes(video)
    record = record_of(tmp_path / name)
    record.tool = record.input.name = HOSTILE
    record.settings = {HOSTILE: HOSTILE, "__proto__": "x"}
    record.guarantee = {HOSTILE: [HOSTILE], "__proto__": {"polluted": 1}}
    record.persons[1].kept = HOSTILE
    record.suspects[0].timecode = HOSTILE
    record.output.path = name
    for entry in record.tracks:
        entry.reason = HOSTILE
    path = write_record(record, tmp_path, "<b onclick=window.hacked=1>\"'.faces.json")
    page = opened(path, "--link")
    loaded(page)
    for tab in ("moments", "tracks", "edits"):
        page.click(f"#tab-{tab}")
        page.keyboard.press("n")
    page.click("#tab-tracks")
    assert page.locator("h1").inner_text() == name
    assert HOSTILE.replace("\u2028", "") in page.locator(".card .facts").first.inner_text().replace(
        "\u2028", ""
    )
    card_of(page, 1).get_by_label("Keep").check()
    _, text = download(page, tmp_path)
    record.tracks[0].decision = "keep"
    assert records.loads(text) == record
    assert page.locator("img[src=x], b").count() == 0
    assert page.evaluate("[window.hacked, {}.polluted]") == [None, None]


def test_the_policy_stops_a_script_that_got_in_all_the_same(made, opened):
    page = opened(made, fails=True)
    for attempt, why in [
        ("document.body.setAttribute('onclick', 'window.hacked = 1')", "TrustedScript"),
        ("document.body.innerHTML = '<img src=x onerror=window.hacked=1>'", "TrustedHTML"),
        ("document.createElement('script').text = 'window.hacked = 1'", "TrustedScript"),
        ("fetch('https://example.org')", "Failed to fetch"),
    ]:
        with pytest.raises(Exception, match=why):
            page.evaluate(attempt)
    page.evaluate("document.body.append(document.createElement('script'))")
    page.evaluate("""document.body.lastChild.append("window.hacked = 1")""")
    assert page.evaluate("window.hacked") is None


@pytest.mark.parametrize(
    ("ending", "carried"), [(".png", "--embed"), (".jpg", "--link"), (".tif", "--link")]
)
def test_a_photo_is_shown_and_edited(tmp_path, opened, ending, carried):
    output = write_photo(tmp_path / f"a photo{ending}")
    record = record_of(output, frames=1)
    record.tracks = [track(1, 1, (0, 0))]
    path = write_record(record, tmp_path)
    page = opened(path, carried)
    until(page, "document.querySelector('#picture img').naturalWidth === 160")
    assert page.locator("#play").is_hidden()
    page.locator(".face[data-track='1'] .box").click()
    page.keyboard.press("i")
    _, text = download(page, tmp_path)
    record.tracks[0].decision = "ignore"
    assert records.loads(text) == record


def test_a_gif_plays_and_is_shown_frame_by_frame(tmp_path, opened):
    output = write_gif(tmp_path / "a.gif")
    record = record_of(output, frames=12)
    page = opened(write_record(record, tmp_path))
    number = f"({NUMBER})(document.querySelector('#picture canvas'))"
    for frame in (1, 2, 3):
        page.keyboard.press("ArrowRight")
        until(page, f"{number} === {frame}")
    page.click("#play")
    until(page, f"{number} > 6")
    page.click("#play")
    page.locator("#playhead").focus()
    page.keyboard.press("Home")
    until(page, f"{number} === 0")


def test_a_video_that_was_moved_is_asked_for(made, opened):
    output = made.with_name("clip-deid.mp4")
    page = loaded(opened(made, "--link", fails=True))
    moved = output.rename(made.with_name("moved.mp4"))
    page.reload()
    page.wait_for_selector("#cannot:not([hidden])")
    assert "clip-deid.mp4, or it no longer lies where" in page.locator("#why-not").inner_text()
    page.set_input_files("#other-file", moved)
    loaded(page)
    assert page.locator("#cannot").is_hidden()


def test_a_page_with_originals_says_so_in_red(tmp_path, opened, video):
    output, source = tmp_path / "clip-deid.mp4", write_video(tmp_path / "clip.mp4", seed=180)
    output.write_bytes(video)
    path = write_record(record_of(output, source), tmp_path)
    page = opened(path)
    assert page.locator("#originals").is_hidden()
    page = opened(path, "--with-originals", str(source))
    assert "This page shows real faces" in page.get_by_role("alert").first.inner_text()
    shots, frames = card_of(page, 1).locator("img"), (37, 55)
    assert [shot.get_attribute("alt") for shot in shots.all()] == [
        f"{of}, frame {frame}" for frame in frames for of in ("Original", "Output")
    ]


@pytest.mark.parametrize("size", [(1280, 800), (1920, 1080), (800, 900)])
def test_nothing_is_cut_off_at_any_usual_width(made, opened, size):
    page = loaded(opened(made))
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.keyboard.press("n")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for id in ("#download", "#next-suspect", "#add", "#playhead"):
        box = page.locator(id).bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= size[0]
    assert page.locator("video").bounding_box()["width"] > 300


def test_every_field_and_button_has_a_name(made, opened):
    page = opened(made)
    page.keyboard.press("a")
    for tab in ("moments", "tracks", "edits"):
        page.click(f"#tab-{tab}")
        nameless = page.evaluate("""[...document.querySelectorAll("button, input, select")]
            .filter(e => e.checkVisibility() && !e.textContent.trim() && !e.ariaLabel)
            .filter(e => !e.labels?.length).map(e => e.outerHTML)""")
        assert nameless == []


def test_a_long_video_with_many_tracks_draws_only_what_shows(made, opened):
    record = records.read(made)
    frames = 180_000
    record.input.frames, record.input.times = frames, [[0, 0.0], [frames - 1, 7200.0]]
    tracks = [track(n, n, (0, 2)) for n in range(1, 601)]
    for entry in tracks:
        entry.first = 290 * entry.number
        entry.coverage = [["surrogate", entry.first, entry.first + 2]]
    record.tracks, record.suspects = tracks, []
    record.persons = [PersonEntry(n, [1, 2]) for n in range(1, 601)]
    records.write(record, made)
    page = opened(made)
    assert page.locator(".rows [data-track]").count() < 40
    page.locator("#timeline .scroll").evaluate("e => { e.scrollTop = e.scrollHeight }")
    page.wait_for_selector(".rows [data-track='600']")
    page.locator("#playhead").focus()
    for _ in range(5):
        page.keyboard.press("+")
    assert page.locator("#timeline .time").first.text_content() == "00:00"
    assert page.locator(".rows [data-track='600']").count() == 0  # beyond what shows
