"use strict";
// Draws the figures by Vega-Lite, of which charts.py has the charts: this puts in the rows, titles and scales that the
// reader has chosen. All text is set as text or given to Vega as data, never as HTML or as an expression.
{
  const charts = JSON.parse(document.getElementById("charts").textContent);
  const NARROW = 600; // pixels, below which names beside a figure are cut
  const FAR = 20; // lengths of an axis beyond it
  const GREY = "#888888";

  const make = (tag, properties = {}, ...children) => {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
  };
  const firstOf = (mapping) => Object.keys(mapping)[0];

  class Figure {
    constructor(section) {
      this.section = section;
      this.content = JSON.parse(section.querySelector("script").textContent);
      const { columns, rows, choices, x } = this.content;
      this.rows = rows.map((row) => Object.fromEntries(row.map((value, place) => [columns[place], value])));
      this.plot = section.querySelector(".plot");
      this.hidden = new Set();
      this.chosen = Object.fromEntries(choices.map((choice) => [choice.column, firstOf(choice.options)]));
      this.x = firstOf(x);
      this.whole = false;
      this.setLogs();
      this.addControls();
      this.addNumbers();
    }

    get xAxis() {
      return this.content.x[this.x];
    }

    get yAxis() {
      const { y } = this.content;
      return y[this.chosen.metric] ?? y[firstOf(y)];
    }

    get isPlane() {
      return this.content.chart === "plane";
    }

    /** Make axes logarithmic, or not, as suits what is chosen. */
    setLogs() {
      this.log = { x: this.isPlane ? this.xAxis.log : this.yAxis.log, y: this.isPlane && this.yAxis.log };
    }

    /** Return the rows that are shown, with x where the reader wants it, and the looks of their lines. */
    shown() {
      const dark = window.isDark();
      const looks = this.content.lines;
      const isChosen = (row) =>
        Object.entries(this.chosen).every(([column, value]) => row[column] == null || row[column] === value);
      const kept = this.rows.filter((row) => isChosen(row) && !this.hidden.has(row.line));
      return kept.map((row) => {
        const look = looks[row.line];
        const colour = look ? look[dark ? "dark" : "light"] : GREY;
        const x = row[this.x];
        const at = this.isPlane && x != null ? `${this.xAxis.title.replace(/ \(.*/, "")} ${Number(x.toPrecision(4))}` : null;
        return { ...row, x, at, colour, dash: look?.dash ?? [], shape: row.shape ?? look?.shape, angle: row.angle ?? look?.angle ?? 0, size: row.size ?? 55, fill: look?.filled === false ? "transparent" : colour };
      });
    }

    /** Return what can be drawn of rows: on a logarithmic axis nothing that is not positive, and intervals cut there. */
    drawable(rows) {
      const log = this.isPlane ? this.log : { x: false, y: this.log.x };
      const needsX = (row) => this.isPlane && row.part !== "level";
      const needsY = (row) => row.part !== "diverged";
      let kept = rows.filter((row) => (!needsX(row) || row.x != null) && (!needsY(row) || row.value != null));
      if (log.y) {
        kept = kept.filter((row) => !needsY(row) || row.value > 0);
        const floor = Math.min(...kept.flatMap((row) => [row.value, row.low]).filter((value) => value > 0));
        kept = kept.map((row) => (row.low <= 0 && row.low != null ? { ...row, low: floor } : row));
      }
      if (this.ends) {
        // Far beyond the ends, a browser does not read the places of what is cut off any more.
        const [low, high] = [this.ends[0] - FAR * (this.ends[1] - this.ends[0]), this.ends[1] + FAR * (this.ends[1] - this.ends[0])];
        const near = (value) => (value == null ? null : Math.min(Math.max(value, low), high));
        kept = kept.map((row) => ({ ...row, value: near(row.value), low: near(row.low), high: near(row.high) }));
      }
      if (log.x && this.x !== "step") {
        kept = kept.filter((row) => !needsX(row) || row.x > 0);
        kept = kept.map((row) => (row.x_low <= 0 && row.x_low != null ? { ...row, x_low: row.x } : row));
      }
      return kept;
    }

    spec(rows) {
      const spec = structuredClone(charts[this.content.chart]);
      const parts = new Set(rows.map((row) => row.part));
      spec.layer = spec.layer.filter((layer) => parts.has(layer.name.split("-")[0]));
      spec.data = { values: rows };
      spec.autosize = { type: "fit", contains: "padding" };
      spec.height = this.isPlane ? 320 : 60 + 24 * new Set(rows.map((row) => row.line)).size;
      for (const { mark, encoding } of spec.layer) {
        mark.clip = Boolean(this.ends);
        for (const [channel, name] of [["x", "x"], ["y", "y"]]) {
          if (encoding[channel]?.type !== "quantitative") continue;
          Object.assign(encoding[channel], this.isPlane ? this.axis(name, rows) : this.valueAxis(rows));
        }
        if (encoding.y?.type === "nominal") encoding.y.axis = { labelLimit: this.plot.clientWidth < NARROW ? 110 : 260, grid: true };
      }
      return spec;
    }

    /** Return the ends of the y axis where not all is shown. */
    get ends() {
      return this.whole || this.log.y ? null : this.yAxis.ends;
    }

    /** Return title and scale of an axis of a plane. */
    axis(name, rows) {
      const { title } = name === "x" ? this.xAxis : this.yAxis;
      const { scale, axis } = this.scale(this.log[name], rows.flatMap((row) => (name === "x" ? [row.x] : [row.value, row.low, row.high])));
      if (name === "y" && this.ends) Object.assign(scale, { domain: this.ends, nice: false });
      if (name === "x") {
        Object.assign(scale, { padding: 12, nice: false });
        if (["step", "samples", "evaluations"].includes(this.x)) axis.format = ",~r";
        const values = [...new Set(rows.map((row) => row.x).filter((value) => value != null))].sort((a, b) => a - b);
        // Training begins at step 0, which no logarithm has.
        if (this.log.x && this.x === "step") Object.assign(scale, { type: "symlog", constant: values.find((value) => value > 0) ?? 1 });
        if (this.x === "samples" || scale.type === "symlog") axis.values = values;
      }
      return { title, scale, axis };
    }

    /** Return title and scale of the axis of values beside names. */
    valueAxis(rows) {
      return { title: this.yAxis.title, ...this.scale(this.log.x, rows.flatMap((row) => [row.value, row.low, row.high])) };
    }

    /** Return scale and axis for values: of a logarithmic one that spans decades, powers of ten are marked. */
    scale(log, values) {
      const axis = { format: ".6~g", labelOverlap: "greedy", tickCount: 6 };
      if (!log) return { scale: { zero: false, type: "linear" }, axis };
      const logs = values.filter((value) => value > 0).map(Math.log10);
      const [low, high] = [Math.floor(Math.min(...logs)), Math.ceil(Math.max(...logs))];
      if (high - low > 2) {
        const step = Math.ceil((high - low) / 7);
        axis.values = Array.from({ length: Math.floor((high - low) / step) + 1 }, (_, place) => 10 ** (low + step * place));
      }
      return { scale: { type: "log" }, axis };
    }

    config() {
      const { color, borderTopColor, fontFamily } = getComputedStyle(this.plot);
      const axis = { labelColor: color, titleColor: color, gridColor: borderTopColor, domainColor: borderTopColor, tickColor: borderTopColor };
      return {
        aria: false, // the figure is an image with a description, and its numbers are in a table
        background: "transparent",
        font: fontFamily,
        axis: { ...axis, labelFontSize: 12, titleFontSize: 12, titleFontWeight: "normal", titlePadding: 8 },
        view: { stroke: borderTopColor },
      };
    }

    async draw() {
      this.isDrawn = true;
      const rows = this.shown();
      const known = this.drawable(rows);
      if (this.numbers.open) this.fillNumbers();
      this.view?.finalize();
      this.view = null;
      if (known.every((row) => row.part === "diverged")) {
        this.plot.replaceChildren(make("p", { className: "empty" }, rows.length ? "Nothing of this can be drawn on these axes." : "Nothing of this was measured, or no estimator is chosen."));
        return;
      }
      const options = { ast: true, renderer: "svg", actions: false, defaultStyle: false, logLevel: 1, config: this.config(), tooltip: { disableDefaultStyle: true } };
      ({ view: this.view } = await vegaEmbed(this.plot, this.spec(known), options));
    }

    addControls() {
      const bar = this.section.querySelector(".controls");
      const { choices, x, lines } = this.content;
      const titles = Object.fromEntries(Object.entries(x).map(([name, axis]) => [name, axis.title]));
      if (Object.keys(x).length > 1) bar.append(this.select("Against", titles, (value) => { this.x = value; this.setLogs(); }));
      for (const { column, label, options } of choices) {
        bar.append(this.select(label, options, (value) => { this.chosen[column] = value; if (column === "metric") this.setLogs(); }));
      }
      this.boxes = { x: this.box("logarithmic x", (on) => { this.log.x = on; }), y: this.box("logarithmic y", (on) => { this.log.y = on; }) };
      bar.append(this.boxes.x.label, ...(this.isPlane ? [this.boxes.y.label] : []));
      if (Object.values(this.content.y).some((axis) => axis.ends)) bar.append(this.box("whole y axis", (on) => { this.whole = on; }).label);
      bar.append(...["svg", "png"].map((form) => this.saving(form)));
      if (Object.keys(lines).length > 1) bar.append(this.legend(lines));
      this.showLogs();
    }

    showLogs() {
      for (const [name, { box }] of Object.entries(this.boxes)) box.checked = this.log[name];
    }

    select(label, options, set) {
      const field = make("select", {}, ...Object.entries(options).map(([value, text]) => make("option", { value }, text)));
      field.addEventListener("change", () => { set(field.value); this.showLogs(); this.draw(); });
      return make("label", {}, `${label} `, field);
    }

    box(label, set) {
      const box = make("input", { type: "checkbox" });
      box.addEventListener("change", () => { set(box.checked); this.draw(); });
      return { box, label: make("label", {}, box, ` ${label}`) };
    }

    /** Return the choice of lines, which is the legend, too. */
    legend(lines) {
      const fields = Object.keys(lines).map((name) => {
        const { box, label } = this.box(name, (on) => { this.hidden[on ? "delete" : "add"](name); });
        box.checked = true;
        label.prepend(this.swatch(lines[name]));
        return { box, label, name };
      });
      const all = (on) => () => {
        for (const { box, name } of fields) { box.checked = on; this.hidden[on ? "delete" : "add"](name); }
        this.draw();
      };
      const button = (text, on) => { const made = make("button", { type: "button" }, text); made.addEventListener("click", all(on)); return made; };
      const set = make("fieldset", {}, make("legend", {}, "Estimators"), ...fields.map(({ label }) => label));
      if (fields.length > 2) set.append(button("all", true), button("none", false));
      return set;
    }

    swatch(look) {
      const made = make("span", { className: "swatch", ariaHidden: "true" }, look.sign);
      const paint = () => { made.style.color = look[window.isDark() ? "dark" : "light"]; };
      document.addEventListener("colours", paint);
      paint();
      return made;
    }

    saving(form) {
      const button = make("button", { type: "button", className: "save" }, `Save as ${form.toUpperCase()}`);
      button.addEventListener("click", async () => {
        if (!this.view) return;
        const ground = getComputedStyle(this.plot).backgroundColor;
        const href = await this.view.background(ground).runAsync().then((view) => view.toImageURL(form, 2));
        make("a", { href, download: `${this.section.id}.${form}` }).click();
      });
      return button;
    }

    /** Add what is drawn as a table, which is made when it is opened. */
    addNumbers() {
      this.numbers = make("details", {}, make("summary", {}, "The numbers as a table"));
      this.numbers.addEventListener("toggle", () => { if (this.numbers.open) this.fillNumbers(); });
      this.section.querySelector("figure").after(this.numbers);
    }

    fillNumbers() {
      const title = this.section.querySelector("h4").textContent;
      const rows = this.shown().filter((row) => row.said && ["mean", "seed"].includes(row.part) && (!this.isPlane || row.x != null));
      const heads = ["estimator", ...(this.isPlane ? [this.xAxis.title] : []), this.yAxis.title, "of"];
      const lines = rows.map((row) => {
        const line = make("tr", {}, make("th", { scope: "row" }, row.line));
        for (const [text, order] of [...(this.isPlane ? [[String(row.x), row.x]] : []), [row.said, row.value], [row.of ?? "", undefined]]) {
          const cell = make("td", {}, text);
          if (order != null) { cell.dataset.order = order; cell.className = "number"; }
          line.append(cell);
        }
        return line;
      });
      const head = make("tr", {}, ...heads.map((text) => make("th", { scope: "col" }, text)));
      const table = make("table", {}, make("caption", {}, title), make("thead", {}, head), make("tbody", {}, ...lines));
      const box = make("div", { className: "scroll", tabIndex: 0, role: "region", ariaLabel: title }, table);
      this.numbers.replaceChildren(this.numbers.firstElementChild, box);
      window.addTable(table);
    }
  }

  const figures = new Map(Array.from(document.querySelectorAll(".chart"), (section) => [section, new Figure(section)]));
  const later = window.requestIdleCallback ?? ((work) => setTimeout(work, 50));

  // What is seen first is drawn first; the rest when there is time, so that it is there when the page is printed.
  const seen = new IntersectionObserver(
    (entries) => entries.forEach((one) => { if (one.isIntersecting && !figures.get(one.target).isDrawn) figures.get(one.target).draw(); }),
    { rootMargin: "300px" },
  );
  figures.forEach((_, section) => seen.observe(section));
  const drawNext = async () => {
    const next = [...figures.values()].find((figure) => !figure.isDrawn);
    if (!next) {
      document.documentElement.dataset.drawn = "all";
      return;
    }
    await next.draw();
    later(drawNext);
  };
  later(drawNext);
  document.addEventListener("colours", () => figures.forEach((figure) => figure.isDrawn && figure.draw()));
}
