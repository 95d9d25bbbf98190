"use strict";
// What a reader chooses of a figure, and the numbers that it shows, as a table. All text is set as text, never as HTML.
{
  const make = (tag, properties = {}, ...children) => {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
  };

  class Figure extends window.Chart {
    constructor(section) {
      super(section);
      this.addControls();
      this.addNumbers();
    }

    draw() {
      if (this.numbers.open) this.fillNumbers();
      return super.draw();
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
          if (order != null) cell.dataset.order = order;
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
