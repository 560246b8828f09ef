// Draws the figures of <div data-chart>; the table beside each has the same ones.
"use strict";
(() => {
  const still = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
  const drawn = [];

  function colour(name) { return getComputedStyle(document.documentElement).getPropertyValue(name).trim(); }

  function option(chart) {
    const text = colour("--chart-text"), grid = colour("--chart-grid");
    const tones = { ok: colour("--chart-ok"), bad: colour("--chart-bad"), warn: colour("--chart-warn"), first: colour("--chart-1"), second: colour("--chart-2"), third: colour("--chart-3") };
    return {
      animation: !still,
      grid: { left: 4, right: 8, top: chart.lines.length > 1 ? 30 : 10, bottom: 6, containLabel: true },
      legend: chart.lines.length > 1 ? { top: 0, left: 0, icon: "roundRect", itemWidth: 10, itemHeight: 10, textStyle: { color: text } } : undefined,
      // Drawn, not written as HTML: that would need styles inside of tags, which the page does not allow.
      tooltip: { trigger: "axis", renderMode: "richText", backgroundColor: colour("--chart-back"), borderColor: grid, textStyle: { color: text, fontSize: 12 }, confine: true,
        formatter: (points) => [points[0].name, ...points.map((point) => `${point.seriesName}  ${chart.lines[point.seriesIndex].said[point.dataIndex]}`)].join("\n") },
      xAxis: { type: "category", data: chart.labels, axisLine: { lineStyle: { color: grid } }, axisTick: { show: false }, axisLabel: { color: text } },
      yAxis: { type: "value", min: 0, minInterval: chart.whole ? 1 : undefined, splitLine: { lineStyle: { color: grid } }, axisLabel: { color: text, formatter: (value) => `${value.toLocaleString(document.documentElement.lang)}${chart.unit}` } },
      series: chart.lines.map((line) => ({
        name: line.name, type: chart.kind, stack: chart.stacked ? "all" : undefined, data: line.values, itemStyle: { color: tones[line.tone], borderRadius: chart.kind === "bar" && !chart.stacked ? [3, 3, 0, 0] : 0 },
        barMaxWidth: 26, showSymbol: true, symbolSize: 6, connectNulls: false, lineStyle: { width: 2 }, areaStyle: chart.kind === "line" && chart.lines.length === 1 ? { opacity: 0.12 } : undefined,
      })),
    };
  }

  function draw(place) {
    const chart = JSON.parse(place.dataset.chart);
    const figure = echarts.init(place, null, { renderer: "canvas" });
    figure.setOption(option(chart));
    if (chart.hrefs) figure.on("click", (point) => { const href = chart.hrefs[point.dataIndex]; if (href) location.assign(href); });
    new ResizeObserver(() => figure.resize()).observe(place);
    drawn.push([figure, chart]);
  }

  window.addEventListener("DOMContentLoaded", () => document.querySelectorAll("[data-chart]").forEach(draw));
  new MutationObserver(() => drawn.forEach(([figure, chart]) => figure.setOption(option(chart), true))).observe(document.documentElement, { attributeFilter: ["data-bs-theme"] });
})();
