// Boxes over the picture, and a box that is drawn there by hand. Also: how elements are made.

const SVG = "http://www.w3.org/2000/svg";

/** An element; `on...` are listeners, `class`, `data-...`, `aria-...` and the like attributes. */
function make(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

function makeSvg(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

class Overlay {
  constructor(picture, onSelect) {
    const { width, height } = base.input;
    this.onSelect = onSelect;
    this.shown = true;
    this.selected = null;
    this.drawn = null; // the box of a missed face
    const box = { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none" };
    this.svg = makeSvg("svg", { ...box, class: "overlay" });
    picture.append(this.svg);
    this.svg.addEventListener("pointerdown", (event) => this.#start(event));
    new ResizeObserver(() => this.show(this.frame ?? 0)).observe(this.svg);
  }

  /** Draw the boxes of a frame. */
  show(frame) {
    this.frame = frame;
    this.svg.replaceChildren();
    if (this.shown) {
      for (const track of base.tracks) {
        if (frame < track.first || frame > lastOf(track)) continue;
        const text = `Person ${personOf(track)} · track ${track.number}`;
        this.#face(track.boxes[frame - track.first], decisionOf(track), text, track.number);
      }
      for (const { added } of addedNow()) {
        if (frame >= added.first && frame <= added.last) this.#face(added.box, "added", "added");
      }
    }
    if (this.drawn) this.#face(this.drawn, "drawn", "missed face");
  }

  #face([x1, y1, x2, y2], kind, text, track = null) {
    const scale = base.input.width / Math.max(this.svg.clientWidth, 1);
    const place = { x: x1, y: y1, width: Math.max(x2 - x1, 1), height: Math.max(y2 - y1, 1) };
    const chosen = track !== null && track === this.selected;
    const size = 12 * scale;
    const above = y1 > size * 1.5;
    const group = makeSvg(
      "g",
      { class: `face ${kind}${chosen ? " selected" : ""}` },
      makeSvg("rect", { ...place, class: "halo" }),
      makeSvg("rect", { ...place, class: "box" }),
    );
    const label = { x: x1, y: above ? y1 - size * 0.4 : y2 + size * 1.1, "font-size": size };
    group.append(makeSvg("text", label, text));
    if (track !== null) {
      group.dataset.track = track;
      group.append(makeSvg("title", {}, `${text}: ${kind}`));
    }
    this.svg.append(group);
  }

  /** Let a box be dragged: `onBox([x1, y1, x2, y2])` is told of it, in px of the video. */
  draw(onBox) {
    this.onBox = onBox;
    this.svg.classList.toggle("drawing", onBox !== null);
    if (onBox === null) this.drawn = null;
    this.show(this.frame);
  }

  #start(event) {
    if (event.button !== 0) return;
    event.preventDefault();
    const face = event.target.closest("[data-track]");
    if (!this.onBox) return face && this.onSelect(Number(face.dataset.track));
    const from = this.#point(event);
    this.svg.setPointerCapture(event.pointerId);
    const move = (next) => {
      const to = this.#point(next);
      const [xs, ys] = [
        [from[0], to[0]].sort((a, b) => a - b),
        [from[1], to[1]].sort((a, b) => a - b),
      ];
      this.drawn = [xs[0], ys[0], xs[1], ys[1]];
      this.show(this.frame);
    };
    const stop = () => {
      this.svg.removeEventListener("pointermove", move);
      const [x1, y1, x2, y2] = this.drawn ?? [0, 0, 0, 0];
      if (x2 - x1 > 2 && y2 - y1 > 2) this.onBox(this.drawn);
    };
    this.svg.addEventListener("pointermove", move);
    this.svg.addEventListener("pointerup", stop, { once: true });
  }

  #point(event) {
    const place = this.svg.getBoundingClientRect();
    const { width, height } = base.input;
    const x = Math.round(((event.clientX - place.left) / place.width) * width);
    const y = Math.round(((event.clientY - place.top) / place.height) * height);
    return [clamp(x, 0, width), clamp(y, 0, height)];
  }
}
