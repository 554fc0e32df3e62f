// A card a track: what the output shows of it, what was decided, and the forms that change it.

const NEW = "new";
let cards = 0;

/** Shares of a track's frames by how they are covered, the commonest first. */
function coverageText(track) {
  const count = new Map();
  for (const [how, first, last] of track.coverage)
    count.set(how, (count.get(how) ?? 0) + last - first + 1);
  const whole = [...count.values()].reduce((a, b) => a + b, 0);
  const parts = [...count].sort((a, b) => b[1] - a[1]);
  return (
    parts.map(([how, frames]) => `${percent(frames / whole)} ${HOW[how]}`).join(", ") ||
    "not in the picture"
  );
}

function percent(share) {
  if (share === 1) return "100 %";
  return share < 0.01 ? "< 1 %" : `${Math.min(Math.round(share * 100), 99)} %`;
}

function personText(person) {
  const donors = person.donors ? `donors ${person.donors.join(", ")}` : "no donors drawn yet";
  return person.kept === null ? donors : `${donors} · on the keep-list as ${person.kept}`;
}

/** The card of a track; `actions` are seek(frame) and select(track). */
function card(track, actions) {
  const name = `card-${++cards}`;
  const [first, last] = [track.first, lastOf(track)];
  const times = `${timecode(secondsAt(first))} – ${timecode(secondsAt(last))}`;
  const frames =
    first === last ? `frame ${first}` : `frames ${first}–${last} (${last - first + 1})`;
  const element = make(
    "article",
    { class: "card", "data-track": track.number, "aria-labelledby": `${name}-title` },
    make(
      "header",
      {},
      make(
        "h3",
        { id: `${name}-title` },
        make(
          "button",
          { type: "button", class: "link", onclick: () => actions.show(track) },
          `Track ${track.number}`,
        ),
      ),
      make("span", { class: "chip person" }),
      make("span", { class: "chip changed", hidden: true }, "to be rendered"),
    ),
    pictures(track, actions),
    make(
      "p",
      { class: "facts" },
      times,
      make("br"),
      make("span", { class: "quiet" }, `${frames} · ${coverageText(track)}`),
      make("br"),
      make("span", { class: "quiet" }, `Decided: ${track.rendered.decision}, ${track.reason}`),
    ),
    decisionField(track, name),
    personField(track, name),
  );
  refreshCard(element);
  return element;
}

function pictures(track, actions) {
  const shots = page.shots[track.number] ?? [];
  if (!shots.length) return make("p", { class: "quiet" }, "No picture of it was taken.");
  return make(
    "div",
    { class: "shots" },
    ...shots.map((shot) => {
      const image = (data, of) =>
        make("img", { src: `data:image/jpeg;base64,${data}`, alt: `${of}, frame ${shot.frame}` });
      const both = shot.original ? [image(shot.original, "Original")] : [];
      return make(
        "button",
        {
          type: "button",
          class: "shot",
          title: `To frame ${shot.frame}`,
          onclick: () => actions.seek(shot.frame, track),
        },
        ...both,
        image(shot.picture, "Output"),
        make(
          "span",
          {},
          `${shot.original ? "original, output · " : ""}${timecode(secondsAt(shot.frame))}`,
        ),
      );
    }),
  );
}

function decisionField(track, name) {
  const choice = ([value, text]) =>
    make(
      "label",
      {},
      make("input", {
        type: "radio",
        name: `${name}-decision`,
        value,
        "data-field": value,
        onchange: () => editTrack(track.number, "decision", value),
      }),
      make("span", {}, text),
    );
  return make(
    "fieldset",
    { class: "choice" },
    make("legend", {}, "Decision"),
    ...DECISIONS.map(choice),
  );
}

function personField(track, name) {
  const select = make("select", { id: `${name}-person`, "data-field": "person" });
  for (const event of ["pointerdown", "focus"]) {
    select.addEventListener(event, () => fillPersons(select, personOf(track), track));
  }
  select.addEventListener("change", () => {
    const number = select.value === NEW ? newPerson() : Number(select.value);
    select.blur(); // or keys meant for the page would choose other people
    editTrack(track.number, "person", number);
  });
  return make(
    "div",
    { class: "field" },
    make("label", { for: `${name}-person` }, "Is the same as"),
    select,
  );
}

/** Everybody as options: lists of hundreds are made only where one is opened. */
function fillPersons(select, chosen, track = null) {
  const numbers = new Map(personsNow().map((person) => [person.number, []]));
  for (const other of base.tracks) numbers.get(personOf(other)).push(other.number);
  const options = [...numbers].map(([number, tracks]) => {
    const others = tracks.filter((other) => other !== track?.number);
    const shown = others.slice(0, 6).join(", ") + (others.length > 6 ? ", …" : "");
    return personOption(
      number,
      `Person ${number}${shown ? ` (track${others.length > 1 ? "s" : ""} ${shown})` : ""}`,
    );
  });
  const fresh = make("option", { value: NEW }, track ? "A new person (split off)" : "A new person");
  select.replaceChildren(...options, fresh);
  select.value = chosen === null ? NEW : String(chosen);
}

function personOption(number, text) {
  return make("option", { value: number }, text);
}

/** Bring a card up to what is decided now. */
function refreshCard(element) {
  const track = tracksByNumber.get(Number(element.dataset.track));
  const person = personOf(track);
  element.querySelector(".chip.person").textContent = `Person ${person}`;
  element.querySelector(".chip.changed").hidden = !isChanged(track);
  for (const input of element.querySelectorAll("input[type=radio]"))
    input.checked = input.value === decisionOf(track);
  const select = element.querySelector("select");
  if (select === document.activeElement) fillPersons(select, person, track);
  else select.replaceChildren(personOption(person, `Person ${person}`));
}
