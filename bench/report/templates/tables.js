"use strict";
// Tables that are sorted by the buttons in their heads, and filtered by words. All text is set as text, never as HTML.
{
  const FEWEST = 6; // lines from which on a filter is of use

  /** Return what a line is sorted by: the number in `data-order`, or else its text. */
  function keyOf(line, column) {
    const cell = line.cells[column];
    return cell.dataset.order === undefined ? cell.textContent.trim() : Number(cell.dataset.order);
  }

  /** Compare keys; text is sorted as people do, and stands behind numbers in either direction. */
  function compare(one, other, down) {
    if (typeof one !== typeof other) return typeof one === "number" ? -1 : 1;
    const order = typeof one === "number" ? one - other : one.localeCompare(other, "en", { numeric: true });
    return down ? -order : order;
  }

  function sort(table, column, down) {
    const body = table.tBodies[0];
    const lines = Array.from(body.rows, (line) => [keyOf(line, column), line]);
    lines.sort(([one], [other]) => compare(one, other, down));
    body.append(...lines.map(([, line]) => line));
  }

  function addButtons(table) {
    const heads = Array.from(table.tHead.rows[0].cells);
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      head.ariaSort = "none";
      button.addEventListener("click", () => {
        const down = head.ariaSort === "ascending";
        for (const each of heads) each.ariaSort = "none";
        head.ariaSort = down ? "descending" : "ascending";
        sort(table, column, down);
      });
    });
  }

  function addFilter(table) {
    const lines = Array.from(table.tBodies[0].rows);
    if (lines.length < FEWEST) return;
    const label = document.createElement("label");
    const field = document.createElement("input");
    const count = document.createElement("output");
    field.type = "search";
    label.append("Filter lines ", field);
    field.addEventListener("input", () => {
      const words = field.value.toLowerCase().split(/\s+/);
      for (const line of lines) line.hidden = !words.every((word) => line.textContent.toLowerCase().includes(word));
      const shown = lines.filter((line) => !line.hidden).length;
      count.textContent = shown < lines.length ? `${shown} of ${lines.length} lines` : "";
    });
    const bar = document.createElement("p");
    bar.className = "filter";
    bar.append(label, " ", count);
    table.closest(".scroll").before(bar);
  }

  window.addTable = (table) => {
    addButtons(table);
    addFilter(table);
  };
  document.querySelectorAll("table").forEach(window.addTable);
}
