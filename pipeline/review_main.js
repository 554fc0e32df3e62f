// Everything put together: what is selected, where it plays, keys, the download.

const at = (id) => document.getElementById(id);
let ready = false;
let selected = null;
let told = 0;

function tell(text) {
  at("told").textContent = text;
  clearTimeout(told);
  told = setTimeout(() => {
    at("told").textContent = "";
  }, 6000);
}

const player = makePlayer(onFrame, onFailure);
const picture = at("picture");
picture.append(player.element);
const overlay = new Overlay(picture, (number) => select(number, true));
const actions = {
  jump,
  seek: (frame, track) => {
    player.pause();
    goTo(frame);
    select(track.number);
  },
  show: (track) => {
    goTo(clamp(player.frame, track.first, lastOf(track)));
    select(track.number);
  },
};
const moments = new Moments(at("panel-moments"), actions);
const tracks = new Tracks(at("panel-tracks"), actions);
const editsPanel = new Edits(at("panel-edits"), actions);
const timeline = new Timeline(at("timeline"), {
  onSeek: goTo,
  onSelect: (number, seek) => {
    if (seek) goTo(tracksByNumber.get(number).first);
    select(number, true);
  },
  onSuspect: jump,
});
const adding = new Adding(at("adding"), overlay, player);

function onFrame(frame) {
  if (!ready) return;
  overlay.show(frame);
  timeline.show(frame);
  if (!player.paused) timeline.follow(frame);
  at("now").textContent = `${timecode(secondsAt(frame))}  frame ${frame} / ${LAST_FRAME}`;
}

function onFailure() {
  const { name } = page.output;
  at("cannot").hidden = false;
  at("why-not").textContent = page.output.carried
    ? `This browser cannot play ${name}. Try another one, such as Chromium or Chrome.`
    : `This browser cannot play ${name}, or it no longer lies where this page looks for it. ` +
      "Open it by hand, or try another browser, such as Chromium or Chrome.";
}

/** Seek by hand: the next suspect moment is then counted from here. */
function goTo(frame) {
  if (moments.current !== null) chooseMoment(null);
  player.seek(frame);
}

function chooseMoment(row) {
  moments.choose(row);
  timeline.current = row;
  timeline.draw();
}

/** To a suspect moment: play from a second before it. */
function jump(row) {
  const suspect = suspects[row];
  const first = Math.floor(frameAt(secondsAt(suspect.first) - 1) + 1e-6);
  player.pause();
  player.seek(page.output.kind === "photo" ? 0 : first);
  timeline.follow(first);
  openTab("moments");
  chooseMoment(row);
  select(suspect.track ?? null, true);
  player.play();
}

function jumpBy(by) {
  const row = moments.next(by, player.frame);
  if (row === null) tell(by > 0 ? "No suspect moment follows." : "No suspect moment lies before.");
  else jump(row);
}

function select(number, reveal = false) {
  selected = number;
  overlay.selected = number;
  overlay.show(player.frame);
  timeline.reveal(number);
  tracks.choose(number, reveal);
}

function openTab(name) {
  for (const tab of document.querySelectorAll("[role=tab]")) {
    const open = tab.id === `tab-${name}`;
    tab.setAttribute("aria-selected", open);
    tab.tabIndex = open ? 0 : -1;
    at(tab.getAttribute("aria-controls")).hidden = !open;
  }
  if (name === "tracks" && selected !== null) tracks.choose(selected, true);
}

