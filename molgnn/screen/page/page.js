// The controls of the page: search, filter, sort, select, export. Without it all hits are there.
// What comes from the library is only ever compared, or written to a file: never made into HTML.
"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const data = JSON.parse($("data").textContent);
  const list = document.querySelector(".cards");
  const cards = [...list.children].map((node, at) => {
    const hit = data.hits[at];
    const [smiles, name = ""] = hit.smi.trimEnd().split("\t");
    const point = $(node.id.replace("hit", "point"));
    return { ...hit, node, at, smiles, name: name.toLowerCase(), point, box: node.querySelector(".pick input") };
  });
  const score = data.columns.indexOf("score");
  const value = (id) => ($(id) ? $(id).value.trim() : "");
  const checked = (id) => Boolean($(id) && $(id).checked);
  const count = (number) => number.toLocaleString("en");

  // Whether a hit is among those that the controls ask for.
  function wanted(card) {
    const text = value("search"), low = value("low"), high = value("high"), cluster = value("cluster");
    const { domain, alerts, cluster: own } = card.node.dataset;
    return (!text || card.smiles.includes(text) || card.name.includes(text.toLowerCase()))
      && (low === "" || card.numbers[score] >= Number(low))
      && (high === "" || card.numbers[score] <= Number(high))
      && (cluster === "" || own === cluster)
      && (!checked("inside") || domain === "true")
      && (!checked("clean") || !alerts)
      && (!checked("picked") || card.box.checked);
  }

  function filter() {
    for (const card of cards) {
      card.node.hidden = !wanted(card);
      if (card.point) card.point.classList.toggle("away", card.node.hidden);
    }
    say();
  }

  // Of equal ones the first of hits.csv comes first; those without a figure come last.
  function sort() {
    const by = Number(value("sort")), sign = value("order") === "down" ? -1 : 1;
    const key = (card) => card.numbers[by];
    cards.sort((a, b) => (key(a) === null) - (key(b) === null)
      || sign * (key(a) - key(b)) || a.at - b.at);
    list.append(...cards.map((card) => card.node));
  }

  const shown = () => cards.filter((card) => !card.node.hidden);
  const picked = () => cards.filter((card) => card.box.checked);

  function say() {
    const chosen = picked(), away = chosen.filter((card) => card.node.hidden).length;
    for (const card of cards) {
      card.node.classList.toggle("picked", card.box.checked);
      if (card.point) card.point.classList.toggle("picked", card.box.checked);
    }
    $("status").textContent = `${count(shown().length)} of ${count(cards.length)} shown, `
      + `${count(chosen.length)} selected` + (away ? ` (${count(away)} of them not shown)` : "");
    $("what").textContent = chosen.length ? "Export the selected as" : "Export all shown as";
    $("none").hidden = shown().length > 0;
  }

  const formats = {
    csv: ["text/csv", (chosen) => data.head + chosen.map((card) => card.csv).join("")],
    smi: ["text/plain", (chosen) => chosen.map((card) => card.smi).join("")],
    sdf: ["chemical/x-mdl-sdfile", (chosen) => chosen.filter((card) => card.sdf).map(record).join("")],
  };

  // A mol block as it was, before the page left the zeros of its lines away.
  function record({ sdf: [title, block, fields] }) {
    return title + block.replaceAll("~\n", data.zeros) + fields;
  }

  function save(format) {
    const selected = picked().length > 0, chosen = selected ? picked() : shown();
    const [type, text] = formats[format];
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text(chosen)], { type: `${type};charset=utf-8` }));
    link.download = `hits-${selected ? "selected" : "shown"}.${format}`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    const without = format === "sdf" ? chosen.filter((card) => !card.sdf).length : 0;
    $("done").textContent = `${count(chosen.length - without)} saved as ${link.download}`
      + (without ? `; ${count(without)} without a structure left out` : "");
  }

  // Arrows go from point to point of the map, which is one stop for the tab key.
  function step(event) {
    const way = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const points = cards.filter((card) => card.point && !card.node.hidden).map((card) => card.point);
    const at = points.indexOf(event.target.closest(".point"));
    if (!way || at < 0) return;
    event.preventDefault();
    stop(points[(at + way + points.length) % points.length]).focus();
  }

  function stop(point) {
    for (const card of cards) if (card.point) card.point.setAttribute("tabindex", card.point === point ? 0 : -1);
    return point;
  }

  function keys(event) {
    const typing = event.target.closest("input:not([type=checkbox]), select, textarea");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      $("search").focus();
    }
  }

  function paint() {
    list.classList.toggle("plain", $("why") !== null && !checked("why"));
  }

  document.documentElement.classList.add("scripted");
  const tools = $("tools");
  tools.addEventListener("submit", (event) => event.preventDefault());
  tools.addEventListener("input", (event) => {
    if (["sort", "order"].includes(event.target.id)) sort();
    else if (event.target.id === "why") paint();
    else filter();
  });
  tools.addEventListener("reset", () => setTimeout(() => { sort(); filter(); paint(); }));
  list.addEventListener("change", () => (checked("picked") ? filter() : say()));
  $("all").addEventListener("click", () => { shown().forEach((card) => { card.box.checked = true; }); filter(); });
  $("clear").addEventListener("click", () => { cards.forEach((card) => { card.box.checked = false; }); filter(); });
  for (const format of Object.keys(formats)) $(format).addEventListener("click", () => save(format));
  document.addEventListener("keydown", keys);
  const map = document.querySelector(".map");
  if (map) {
    map.addEventListener("keydown", step);
    const first = cards.find((card) => card.point);
    if (first) stop(first.point);
  }
  addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((each) => { each.open = true; }));
  sort();
  filter();
  paint();
})();
