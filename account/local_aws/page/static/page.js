// The page: what the address after # names is fetched as JSON, shown, and kept up to date while it is in sight.

import { bytes, clock, dollars, h, lasted, short, table, when } from "./build.js";
import { chart } from "./chart.js";

const EVERY = 2000; // milliseconds between two looks
const LOG_LINES = 2000; // as many as stay in the page
const main = document.getElementById("main"), notice = document.getElementById("notice");
const foot = document.getElementById("foot");
let account = null; // the last overview: kinds, prices
let shown = { route: null, text: null };
let log = null; // {node, last, following} of the resource in sight

// Addresses

const part = encodeURIComponent;
const toList = (kind, skipped = 0) => `#/list/${part(kind)}/${skipped}`;
const toResource = (kind, name) => `#/resource/${part(kind)}/${part(name)}`;
const toKeys = (bucket, prefix = "", start = "") => `#/s3/${part(bucket)}/${part(prefix)}/${part(start)}`;
const toData = (what, query = {}) => `/_page/data/${what}?${new URLSearchParams(query)}`;

const VIEWS = {
  "": { data: () => toData("overview"), show: overview },
  list: { data: (kind, skipped) => toData("list", { kind, skipped }), show: list },
  resource: { data: (kind, name) => toData("resource", { kind, name }), show: resource },
  s3: {
    data: (bucket, prefix = "", start = "") => bucket ? toData("keys", { bucket, prefix, start }) : toData("buckets"),
    show: (data) => data.buckets ? buckets(data) : keys(data),
  },
};

