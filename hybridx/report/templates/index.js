"use strict";
(function () {
  const table = document.getElementById("patients");
  const body = table.tBodies[0];
  const rows = Array.from(body.rows);
  const shown = document.getElementById("shown");
  const search = document.getElementById("search");
  const group = document.getElementById("group");
  const wrong = document.getElementById("wrong");

  function key(row, column) {
    const cell = row.cells[column];
    return cell.dataset.sort === undefined ? cell.textContent.trim().toLowerCase() : Number(cell.dataset.sort);
  }
  table.querySelectorAll("th button").forEach(function (button) {
    button.addEventListener("click", function () {
      const head = button.parentElement;
      const column = head.cellIndex;
      const down = head.getAttribute("aria-sort") === "ascending";
      table.querySelectorAll("th[aria-sort]").forEach((h) => h.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      rows.sort(function (a, b) {
        const x = key(a, column), y = key(b, column);
        // no prediction (-1) is neither the lowest nor the highest: last, whichever way
        if (x < 0 !== y < 0) return x < 0 ? 1 : -1;
        const order = typeof x === "number" ? x - y : x.localeCompare(y, undefined, { numeric: true });
        return down ? -order : order;
      });
      body.append(...rows);
    });
  });
  function filter() {
    const words = search.value.trim().toLowerCase();
    let count = 0;
    rows.forEach(function (row) {
      const fits = (!words || row.textContent.toLowerCase().includes(words)) &&
        (!group.value || row.dataset.group === group.value) &&
        (!wrong.value || (wrong.value === "*" ? row.dataset.wrong : row.dataset.wrong.split("|").includes(wrong.value)));
      row.hidden = !fits;
      count += fits ? 1 : 0;
    });
    shown.textContent = table.dataset.shown.replace("{n}", count).replace("{all}", rows.length);
  }
  [search, group, wrong].forEach((control) => control.addEventListener("input", filter));
  filter();
})();
