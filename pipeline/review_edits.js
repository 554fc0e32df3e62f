// The record, time, and the edits that are made to it. Nothing here touches the page.

const page = JSON.parse(document.getElementById("data").textContent);
const base = page.record;
const LAST_FRAME = base.input.frames - 1;
const DECISIONS = [
  ["replace", "Replace"],
  ["keep", "Keep"],
  ["ignore", "Ignore"],
];
const WHY = {
  fallback: "Covered by mosaic or blur",
  "low score": "Found with a low score",
  "cut with faces": "A cut with faces",
  "near the threshold": "Near the keep-list's threshold",
  fault: "A room failed; covered",
};
const HOW = {
  surrogate: "surrogate",
  pasted: "pasted surrogate",
  fallback: "mosaic or blur",
  original: "shown as it is",
};

const tracksByNumber = new Map(base.tracks.map((track) => [track.number, track]));

function lastOf(track) {
  return track.first + track.boxes.length - 1;
}

function clamp(value, low, high) {
  return Math.min(Math.max(value, low), high);
}

/** The first index of sorted `rows` at which `beyond(row)` holds, or their length. */
function bisect(rows, beyond) {
  let [low, high] = [0, rows.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (beyond(rows[middle])) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** When a frame is shown, in seconds from the first one. */
function secondsAt(frame) {
  const times = base.input.times;
  const after = clamp(
    bisect(times, ([from]) => from > frame),
    1,
    times.length,
  );
  const [start, at] = times[after - 1];
  if (after === times.length) return at;
  const [end, until] = times[after];
  return at + ((until - at) * (frame - start)) / (end - start);
}

/** The frame that is shown at a moment, with its fraction. */
function frameAt(seconds) {
  const times = base.input.times;
  const after = clamp(
    bisect(times, ([, at]) => at > seconds),
    1,
    times.length,
  );
  const [start, at] = times[after - 1];
  if (after === times.length) return start;
  const [end, until] = times[after];
  return clamp(start + ((end - start) * (seconds - at)) / (until - at), 0, LAST_FRAME);
}

/** A moment in the middle of a frame's time, which no rounding moves to another frame. */
function middleOf(frame) {
  if (frame >= LAST_FRAME) {
    const step = LAST_FRAME > 0 ? secondsAt(LAST_FRAME) - secondsAt(LAST_FRAME - 1) : 0;
    return secondsAt(LAST_FRAME) + step / 2;
  }
  return (secondsAt(frame) + secondsAt(frame + 1)) / 2;
}

function timecode(seconds) {
  const all = Math.round(Math.max(seconds, 0) * 1000);
  const two = (value) => String(value).padStart(2, "0");
  const [hours, minutes] = [Math.floor(all / 3600000), Math.floor(all / 60000) % 60];
  const [whole, rest] = [Math.floor(all / 1000) % 60, all % 1000];
  return `${two(hours)}:${two(minutes)}:${two(whole)}.${String(rest).padStart(3, "0")}`;
}

// Edits: {kind: "decision" or "person", track, value}, {kind: "add", added}, {kind: "drop", row}.

let edits = [];
let downloaded = "[]";
const listeners = [];

function whenEdited(listener) {
  listeners.push(listener);
}

function setEdits(next) {
  edits = next;
  for (const listener of listeners) listener();
}

function isUnsaved() {
  return JSON.stringify(edits) !== downloaded;
}

/** Set a track's decision or person; what equals the record is no edit. */
function editTrack(number, kind, value) {
  setEdits(withTrack(edits, number, kind, value));
}

function withTrack(before, number, kind, value) {
  const rest = before.filter((edit) => edit.kind !== kind || edit.track !== number);
  const same = tracksByNumber.get(number)[kind] === value;
  return same ? rest : [...rest, { kind, track: number, value }];
}

/** Give all tracks of a person to another one: an edit a track, so that each can be undone. */
function mergePerson(from, to) {
  const moved = base.tracks.filter((track) => personOf(track) === from);
  setEdits(moved.reduce((all, track) => withTrack(all, track.number, "person", to), edits));
}

function addFace(box, first, last, person) {
  const added = { box, first, last, ...(person === null ? {} : { person }) };
  setEdits([...edits, { kind: "add", added }]);
}

function dropAdded(row) {
  setEdits([...edits, { kind: "drop", row }]);
}

function undo(edit = edits.at(-1)) {
  setEdits(edits.filter((other) => other !== edit));
}

function edited(track, kind) {
  const found = edits.find((edit) => edit.kind === kind && edit.track === track.number);
  return found ? found.value : track[kind];
}

function decisionOf(track) {
  return edited(track, "decision");
}

function personOf(track) {
  return edited(track, "person");
}

/** Whether the output shows something else than what is decided now. */
function isChanged(track) {
  const { decision, person } = track.rendered;
  return decisionOf(track) !== decision || personOf(track) !== person;
}

/** What is added now: entries of the record that were not dropped, and new ones. */
function addedNow() {
  const dropped = new Set(edits.filter((e) => e.kind === "drop").map((e) => e.row));
  const old = base.added.map((added, row) => ({ added, row })).filter((a) => !dropped.has(a.row));
  const made = edits.filter((e) => e.kind === "add").map((e) => ({ added: e.added, edit: e }));
  return [...old, ...made];
}

/** Everybody, with the people whom edits made up: nobody has drawn their donors yet. */
function personsNow() {
  const known = new Set(base.persons.map((person) => person.number));
  const asked = [...base.tracks.map(personOf), ...addedNow().map((a) => a.added.person)];
  const made = [...new Set(asked)].filter((number) => number !== undefined && !known.has(number));
  made.sort((a, b) => a - b);
  return [...base.persons, ...made.map((number) => ({ number, donors: null, kept: null }))];
}

function newPerson() {
  return Math.max(0, ...personsNow().map((person) => person.number)) + 1;
}

/** The record with the edits, and nothing else changed. */
function editedRecord() {
  return {
    ...base,
    persons: personsNow(),
    tracks: base.tracks.map((t) => ({ ...t, person: personOf(t), decision: decisionOf(t) })),
    added: addedNow().map((entry) => entry.added),
  };
}

/** JSON as the program writes it: objects a field a line, lists of objects an object a
 * paragraph, other lists in one line. */
function lines(value, depth = 0) {
  if (Array.isArray(value)) {
    // boxes, by the hundred thousand
    const text = JSON.stringify(value);
    if (!text.includes('"')) return text.replaceAll(",", ", ");
  }
  const [inside, margin] = [" ".repeat(depth + 1), " ".repeat(depth)];
  const named = ([name, inner], text) => `${JSON.stringify(name)}: ${text(inner)}`;
  if (isObject(value) && Object.keys(value).length && depth < 4) {
    const rows = Object.entries(value).map((e) => inside + named(e, (v) => lines(v, depth + 1)));
    return `{\n${rows.join(",\n")}\n${margin}}`;
  }
  if (Array.isArray(value) && isObject(value[0])) {
    return `[\n${value.map((v) => inside + lines(v, depth + 1)).join(",\n")}\n${margin}]`;
  }
  if (Array.isArray(value)) return `[${value.map((v) => lines(v, depth + 1)).join(", ")}]`;
  if (isObject(value)) {
    return `{${Object.entries(value)
      .map((e) => named(e, (v) => lines(v, depth + 1)))
      .join(", ")}}`;
  }
  return JSON.stringify(value);
}

function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