function route() {
  const hash = location.hash.replace(/^#\/?/, "");
  const [name, ...rest] = hash.split("/").map((text) => { try { return decodeURIComponent(text); } catch { return text; } });
  const view = Object.hasOwn(VIEWS, name) ? VIEWS[name] : VIEWS[""];
  return { hash, view, address: view.data(...rest) };
}

// Looking, again and again

async function fetched(address) {
  const answer = await fetch(address, { credentials: "same-origin" });
  const text = await answer.text();
  if (answer.status === 403) throw new Error(text);
  const data = JSON.parse(text);
  if (!answer.ok) throw Object.assign(new Error(data.error), { gone: answer.status === 404 });
  return { text, data };
}

let turn = Promise.resolve();
const look = () => turn = turn.then(lookOnce); // one after another: a log's lines are to come once

async function lookOnce() {
  const now = route();
  try {
    if (!account) account = (await fetched(toData("overview"))).data;
    const { text, data } = await fetched(now.address);
    if (now.hash !== route().hash) return;
    if (shown.route !== now.hash || shown.text !== text) show(now, text, data);
    if (log) await readLog(now);
    notice.hidden = true;
  } catch (error) {
    if (now.hash !== route().hash) return;
    if (error.gone) show(now, "gone", null, error.message);
    else say(error instanceof TypeError
      ? "The account does not answer. Its process ends ten minutes after its last use: 'python -m local_aws page' starts it again. What you see is how it was."
      : error.message);
  }
  bills();
}

function say(text) {
  if (notice.hidden || notice.textContent !== text) notice.textContent = text;
  notice.hidden = false;
}

function show(now, text, data, missing) {
  const moved = shown.route !== now.hash;
  if (moved) log = null;
  const opened = new Set([...main.querySelectorAll("details[open]")].map((each) => each.id));
  const held = document.activeElement, place = held && (held.id || held.getAttribute("href"));
  const nodes = missing
    ? [h("h1", null, "There is nothing here"), h("p", null, missing), h("p", null, h("a", { href: "#/" }, "To the overview"))]
    : now.view.show(data);
  const scrolled = log ? log.node.scrollTop : 0;
  main.replaceChildren(...nodes.flat().filter(Boolean));
  if (log) log.node.scrollTop = scrolled;
  for (const each of main.querySelectorAll("details")) if (opened.has(each.id)) each.open = true;
  for (const each of main.querySelectorAll(".scroll"))
    if (each.scrollWidth > each.clientWidth) each.tabIndex = 0; // else a keyboard could not scroll it
  const title = main.querySelector("h1").textContent;
  document.title = `${title} – embedded AWS account`;
  if (moved && shown.route !== null) { main.focus({ preventScroll: true }); scrollTo(0, 0); }
  else if (place) [...main.querySelectorAll("a, summary, [id]")].find((each) => (each.id || each.getAttribute("href")) === place)?.focus({ preventScroll: true });
  foot.replaceChildren(
    `Read-only: nothing here changes the account. Times are those of ${Intl.DateTimeFormat().resolvedOptions().timeZone}. `,
    `Prices are those of ${account.prices.date} in us-east-1, on demand: `, h("a", { href: account.prices.source }, account.prices.source));
  shown = { route: now.hash, text };
}

/** Costs grow with the clock, not with the data. */
function bills() {
  for (const each of document.querySelectorAll("[data-hourly]"))
    each.textContent = dollars(each.dataset.hourly * Math.max(0, Date.now() / 1000 - each.dataset.since) / 3600);
}

// What is shown

function status(item) {
  if (!item.status) return "–";
  const kind = /Fail|OutOfService|Rejected/.test(item.status) ? "bad"
    : item.busy || /Stopped/.test(item.status) ? "busy" : "good";
  const phase = item.phase && item.phase !== item.status ? ` (${item.phase})` : "";
  return h("span", { class: `status ${kind}` }, item.status + phase);
}

function cost(bill) {
  if (!bill) return "–";
  if (bill.hourly === null) return `not known: ${bill.why}`;
  return [h("span", { "data-hourly": bill.hourly, "data-since": bill.since }), ` ($${bill.hourly.toFixed(3)} an hour)`];
}

const plural = (noun) => noun.endsWith("y") ? `${noun.slice(0, -1)}ies` : `${noun}s`;
const capital = (text) => text[0].toUpperCase() + text.slice(1);
const WHAT_TO_DO = {
  TrainingJob: "No training job yet: estimator.fit(…) starts one.",
  ProcessingJob: "No processing job yet: processor.run(…) starts one.",
  TransformJob: "No transform job yet: transformer.transform(…) starts one.",
  HyperParameterTuningJob: "No tuning job yet: tuner.fit(…) starts one.",
  Endpoint: "No endpoint is running: nothing costs anything.",
};

function items(data, caption) {
  const columns = [
    [["Name", "name"], (item) => h("a", { href: toResource(item.kind, item.name) }, item.name)],
    data.items.some((item) => item.status) && [["Status"], status],
    [["Created", "time"], (item) => when(item.created)],
    data.items.some((item) => item.ended) && [["Took", "number"], (item) => item.ended ? lasted(item.ended - item.created) : "–"],
    data.kind === "Endpoint" && [["Cost on AWS until now"], (item) => cost(item.cost)],
  ].filter(Boolean);
  return table(caption, columns.map(([title]) => title), data.items.map((item) => columns.map(([, cell]) => cell(item))));
}

function overview(data) {
  account = data;
  const [full, empty] = [data.kinds.filter((each) => each.count || WHAT_TO_DO[each.kind]), data.kinds.filter((each) => !each.count && !WHAT_TO_DO[each.kind])];
  return [
    h("h1", null, "What is in the account"),
    h("p", { class: "quiet" }, `Account ${data.account}, region ${data.region}, on this machine.`),
    full.map((each) => h("section", null,
      h("h2", null, capital(plural(each.noun))),
      each.count ? items(each, each.count > each.items.length ? `The newest ${each.items.length} of ${each.count}` : `All ${each.count}, the newest first`)
        : h("p", null, WHAT_TO_DO[each.kind]),
      each.count > each.items.length && h("p", null, h("a", { href: toList(each.kind) }, `All ${each.count} ${plural(each.noun)}`)))),
    empty.length > 0 && h("p", { class: "quiet" }, `None yet: ${empty.map((each) => plural(each.noun)).join(", ")}.`),
    h("section", null, h("h2", null, "S3"),
      data.storage.buckets
        ? h("p", null, h("a", { href: "#/s3" }, `${data.storage.buckets} ${data.storage.buckets === 1 ? "bucket" : "buckets"}`), ` with ${data.storage.objects} objects, ${bytes(data.storage.bytes)}`)
        : h("p", null, "No bucket yet: create_bucket or default_bucket() makes one.")),
  ];
}

function list(data) {
  const from = data.skipped + 1, to = data.skipped + data.items.length, more = to < data.count;
  const before = Math.max(0, data.skipped - 100);
  return [
    h("p", null, h("a", { href: "#/" }, "Overview")),
    h("h1", null, capital(plural(data.noun))),
    data.items.length ? items(data, `${from} to ${to} of ${data.count}, the newest first`) : h("p", null, WHAT_TO_DO[data.kind] ?? `No ${data.noun} here.`),
    data.skipped > 0 && h("p", null, h("a", { href: toList(data.kind, before) }, "Newer ones")),
    more && h("p", null, h("a", { href: toList(data.kind, to) }, "Older ones")),
  ];
}

function resource(data) {
  const { body } = data;
  const began = body.TrainingStartTime ?? data.metrics[0]?.points[0]?.[0];
  const since = body.TrainingStartTime ? "TrainingStartTime" : "the first value";
  const byName = (one, other) => one.name < other.name ? -1 : 1;
  const metrics = [...data.metrics].sort(byName);
  const charts = metrics.filter((metric) => metric.count > 1).map((metric) => chart(metric, began, since));
  const final = body.FinalMetricDataList
    ?? metrics.map((metric) => ({ MetricName: metric.name, Value: metric.points.at(-1)[1], Timestamp: metric.points.at(-1)[0] }));
  return [
    h("p", null, h("a", { href: "#/" }, "Overview"), " › ", h("a", { href: toList(data.kind) }, capital(plural(data.noun)))),
    h("h1", null, data.name),
    h("p", null, status(data), data.created && [" · created ", when(data.created)], data.ended && ` · took ${lasted(data.ended - data.created)}`,
      body.BillableTimeInSeconds !== undefined && ` · ${body.BillableTimeInSeconds} s billable`),
    data.cost && h("p", { class: "bill" }, "On AWS it would have cost until now: ", cost(data.cost), data.cost.terms && `, for ${data.cost.terms}, since its creation. It costs until it is deleted.`),
    body.FailureReason && h("p", { class: "reason" }, h("strong", null, "Why it failed: "), body.FailureReason),
    timeline(body.SecondaryStatusTransitions),
    final.length > 0 && h("h2", null, "Metrics"),
    charts.length > 0 && h("div", { class: "charts" }, charts),
    final.length > 0 && table(body.FinalMetricDataList ? "Final values, as Describe answers them" : "The last values until now", [["Metric"], ["Value", "number"], ["Time", "time"]],
      final.map((each) => [each.MetricName, short(each.Value), when(each.Timestamp)])),
    data.jobs.length > 0 && [h("h2", null, "Its training jobs"), tuned(data.jobs)],
    data.steps.length > 0 && [h("h2", null, "Steps"), table("Steps, in the order in which they began", [["Step", "name"], ["Status"], ["Began", "time"], ["Lasted", "number"], ["What it ran"]],
      data.steps.map((each) => [each.StepName, each.StepStatus, when(each.StartTime), each.EndTime ? lasted(each.EndTime - each.StartTime) : "–", arns(each.Metadata)]))],
    data.parts.length > 0 && [h("h2", null, "What belongs to it"), h("ul", null, data.parts.map((each) => h("li", null, linked(each, ""))))],
    pairs("Hyperparameters", body.HyperParameters ?? body.TrainingJobDefinition?.StaticHyperParameters, ["Name", "Value"]),
    places(data.kind, body),
    pairs("Tags", data.tags, ["Key", "Value"]),
    logSection(data),
    h("h2", null, "Everything that Describe answers"),
    h("details", { id: "everything" }, h("summary", null, `All members of this ${data.noun}`), tree(body)),
  ];
}

function timeline(transitions) {
  if (!transitions?.length) return null;
  return [h("h2", null, "Timeline"), table("Secondary statuses, in order", [["Status"], ["Began", "time"], ["Lasted", "number"], ["Message"]],
    transitions.map((each) => [each.Status, when(each.StartTime), each.EndTime ? lasted(each.EndTime - each.StartTime) : "until now", each.StatusMessage ?? ""]))];
}

function tuned(jobs) {
  const names = Object.keys(jobs[0].TunedHyperParameters ?? {});
  return table("Training jobs of this tuning job, with the values they tried", [["Name", "name"], ["Status"], ["Objective", "number"], ...names.map((name) => [name, "number"])],
    jobs.map((job) => [
      h("a", { href: toResource("TrainingJob", job.TrainingJobName) }, job.TrainingJobName),
      job.TrainingJobStatus,
      short(job.FinalHyperParameterTuningJobObjectiveMetric?.Value ?? NaN).replace("NaN", "–"),
      ...names.map((name) => job.TunedHyperParameters[name]),
    ]));
}

function pairs(title, values, columns) {
  const entries = Object.entries(values ?? {}).sort();
  return entries.length > 0 && [h("h2", null, title), table(`${title} (${entries.length})`, columns.map((each) => [each]), entries)];
}

/** Where a resource reads and writes, and what it names: each address and each name in its description. */
function places(kind, body) {
  const rows = [];
  const walk = (value, path, member) => {
    if (typeof value === "object" && value !== null) {
      for (const [name, inner] of Object.entries(value)) {
        const listed = Array.isArray(value) && (inner?.ChannelName ?? inner?.InputName ?? inner?.OutputName ?? inner?.VariantName ?? Number(name) + 1);
        walk(inner, [...path, listed || name], listed ? member : name);
      }
    } else {
      const link = linked(value, member);
      if (link && (path.length > 1 || ![`${kind}Name`, `${kind}Arn`].includes(member))) rows.push([path.join(" › "), link]);
    }
  };
  walk(body, [], "");
  return rows.length > 0 && [h("h2", null, "Input, output, relations"), table("Places in S3 and other resources that its description names", [["Member"], ["Leads to"]], rows)];
}

/** A link for a value that names a place in S3 or a resource; null for any other. */
function linked(value, member) {
  if (typeof value !== "string") return null;
  const [, bucket, key] = /^s3:\/\/([^/]+)\/?([^]*)$/.exec(value) ?? [];
  if (bucket) return h("a", { href: toKeys(bucket, key) }, value);
  const [, part, named] = /^arn:aws:sagemaker:[^:]*:[^:]*:([^/]+)\/([^]+)$/.exec(value) ?? [];
  const meant = account.kinds.filter((each) => each.arn === part); // a pipeline's execution is part of its ARN
  if (meant.length) return h("a", { href: toResource(meant.at(named.includes("/") ? -1 : 0).kind, named) }, value);
  const kind = account.kinds.find((each) => member === `${each.kind}Name`);
  return kind ? h("a", { href: toResource(kind.kind, value) }, value) : null;
}

function arns(value) {
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(arns) : linked(value, "") ?? [];
}

function tree(value, member = "") {
  if (Array.isArray(value)) return value.length ? h("ol", null, value.map((each) => h("li", null, tree(each, member)))) : "(none)";
  if (typeof value === "object" && value !== null)
    return h("dl", null, Object.entries(value).map(([name, inner]) => [h("dt", null, name), h("dd", null, tree(inner, name))]));
  if (typeof value === "number" && /Time(stamp)?$/.test(member)) return when(value);
  return linked(value, member) ?? (value === "" ? "(empty)" : String(value));
}

// Logs

function logSection(data) {
  if (!/Job$|^Endpoint$/.test(data.kind) || data.kind === "HyperParameterTuningJob") return null;
  if (!log) log = { kind: data.kind, name: data.name, last: 0, node: h("div", { class: "log", role: "log", tabindex: "0", id: "log", "aria-label": `Log of ${data.name}` }, "…") };
  return [h("h2", null, "Log"), log.node];
}

async function readLog(now) {
  const mine = log;
  const { data } = await fetched(toData("log", { kind: mine.kind, name: mine.name, after: mine.last }));
  if (mine !== log || now.hash !== route().hash) return;
  const node = mine.node, first = mine.last === 0;
  const atEnd = first || node.scrollTop + node.clientHeight >= node.scrollHeight - 8;
  if (first && !data.lines.length) { node.textContent = "Nothing has been logged yet."; return; }
  if (first) node.replaceChildren();
  if (data.full) node.append(h("div", { class: "quiet" }, `… lines left out: all with python -m local_aws logs ${mine.name}`));
  node.append(...data.lines.map(([at, stream, text]) => h("div", { title: stream }, clock(at), text)));
  while (node.childElementCount > LOG_LINES) node.firstElementChild.remove();
  if (atEnd) node.scrollTop = node.scrollHeight;
  mine.last = data.last;
}

// S3

function buckets(data) {
  return [
    h("h1", null, "Buckets"),
    data.buckets.length
      ? table(`All ${data.buckets.length}, by name`, [["Name", "name"], ["Objects", "number"], ["Size", "number"], ["Created", "time"]],
        data.buckets.map((each) => [h("a", { href: toKeys(each.name) }, each.name), String(each.objects), bytes(each.bytes), when(each.created)]))
      : h("p", null, "No bucket yet: create_bucket or default_bucket() makes one."),
  ];
}

function keys(data) {
  const crumbs = data.prefix.split("/").slice(0, -1);
  const tail = (key) => key.slice(data.prefix.lastIndexOf("/") + 1);
  const rows = [
    ...data.folders.map((each) => [h("a", { href: toKeys(data.bucket, each) }, tail(each)), "", "", "folder"]),
    ...data.objects.map((each) => [
      h("a", { href: `/_page/object?${new URLSearchParams({ bucket: data.bucket, key: each.key })}`, download: true }, tail(each.key)),
      bytes(each.bytes), when(each.modified), each.type,
    ]),
  ];
  return [
    h("p", null, h("a", { href: "#/s3" }, "Buckets"), " › ", h("a", { href: toKeys(data.bucket) }, data.bucket),
      crumbs.map((name, index) => [" / ", h("a", { href: toKeys(data.bucket, `${crumbs.slice(0, index + 1).join("/")}/`) }, name || "(empty)")])),
    h("h1", null, `s3://${data.bucket}/${data.prefix}`),
    rows.length
      ? table("Folders, then objects, in the order of their keys; an object's name downloads it", [["Name", "name"], ["Size", "number"], ["Changed", "time"], ["Type"]], rows)
      : h("p", null, data.prefix ? "Nothing lies below this prefix (any more)." : "This bucket is empty."),
    data.next && h("p", null, h("a", { href: toKeys(data.bucket, data.prefix, data.next) }, "What follows")),
  ];
}

// The rounds

addEventListener("hashchange", look);
document.addEventListener("visibilitychange", () => { if (!document.hidden) look(); });
document.querySelector(".skip").addEventListener("click", (event) => { event.preventDefault(); main.focus(); });
(async function rounds() {
  for (;;) {
    if (!document.hidden) await look();
    await new Promise((done) => setTimeout(done, EVERY));
  }
})();
