// The lists of tracks and of edits.

const FILTERS = {
  "": ["All tracks", () => true],
  suspect: [
    "With suspect moments",
    (track) => suspects.some((suspect) => suspect.track === track.number),
  ],
  changed: ["To be rendered again", isChanged],
  shown: ["Kept or ignored", (track) => decisionOf(track) !== "replace"],
};

class Tracks {
  constructor(panel, actions) {
    Object.assign(this, { panel, actions });
    this.filter = make(
      "select",
      { id: "which", onchange: () => this.draw() },
      ...Object.entries(FILTERS).map(([value, [text]]) => make("option", { value }, text)),
    );
    this.list = make("div", { class: "people" });
    panel.append(
      make("div", { class: "bar" }, make("label", { for: "which" }, "Show"), this.filter),
      this.list,
    );
    this.draw();
  }

  draw() {
    const people = new Map(personsNow().map((person) => [person.number, { person, tracks: [] }]));
    const wanted = FILTERS[this.filter.value][1];
    for (const track of base.tracks)
      if (wanted(track)) people.get(personOf(track)).tracks.push(track);
    const groups = [...people.values()].filter((group) => group.tracks.length);
    groups.sort((a, b) => a.tracks[0].first - b.tracks[0].first);
    this.list.replaceChildren(...groups.map((group) => this.#group(group)));
    if (!groups.length)
      this.list.append(make("p", { class: "empty" }, "No track is of this kind."));
    this.grouping = JSON.stringify(base.tracks.map(personOf));
    document.getElementById("tab-tracks").textContent = `Tracks (${base.tracks.length})`;
  }

  #group({ person, tracks }) {
    const id = `merge-${person.number}`;
    const select = make("select", { id }, make("option", { value: "" }, "…"));
    for (const event of ["pointerdown", "focus"])
      select.addEventListener(event, () => {
        if (select.options.length > 1) return;
        const others = personsNow().filter((other) => other.number !== person.number);
        select.append(
          ...others.map((other) => personOption(other.number, `Person ${other.number}`)),
        );
      });
    select.addEventListener("change", () => {
      if (select.value) mergePerson(person.number, Number(select.value));
    });
    return make(
      "section",
      { class: "group", "aria-label": `Person ${person.number}` },
      make(
        "header",
        {},
        make("h2", {}, `Person ${person.number}`),
        make("span", { class: "quiet" }, personText(person)),
        make("span", { class: "field merge" }, make("label", { for: id }, "Merge into"), select),
      ),
      ...tracks.map((track) => card(track, this.actions)),
    );
  }

  refresh() {
    if (JSON.stringify(base.tracks.map(personOf)) === this.grouping && !this.filter.value) {
      for (const element of this.list.querySelectorAll(".card")) refreshCard(element);
      return;
    }
    const focused = document.activeElement.closest?.(".card")?.dataset.track;
    const field = document.activeElement.dataset?.field;
    this.draw();
    if (focused && field)
      this.list.querySelector(`.card[data-track="${focused}"] [data-field="${field}"]`)?.focus();
  }

  choose(number, scroll) {
    for (const element of this.list.querySelectorAll(".card")) {
      const chosen = Number(element.dataset.track) === number;
      element.classList.toggle("selected", chosen);
      if (chosen && scroll) scrollTo(element, this.panel);
    }
  }
}

class Edits {
  constructor(panel, actions) {
    Object.assign(this, { panel, actions });
    this.list = make("ol", { class: "edits" });
    this.empty = make(
      "p",
      { class: "empty" },
      "Nothing was edited yet. Decisions and people are changed on the cards of tracks, " +
        "a missed face is added below the picture.",
    );
    this.old = make("div", {});
    const copy = make(
      "button",
      { type: "button", id: "copy", onclick: () => this.#copy() },
      "Copy",
    );
    this.command = make("code", { id: "command", tabindex: "0" }, page.command);
    panel.append(
      this.empty,
      this.list,
      this.old,
      make(
        "section",
        { class: "next" },
        make("h2", {}, "What to do with them"),
        make(
          "ol",
          {},
          make("li", {}, "Download the edited record (the button at the top)."),
          make(
            "li",
            {},
            `Put it where the record is now, in place of ${page.name}: ` +
              "the output is found from there.",
          ),
          make("li", {}, "Render again; only what was edited is done anew:"),
        ),
        make("div", { class: "command" }, this.command, copy),
      ),
    );
    this.refresh();
  }

  async #copy() {
    try {
      await navigator.clipboard.writeText(page.command);
      tell("The command is copied.");
    } catch {
      getSelection().selectAllChildren(this.command);
      tell("The command is selected: copy it with Ctrl+C.");
    }
  }

  refresh() {
    const item = (text, button) => make("li", {}, make("span", {}, text), button);
    this.list.replaceChildren(
      ...edits.map((edit) =>
        item(
          editText(edit),
          make(
            "button",
            { type: "button", "aria-label": `Undo: ${editText(edit)}`, onclick: () => undo(edit) },
            "Undo",
          ),
        ),
      ),
    );
    this.empty.hidden = edits.length > 0;
    const old = addedNow().filter((entry) => entry.edit === undefined);
    this.old.replaceChildren(
      ...(old.length
        ? [
            make("h2", {}, "Added before"),
            make(
              "ul",
              { class: "edits" },
              ...old.map(({ added, row }) =>
                item(
                  addedText(added),
                  make("button", { type: "button", onclick: () => dropAdded(row) }, "Remove"),
                ),
              ),
            ),
          ]
        : []),
    );
    document.getElementById("tab-edits").textContent = `Edits (${edits.length})`;
  }
}

function addedText({ box, first, last, person }) {
  const whose = person === undefined ? "a new person" : `person ${person}`;
  return `A missed face at ${box.join(", ")}, frames ${first}–${last}, ${whose}`;
}

function editText(edit) {
  if (edit.kind === "add") return addedText(edit.added);
  if (edit.kind === "drop") return `Removed: ${addedText(base.added[edit.row])}`;
  const was = tracksByNumber.get(edit.track)[edit.kind];
  return edit.kind === "decision"
    ? `Track ${edit.track}: ${edit.value} instead of ${was}`
    : `Track ${edit.track}: person ${edit.value} instead of ${was}`;
}
