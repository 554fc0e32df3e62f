// What the timeline draws: a ruler, the suspect moments, a row a person. Only what shows is drawn.

const ROW = 26;
const GUTTER = 92;
const RULER = 22;
const ROW_PX_LEAST = 3; // a narrower bar could not be seen or clicked
const ORDER = ["surrogate", "pasted", "fallback", "original"]; // the later lies over the earlier
const STEPS = [0.04, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200];

/** Where frames lie, and their bars; the window is `from` to `to`, in frames. */
class Bars {
  get across() {
    return Math.max(this.slider.clientWidth - GUTTER - 12, 50);
  }

  x(frame) {
    return GUTTER + ((frame - this.from) / (this.to - this.from)) * this.across;
  }

  frameOf(x) {
    const share = clamp((x - GUTTER) / this.across, 0, 1);
    return clamp(Math.floor(this.from + share * (this.to - this.from)), 0, LAST_FRAME);
  }

  drawHead() {
    this.head.replaceChildren();
    const [start, end] = [
      secondsAt(Math.floor(this.from)),
      secondsAt(Math.min(Math.ceil(this.to), LAST_FRAME)),
    ];
    const step = STEPS.find((s) => (this.across * s) / Math.max(end - start, 1e-6) > 86) ?? 7200;
    for (let at = Math.ceil(start / step) * step; at <= end + 1e-9; at += step) {
      const x = this.x(frameAt(at));
      const text = timecode(at).slice(at >= 3600 || end >= 3600 ? 0 : 3, step < 1 ? undefined : -4);
      this.head.append(
        makeSvg("line", { x1: x, x2: x, y1: RULER - 6, y2: RULER + ROW, class: "tick" }),
        makeSvg("text", { x: x + 3, y: RULER - 8, class: "time" }, text),
      );
    }
    this.head.append(makeSvg("text", { x: 10, y: RULER + 17, class: "label" }, "Suspect"));
    const drawn = new Set();
    for (const row of this.longestFirst) {
      const suspect = suspects[row];
      if (suspect.last < this.from || suspect.first > this.to) continue;
      const [left, right] = this.span(suspect.first, suspect.last, 7);
      const place = `${Math.round(left)} ${Math.round(right)}`;
      if (drawn.has(place) && row !== this.current) continue;
      drawn.add(place);
      const mark = makeSvg("rect", {
        x: left,
        y: RULER + 5,
        width: right - left,
        height: ROW - 10,
        rx: 2,
        class: `suspect${row === this.current ? " current" : ""}`,
        "data-suspect": row,
      });
      mark.append(makeSvg("title", {}, `${suspect.timecode} ${WHY[suspect.why]}`));
      this.head.append(mark);
    }
  }

  span(first, last, least = ROW_PX_LEAST) {
    const left = clamp(this.x(first), GUTTER, GUTTER + this.across);
    return [left, Math.max(clamp(this.x(last + 1), GUTTER, GUTTER + this.across), left + least)];
  }

  drawRows() {
    const [top, height] = [this.scroll.scrollTop, this.scroll.clientHeight];
    const first = Math.floor(top / ROW);
    const last = Math.min(this.rows.length, Math.ceil((top + height) / ROW) + 1);
    this.body.setAttribute("height", Math.max(last - first, 1) * ROW);
    this.body.style.transform = `translateY(${first * ROW}px)`;
    this.body.replaceChildren();
    for (let row = first; row < last; row++)
      this.body.append(this.row(this.rows[row], (row - first) * ROW));
    if (!this.rows.length)
      this.body.append(makeSvg("text", { x: 10, y: 17, class: "label" }, "No face was found."));
    this.mark();
  }

  row({ label, tracks, added = [] }, y) {
    const group = makeSvg(
      "g",
      { transform: `translate(0 ${y})` },
      makeSvg("line", { x1: 0, x2: "100%", y1: ROW - 0.5, y2: ROW - 0.5, class: "rule" }),
      makeSvg("text", { x: 10, y: 17, class: "label" }, label),
    );
    for (const { first, last } of added) {
      if (last < this.from || first > this.to) continue;
      const [left, right] = this.span(first, last);
      group.append(
        makeSvg("rect", {
          x: left,
          y: 5,
          width: right - left,
          height: ROW - 10,
          rx: 2,
          class: "bar added",
        }),
      );
    }
    const skipped = { key: "", right: -1 };
    for (const track of tracks) {
      if (lastOf(track) < this.from || track.first > this.to) continue;
      group.append(this.bar(track, skipped));
    }
    return group;
  }

