"use strict";
(() => {
  const {data, element} = axMo;
  const title = row => `${data.studies[row.study]}: trial ${row.label}`;
  const columns = [
    {name: "trial", text: title, key: row => row.number},
    {name: "front of all", text: row => row.front ? "front" : ""},
    ...data.metrics.map((name, i) => ({name, text: row => row.metrics[i]})),
    {name: "overrides", text: row => row.overrides.join(" ")},
    {name: "directory", text: row => row.dir, link: row => row.href},
  ];
  axMo.table(columns, data.rows, row => element("span", {}, title(row)));

  // The row of a point that was clicked comes to the middle of the table, and the table into sight.
  function choose(number) {
    axMo.markRow(number);
    const row = document.querySelector(`#table tr[data-number="${number}"]`);
    if (!row) return;
    if (row.hidden) {
      document.getElementById("only-front").checked = false;
      document.getElementById("search").value = "";
      document.getElementById("search").dispatchEvent(new Event("input"));
    }
    row.scrollIntoView({block: "center"});
  }

  axMo.start(choose);
})();
