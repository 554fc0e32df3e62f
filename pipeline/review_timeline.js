// The timeline: what it shows, where its playhead is, and how it is used by mouse and keys.

class Timeline extends Bars {
  constructor(holder, { onSeek, onSelect, onSuspect }) {
    super();
    Object.assign(this, { onSeek, onSelect, onSuspect });
    this.frame = 0;
    this.selected = null;
    this.current = null; // the suspect moment
    this.from = 0;
    this.to = base.input.frames;
    const length = (row) => suspects[row].last - suspects[row].first;
    this.longestFirst = [...suspects.keys()].sort((a, b) => length(b) - length(a));
    this.head = makeSvg("svg", { class: "ruler", height: RULER + ROW, "aria-hidden": "true" });
    this.body = makeSvg("svg", { class: "rows", "aria-hidden": "true" });
    this.space = make("div", { class: "space" }, this.body);
    this.scroll = make("div", { class: "scroll", onscroll: () => this.drawRows() }, this.space);
    this.overview = makeSvg("svg", { class: "overview", height: 16, "aria-hidden": "true" });
    this.playhead = make("div", { class: "playhead" });
    this.slider = make(
      "div",
      {
        class: "lines",
        tabindex: "0",
        role: "slider",
        id: "playhead",
        "aria-label": "Playhead",
        "aria-valuemin": "0",
        "aria-valuemax": LAST_FRAME,
        onkeydown: (event) => this.#key(event),
      },
      this.head,
      this.scroll,
      this.playhead,
    );
    const zoom = make(
      "div",
      { class: "zoom" },
      make(
        "button",
        { type: "button", onclick: () => this.zoom(0.5), "aria-label": "Zoom in", title: "+" },
        "+",
      ),
      make(
        "button",
        { type: "button", onclick: () => this.zoom(2), "aria-label": "Zoom out", title: "−" },
        "−",
      ),
      make(
        "button",
        { type: "button", onclick: () => this.window(0, base.input.frames), title: "0" },
        "All",
      ),
    );
    holder.append(patterns(), this.slider, make("div", { class: "bottom" }, zoom, this.overview));
    this.#listen();
    this.regroup();
    new ResizeObserver(() => this.draw()).observe(this.slider);
  }

  /** Put each track into the row of the person it has now. */
  regroup() {
    const rows = new Map();
    for (const track of base.tracks) {
      const person = personOf(track);
      if (!rows.has(person)) rows.set(person, { label: `Person ${person}`, tracks: [] });
      rows.get(person).tracks.push(track);
    }
    this.rows = [...rows.values()].map((row) => ({
      ...row,
      first: Math.min(...row.tracks.map((t) => t.first)),
    }));
    this.rows.sort((a, b) => a.first - b.first);
    const added = addedNow().map((entry) => entry.added);
    if (added.length) this.rows.unshift({ label: "Added", tracks: [], added });
    this.draw();
  }

  draw() {
    this.space.style.height = `${Math.max(this.rows.length, 1) * ROW}px`;
    this.drawHead();
    this.drawRows();
    this.drawOverview();
    this.show(this.frame);
  }

  /** Move the playhead, and the window with it where it leaves it. */
  show(frame) {
    this.frame = frame;
    const x = this.x(frame + 0.5);
    this.playhead.style.transform = `translateX(${x}px)`;
    this.playhead.hidden = x < GUTTER || x > GUTTER + this.across + 1;
    this.slider.setAttribute("aria-valuenow", frame);
    this.slider.setAttribute("aria-valuetext", `${timecode(secondsAt(frame))}, frame ${frame}`);
    this.mark();
  }

  follow(frame) {
    if (frame >= this.from && frame < this.to) return;
    const span = this.to - this.from;
    this.window(frame - span * 0.1, frame + span * 0.9);
  }

  zoom(factor, around = this.frame) {
    const span = clamp(
      (this.to - this.from) * factor,
      Math.min(10, base.input.frames),
      base.input.frames,
    );
    const share = clamp((around - this.from) / (this.to - this.from), 0, 1);
    this.window(around - span * share, around + span * (1 - share));
  }

  window(from, to) {
    const span = Math.min(to - from, base.input.frames);
    this.from = clamp(from, 0, base.input.frames - span);
    this.to = this.from + span;
    this.draw();
  }

  /** Scroll to a track's row. */
  reveal(number) {
    this.selected = number;
    const row = this.rows.findIndex((r) => r.tracks.some((track) => track.number === number));
    const [top, height] = [row * ROW, this.scroll.clientHeight];
    if (row >= 0 && (top < this.scroll.scrollTop || top + ROW > this.scroll.scrollTop + height)) {
      this.scroll.scrollTop = top - height / 2;
    }
    this.drawRows();
  }

  #listen() {
    const place = (event, svg) => event.clientX - svg.getBoundingClientRect().left;
    this.slider.addEventListener("pointerdown", (event) => {
      const { suspect, track } =
        event.target.closest("[data-suspect], [data-track]")?.dataset ?? {};
      if (event.button !== 0 || place(event, this.slider) < GUTTER) return;
      if (suspect !== undefined) return this.onSuspect(Number(suspect));
      this.onSeek(this.frameOf(place(event, this.slider)));
      if (track !== undefined) this.onSelect(Number(track));
    });
    this.head.addEventListener("pointermove", (event) => {
      if (event.buttons & 1) this.onSeek(this.frameOf(place(event, this.slider)));
    });
    this.slider.addEventListener(
      "wheel",
      (event) => {
        if (!event.ctrlKey && !event.shiftKey) return;
        event.preventDefault();
        const span = this.to - this.from;
        if (event.ctrlKey)
          this.zoom(event.deltaY > 0 ? 1.25 : 0.8, this.frameOf(place(event, this.slider)));
        else
          this.window(
            this.from + Math.sign(event.deltaY || event.deltaX) * span * 0.1,
            this.to + Math.sign(event.deltaY || event.deltaX) * span * 0.1,
          );
      },
      { passive: false },
    );
    const move = (event) => {
      if (!(event.buttons & 1)) return;
      const middle = (place(event, this.overview) / this.overview.clientWidth) * base.input.frames;
      const half = (this.to - this.from) / 2;
      this.window(middle - half, middle + half);
    };
    this.overview.addEventListener("pointerdown", move);
    this.overview.addEventListener("pointermove", move);
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const second = Math.max(Math.round(frameAt(secondsAt(this.frame) + 1) - this.frame), 1);
    const seek = {
      PageUp: -10 * second,
      PageDown: 10 * second,
      Home: -this.frame,
      End: LAST_FRAME - this.frame,
    };
    const acts = {
      "+": () => this.zoom(0.5),
      "-": () => this.zoom(2),
      0: () => this.window(0, base.input.frames),
      ArrowUp: () => this.#step(-1),
      ArrowDown: () => this.#step(1),
    };
    if (event.key in seek) this.onSeek(this.frame + seek[event.key]);
    else if (event.key in acts) acts[event.key]();
    else return;
    event.preventDefault();
  }

  #step(by) {
    const all = this.rows.flatMap((row) => row.tracks);
    const at = all.findIndex((track) => track.number === this.selected);
    const next = all[clamp(at + by, 0, all.length - 1)];
    if (next) this.onSelect(next.number, true);
  }
}
