"use strict";
// What the pages share: elements, commands to copy, tables to sort and search, and figures.
const axMo = (() => {
  const data = JSON.parse(document.getElementById("data-trials").textContent);
  const figures = JSON.parse(document.getElementById("data-figures").textContent);
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

  document.addEventListener("click", async event => {
    const button = event.target.closest("button.copy");
    if (!button) return;
    const done = await copy(button.closest(".command").querySelector("code").textContent);
    button.textContent = done ? "Copied" : "Not copied";
    window.setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });

  // Tables

  let [allColumns, ofTrial, rowOf] = [[], [], new Map()];  // of the trials' table, as the page gives them

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

  // Fills #table, where the page has it: a row for each of ``all``, whose ``front`` the checkbox asks for. A column has
  // its name and the text of a row; numbers stand right. ``first`` makes what stands at the head of a row.
  function table(columns, all, first) {
    allColumns = columns;
    ofTrial = columns.slice(0, 2);
    rowOf = new Map(all.map(row => [row.number, row]));
    const head = document.querySelector("#table thead");
    const body = document.querySelector("#table tbody");
    if (!head) return;
    for (const column of columns) {
      const texts = all.map(column.text).filter(Boolean);
      column.number = texts.length > 0 && texts.every(text => !Number.isNaN(Number(text)));
    }
    const lines = new Map(all.map(row => {
      const cells = columns.map((column, index) => {
        if (index === 0) return element("th", {scope: "row"}, first(row));
        const text = column.text(row);
        const content = column.link && column.link(row) ? element("a", {href: column.link(row)}, text) : text;
        return element("td", {class: column.number ? "number" : "", title: text}, content);
      });
      const made = element("tr", {"data-number": row.number}, ...cells);
      made.dataset.text = columns.map(column => column.text(row)).concat(row.overrides || []).join(" ").toLowerCase();
      return [row, made];
    }));
    const heads = columns.map((column, index) => {
      const button = element("button", {type: "button"}, column.name);
      const cell = element("th", {scope: "col", "aria-sort": "none", class: column.number && index ? "number" : ""}, button);
      button.addEventListener("click", () => {
        const down = cell.getAttribute("aria-sort") === "ascending";
        for (const other of heads) other.setAttribute("aria-sort", "none");
        cell.setAttribute("aria-sort", down ? "descending" : "ascending");
        body.append(...[...all].sort(order(column, down)).map(row => lines.get(row)));
      });
      return cell;
    });
    const [search, only] = [document.getElementById("search"), document.getElementById("only-front")];
    function filter() {
      const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      let count = 0;
      for (const [row, made] of lines) {
        made.hidden = (only.checked && !row.front) || !words.every(word => made.dataset.text.includes(word));
        count += !made.hidden;
      }
      document.getElementById("count").textContent = `${count} of ${all.length} trials`;
    }
    head.append(element("tr", {}, ...heads));
    body.append(...lines.values());
    search.addEventListener("input", filter);
    only.addEventListener("change", filter);
    filter();
  }

  function markRow(number) {
    for (const row of document.querySelectorAll("#table tbody tr")) row.classList.toggle("chosen", row.dataset.number === String(number));
  }

  // Figures

  // The figure of a place; where there are several, the one that is chosen in its lists.
  function figureOf(name) {
    const known = figures[name];
    if (!known.choices) return known;
    const lists = [...document.querySelectorAll(`select[data-choice="${name}"]`)];
    return known.choices[lists.reduce((place, list) => place * list.options.length + list.selectedIndex, 0)];
  }

  function theme(isDark) {
    const [text, grid, back] = isDark ? ["#e8eaed", "#363c44", "#1d2126"] : ["#1c2024", "#e3e6ea", "#ffffff"];
    const axis = {gridcolor: grid, linecolor: grid, zerolinecolor: grid, automargin: true};
    return {layout: {
      font: {color: text, family: "system-ui, sans-serif"}, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      xaxis: axis, yaxis: axis, hoverlabel: {bgcolor: back, font: {color: text, size: 12}, bordercolor: grid},
      modebar: {bgcolor: "rgba(0,0,0,0)", color: "#8a8f98", activecolor: text},
    }};
  }

  // Some screens show no scroll bar until one scrolls.
  function hint() {
    for (const box of document.querySelectorAll(".figure")) box.classList.toggle("wide", box.scrollWidth > box.clientWidth + 1);
  }

  function draw(name, choose) {
    const place = document.getElementById(`figure-${name}`);
    const figure = figureOf(name);
    if (!place) return;
    document.querySelector(`.save:has([data-of="${name}"])`).hidden = !columnsOf(figure);
    const layout = {...figure.layout, template: theme(dark.matches)};
    if (narrow.matches) {
      layout.dragmode = false;  // a finger scrolls the page
      layout.margin = {...layout.margin, l: Math.min(layout.margin.l, 48), r: 8};
      layout.height += 20 * figure.data.filter(trace => layout.showlegend && trace.name && trace.showlegend !== false).length;
    }
    if (layout.meta && layout.meta.min_width) place.style.minWidth = `${layout.meta.min_width}px`;
    try {
      Plotly.react(place, figure.data, layout, {responsive: true, displaylogo: false, displayModeBar: narrow.matches ? false : "hover", modeBarButtons: [["zoom2d", "pan2d", "resetScale2d"]]});
      if (!place.dataset.drawn) {
        place.dataset.drawn = "yes";
        place.on("plotly_click", event => {
          const known = event.points[0].customdata;
          if (known) choose(known[0]);
        });
        place.on("plotly_afterplot", hint);  // after a change of the window's size, too, which takes its time
      }
    } catch (error) {
      place.replaceChildren(element("p", {class: "note"}, `This figure could not be drawn: ${error.message}`));
    }
  }

  // Files: the figure as it is seen, and the data that it shows

  const columnsOf = figure => (figure.layout.meta || {}).columns;
  const plain = text => typeof text === "string" ? text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&") : text;

  // A line for each point that is drawn, by column; ``columns`` says what the figure calls what is in its traces.
  function linesOf(figure, columns) {
    const lines = [];
    for (const trace of figure.data) {
      if (trace.hoverinfo === "skip" || !(columns.series || trace.customdata)) continue;
      const series = columns.series ? {[columns.series]: plain(trace.legendgroup || trace.name)} : {};
      if (trace.z) {
        trace.z.forEach((row, j) => row.forEach((value, i) => {
          if (value === null) return;
          const [mean, error] = trace.customdata[j][i];
          lines.push({...series, [columns.x]: plain(trace.x[i]), [columns.y]: plain(trace.y[j]), [columns.z]: mean, [columns.error]: error});
        }));
        continue;
      }
      const [x, y] = [columns[trace.xaxis || "x"], columns[trace.yaxis || "y"]];
      trace.x.forEach((across, i) => {
        const up = trace.y[i];
        if (across === null || up === null) return;
        const [number, value] = (trace.customdata || [])[i] || [];
        const row = rowOf.get(number);
        const line = {...series, ...(row ? Object.fromEntries(ofTrial.map(column => [column.name, column.text(row)])) : {})};
        if (columns.base) line[columns.base] = trace.base[i];
        if (x) line[x] = plain(across);
        if (y) line[y] = plain(up);
        if (columns.low && trace.error_y) {
          const error = trace.error_y;
          [line[columns.low], line[columns.high]] = [up - (error.arrayminus || error.array)[i], up + error.array[i]];
        }
        if (columns.z) line[columns.z] = value;
        lines.push(line);
      });
    }
    return lines;
  }

  function tableOf(figure) {
    const columns = columnsOf(figure);
    // Two columns may have the same name: a metric's, and one of ours.
    if ("trials" in columns) return [allColumns.map(column => column.name), ...data.rows.map(row => allColumns.map(column => column.text(row)))];
    const lines = linesOf(figure, columns);
    const known = new Set(lines.flatMap(Object.keys));
    const first = [columns.series, ...ofTrial.map(column => column.name)].filter(name => known.has(name));
    const names = [...new Set([...first, ...known])];
    return [names, ...lines.map(line => names.map(name => line[name]))];
  }

  function csvOf(figure) {
    const cell = value => {
      const text = value === undefined || value === null ? "" : String(value);
      return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
    };
    return tableOf(figure).map(row => row.map(cell).join(",") + "\n").join("");
  }

  function download(url, name, kind) {
    const study = document.querySelector("h1").textContent.replace(/[^\w.-]+/g, "-");
    element("a", {href: url, download: `${study}-${name}.${kind}`}).click();
  }

  document.addEventListener("click", async event => {
    const button = event.target.closest("button[data-save]");
    if (!button) return;
    const {save, of: name} = button.dataset;
    if (save === "csv") {
      const url = URL.createObjectURL(new Blob([csvOf(figureOf(name))], {type: "text/csv"}));
      download(url, name, "csv");
      window.setTimeout(() => URL.revokeObjectURL(url), 10000);
      return;
    }
    // As it is seen, but on white: a picture goes into a text.
    const place = document.getElementById(`figure-${name}`);
    const layout = {...place.layout, template: theme(false), paper_bgcolor: "#ffffff", plot_bgcolor: "#ffffff"};
    const {width, height} = place._fullLayout;
    download(await Plotly.toImage({data: place.data, layout}, {format: "png", width, height, scale: 2}), name, "png");
  });

  // Draws all figures; ``choose`` is what a click on a trial does.
  function start(choose) {
    for (const figure of Object.values(figures).flatMap(known => known.choices || [known])) {
      for (const trace of figure.data) {
        if (trace.meta === "trials") trace.hovertext = (trace.customdata || []).map(([number]) => data.hover[number]);
      }
    }
    document.addEventListener("change", event => {
      const name = event.target.dataset.choice;
      if (name) draw(name, choose);
    });
    const drawAll = () => Object.keys(figures).forEach(name => draw(name, choose));
    dark.addEventListener("change", drawAll);
    narrow.addEventListener("change", drawAll);
    window.addEventListener("resize", hint);
    // The first at once; the others one by one, so that the page can be used meanwhile.
    const waiting = Object.keys(figures);
    function next() {
      const name = waiting.shift();
      if (name === undefined) {
        hint();
        document.documentElement.dataset.ready = "yes";
        return;
      }
      draw(name, choose);
      window.setTimeout(next, 0);
    }
    next();
  }

  return {data, element, table, markRow, start, narrow};
})();
