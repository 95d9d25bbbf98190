"use strict";
// Draws a figure by Vega-Lite, of which charts.py has the charts: this puts in the rows, titles and scales that are chosen.
// Text is given to Vega as data, never as HTML or as an expression.
{
  const charts = JSON.parse(document.getElementById("charts").textContent);
  const NARROW = 600; // pixels, below which names beside a figure are cut
  const FAR = 20; // lengths of an axis beyond it
  const GREY = "#888888";
  const firstOf = (mapping) => Object.keys(mapping)[0];

  window.Chart = class {
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
      const { scale, axis } = this.scale(this.log.x, rows.flatMap((row) => [row.value, row.low, row.high]));
      return { title: this.yAxis.title, scale: { ...scale, padding: 8 }, axis };
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

    /** Draw what is chosen, once what is being drawn is there: a reader may click faster than that. */
    draw() {
      this.isDrawn = true;
      this.drawing = (this.drawing ?? Promise.resolve()).then(() => this.redraw());
      return this.drawing;
    }

    async redraw() {
      const rows = this.shown();
      const known = this.drawable(rows);
      this.view?.finalize();
      this.view = null;
      if (known.every((row) => row.part === "diverged")) {
        const why = rows.length ? "None of this can be drawn on these axes." : "None of this was measured, or no estimator is chosen.";
        const sentence = Object.assign(document.createElement("p"), { className: "empty", textContent: why });
        this.plot.replaceChildren(sentence);
        return;
      }
      const options = { ast: true, renderer: "svg", actions: false, defaultStyle: false, logLevel: 1, config: this.config(), tooltip: { disableDefaultStyle: true } };
      ({ view: this.view } = await vegaEmbed(this.plot, this.spec(known), options));
    }
  };
}
