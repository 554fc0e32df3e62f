// What plays: a video, a GIF that is decoded frame by frame, or a photo. Each has
// `element`, `frame`, `seek(frame)`, `play()`, `pause()`, `paused`, and tells `onFrame(frame)`.

/** The output as a blob where the page carries it, as an address where it lies beside it. */
function outputAddress() {
  if (!page.output.carried) return page.output.address;
  return URL.createObjectURL(new Blob(carriedParts(), { type: page.output.mime }));
}

function carriedParts() {
  const holder = document.getElementById("carried");
  const parts = holder.textContent
    .split("\n")
    .filter(Boolean)
    .map((line) => {
      const bytes = atob(line);
      const part = new Uint8Array(bytes.length);
      for (let at = 0; at < bytes.length; at++) part[at] = bytes.charCodeAt(at);
      return part;
    });
  holder.remove();
  return parts;
}

class VideoPlayer {
  constructor(address, onFrame, onFailure) {
    this.frame = 0;
    this.onFrame = onFrame;
    const video = document.createElement("video");
    // When the first frame is shown. Chromium's clock is the file's; should another browser's
    // start at 0 all the same, its first frame comes sooner and tells.
    this.start = page.output.start;
    this.wanted = null; // by the browser's clock
    this.element = video;
    video.controls = true;
    video.preload = "auto";
    video.playsInline = true;
    video.addEventListener("error", onFailure);
    video.addEventListener("loadedmetadata", () => {
      if (!video.videoWidth) onFailure();
    });
    video.addEventListener("durationchange", () => this.#again());
    if (video.requestVideoFrameCallback) this.#watch();
    else video.addEventListener("timeupdate", () => this.#look());
    video.addEventListener("seeked", () => this.#look());
    this.load(address);
  }

  load(address) {
    this.element.src = address;
  }

  #watch() {
    this.element.requestVideoFrameCallback((_, { mediaTime }) => {
      this.start = Math.min(this.start, mediaTime);
      this.#show(Math.round(frameAt(mediaTime - this.start)));
      this.#watch();
    });
  }

  #look() {
    this.#show(Math.floor(frameAt(this.element.currentTime - this.start) + 1e-6));
  }

  #show(frame) {
    this.frame = frame;
    this.onFrame(frame);
  }

  get paused() {
    return this.element.paused;
  }

  seek(frame) {
    const wanted = clamp(frame, 0, LAST_FRAME);
    this.wanted = middleOf(wanted) + this.start;
    this.element.currentTime = this.wanted;
    this.#show(wanted);
  }

  /** Chromium takes a .mp4 that starts late for shorter than it is until it has read on. */
  #again() {
    const { duration, currentTime, paused } = this.element;
    const cut = this.wanted !== null && paused && currentTime < this.wanted - 0.001;
    if (cut && duration > currentTime + 0.001) this.element.currentTime = this.wanted;
  }

  play() {
    this.wanted = null;
    return this.element.play().catch(() => undefined); // it tells by its error event
  }

  pause() {
    this.element.pause();
  }
}

class GifPlayer {
  constructor(onFrame) {
    this.frame = 0;
    this.onFrame = onFrame;
    this.paused = true;
    this.element = document.createElement("canvas");
    this.element.width = base.input.width;
    this.element.height = base.input.height;
    this.element.setAttribute("role", "img");
    this.element.setAttribute("aria-label", "The output");
    const data = new Blob(carriedParts()).stream();
    this.decoder = new ImageDecoder({ data, type: "image/gif" });
    this.#draw(0);
  }

  async #draw(frame) {
    this.frame = frame;
    this.onFrame(frame);
    try {
      await this.decoder.completed;
      const { image } = await this.decoder.decode({ frameIndex: frame });
      if (this.frame === frame) this.element.getContext("2d").drawImage(image, 0, 0);
      image.close();
    } catch (error) {
      if (error.name !== "AbortError") throw error; // a later frame was asked for
    }
  }

  seek(frame) {
    return this.#draw(clamp(frame, 0, LAST_FRAME));
  }

  play() {
    if (!this.paused) return;
    this.paused = false;
    if (this.frame >= LAST_FRAME) this.seek(0);
    this.element.dispatchEvent(new Event("play"));
    this.#later();
  }

  #later() {
    const left = this.frame < LAST_FRAME ? secondsAt(this.frame + 1) - secondsAt(this.frame) : 0.1;
    this.timer = setTimeout(async () => {
      await this.#draw(this.frame < LAST_FRAME ? this.frame + 1 : 0);
      if (!this.paused) this.#later();
    }, left * 1000);
  }

  pause() {
    clearTimeout(this.timer);
    this.paused = true;
    this.element.dispatchEvent(new Event("pause"));
  }
}

class StillPlayer {
  constructor(address, onFrame, onFailure) {
    this.frame = 0;
    this.onFrame = onFrame;
    this.paused = true;
    this.element = document.createElement("img");
    this.element.alt = "The output";
    this.element.addEventListener("error", onFailure);
    this.load(address);
  }

  load(address) {
    this.element.src = address;
  }

  seek(frame) {
    this.frame = clamp(frame, 0, LAST_FRAME);
    this.onFrame(this.frame);
  }

  play() {}

  pause() {}
}

function makePlayer(onFrame, onFailure) {
  const { kind, carried } = page.output;
  if (kind === "video") return new VideoPlayer(outputAddress(), onFrame, onFailure);
  if (kind === "gif" && carried && "ImageDecoder" in window) return new GifPlayer(onFrame);
  return new StillPlayer(outputAddress(), onFrame, onFailure);
}
