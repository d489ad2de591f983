"use strict";
(() => {
  const table = JSON.parse(document.getElementById("data-trials").textContent);
  const figures = JSON.parse(document.getElementById("data-figures").textContent);
  const rowOf = new Map(table.rows.map(row => [row.number, row]));
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const narrow = window.matchMedia("(max-width: 600px)");

  // Elements are made of text nodes alone: nothing that a trial returned is ever read as HTML.
  function element(name, attributes = {}, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  }

  // Commands

  const plain = /^[\w@%+=:,.\/-]+$/;
  const quoted = word => plain.test(word) ? word : "'" + word.replaceAll("'", "'\"'\"'") + "'";
  const commandOf = row => table.commands[row.command].split("\0").join((row.overrides || []).map(quoted).join(" "));

  async function copy(text) {
    // Pages from a disk may have no clipboard, or one that refuses.
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      const area = element("textarea", {readonly: "", style: "position:fixed;top:0;left:0;opacity:0"});
      area.value = text;
      document.body.append(area);
      area.select();
      try {
        return document.execCommand("copy");
      } finally {
        area.remove();
      }
    }
  }

  function commandBox(text, label) {
    const button = element("button", {type: "button", class: "copy", "aria-label": label}, "Copy");
    return element("div", {class: "command"}, element("pre", {}, element("code", {}, text)), button);
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

  function choose(number, opener) {
    const row = rowOf.get(number);
    if (!row) return;
    cameFrom = opener || null;
    title.textContent = `Trial ${row.label}: ${row.status}${row.front ? ", on the front" : ""}`;
    const parts = [];
    const add = (heading, ...content) => parts.push(element("h4", {}, heading), ...content);
    if (row.reason) parts.push(element("p", {class: "note"}, row.reason));
    const [goals, all] = [table.goals, row.metrics || []];
    if (all.slice(0, goals).some(Boolean)) add("Metrics", pairs(table.metrics.slice(0, goals), all, row.errors));
    if ((row.params || []).some(Boolean)) add("Parameters", pairs(table.params, row.params));
    if (row.short) add("Run it again, by its config", commandBox(row.short, "Copy the command"));
    add(row.short ? "Its own command" : "Run it again", commandBox(commandOf(row), "Copy the exact command"));
    add("Directory", row.href ? element("a", {href: row.href}, row.dir) : row.dir);
    if (all.slice(goals).some(Boolean)) {
      const others = pairs(table.metrics.slice(goals), all.slice(goals), (row.errors || []).slice(goals));
      parts.push(element("details", {}, element("summary", {}, "Other metrics"), others));
    }
    if (row.config) {
      parts.push(element("details", {}, element("summary", {}, "Its whole config"), element("pre", {tabindex: "0"}, row.config)));
    } else if (row.href) {
      parts.push(element("p", {}, element("a", {href: row.href + ".hydra/config.yaml"}, "Its whole config")));
    }
    if (row.stderr) parts.push(element("details", {}, element("summary", {}, "The end of its stderr"), element("pre", {tabindex: "0"}, row.stderr)));
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
    for (const row of document.querySelectorAll("#table tbody tr")) row.classList.toggle("chosen", row.dataset.number === String(number));
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

  document.addEventListener("click", async event => {
    const opener = event.target.closest("button.trial");
    if (opener) choose(Number(opener.dataset.trial), opener);
    const button = event.target.closest("button.copy");
    if (button) {
      const text = button.parentElement.querySelector("code").textContent;
      const done = await copy(text);
      button.textContent = done ? "Copied" : "Not copied";
      window.setTimeout(() => { button.textContent = "Copy"; }, 2000);
    }
  });

  // The table

  const head = document.querySelector("#table thead");
  const rows = document.querySelector("#table tbody");
  const columns = [
    {name: "trial", text: row => row.label, key: row => row.number},
    {name: "status", text: row => row.status},
    {name: "front", text: row => row.front ? "front" : ""},
    ...table.metrics.map((name, i) => ({name, text: row => (row.metrics || [])[i] || "", number: true})),
    ...table.params.map((name, i) => ({name, text: row => (row.params || [])[i] || ""})),
    {name: "seconds", text: row => row.seconds || "", number: true},
    {name: "from", text: row => row.origin || ""},
    {name: "directory", text: row => row.dir, link: row => row.href},
    {name: "reason", text: row => row.reason || ""},
  ];

  function order(column, down) {
    const key = column.key || column.text;
    return (a, b) => {
      const [x, y] = [key(a), key(b)];
      if (x === "" || y === "") return (x === "") - (y === "");  // those without a value last, either way
      const [p, q] = [Number(x), Number(y)];
      const result = Number.isNaN(p) || Number.isNaN(q) ? String(x).localeCompare(String(y)) : p - q;
      return down ? -result : result;
    };
  }

  function line(row) {
    const cells = columns.map((column, index) => {
      if (index === 0) return element("th", {scope: "row"}, element("button", {type: "button", class: "trial", "data-trial": row.number}, row.label));
      const text = column.text(row);
      const content = column.link && column.link(row) ? element("a", {href: column.link(row)}, text) : text;
      return element("td", {class: column.number ? "number" : "", title: text}, content);
    });
    const made = element("tr", {"data-number": row.number}, ...cells);
    made.dataset.text = columns.map(column => column.text(row)).concat(row.overrides || []).join(" ").toLowerCase();
    return made;
  }

  function filter() {
    const words = document.getElementById("search").value.toLowerCase().split(/\s+/).filter(Boolean);
    const onlyFront = document.getElementById("only-front").checked;
    let count = 0;
    for (const made of rows.children) {
      const row = rowOf.get(Number(made.dataset.number));
      made.hidden = (onlyFront && !row.front) || !words.every(word => made.dataset.text.includes(word));
      count += !made.hidden;
    }
    document.getElementById("count").textContent = `${count} of ${table.rows.length} trials`;
  }

  if (head) {
    const lines = new Map(table.rows.map(row => [row, line(row)]));
    const heads = columns.map(column => {
      const button = element("button", {type: "button"}, column.name);
      const cell = element("th", {scope: "col", "aria-sort": "none"}, button);
      button.addEventListener("click", () => {
        const down = cell.getAttribute("aria-sort") === "ascending";
        for (const other of heads) other.setAttribute("aria-sort", "none");
        cell.setAttribute("aria-sort", down ? "descending" : "ascending");
        rows.append(...[...table.rows].sort(order(column, down)).map(row => lines.get(row)));
      });
      return cell;
    });
    head.append(element("tr", {}, ...heads));
    rows.append(...lines.values());
    document.getElementById("search").addEventListener("input", filter);
    document.getElementById("only-front").addEventListener("change", filter);
    filter();
  }

  // Figures

  const safe = text => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  const short = (text, most) => text.length <= most ? text : text.slice(0, most - 1) + "…";

  function hover(row) {
    const lines = [`<b>trial ${safe(row.label)}</b> ${safe(row.status)}`];
    table.metrics.forEach((name, i) => {
      const value = (row.metrics || [])[i];
      if (value) lines.push(`${safe(short(name, 40))} = ${value}${row.errors && row.errors[i] ? " ± " + row.errors[i] : ""}`);
    });
    if (row.reason) lines.push(safe(short(row.reason.replaceAll("\n", " "), 80)));
    const given = row.overrides || [];
    if (given.length > 14) lines.push(`… ${given.length - 14} more overrides`);
    for (const override of given.slice(-14)) lines.push(safe(short(override, 60)));
    return lines.join("<br>");
  }

  function theme() {
    const [text, grid, back] = dark.matches ? ["#e8eaed", "#363c44", "#1d2126"] : ["#1c2024", "#e3e6ea", "#ffffff"];
    const axis = {gridcolor: grid, linecolor: grid, zerolinecolor: grid, automargin: true};
    return {layout: {
      font: {color: text, family: "system-ui, sans-serif"}, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      xaxis: axis, yaxis: axis, hoverlabel: {bgcolor: back, font: {color: text, size: 12}, bordercolor: grid},
      modebar: {bgcolor: "rgba(0,0,0,0)", color: "#8a8f98", activecolor: text},
    }};
  }

  function draw(name) {
    const place = document.getElementById(`figure-${name}`);
    const figure = figures[name];
    if (!place) return;
    const layout = {...figure.layout, template: theme()};
    if (narrow.matches) {
      layout.dragmode = false;  // a finger scrolls the page
      layout.margin = {...layout.margin, l: Math.min(layout.margin.l, 48), r: 8};
      layout.height += 20 * figure.data.filter(trace => layout.showlegend && trace.name && trace.showlegend !== false).length;
    }
    if (layout.meta && layout.meta.min_width) place.style.minWidth = `${layout.meta.min_width}px`;
    try {
      Plotly.react(place, figure.data, layout, {responsive: true, displaylogo: false, displayModeBar: narrow.matches ? false : "hover", modeBarButtons: [["toImage", "zoom2d", "pan2d", "resetScale2d"]]});
      if (!place.dataset.drawn) {
        place.dataset.drawn = "yes";
        place.on("plotly_click", event => {
          const data = event.points[0].customdata;
          if (data) choose(data[0], null);
        });
      }
    } catch (error) {
      place.replaceChildren(element("p", {class: "note"}, `This figure could not be drawn: ${error.message}`));
    }
  }

  for (const figure of Object.values(figures)) {
    for (const trace of figure.data) {
      if (trace.meta === "trials") trace.hovertext = (trace.customdata || []).map(([number]) => rowOf.has(number) ? hover(rowOf.get(number)) : "");
    }
  }
  const drawAll = () => Object.keys(figures).forEach(draw);
  dark.addEventListener("change", drawAll);
  narrow.addEventListener("change", drawAll);
  // The first at once; the others one by one, so that the page can be used meanwhile.
  const waiting = Object.keys(figures);
  function next() {
    const name = waiting.shift();
    if (name === undefined) {
      document.documentElement.dataset.ready = "yes";
      return;
    }
    draw(name);
    window.setTimeout(next, 0);
  }
  next();
})();
