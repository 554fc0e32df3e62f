// The form for a face that was missed.

/** A box in a frame, followed to the last one. */
class Adding {
  constructor(form, overlay, player) {
    Object.assign(this, { form, overlay, player });
    const number = (id, text) =>
      make(
        "div",
        { class: "field" },
        make("label", { for: `added-${id}` }, text),
        make("input", { type: "number", id: `added-${id}`, step: "1", required: true }),
      );
    this.problem = make("p", { class: "problem", role: "alert" });
    this.person = make("select", { id: "added-person" });
    form.append(
      make("p", { id: "added-how" }, "Drag a box over the face, or type its corners in px."),
      make(
        "div",
        { class: "fields" },
        ...[
          ["x1", "Left"],
          ["y1", "Top"],
          ["x2", "Right"],
          ["y2", "Bottom"],
        ].map((row) => number(...row)),
        number("first", "From frame"),
        number("last", "To frame"),
        make(
          "div",
          { class: "field" },
          make("label", { for: "added-person" }, "Person"),
          this.person,
        ),
        make("button", { type: "submit", class: "main" }, "Add this face"),
        make("button", { type: "button", onclick: () => this.close() }, "Cancel"),
      ),
      this.problem,
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    form.addEventListener("input", (event) => this.#typed(event.target.id));
    form.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.close();
    });
  }

  get open() {
    return !this.form.hidden;
  }

  /** A box was drawn or typed, and not added yet. */
  get pending() {
    return this.open && ["x1", "y1", "x2", "y2"].some((id) => Number.isInteger(this.#value(id)));
  }

  start(frame) {
    this.player.pause();
    this.player.seek(frame);
    this.form.reset();
    this.problem.textContent = "";
    fillPersons(this.person, null);
    this.#set({ first: frame, last: this.#end(frame) });
    this.form.hidden = false;
    this.overlay.draw((box) => {
      ["x1", "y1", "x2", "y2"].forEach((id, at) => this.#set({ [id]: box[at] }));
      this.#set({ first: this.player.frame });
      if (this.#value("last") < this.player.frame)
        this.#set({ last: this.#end(this.player.frame) });
    });
  }

  close() {
    this.form.hidden = true;
    this.overlay.draw(null);
    document.getElementById("add").focus();
  }

  /** Two seconds on, or where the shot ends before. */
  #end(frame) {
    const cut = suspects.find(
      (suspect) => suspect.why === "cut with faces" && suspect.first > frame,
    );
    const later = Math.floor(frameAt(secondsAt(frame) + 2) + 1e-6);
    return clamp(cut ? Math.min(later, cut.first - 1) : later, frame, LAST_FRAME);
  }

  #set(values) {
    for (const [id, value] of Object.entries(values))
      document.getElementById(`added-${id}`).value = value;
  }

  #value(id) {
    return document.getElementById(`added-${id}`).valueAsNumber;
  }

  #typed(id) {
    const box = ["x1", "y1", "x2", "y2"].map((name) => this.#value(name));
    if (box.every(Number.isInteger)) this.overlay.drawn = box;
    if (id === "added-first" && this.#value("first") >= 0) this.player.seek(this.#value("first"));
    this.overlay.show(this.player.frame);
  }

  #submit() {
    const [x1, y1, x2, y2, first, last] = ["x1", "y1", "x2", "y2", "first", "last"].map((id) =>
      this.#value(id),
    );
    this.problem.textContent = addedProblem([x1, y1, x2, y2], first, last);
    if (this.problem.textContent) return;
    addFace(
      [x1, y1, x2, y2],
      first,
      last,
      this.person.value === NEW ? null : Number(this.person.value),
    );
    this.close();
  }
}

/** Why a face cannot be added, or nothing. */
function addedProblem([x1, y1, x2, y2], first, last) {
  if (![x1, y1, x2, y2].every(Number.isInteger))
    return "Drag a box over the face first, or type all four corners.";
  const { width, height } = base.input;
  if (x1 >= x2 || y1 >= y2 || x2 <= 0 || y2 <= 0 || x1 >= width || y1 >= height) {
    const place = `The box must lie in the picture of ${width} × ${height} px`;
    return `${place}, left before right and top before bottom.`;
  }
  const whole = Number.isInteger(first) && Number.isInteger(last);
  return whole && first >= 0 && first <= last && last <= LAST_FRAME
    ? ""
    : `Frames must lie in 0–${LAST_FRAME}, the first before the last.`;
}