  bar(track, skipped) {
    const [left, right] = this.span(track.first, lastOf(track));
    const bar = makeSvg(
      "g",
      { class: `bar ${decisionOf(track)}`, "data-track": track.number },
      makeSvg(
        "title",
        {},
        `Track ${track.number}: ${timecode(secondsAt(track.first))}, ` +
          `${decisionOf(track)}, ${coverageText(track)}`,
      ),
      makeSvg("rect", {
        x: left,
        y: 5,
        width: right - left,
        height: ROW - 10,
        rx: 2,
        class: "ground",
      }),
    );
    const runs = [...track.coverage].sort(
      (a, b) => ORDER.indexOf(a[0]) - ORDER.indexOf(b[0]) || a[1] - b[1],
    );
    for (const [how, first, last] of runs) {
      if (last < this.from || first > this.to) continue;
      const [x1, x2] = this.span(first, last, 2);
      const hidden = x2 <= skipped.right && x1 >= skipped.left; // under the last
      if (skipped.key === how && hidden) continue;
      Object.assign(skipped, { key: how, left: x1, right: x2 });
      bar.append(
        makeSvg("rect", { x: x1, y: 5, width: x2 - x1, height: ROW - 10, class: `run ${how}` }),
      );
    }
    bar.append(
      makeSvg("rect", {
        x: left,
        y: 4.5,
        width: right - left,
        height: ROW - 9,
        rx: 2.5,
        class: "edge",
      }),
    );
    const mark = isChanged(track) ? "✎ " : "";
    const decision = decisionOf(track) === "replace" ? "" : ` ${decisionOf(track)}`;
    const text = `${mark}${track.number}${decision}`;
    if (right - left > 9 + 7 * text.length)
      bar.append(makeSvg("text", { x: left + 5, y: 17.5, class: "number" }, text));
    return bar;
  }

  mark() {
    for (const bar of this.body.querySelectorAll(".bar[data-track]")) {
      bar.classList.toggle("selected", Number(bar.dataset.track) === this.selected);
    }
  }

  drawOverview() {
    const width = Math.max(this.overview.clientWidth, 10);
    const x = (frame) => (frame / base.input.frames) * width;
    this.overview.replaceChildren(
      makeSvg("rect", { x: 0, y: 6, width, height: 4, rx: 2, class: "whole" }),
    );
    let drawn = -2;
    for (const suspect of suspects) {
      const at = Math.round(x(suspect.first));
      if (at > drawn + 1)
        this.overview.append(
          makeSvg("rect", { x: at, y: 2, width: 2, height: 12, class: "suspect" }),
        );
      drawn = Math.max(at, drawn);
    }
    this.overview.append(
      makeSvg("rect", {
        x: x(this.from) + 1,
        y: 1,
        rx: 3,
        height: 14,
        width: Math.max(x(this.to) - x(this.from) - 2, 6),
        class: "window",
      }),
    );
  }
}

/** The patterns that tell coverage besides its colour. */
function patterns() {
  const pattern = (id, ...shapes) =>
    makeSvg(
      "pattern",
      { id, width: 6, height: 6, patternUnits: "userSpaceOnUse" },
      makeSvg("rect", { width: 6, height: 6, class: "paper" }),
      ...shapes,
    );
  const stripes = makeSvg("path", { d: "M-1 1l2-2M0 6l6-6M5 7l2-2", class: "ink" });
  const dots = [
    [1.5, 1.5],
    [4.5, 4.5],
  ].map(([cx, cy]) => makeSvg("circle", { cx, cy, r: 1.1, class: "ink" }));
  return makeSvg(
    "svg",
    { width: 0, height: 0, class: "patterns", "aria-hidden": "true" },
    makeSvg("defs", {}, pattern("pasted-pattern", stripes), pattern("fallback-pattern", ...dots)),
  );
}