function download() {
  if (adding.pending) {
    tell("A face is drawn but not added: add or cancel it, then download.");
    at("added-x1").focus();
    return;
  }
  const text = `${lines(editedRecord())}\n`;
  const address = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  make("a", { href: address, download: page.name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60000);
  downloaded = JSON.stringify(edits);
  onEdited();
  openTab("edits");
  tell(`${page.name} is downloaded. Give it to facesurrogate render.`);
}

function onEdited() {
  const unsaved = isUnsaved();
  at("unsaved").hidden = !unsaved;
  at("unsaved").textContent = "Edits are not downloaded yet";
  at("undo").disabled = !edits.length;
  overlay.show(player.frame);
  timeline.regroup();
  moments.refresh();
  tracks.refresh();
  editsPanel.refresh();
  if (selected !== null) select(selected);
}

const KEYS = [
  [
    "n",
    "N",
    "next suspect moment; with Shift the one before",
    (event) => jumpBy(event.shiftKey ? -1 : 1),
  ],
  [" ", "Space", "play and pause", toggle],
  ["ArrowRight", "→ ←", "a frame on or back; with Shift a second", (event) => stepBy(event, 1)],
  ["ArrowLeft", null, null, (event) => stepBy(event, -1)],
  ["r", "R", "replace the selected track", () => decide("replace")],
  ["k", "K", "keep it", () => decide("keep")],
  ["i", "I", "ignore it: no face", () => decide("ignore")],
  ["a", "A", "add a missed face", () => adding.start(player.frame)],
  ["b", "B", "boxes on and off", () => at("boxes").click()],
  ["z", "Ctrl+Z", "undo the last edit", () => undo()],
  [null, "+ − 0", "zoom the timeline, where it has the focus", null],
];

function toggle() {
  if (player.paused) player.play();
  else player.pause();
}

function stepBy(event, by) {
  player.pause();
  const second = Math.max(Math.round(frameAt(secondsAt(player.frame) + 1) - player.frame), 1);
  goTo(player.frame + by * (event.shiftKey ? second : 1));
}

function decide(decision) {
  if (selected === null) tell("Select a track first: click its box, its bar or its card.");
  else editTrack(selected, "decision", decision);
}

function onKey(event) {
  const { target } = event;
  const undoing = (event.ctrlKey || event.metaKey) && event.key === "z";
  if (target.closest("input:not([type=radio], [type=checkbox]), select, textarea")) return;
  if (event.key === "Escape" && adding.open) return adding.close();
  if ((event.ctrlKey || event.metaKey || event.altKey) && !undoing) return;
  if (event.key === "z" && !undoing) return;
  if (event.key === " " && target.closest("button, summary, input, video, a")) return;
  if (event.key.startsWith("Arrow") && target.closest("input, [role=tab]")) return;
  const wanted = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const found = KEYS.find(([key]) => key === wanted);
  if (!found || event.defaultPrevented || (undoing && !edits.length)) return;
  event.preventDefault();
  found[3](event);
}

function fitPicture() {
  const { videoWidth, videoHeight, naturalWidth, naturalHeight } = player.element;
  const width = videoWidth || naturalWidth || base.input.width;
  const height = videoHeight || naturalHeight || base.input.height;
  picture.style.setProperty("--ratio", width / height);
}

function fillLegend() {
  const kinds = [
    ["surrogate", "Surrogate"],
    ["pasted", "Pasted surrogate"],
    ["fallback", "Mosaic or blur"],
    ["original", "Shown as it is"],
  ];
  at("legend").append(
    ...kinds.map(([how, text]) =>
      make(
        "li",
        {},
        makeSvg(
          "svg",
          { width: 28, height: 14, "aria-hidden": "true", class: "swatch" },
          makeSvg("rect", { x: 0.5, y: 0.5, width: 27, height: 13, rx: 2, class: `run ${how}` }),
          makeSvg("rect", { x: 0.5, y: 0.5, width: 27, height: 13, rx: 2, class: "edge" }),
        ),
        text,
      ),
    ),
  );
  const shown = KEYS.filter(([, key]) => key).flatMap(([, key, text]) => [
    make("dt", {}, key),
    make("dd", {}, text),
  ]);
  at("keys").append(...shown);
}

function count(number, one) {
  return `${number} ${one}${number === 1 ? "" : "s"}`;
}

function start() {
  const { name, frames, width, height } = base.input;
  document.title = `Review of ${name}`;
  at("title").textContent = page.output.name;
  const length =
    frames > 1 ? `${timecode(secondsAt(LAST_FRAME))} · ${count(frames, "frame")} · ` : "";
  at("summary").textContent =
    `made from ${name} · ${length}${width} × ${height} px · ` +
    `${count(base.persons.length, "person")} · ${count(base.tracks.length, "track")} · ` +
    `facesurrogate ${base.tool}`;
  if (page.output.kind === "gif" && !player.decoder)
    tell("This GIF runs by itself: no frame of it can be sought here.");
  at("originals").hidden = !page.originals;
  document.body.classList.toggle("still", frames === 1);
  fillLegend();
  openTab("moments");
  for (const event of ["loadedmetadata", "load"])
    player.element.addEventListener(event, () => {
      at("cannot").hidden = true;
      fitPicture();
    });
  for (const event of ["play", "pause"])
    player.element.addEventListener(event, () => {
      at("play").textContent = player.paused ? "Play" : "Pause";
    });
  const clicks = {
    "next-suspect": () => jumpBy(1),
    "previous-suspect": () => jumpBy(-1),
    play: toggle,
    "step-on": (event) => stepBy(event, 1),
    "step-back": (event) => stepBy(event, -1),
    add: () => adding.start(player.frame),
    undo: () => undo(),
    download,
  };
  for (const [id, act] of Object.entries(clicks)) at(id).addEventListener("click", act);
  at("boxes").addEventListener("change", () => {
    overlay.shown = at("boxes").checked;
    overlay.show(player.frame);
  });
  at("other-file").addEventListener("change", () =>
    player.load?.(URL.createObjectURL(at("other-file").files[0])),
  );
  const tabs = [...document.querySelectorAll("[role=tab]")];
  for (const [row, tab] of tabs.entries()) {
    tab.addEventListener("click", () => openTab(tab.id.slice(4)));
    tab.addEventListener("keydown", (event) => {
      const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (by) {
        const next = tabs.at((row + by) % tabs.length);
        next.focus();
        next.click();
      }
    });
  }
  document.addEventListener("keydown", onKey);
  addEventListener("beforeunload", (event) => {
    if (isUnsaved() || adding.pending) event.preventDefault();
  });
  whenEdited(onEdited);
  ready = true;
  fitPicture();
  onEdited();
  onFrame(player.frame);
}

start();
