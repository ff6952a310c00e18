/* Draws the dashboards' charts from what stands beside their tables. Tooltips are drawn, not written as markup, so that
   the page's policy against inline styles holds. A click on a figure goes to its rows. */
"use strict";
(function () {
  const css = getComputedStyle(document.body);
  function colour(name, otherwise) { return css.getPropertyValue(name).trim() || otherwise; }
  const INK = colour("--ink", "#10252f"), SOFT = colour("--soft", "#51656f"), LINE = colour("--line", "#dbe4e8"), ACCENT = colour("--accent", "#0b6477");
  const MANY = [ACCENT, "#d99a1c", "#5b8c5a", "#7d5ba6", "#c2553a", "#3f88c5", "#8a7f6c", "#b0467d", "#2f6f5e", "#a0a83c"];
  const shown = new Map();

  function short(text, n) { return text.length > n ? text.slice(0, n - 1) + "…" : text; }
  function yuan(fen) { return "¥" + (fen / 100).toLocaleString("en", { maximumFractionDigits: 0 }); }
  const WORDS = JSON.parse(document.body.dataset.words || "{}");
  function says(unit, n) { return (WORDS[unit] || "%(n)s").replace("%(n)s", n); }
  function lasts(s) { return s < 90 ? says("s", Math.round(s)) : s < 5400 ? says("m", Math.round(s / 60)) : s < 172800 ? says("h", (s / 3600).toFixed(1)) : says("d", Math.round(s / 86400)); }
  function base(narrow) {
    return {
      animation: false, textStyle: { color: INK, fontFamily: css.fontFamily, fontSize: narrow ? 11 : 12 }, color: MANY,
      grid: { left: 8, right: narrow ? 18 : 38, top: 28, bottom: 8, containLabel: true },
      tooltip: { renderMode: "richText", confine: true, trigger: "axis", axisPointer: { type: "shadow" }, backgroundColor: "#fff", borderColor: LINE, textStyle: { color: INK, fontSize: 12 } },
    };
  }
  function categories(names, narrow) {
    return { type: "category", inverse: true, data: names, axisTick: { show: false }, axisLine: { lineStyle: { color: LINE } }, axisLabel: { color: INK, width: narrow ? 128 : 250, overflow: "break", lineHeight: 14, formatter: function (text) { return short(text, narrow ? 40 : 60); } } };
  }
  function values(format) { return { type: "value", splitLine: { lineStyle: { color: LINE } }, axisLabel: { color: SOFT, formatter: format, hideOverlap: true } }; }

  const draw = {
    rates: function (chart, narrow) {
      const rows = chart.rows, option = base(narrow), lowest = Math.min.apply(null, rows.map(function (r) { return r[2]; }));
      option.xAxis = Object.assign(values("{value}%"), { min: Math.max(0, Math.floor(lowest / 10) * 10), max: 100 });
      option.yAxis = categories(rows.map(function (r) { return r[0]; }), narrow);
      option.tooltip.formatter = function (at) { const r = rows[at[0].dataIndex]; return r[0] + "\n" + r[1] + "% (" + r[2] + "–" + r[3] + "%)  n=" + r[4]; };
      option.series = [
        { type: "bar", data: rows.map(function (r) { return r[1]; }), barMaxWidth: 16, itemStyle: { borderRadius: [0, 4, 4, 0] } },
        { type: "custom", z: 3, data: rows.map(function (r, i) { return [r[2], r[3], i]; }), encode: { x: [0, 1], y: 2 }, renderItem: function (_, api) {
          const a = api.coord([api.value(0), api.value(2)]), b = api.coord([api.value(1), api.value(2)]);
          return { type: "group", children: [[a[0], a[1], b[0], b[1]], [a[0], a[1] - 4, a[0], a[1] + 4], [b[0], b[1] - 4, b[0], b[1] + 4]].map(function (l) {
            return { type: "line", shape: { x1: l[0], y1: l[1], x2: l[2], y2: l[3] }, style: { stroke: INK, lineWidth: 1.5 } }; }) };
        } },
      ];
      return [option, rows.length, function (at) { return rows[at.dataIndex][5]; }];
    },
    times: function (chart, narrow) {
      const rows = chart.rows, option = base(narrow);
      option.legend = { data: chart.names, top: 0, textStyle: { color: INK } };
      option.xAxis = Object.assign(values(lasts), { type: "log", logBase: 10, min: 1 });
      option.yAxis = categories(rows.map(function (r) { return r[0]; }), narrow);
      option.tooltip.formatter = function (at) { return at[0].name + "\n" + at.map(function (p) { return p.seriesName + "  " + lasts(p.value); }).join("\n"); };
      option.series = chart.names.map(function (name, i) { return { name: name, type: "scatter", symbolSize: 13, symbol: ["circle", "diamond", "triangle"][i], data: rows.map(function (r) { return r[i + 1]; }) }; });
      return [option, rows.length, function (at) { return rows[at.dataIndex][4]; }];
    },
    area: function (chart, narrow) {
      const option = base(narrow), day = chart.at.length && Date.parse(chart.at[chart.at.length - 1]) - Date.parse(chart.at[0]) > 90000000;
      function when(text) { return new Date(Date.parse(text) + 28800000).toISOString().replace("T", " ").slice(day ? 5 : 11, 16); }
      option.legend = { type: "scroll", top: 0, textStyle: { color: INK } };
      option.grid.top = 40;
      option.xAxis = { type: "category", boundaryGap: false, data: chart.at.map(when), axisLabel: { color: SOFT, hideOverlap: true }, axisLine: { lineStyle: { color: LINE } } };
      option.yAxis = values(yuan);
      option.tooltip.axisPointer = { type: "line" };
      option.tooltip.formatter = function (at) { return at[0].name + "\n" + at.filter(function (p) { return p.value; }).map(function (p) { return p.seriesName + "  " + yuan(p.value); }).join("\n"); };
      option.series = chart.series.map(function (one) { return { name: one.name, type: "line", stack: "all", areaStyle: { opacity: 0.75 }, lineStyle: { width: 0 }, symbol: "none", triggerLineEvent: true, data: one.values }; });
      return [option, 9, function (at) { return (chart.series[at.seriesIndex] || {}).href; }];
    },
    heat: function (chart, narrow) {
      const option = base(narrow), most = Math.max.apply(null, chart.points.map(function (p) { return p[2]; }).concat([1]));
      option.tooltip.trigger = "item";
      option.tooltip.formatter = function (at) { const p = at.data; return chart.y[p[1]] + " · " + chart.x[p[0]] + "\n" + yuan(p[2]) + "  n=" + p[3]; };
      option.xAxis = { type: "category", data: chart.x, axisLabel: { color: INK, interval: 0, rotate: narrow ? 40 : 0 } };
      option.yAxis = { type: "category", data: chart.y, inverse: true, axisLabel: { color: INK, width: narrow ? 84 : 160, overflow: "break", lineHeight: 14, formatter: function (text) { return short(text, 40); } } };
      option.visualMap = { show: false, dimension: 2, min: 0, max: most, inRange: { color: ["#fdf3dd", "#eba94a", "#a61b2b"] } };
      option.series = [{ type: "heatmap", data: chart.points, label: { show: !narrow, color: INK, backgroundColor: "rgba(255,255,255,.75)", borderRadius: 4, padding: [2, 5], formatter: function (at) { return yuan(at.data[2]); } }, itemStyle: { borderColor: "#fff", borderWidth: 2 } }];
      return [option, chart.y.length + 1, function (at) { return at.data[4]; }];
    },
    bars: function (chart, narrow) {
      const rows = chart.rows, option = base(narrow);
      option.grid.top = 8;
      const format = chart.unit === "seconds" ? lasts : String;
      option.grid.right = 56;
      option.xAxis = values(format); option.xAxis.minInterval = 1;
      option.yAxis = categories(rows.map(function (r) { return r[0]; }), narrow);
      option.tooltip.formatter = function (at) { return at[0].name + "\n" + format(at[0].value); };
      option.series = [{ type: "bar", barMaxWidth: 18, data: rows.map(function (r) { return r[1]; }), label: { show: true, position: "right", color: INK, formatter: function (at) { return format(at.value); } }, itemStyle: { borderRadius: [0, 4, 4, 0] } }];
      return [option, rows.length, function (at) { return rows[at.dataIndex][2]; }];
    },
    pareto: function (chart, narrow) {
      const rows = chart.rows, option = base(narrow);
      option.grid.top = 8; option.grid.right = narrow ? 60 : 90;
      option.xAxis = values("{value}"); option.xAxis.minInterval = 1;
      option.yAxis = categories(rows.map(function (r) { return r[0]; }), narrow);
      option.tooltip.formatter = function (at) { const r = rows[at[0].dataIndex]; return r[0] + "\n" + r[1] + "  Σ " + r[2] + "%"; };
      option.series = [{ type: "bar", barMaxWidth: 18, data: rows.map(function (r) { return r[1]; }), itemStyle: { borderRadius: [0, 4, 4, 0] },
        label: { show: true, position: "right", color: INK, formatter: function (at) { return at.value + "   Σ " + rows[at.dataIndex][2] + "%"; } } }];
      return [option, rows.length, function (at) { return rows[at.dataIndex][3]; }];
    },
  };

  function drawOne(box) {
    const chart = JSON.parse(box.dataset.chart), maker = draw[chart.kind];
    if (!maker || !window.echarts) return;
    box.hidden = false;
    const made = maker(chart, box.clientWidth < 520), lines = made[1];
    box.classList.add(lines > 8 ? "mz-c-chart-tall" : lines > 4 ? "mz-c-chart-middle" : "mz-c-chart-low");
    const drawn = window.echarts.init(box, null, { renderer: "canvas" });
    drawn.setOption(made[0]);
    drawn.on("click", function (at) { const href = made[2](at); if (href) location.assign(href); });
    shown.set(box.id, drawn);
  }
  function drawAll() {
    shown.forEach(function (one) { one.dispose(); });
    shown.clear();
    document.querySelectorAll("[data-chart]").forEach(drawOne);
  }
  document.addEventListener("console:fresh", drawAll);
  window.addEventListener("resize", function () { shown.forEach(function (one) { one.resize(); }); });
  drawAll();
})();
