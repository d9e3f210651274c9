// A line chart of one metric over time, as SVG.

import { h, s, short, table, when } from "./build.js";

const WIDTH = 480, HEIGHT = 230, LEFT = 66, RIGHT = 12, TOP = 10, BOTTOM = 44;

/** Round numbers from below `low` to above `high`, about five of them. */
function ticks(low, high) {
  const rough = (high - low) / 4, power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough * 0.999);
  const found = [];
  for (let place = Math.floor(low / step); place <= Math.ceil(high / step); place += 1) found.push(place * step);
  return found;
}

/** Ends of an axis that lie apart, also where all values are one. */
function roomy(low, high) {
  const room = high > low ? 0 : Math.abs(low) / 10 || 1;
  return [low - room, high + room];
}

/** A figure of a metric of two values or more, {name, unit, of, points: [[seconds, value]…]}; times count from `start`, an event named `since`. */
export function chart(metric, start, since) {
  const unit = metric.unit === "None" ? "no unit" : metric.unit;
  const title = metric.of ? `${metric.name} of ${metric.of}` : metric.name;
  const points = metric.points.map(([at, value]) => [at - start, value]);
  const values = points.map(([, value]) => value);
  const [first, last] = [values[0], values[values.length - 1]];
  const low = Math.min(...values), high = Math.max(...values);
  const facts = `${metric.count} values, first ${short(first)}, last ${short(last)}, least ${short(low)}, greatest ${short(high)}`;
  const [begin, end] = roomy(points[0][0], points[points.length - 1][0]);
  const across = ticks(begin, end).filter((value) => value >= begin && value <= end), up = ticks(...roomy(low, high));
  const x = (value) => LEFT + (value - begin) / (end - begin) * (WIDTH - LEFT - RIGHT);
  const y = (value) => HEIGHT - BOTTOM - (value - up[0]) / (up[up.length - 1] - up[0]) * (HEIGHT - TOP - BOTTOM);
  const line = points.map(([at, value]) => `${x(at).toFixed(1)},${y(value).toFixed(1)}`);
  const drawing = s("svg", { class: "chart", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": `${title} (${unit}): ${facts}` },
    up.map((value) => [
      s("line", { class: "grid", x1: LEFT, x2: WIDTH - RIGHT, y1: y(value), y2: y(value) }),
      s("text", { x: LEFT - 8, y: y(value) + 4, "text-anchor": "end" }, short(value)),
    ]),
    across.map((value) => [
      s("line", { class: "grid", x1: x(value), x2: x(value), y1: HEIGHT - BOTTOM, y2: HEIGHT - BOTTOM + 4 }),
      s("text", { x: x(value), y: HEIGHT - BOTTOM + 18, "text-anchor": "middle" }, short(value)),
    ]),
    s("text", { x: (LEFT + WIDTH - RIGHT) / 2, y: HEIGHT - 6, "text-anchor": "middle" }, `seconds since ${since}`),
    s("polyline", { points: line.join(" ") }),
    points.length <= 60 && line.map((place) => { const [cx, cy] = place.split(","); return s("circle", { cx, cy, r: 3 }); }));
  const numbers = h("details", { id: `values ${title}` }, h("summary", null, "The values"));
  numbers.addEventListener("toggle", () => numbers.append(
    table(`${title} (${unit})`, [["time", "time"], ["value", "number"]], metric.points.map(([at, value]) => [when(at), String(value)])),
    metric.points.length < metric.count ? `Every ${Math.ceil(metric.count / metric.points.length)}th of ${metric.count} values.` : ""),
  { once: true });
  return h("figure", null,
    h("figcaption", null, title, " ", h("span", { class: "quiet" }, `(${unit}) – ${facts}`)),
    drawing, numbers);
}
