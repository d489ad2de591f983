"use strict";
(() => {
  const {data: table, element, narrow} = axMo;
  const rowOf = new Map(table.rows.map(row => [row.number, row]));

  // Commands

  const plain = /^[\w@%+=:,.\/-]+$/;
  const quoted = word => plain.test(word) ? word : "'" + word.replaceAll("'", "'\"'\"'") + "'";
  const commandOf = row => table.commands[row.command].split("\0").join((row.overrides || []).map(quoted).join(" "));

  // Copy stands beside the heading: a command may be longer than the panel.
  function commandBox(heading, text, label) {
    const button = element("button", {type: "button", class: "copy", "aria-label": label}, "Copy");
    return element("div", {class: "command"}, element("div", {class: "headed"}, element("h4", {}, heading), button), element("pre", {tabindex: "0"}, element("code", {}, text)));
  }

  // The panel

  const panel = document.getElementById("panel");
  const title = document.getElementById("panel-title");
  const body = document.getElementById("panel-body");
  let cameFrom = null;

  function pairs(names, values, errors) {
    const lines = names.map((name, i) => [name, values && values[i], errors && errors[i]]).filter(line => line[1]);
    return element("table", {}, element("tbody", {}, ...lines.map(([name, value, error]) => element("tr", {},
      element("th", {scope: "row"}, name), element("td", {}, error ? `${value} ± ${error}` : value)))));
  }

  // From what one came for, to what is long.
  function choose(number, opener) {
    const row = rowOf.get(number);
    if (!row) return;
    cameFrom = opener || null;
    title.textContent = `Trial ${row.label}: ${row.status}${row.front ? ", on the front" : ""}`;
    const parts = [];
    const add = (heading, ...content) => parts.push(element("h4", {}, heading), ...content);
    const fold = (heading, ...content) => parts.push(element("details", {}, element("summary", {}, heading), ...content));
    if (row.reason) parts.push(element("p", {class: "note"}, row.reason));
    if (row.short) parts.push(commandBox("Run it again, by its config", row.short, "Copy the command"));
    else parts.push(commandBox("Run it again", commandOf(row), "Copy the exact command"));
    add("Directory", row.href ? element("a", {href: row.href}, row.dir) : row.dir);
    if (row.config) fold("Its whole config", element("pre", {tabindex: "0"}, row.config));
    else if (row.href) parts.push(element("p", {}, element("a", {href: row.href + ".hydra/config.yaml"}, "Its whole config")));
    if (row.short) fold("Its own command", commandBox("As it ran", commandOf(row), "Copy the exact command"));
    const [goals, all] = [table.goals, row.metrics || []];
    if (all.slice(0, goals).some(Boolean)) add("Metrics", pairs(table.metrics.slice(0, goals), all, row.errors));
    if ((row.params || []).some(Boolean)) add("Parameters", pairs(table.params, row.params));
    if (all.slice(goals).some(Boolean)) fold("Other metrics", pairs(table.metrics.slice(goals), all.slice(goals), (row.errors || []).slice(goals)));
    if (row.stderr) fold("The end of its stderr", element("pre", {tabindex: "0"}, row.stderr));
    const told = [row.origin && `from ${row.origin}`, row.attempt > 1 && `attempt ${row.attempt}`, row.started && `started ${row.started} UTC`, row.seconds && `took ${row.seconds} s`];
    parts.push(element("p", {class: "remark"}, told.filter(Boolean).join(", ")));
    if (opener) {
      const back = element("button", {type: "button"}, "Back to the table");
      back.addEventListener("click", () => cameFrom && cameFrom.focus());
      parts.push(back);
    }
    body.replaceChildren(...parts);
    panel.scrollTop = 0;
    mark(number);
    if (opener) {
      panel.focus({preventScroll: true});
      panel.scrollIntoView({block: "nearest"});
    } else if (narrow.matches) {
      panel.scrollIntoView({block: "nearest"});
    }
  }

  function mark(number) {
    axMo.markRow(number);
    const plot = document.getElementById("figure-tradeoff");
    if (!plot || !plot.data) return;
    const places = [], chosen = [];
    plot.data.forEach((trace, index) => {
      if (trace.meta !== "trials") return;
      places.push(index);
      chosen.push((trace.customdata || []).flatMap(([n], i) => n === number ? [i] : []));
    });
    if (places.length) Plotly.restyle(plot, {selectedpoints: chosen, "unselected.marker.opacity": 0.45}, places);
  }

  document.addEventListener("click", event => {
    const opener = event.target.closest("button.trial");
    if (opener) choose(Number(opener.dataset.trial), opener);
  });

  // The table: what decides, what was tried, and the rest

  const metric = (name, i) => ({name, text: row => (row.metrics || [])[i] || ""});
  const metrics = table.metrics.map(metric);
  const columns = [
    {name: "trial", text: row => row.label, key: row => row.number},
    {name: "status", text: row => row.status},
    {name: "front", text: row => row.front ? "front" : ""},
    ...metrics.slice(0, table.goals),
    ...table.params.map((name, i) => ({name, text: row => (row.params || [])[i] || ""})),
    ...metrics.slice(table.goals),
    {name: "seconds", text: row => row.seconds || ""},
    {name: "from", text: row => row.origin || ""},
    {name: "directory", text: row => row.dir, link: row => row.href},
    {name: "reason", text: row => row.reason || ""},
  ];
  axMo.table(columns, table.rows, row => element("button", {type: "button", class: "trial", "data-trial": row.number}, row.label));

  axMo.start(number => choose(number, null));

  // How old the page is, while the study goes on. It stays as it is until the reader reloads it.
  const fresh = document.getElementById("written");
  if (fresh) {
    const age = document.getElementById("age");
    const tell = () => {
      const minutes = Math.floor((Date.now() - Date.parse(fresh.dateTime)) / 60000);
      age.textContent = minutes < 1 ? "" : ` (${minutes < 120 ? `${minutes} minute${minutes === 1 ? "" : "s"}` : `${Math.floor(minutes / 60)} hours`} ago)`;
    };
    tell();
    window.setInterval(tell, 20000);
  }
})();
