// Elements from data.  Text becomes text, never markup: names, keys and log lines are anybody's.

const SVG = "http://www.w3.org/2000/svg";

/** An element: h("a", {href: "#/"}, "text", child).  Attributes and children that are null or false are left out. */
export function h(tag, attributes, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/** The same in SVG. */
export function s(tag, attributes, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {}))
    if (value !== null && value !== false && value !== undefined) node.setAttribute(name, value === true ? "" : value);
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== false && child !== undefined));
  return node;
}

const WHEN = new Intl.DateTimeFormat(undefined, {
  year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit",
  timeZoneName: "short",
});
const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });

/** A time (seconds since the epoch) in the reader's zone, which it names. */
export function when(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  const at = new Date(seconds * 1000);
  return h("time", { datetime: at.toISOString() }, WHEN.format(at));
}

/** Hours, minutes and seconds alone. */
export function clock(seconds) {
  const at = new Date(seconds * 1000);
  return h("time", { datetime: at.toISOString(), title: WHEN.format(at) }, CLOCK.format(at));
}

/** How long: 80 ms, 4.2 s, 42 s, 3 min 10 s, 2 h 5 min, 3 d 4 h. */
export function lasted(seconds) {
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 2880) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  return `${Math.floor(minutes / 1440)} d ${Math.floor((minutes % 1440) / 60)} h`;
}

export function bytes(count) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let size = count, unit = 0;
  while (size >= 999.5 && unit < units.length - 1) { size /= 1000; unit += 1; }
  return `${unit && size < 99.5 ? size.toFixed(1) : Math.round(size)} ${units[unit]}`;
}

export function dollars(amount) {
  return `$${amount.toFixed(amount < 1 ? 4 : 2)}`;
}

/** A number with as many digits as can be read. */
export function short(value) {
  return Number.isInteger(value) && Math.abs(value) < 1e6 ? String(value) : String(Number(value.toPrecision(5)));
}

/** A table.  Columns are [title, class]; rows are lists of nodes or texts, the first of which names the row.
 *  On a phone the cells of a row stand below each other, and the roles say that it is a table all the same. */
export function table(caption, columns, rows) {
  const head = h("tr", { role: "row" }, columns.map(([title, kind]) => h("th", { scope: "col", role: "columnheader", class: kind }, title)));
  const body = rows.map((row) => h("tr", { role: "row" }, row.map((cell, index) => index
    ? h("td", { role: "cell", class: columns[index][1], "data-title": columns[index][0] }, h("span", null, cell))
    : h("th", { scope: "row", role: "rowheader", class: columns[0][1] }, cell))));
  return h("div", { class: "scroll" },
    h("table", { role: "table" }, h("caption", null, caption), h("thead", { role: "rowgroup" }, head), h("tbody", { role: "rowgroup" }, body)));
}
