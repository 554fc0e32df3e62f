// The list of suspect moments.

const suspects = base.suspects
  .map((suspect) => ({ ...suspect }))
  .sort((a, b) => a.first - b.first || a.last - b.last);

/** Scroll a panel, and nothing but the panel, until an element in it shows. */
function scrollTo(element, panel) {
  const [outer, inner] = [panel.getBoundingClientRect(), element.getBoundingClientRect()];
  if (inner.top < outer.top) panel.scrollTop += inner.top - outer.top - 8;
  else if (inner.bottom > outer.bottom) {
    panel.scrollTop += Math.min(inner.bottom - outer.bottom, inner.top - outer.top) + 8;
  }
}

class Moments {
  constructor(panel, actions) {
    Object.assign(this, { panel, actions });
    this.current = null; // row of `suspects`
    this.seen = new Set();
    this.count = make("p", { class: "quiet", role: "status" });
    const kinds = [...new Set(suspects.map((suspect) => suspect.why))];
    this.filter = make(
      "select",
      { id: "kinds", onchange: () => this.draw() },
      make("option", { value: "" }, "All kinds"),
      ...kinds.map((why) => make("option", { value: why }, WHY[why])),
    );
    const bar = make(
      "div",
      { class: "bar" },
      make("label", { for: "kinds" }, "Show"),
      this.filter,
      this.count,
    );
    this.list = make("ol", { class: "moments" });
    panel.append(
      suspects.length
        ? bar
        : make(
            "p",
            { class: "empty" },
            "No moment is suspect. Look through the tracks all the same.",
          ),
      this.list,
    );
    this.draw();
  }

  get rows() {
    return [...suspects.keys()].filter(
      (row) => !this.filter.value || suspects[row].why === this.filter.value,
    );
  }

  draw() {
    this.list.replaceChildren(...this.rows.map((row) => this.#item(row)));
    this.#tell();
  }

  #item(row) {
    const suspect = suspects[row];
    const track = tracksByNumber.get(suspect.track);
    const length = secondsAt(suspect.last) - secondsAt(suspect.first);
    const lasts = length > 0 ? ` · ${length.toFixed(1)} s` : "";
    const who = track
      ? `Person ${personOf(track)} · track ${track.number}${lasts}`
      : `frame ${suspect.first}`;
    const item = make(
      "li",
      { class: "moment", "data-suspect": row },
      make(
        "button",
        { type: "button", class: "jump", onclick: () => this.actions.jump(row) },
        make("span", { class: "time" }, suspect.timecode),
        make("span", { class: "why" }, WHY[suspect.why]),
        make("span", { class: "who quiet" }, who),
        make("span", { class: "seen" }, "seen"),
      ),
    );
    this.#state(item, row);
    if (row === this.current && track) item.append(card(track, this.actions));
    return item;
  }

  #state(item, row) {
    item.classList.toggle("current", row === this.current);
    item.classList.toggle("visited", this.seen.has(row));
    const button = item.querySelector(".jump");
    if (row === this.current) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
  }

  /** The row to jump to from the current one, or from a frame; null where there is none. */
  next(by, frame) {
    const rows = this.rows;
    if (this.current !== null) return rows[rows.indexOf(this.current) + by] ?? null;
    return (
      (by > 0
        ? rows.find((row) => suspects[row].first >= frame)
        : rows.findLast((row) => suspects[row].first < frame)) ?? null
    );
  }

  choose(row) {
    this.current = row;
    if (row !== null) this.seen.add(row);
    for (const item of this.list.children) {
      const number = Number(item.dataset.suspect);
      item.querySelector(".card")?.remove();
      this.#state(item, number);
      const track = number === row ? tracksByNumber.get(suspects[row].track) : undefined;
      if (track) item.append(card(track, this.actions));
      if (number === row) scrollTo(item, this.panel);
    }
    this.#tell();
  }

  refresh() {
    for (const element of this.list.querySelectorAll(".card")) refreshCard(element);
    for (const item of this.list.children) {
      const track = tracksByNumber.get(suspects[Number(item.dataset.suspect)].track);
      const who = item.querySelector(".who");
      if (track)
        who.textContent = who.textContent.replace(/^Person \d+/, `Person ${personOf(track)}`);
    }
  }

  #tell() {
    const rows = this.rows;
    const seen = rows.filter((row) => this.seen.has(row)).length;
    this.count.textContent = `${seen} of ${rows.length} seen`;
    document.getElementById("tab-moments").textContent = `Suspect moments (${suspects.length})`;
  }
}
