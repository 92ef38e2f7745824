// Shows a log of any length: only the rows that can be seen are in the page,
// and only windows around them are fetched. The server reads the colours and
// sends parts of text with names of classes; text is only ever set as text.

const ROW = 20; // px, as in build.css
const WINDOW = 400; // lines per request
const KEPT = 24; // windows in memory
const TALLEST = 12_000_000; // px; browsers cut off much taller elements

const root = document.querySelector("[data-log]");

const make = (tag, name, text) => {
  const node = document.createElement(tag);
  if (name) node.className = name;
  if (text !== undefined) node.textContent = text;
  return node;
};

const span = (ms) => {
  const s = Math.floor(ms / 1000);
  if (s < 60) return `${(ms / 1000).toFixed(1)} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  return `${Math.floor(s / 3600)} h ${Math.floor(s / 60) % 60} min`;
};

const getJson = async (url) => {
  const answer = await fetch(url, { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error(String(answer.status));
  return answer.json();
};

// Which row shows what: each step has a head and, unless it is folded, lines.
class Rows {
  sections = [];
  starts = [0];
  folded = new Set();

  set(outline, total) {
    const steps = outline.steps.filter((step) => step.first < total);
    this.sections = steps.map((step, i) => ({
      ...step,
      key: `${i} ${step.name}`,
      end: i + 1 < steps.length ? steps[i + 1].first : total,
    }));
    if (steps.length === 0 || steps[0].first > 0) {
      const end = steps.length ? steps[0].first : total;
      this.sections.unshift({ key: "", name: "", first: 0, end, errors: 0 });
    }
    this.count();
  }

  count() {
    this.starts = [0];
    for (const part of this.sections) {
      const lines = this.folded.has(part.key) ? 0 : part.end - part.first;
      this.starts.push(this.starts.at(-1) + lines + (part.name ? 1 : 0));
    }
  }

  get length() {
    return this.starts.at(-1);
  }

  // The last section whose start is at most `at`, by `of`.
  static find(count, of, at) {
    let [low, high] = [0, count - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (of(middle) <= at) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  at(row) {
    const i = Rows.find(this.sections.length, (n) => this.starts[n], row);
    const part = this.sections[i];
    const inside = row - this.starts[i] - (part.name ? 1 : 0);
    return inside < 0 ? { part } : { part, line: part.first + inside };
  }

  partOf(line) {
    return Rows.find(this.sections.length, (n) => this.sections[n].first, line);
  }

  rowOf(line) {
    const i = this.partOf(line);
    const part = this.sections[i];
    return this.starts[i] + (part.name ? 1 : 0) + (line - part.first);
  }

  fold(part, on) {
    if (on) this.folded.add(part.key);
    else this.folded.delete(part.key);
    this.count();
  }

  foldAll(on) {
    this.folded = new Set(on ? this.sections.filter((p) => p.name).map((p) => p.key) : []);
    this.count();
  }
}

// Windows of lines, the last used ones.
class Lines {
  windows = new Map();
  asked = new Set();

  constructor(url, arrived) {
    this.url = url;
    this.arrived = arrived;
  }

  get(line) {
    const n = Math.floor(line / WINDOW);
    const found = this.windows.get(n);
    if (!found) return undefined;
    this.windows.delete(n);
    this.windows.set(n, found);
    return found.get(line);
  }

  has(line) {
    return this.windows.has(Math.floor(line / WINDOW));
  }

  async ask(line, end) {
    const n = Math.floor(line / WINDOW);
    if (this.asked.has(n)) return;
    this.asked.add(n);
    try {
      // A window of very long lines comes in several answers.
      const lines = new Map();
      let from = n * WINDOW;
      const until = Math.min(from + WINDOW, end);
      let total = end;
      while (from < until) {
        const answer = await getJson(`${this.url}/lines?from=${from}&count=${(n + 1) * WINDOW - from}`);
        total = answer.total;
        for (const one of answer.lines) lines.set(one.n, one);
        if (answer.lines.length === 0) break;
        from = answer.lines.at(-1).n + 1;
      }
      this.windows.set(n, lines);
      if (this.windows.size > KEPT) this.windows.delete(this.windows.keys().next().value);
      this.arrived(total);
    } catch {
      // The server restarts or the network is away: scrolling asks again.
    } finally {
      this.asked.delete(n);
    }
  }

  // What is known of line `from` and after it is no longer all.
  forget(from) {
    for (const n of [...this.windows.keys()]) {
      if ((n + 1) * WINDOW > from) this.windows.delete(n);
    }
  }
}

class Viewer {
  total = 0;
  hits = [];
  hitCount = 0;
  hit = -1;
  marked = -1;
  stick = false;
  drawing = false;

  constructor(outline) {
    this.url = root.dataset.log;
    this.outline = outline;
    this.total = outline.lines;
    this.rows = new Rows();
    this.rows.set(outline, this.total);
    this.lines = new Lines(this.url, (total) => this.grow(total));
    this.box = make("div", "console log-view");
    this.box.tabIndex = 0;
    this.box.setAttribute("role", "region");
    this.box.setAttribute("aria-label", "Lines of the log");
    this.sizer = make("div", "log-sizer");
    this.sheet = make("div", "log-sheet");
    this.sizer.append(this.sheet);
    this.box.append(this.sizer);
    root.querySelector("[data-plain]").replaceWith(this.box);
    this.box.addEventListener("scroll", () => this.scrolled(), { passive: true });
    new ResizeObserver(() => this.draw()).observe(this.box);
    this.sheet.addEventListener("click", (event) => this.clicked(event));
  }

  // Geometry. Where all rows do not fit the tallest element, the scroll bar's
  // way is mapped onto them.
  get height() {
    return Math.min(this.rows.length * ROW, TALLEST);
  }
  get seen() {
    return this.box.clientHeight / ROW;
  }
  get way() {
    return Math.max(this.height - this.box.clientHeight, 0);
  }
  get top() {
    if (this.height < TALLEST) return this.box.scrollTop / ROW;
    return (this.box.scrollTop / this.way) * (this.rows.length - this.seen);
  }

  scrollToRow(row) {
    const first = Math.max(0, Math.min(row, this.rows.length - this.seen));
    const way = this.height < TALLEST ? first * ROW : (first / (this.rows.length - this.seen)) * this.way;
    this.sizer.style.height = `${this.height}px`;
    this.box.scrollTop = way;
    this.draw();
  }

  scrolled() {
    const atEnd = this.box.scrollTop >= this.way - ROW;
    if (this.live && this.stick !== atEnd) this.setStick(atEnd);
    this.draw();
  }

  draw() {
    if (this.drawing) return;
    this.drawing = true;
    requestAnimationFrame(() => {
      this.drawing = false;
      this.drawNow();
    });
  }

  drawNow() {
    this.sizer.style.height = `${this.height}px`;
    const top = Math.max(0, this.top);
    const first = Math.floor(top);
    const last = Math.min(this.rows.length, Math.ceil(top + this.seen) + 2);
    const nodes = [];
    let missing;
    for (let row = first; row < last; row += 1) {
      const { part, line } = this.rows.at(row);
      if (line === undefined) {
        nodes.push(this.head(part));
      } else {
        if (!this.lines.has(line)) missing ??= line;
        nodes.push(this.line(line, this.lines.get(line)));
      }
    }
    const focused = this.sheet.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
    this.sheet.replaceChildren(...nodes);
    this.sheet.style.transform = `translateY(${this.box.scrollTop - (top - first) * ROW}px)`;
    if (focused) this.sheet.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
    if (missing !== undefined) this.load(missing, last);
  }

  // While somebody drags the scroll bar, what flies past is not fetched.
  load(line, last) {
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => {
      this.lines.ask(line, this.total);
      const end = this.rows.at(Math.max(0, last - 1)).line;
      if (end !== undefined && !this.lines.has(end)) this.lines.ask(end, this.total);
    }, this.loaded ? 40 : 0);
    this.loaded = true;
  }

  head(part) {
    const node = make("div", "ln step");
    const button = make("button", "fold");
    const open = !this.rows.folded.has(part.key);
    button.type = "button";
    button.dataset.key = part.key;
    button.setAttribute("aria-expanded", String(open));
    button.append(make("span", "mark", open ? "▾" : "▸"), make("span", "name", part.name));
    node.append(button, make("span", "took", span(Math.max(0, part.ended - part.began))));
    node.append(make("span", "took", `${(part.end - part.first).toLocaleString("en")} lines`));
    if (part.errors) node.append(make("span", "bad", part.errors === 1 ? "1 error line" : `${part.errors.toLocaleString("en")} error lines`));
    return node;
  }

  line(number, found) {
    let name = "ln";
    if (found?.s) name += ` ${found.s}`;
    if (number === this.marked) name += " marked";
    if (this.hitSet?.has(number)) name += " hit";
    const node = make("div", name);
    const link = make("a", "no", String(number + 1));
    link.href = `#L${number + 1}`;
    if (found) link.title = new Date(found.t).toISOString();
    const text = make("span", "tx");
    for (const [part, look] of found?.p ?? []) {
      text.append(look ? make("span", look, part) : document.createTextNode(part));
    }
    if (found?.cut) text.append(make("em", "cut", " … cut, see the download"));
    node.append(link, text);
    return node;
  }

  clicked(event) {
    const button = event.target.closest("button.fold");
    if (!button) return;
    const part = this.rows.sections.find((one) => one.key === button.dataset.key);
    this.rows.fold(part, button.getAttribute("aria-expanded") === "true");
    this.draw();
  }

  // Brings a line into view, opens its step and marks it.
  go(line, mark = true) {
    const number = Math.max(0, Math.min(line, this.total - 1));
    this.setStick(false);
    const part = this.rows.sections[this.rows.partOf(number)];
    if (this.rows.folded.has(part.key)) this.rows.fold(part, false);
    if (mark) this.marked = number;
    this.scrollToRow(this.rows.rowOf(number) - Math.floor(this.seen / 3));
  }

  grow(total) {
    if (total > this.total) {
      this.total = total;
      this.rows.set(this.outline, total);
    }
    if (this.stick) this.scrollToRow(this.rows.length);
    this.draw();
  }

  setStick(on) {
    this.stick = on;
    root.querySelector("[data-stick]")?.setAttribute("aria-pressed", String(on));
    if (on) this.scrollToRow(this.rows.length);
  }

  // A running build.
  watch() {
    this.live = true;
    const button = root.querySelector("[data-stick]");
    button?.addEventListener("click", () => this.setStick(!this.stick));
    const source = new EventSource(`${this.url}/follow`);
    source.addEventListener("size", (event) => this.news(JSON.parse(event.data)));
    source.addEventListener("end", async (event) => {
      source.close();
      const data = JSON.parse(event.data);
      await this.news(data);
      this.live = false;
      button?.remove();
      const pill = document.querySelector("[data-status]");
      if (pill) {
        pill.textContent = data.status;
        pill.className = `pill ${data.status}`;
      }
    });
  }

  async news({ lines }) {
    if (lines <= this.known) return;
    this.lines.forget(this.known ?? this.total);
    this.known = lines;
    this.outline = await getJson(`${this.url}/outline`).catch(() => this.outline);
    this.total = Math.max(lines, this.outline.lines);
    this.rows.set(this.outline, this.total);
    this.errors();
    if (this.stick) this.scrollToRow(this.rows.length);
    this.draw();
  }

  // Errors: the button goes from one to the next.
  errors() {
    let button = root.querySelector("[data-error]");
    const { errors, error_lines: lines } = this.outline;
    if (!button && errors > 0) {
      button = make("a", "button danger");
      button.dataset.error = "";
      root.querySelector(".log-actions").prepend(button);
    }
    if (!button) return;
    button.href = `#L${lines[0] + 1}`;
    if (this.error === undefined) {
      button.textContent = errors === 1 ? "Go to the error line" : `First of ${errors.toLocaleString("en")} error lines`;
    }
    button.onclick = (event) => {
      event.preventDefault();
      this.error = this.error === undefined ? 0 : (this.error + 1) % lines.length;
      button.textContent = `Error ${this.error + 1} of ${errors.toLocaleString("en")}`;
      history.replaceState(null, "", `#L${lines[this.error] + 1}`);
      this.go(lines[this.error]);
    };
  }

  // Search: the server looks through part after part.
  search(form) {
    const field = form.elements.q;
    let wait;
    field.addEventListener("input", () => {
      clearTimeout(wait);
      wait = setTimeout(() => this.find(field.value), 250);
    });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (field.value !== this.needle) this.find(field.value);
      else this.step(1);
    });
    field.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && event.shiftKey) {
        event.preventDefault();
        this.step(-1);
      }
    });
    form.querySelector("[data-next]").addEventListener("click", () => this.step(1));
    form.querySelector("[data-previous]").addEventListener("click", () => this.step(-1));
  }

  async find(needle) {
    this.needle = needle;
    this.hits = [];
    this.hitSet = new Set();
    this.hitCount = 0;
    this.hit = -1;
    this.say(needle ? "Searching…" : "");
    this.draw();
    if (!needle) return;
    let from = 0;
    while (from !== null) {
      const url = `${this.url}/search?q=${encodeURIComponent(needle)}&from=${from}`;
      const found = await getJson(url).catch(() => null);
      if (this.needle !== needle) return;
      if (!found) {
        this.say("The search did not work.");
        return;
      }
      this.hitCount += found.count;
      for (const line of found.lines) {
        if (this.hits.length >= 50_000) break;
        this.hits.push(line);
        this.hitSet.add(line);
      }
      from = found.next;
      if (this.hit < 0 && this.hits.length > 0) this.step(1);
      else this.tell(from !== null);
    }
    this.tell(false);
  }

  step(by) {
    if (this.hits.length === 0) return;
    this.hit = (this.hit + by + this.hits.length) % this.hits.length;
    this.go(this.hits[this.hit]);
    this.tell(false);
  }

  tell(more) {
    const count = `${this.hitCount.toLocaleString("en")}${more ? "+" : ""}`;
    if (this.hitCount === 0) this.say(more ? "Searching…" : "Nothing found");
    else this.say(`${(this.hit + 1).toLocaleString("en")} of ${count}`);
  }

  say(text) {
    root.querySelector("[data-hits]").textContent = text;
  }

  jumpToHash() {
    const found = /^#L(\d+)$/.exec(location.hash);
    if (found) this.go(Number(found[1]) - 1);
    return Boolean(found);
  }

  start() {
    const fold = root.querySelector("[data-fold]");
    fold.disabled = false;
    fold.addEventListener("click", () => {
      const on = this.rows.folded.size === 0;
      this.rows.foldAll(on);
      fold.textContent = on ? "Unfold all" : "Fold all";
      this.draw();
    });
    this.search(root.querySelector(".log-search"));
    this.errors();
    addEventListener("hashchange", () => this.jumpToHash());
    const named = new URLSearchParams(location.search).get("line");
    if (this.outline.live) this.watch();
    if (!this.jumpToHash()) {
      if (named) this.go(Number(named) - 1);
      else if (this.outline.live) this.setStick(true);
      else if (this.outline.errors > 0) this.go(this.outline.error_lines[0], false);
    }
    this.draw();
  }
}

if (root) {
  const begin = (outline) => new Viewer(outline).start();
  getJson(`${root.dataset.log}/outline`).then((outline) => {
    if (outline.lines > 0) begin(outline);
    else if (outline.live) {
      const source = new EventSource(`${root.dataset.log}/follow`);
      source.addEventListener("size", (event) => {
        if (JSON.parse(event.data).lines === 0) return;
        source.close();
        getJson(`${root.dataset.log}/outline`).then(begin);
      });
      source.addEventListener("end", () => location.reload());
    }
  });
}
