/* The way of the money as a picture. It comes after the sentence is there, and only when it is looked at; the list
   below it says the same without any script. A tap on a stop or a line opens the hop in the list. */
"use strict";
(function () {
  const self = document.currentScript, charts = self ? self.dataset.charts : "";
  const still = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
  const saving = navigator.connection && navigator.connection.saveData;
  const ICON = 46, ROW = 92, GAP = 0.86;
  let loading = null, chart = null, drawn = null;

  function load() {
    if (window.echarts) return Promise.resolve();
    loading = loading || new Promise(function (done, failed) {
      const script = document.createElement("script");
      script.src = charts; script.onload = done; script.onerror = failed;
      document.head.append(script);
    });
    return loading;
  }
  function colour(name) { return getComputedStyle(document.documentElement).getPropertyValue(name).trim(); }
  function paint() {
    return { accent: colour("--accent"), pale: colour("--accent-pale"), good: colour("--good"), line: colour("--line"),
      ink: colour("--ink"), soft: colour("--soft"), wait: "#8a5a00", card: colour("--card") };
  }
  /* A stop's icon is the one that stands in the page. */
  function symbol(code, ground, ink) {
    const icon = document.querySelector('#money-flow [data-node="' + code + '"] svg');
    const inner = icon ? icon.innerHTML : "";
    const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="92" height="92" viewBox="0 0 46 46"><circle cx="23" cy="23" r="22" fill="' +
      ground + '"/><g transform="translate(11 11)" fill="none" stroke="' + ink +
      '" stroke-width="2" stroke-linecap="round" stroke-linejoin="round" color="' + ink + '">' + inner + "</g></svg>";
    return "image://data:image/svg+xml;charset=utf-8," + encodeURIComponent(svg);
  }
  const CODES = ["you", "channel", "custody", "supplier"];
  function stopOf(one, c) {
    const here = one.state === "here" || one.state === "maybe", done = one.state === "done" || one.state === "home";
    const coming = one.state === "coming", passed = one.state === "passed" || one.hop > 0;
    const ground = done ? c.good : coming ? c.wait : here ? c.accent : passed ? c.pale : "#eef2f4";
    const ink = done || here || coming ? "#ffffff" : passed ? c.accent : "#5d707a";
    return {
      value: [one.x, -one.row * GAP], name: one.name, hop: one.hop, symbol: symbol(CODES[one.x], ground, ink), symbolSize: ICON,
      label: { show: true, position: "bottom", distance: 6, align: "center", lineHeight: 19, fontSize: 13,
        formatter: one.amount ? "{n|" + one.name + "}\n{a|" + one.amount + "}" : "{n|" + one.name + "}",
        rich: { n: { fontSize: 13, lineHeight: 19, color: here || done || coming ? c.ink : c.soft, fontWeight: here || done || coming ? 700 : 400 },
          a: { fontSize: 14, lineHeight: 22, fontWeight: 700, color: "#ffffff", backgroundColor: done ? c.good : coming ? c.wait : c.accent, borderRadius: 7, padding: [1, 7] } } },
    };
  }
  function lineOf(line, stops, c, unit) {
    const from = stops[line.from], to = stops[line.to], far = Math.abs(to.x - from.x) > 1;
    const home = line.kind === "home", back = line.kind === "back";
    /* How far a line bends away, in pixels: over the shop's account, or between its icon and its name. */
    const bend = home ? 26 : back ? (far ? 26 : 18) : far ? 40 : 0;
    const across = Math.hypot((to.x - from.x) * unit, (to.row - from.row) * ROW) || 1;
    return {
      source: line.from, target: line.to, hop: line.hop, symbol: ["none", "arrow"], symbolSize: [0, 11],
      lineStyle: { width: home || back ? 3 : 4, type: back || (home && !line.done) ? "dashed" : "solid", opacity: 1,
        color: home ? (line.done ? c.good : c.wait) : back ? "#8fa2ab" : c.accent,
        curveness: 2 * bend / across },
      label: { show: false },
    };
  }
  function option(data, width) {
    const c = paint(), rows = Math.max.apply(null, data.stops.map(function (one) { return one.row; }));
    return {
      animation: !still, animationDuration: 500, animationDurationUpdate: 500,
      grid: { left: 42, right: 42, top: top(data), bottom: 66 },
      xAxis: { type: "value", min: 0, max: 3, show: false }, yAxis: { type: "value", min: -Math.max(rows * GAP, 0.001), max: 0, show: false },
      series: [{ type: "graph", coordinateSystem: "cartesian2d", layout: "none", roam: false, draggable: false, silent: false,
        cursor: "pointer", edgeSymbol: ["none", "arrow"], emphasis: { disabled: true },
        data: data.stops.map(function (one) { return stopOf(one, c); }),
        links: data.lines.map(function (line) { return lineOf(line, data.stops, c, (width - 84) / 3); }) }],
    };
  }
  function arched(data) {
    return data.lines.some(function (line) { return line.kind === "on" && Math.abs(data.stops[line.to].x - data.stops[line.from].x) > 1; });
  }
  function top(data) { return arched(data) ? 62 : 34; }
  function open(hop) {
    const item = hop ? document.getElementById("hop-" + hop) : null;
    if (!item) return;
    item.open = true;
    item.scrollIntoView({ block: "nearest", behavior: still ? "auto" : "smooth" });
    item.querySelector("summary").focus({ preventScroll: true });
  }
  function height(data) {
    const rows = Math.max.apply(null, data.stops.map(function (one) { return one.row; }));
    return top(data) + 66 + rows * ROW;
  }
  function draw(box) {
    if (drawn === box || !box.isConnected || !window.echarts) return;
    if (chart) { chart.dispose(); chart = null; }
    const data = JSON.parse(box.dataset.drawing);
    const flow = document.getElementById("money-flow"), returned = document.getElementById("money-return");
    const made = paint.last !== box.dataset.drawing;
    box.hidden = false;
    box.style.height = height(data) + "px";
    chart = window.echarts.init(box, null, { renderer: "canvas" });
    const wanted = option(data, box.clientWidth);
    if (!made) wanted.animation = false;
    paint.last = box.dataset.drawing;
    chart.on("finished", function () { box.dataset.ready = "yes"; });
    chart.setOption(wanted);
    chart.on("click", function (event) { open(event.data && event.data.hop); });
    flow.classList.add("mz-hidden");
    if (returned) returned.hidden = true;
    drawn = box;
  }
  function look() {
    const box = document.getElementById("money-chart");
    if (!box || box === drawn || saving || !charts || !box.dataset.lines || box.dataset.lines === "0") return;
    if (window.echarts) { draw(box); return; }
    const section = box.closest("section");
    if (section.dataset.watched) return;
    section.dataset.watched = "yes";
    const seen = new IntersectionObserver(function (entries) {
      if (!entries.some(function (entry) { return entry.isIntersecting; })) return;
      seen.disconnect();
      load().then(function () { const now = document.getElementById("money-chart"); if (now) draw(now); }, function () { loading = null; });
    }, { rootMargin: "120px" });
    seen.observe(section);
  }
  let waiting = 0;
  window.addEventListener("resize", function () {
    clearTimeout(waiting);
    waiting = setTimeout(function () { if (!chart || !drawn) return; chart.resize(); chart.setOption(option(JSON.parse(drawn.dataset.drawing), drawn.clientWidth)); }, 120);
  });
  /* The live part is put anew when the order changes. */
  new MutationObserver(look).observe(document.getElementById("main"), { childList: true, subtree: true });
  if (document.readyState === "complete") look(); else window.addEventListener("load", look);
})();
