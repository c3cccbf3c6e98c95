// plot.js - a chart: uPlot in this page's colours, as wide as its place, with its values as text
// under it.

const load = (() => {
  let lib;
  return () => lib ??= import("./vendor/uPlot.iife.min.js").then((m) => {
    const sheet = document.createElement("link");
    sheet.rel = "stylesheet";
    sheet.href = "/assets/vendor/uPlot.min.css";
    document.head.append(sheet);
    return m.default;
  });
})();

// The colour that a custom property has now, as canvas understands it.
function colour(name) {
  const probe = document.createElement("span");
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const c = getComputedStyle(probe).color;
  probe.remove();
  return c;
}

// Whole steps between the marks of the x axis: it counts seconds or training steps.
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, ...[1, 2, 5].flatMap((k) => [3, 4, 5, 6, 7].map((e) => k * 10 ** e))].sort((a, b) => a - b);

const faint = () => colour("--soft");
const lines = () => colour("--line");

export class Plot {
  // series: [{name, colour: "--ember", width, fill, show(value, index) -> text}]; x(value) -> text of the x
  // axis. With `fill` the area under the line is of its colour.
  // `range` as uPlot has it for the y axis. With `gaps` false a line goes on over missing values.
  constructor(place, { series, x, range, gaps = true }) {
    this.place = place;
    this.options = { series, x, range, gaps };
    this.chart = null;
    this.data = null;
    this.turned = matchMedia("(prefers-color-scheme: dark)");
    this.turned.addEventListener("change", () => this.chart?.redraw(false));
    new ResizeObserver(() => this.fit()).observe(place);
    new MutationObserver(() => this.chart?.redraw(false)).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  }

  fit() {
    const width = this.place.clientWidth, height = this.place.classList.contains("tall") ? 230 : 150;
    if (width && this.chart) this.chart.setSize({ width, height });
    else if (width && this.data) this.begin(width, height);
  }

  async begin(width, height) {
    if (this.starting) return;
    this.starting = true;
    const UPlot = await load();
    const { series, x, range, gaps } = this.options;
    const axis = { stroke: faint, grid: { stroke: lines, width: 1 }, ticks: { stroke: lines, width: 1, size: 4 }, font: "11px system-ui" };
    this.chart = new UPlot({
      width,
      height,
      scales: { x: { time: false }, ...(range ? { y: { range } } : {}) },
      axes: [{ ...axis, size: 28, space: 64, incrs: STEPS, values: (u, all) => all.map(x) }, { ...axis, size: 46 }],
      series: [{ label: "at", value: (u, v) => (v === null || v === undefined ? "–" : x(v)) },
        ...series.map((s) => ({
          label: s.name,
          stroke: () => colour(s.colour),
          fill: s.fill ? () => colour(s.colour) : undefined,
          width: s.width ?? 2,
          points: { show: false },
          spanGaps: !gaps,
          value: (u, v, k, i) => (v === null || v === undefined ? "–" : s.show ? s.show(v, i) : String(v)),
        }))],
      cursor: { drag: { x: true, y: false }, points: { size: 7 } },
      legend: { live: true },
    }, this.data, this.place);
    this.fit();
  }

  // Shows columns: [xs, ys of the first series, ...].
  set(data) {
    this.data = data;
    if (this.chart) this.chart.setData(data);
    else this.fit();
  }
}
