// The dashboard: polls /v1/pools, /v1/nodes and /metrics each second, listens to /v1/events, draws.

import { make, show } from "./dom.js";
import { clock, duration, lease, percent, report } from "./format.js";

const POLL_MS = 1000;
const WINDOW_MS = 30_000; // the measured share is over this
const ENOUGH = 20; // requests in the window, under which a measured share says nothing
const EVENTS_SHOWN = 50;
const STALE_S = 3; // a snapshot is renewed each second: older than this is worth a look
const OLD_S = 15;

const part = (id) => document.getElementById(id);
const counted = []; // {at, counts: Map "pool server" -> requests} of the window
const events = [];
let lastAnswer = 0;
let lastEventId = "";
let listening = false;

class TokenNeeded extends Error {}

// --- talking to the node

async function get(path, headers = {}) {
  const token = sessionStorage.getItem("token");
  if (token) headers.Authorization = `Bearer ${token}`;
  const response = await fetch(path, { cache: "no-store", headers });
  if (response.status === 401) throw new TokenNeeded();
  if (!response.ok) throw new Error(`${path} answered ${response.status}`);
  return response;
}

async function poll() {
  try {
    const [pools, nodes, metrics] = await Promise.all([
      get("v1/pools").then((r) => r.json()),
      get("v1/nodes").then((r) => r.json()),
      get("metrics").then((r) => r.text()),
    ]);
    count(metrics);
    lastAnswer = Date.now();
    draw(pools, nodes);
    if (!listening) listen();
  } catch (error) {
    if (error instanceof TokenNeeded) return askForToken();
    alarm(lastAnswer
      ? `This node does not answer (${error.message}). Shown is the cluster ${duration((Date.now() - lastAnswer) / 1000)} ago.`
      : `This node does not answer (${error.message}).`);
  }
  setTimeout(poll, POLL_MS);
}

async function listen() {
  listening = true;
  try {
    const response = await get("v1/events", lastEventId ? { "Last-Event-ID": lastEventId } : {});
    let text = "";
    for await (const chunk of chunks(response.body.pipeThrough(new TextDecoderStream()))) {
      text += chunk;
      const whole = text.split("\n\n");
      text = whole.pop();
      whole.forEach(take);
    }
  } catch (error) {
    console.info("the stream of events ended:", error.message);
  }
  listening = false; // the next poll that succeeds begins it anew
}

async function* chunks(stream) {
  const reader = stream.getReader();
  for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value;
}

function take(block) {
  const fields = Object.fromEntries(block.split("\n").map((line) => line.split(/: (.*)/s)));
  if (!fields.data) return; // a comment that keeps the stream alive
  lastEventId = fields.id;
  events.unshift(JSON.parse(fields.data));
  events.length = Math.min(events.length, EVENTS_SHOWN);
  drawEvents();
}

// --- the measured share: how this node's own requests were spread in the window

const SAMPLE = /^cluster_lb_requests_total\{(.*)\} (\S+)$/gm;
const label = (labels, name) => labels.match(new RegExp(`${name}="((?:[^"\\\\]|\\\\.)*)"`))[1];

function count(metrics) {
  const counts = new Map();
  for (const [, labels, value] of metrics.matchAll(SAMPLE)) {
    const key = `${label(labels, "pool")} ${label(labels, "server")}`;
    counts.set(key, (counts.get(key) ?? 0) + Number(value));
  }
  counted.push({ at: Date.now(), counts });
  while (counted[0].at < Date.now() - WINDOW_MS) counted.shift();
}

function measured(pool) {
  const before = counted[0].counts, now = counted[counted.length - 1].counts;
  const done = pool.servers.map(({ id }) => (now.get(`${pool.name} ${id}`) ?? 0) - (before.get(`${pool.name} ${id}`) ?? 0));
  const total = done.reduce((sum, n) => sum + n, 0);
  return total < ENOUGH ? null : new Map(pool.servers.map(({ id }, index) => [id, done[index] / total]));
}

// --- drawing

function draw(pools, nodes) {
  part("sign-in").hidden = true;
  part("cluster").hidden = false;
  part("age").hidden = false;
  part("answering").textContent = `as node ${nodes.node} sees it`;
  drawAge(nodes);
  show(part("pools"), ...(pools.pools.length ? pools.pools.map(poolCard) : [
    empty("No pool yet. It appears when a server registers, or with ", code("cluster-lb apply FILE"), ".")]));
  show(part("nodes"), nodes.nodes.length ? nodesCard(nodes) : empty("No node has announced itself yet."));
  drawEvents();
}

// While Redis answers, a node tells the age of its snapshot with each heartbeat; while not, with the answer.
function drawAge({ node, nodes, age_s }) {
  const own = nodes.find(({ id }) => id === node);
  const seconds = age_s === 0 && own ? own.snapshot_age_ms / 1000 : age_s;
  const level = seconds === null || seconds > OLD_S ? "bad" : seconds > STALE_S ? "warn" : "good";
  part("age").className = `chip ${level}`;
  part("age").textContent = seconds === null ? "no snapshot yet" : `snapshot ${duration(seconds)} old`;
  if (level === "good") part("alarm").hidden = true;
  else alarm(seconds === null
    ? "This node has not read the cluster's state from Redis yet."
    : `Redis has not answered for ${duration(seconds)}. Traffic goes on from the last snapshot; changes wait.`);
}

function alarm(text) {
  part("alarm").hidden = false;
  part("alarm").textContent = text;
}

const empty = (...texts) => make("div.card.quiet", {}, ...texts);
const code = (text) => make("code", {}, text);
const under = (text) => (text ? make("span.under", {}, text) : null);

function cell(name, title, ...children) {
  const filled = children.some((child) => child !== null && child !== "");
  return make(filled ? `td${name}` : `td.empty${name}`, { "data-label": title }, ...children);
}

const NUMBERS = new Set(["Weight", "In flight", "Lease", "Snapshot", "Up"]);

function table(kind, titles, rows) {
  const head = titles.map((title) => make(NUMBERS.has(title) ? "th.number" : "th", { scope: "col" }, title));
  return make(`table.${kind}`, {}, make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...rows));
}

function poolCard(pool) {
  const taking = pool.servers.filter((server) => server.share > 0).length;
  const shares = measured(pool);
  const inFlight = pool.servers.reduce((sum, server) => sum + server.in_flight, 0);
  const most = pool.settings.limits.pool_requests;
  const kept = pool.policy.endsWith("round_robin") ? "exact" : "by weight"; // others go by load, key or chance too
  return make("article.card", {},
    make("div.head", {},
      make("h3", {}, pool.name),
      make("span.quiet", {}, pool.policy.replaceAll("_", " ")),
      make("span.quiet.end", {}, `${taking} of ${pool.servers.length} take traffic`),
      make("span.quiet", {}, `${most ? `${inFlight} of ${most}` : inFlight} in flight`),
      make("span.quiet", {}, `epoch ${pool.epoch}`)),
    pool.panics ? make("p.alarm", {}, "Too few servers are healthy: health is ignored and all registered servers get traffic.") : null,
    most && inFlight >= most ? make("p.alarm", {}, "The pool is full (limits.pool_requests): further requests wait in the queues of the nodes.") : null,
    pool.backups_serve && !pool.panics ? make("p.alarm", {}, "Too few primaries take traffic: backups serve.") : null,
    pool.servers.length
      ? table("servers", ["Server", "Health", "Admin state", "Share", "Weight", "In flight", "Lease", "Report"],
          [...pool.servers].sort((one, other) => isWell(one) - isWell(other)).map((server) => serverRow(server, kept, shares)))
      : make("p.quiet", {}, "No server is registered. ", code(`cluster-lb register --pool ${pool.name} --address HOST:PORT`), " adds one."));
}

// What is not well stands first: among 200 servers nobody finds it otherwise.
const isWell = ({ admin_state, state, health, ejected, stale }) =>
  admin_state === "READY" && state === "up" && health !== "DOWN" && !ejected && !stale;

// `kept`: how closely the policy keeps to shares.
function serverRow(server, kept, shares) {
  const weight = server.effective_weight === server.weight ? `${server.weight}` : `${server.effective_weight} of ${server.weight}`;
  return make(server.share > 0 ? "tr" : "tr.out", {},
    cell(".wide.name", "Server", make("strong", {}, server.id), under([server.address, server.zone && `zone ${server.zone}`, server.priority && `priority ${server.priority}`].filter(Boolean).join(" · "))),
    cell(".state.half", "Health", health(server), under(server.reason), votes(server.verdict)),
    cell(".state.half", "Admin state", adminState(server), under(server.state_reason)),
    cell(".share.wide", "Share", `${percent(server.share)} ${kept}`, bar(server.share),
      shares && server.share > 0 ? under(`${percent(shares.get(server.id))} measured`) : null),
    cell(".number", "Weight", weight, server.percent_reason ? under(server.percent_reason) : null),
    cell(".number", "In flight", server.max_requests ? `${server.in_flight} of ${server.max_requests}` : `${server.in_flight}`),
    cell(".number", "Lease", lease(server.lease_ms)),
    cell(".wide", "Report", under(report(server.report).join(" · "))));
}

// Who votes what, and when: opened by whoever wants to know.
function votes({ health, votes, flips }) {
  const cast = Object.entries(votes);
  if (!cast.length) return null;
  const agree = cast.filter(([, vote]) => vote.health === health).length;
  return make("details", {},
    make("summary", {}, `${agree} of ${cast.length} votes${flips ? `, ${flips} ${flips === 1 ? "flip" : "flips"}` : ""}`),
    ...cast.map(([node, vote]) => make("span.under", {}, `${node}: ${vote.health} ${vote.reason} · ${clock(vote.at_ms)}`)));
}

function health(server) {
  if (server.ejected) return make("span.health.bad", {}, "EJECTED");
  if (server.stale) return make("span.health.warn", {}, `${server.health}, stale`);
  return make(`span.health.${{ UP: "good", DOWN: "bad" }[server.health] ?? "warn"}`, {}, server.health);
}

function adminState(server) {
  if (server.admin_state === "READY" && server.state !== "up") {
    return make("span.chip.warn", {}, server.state);
  }
  if (server.admin_state === "READY") return make("span.chip", {}, "READY");
  const drained = server.in_flight === 0 ? " · drained" : "";
  return make("span.chip.warn", {}, server.admin_state + (server.admin_state === "DRAIN" ? drained : ""));
}

// Widths as SVG attributes: style attributes would need a laxer content security policy.
function bar(share) {
  return make("span.bar", { "aria-hidden": "true" },
    make("svg", { viewBox: "0 0 100 4", preserveAspectRatio: "none" }, make("rect", { width: (100 * share).toFixed(2), height: 4 })));
}

function nodesCard({ node, nodes }) {
  return make("div.card", {}, table("nodes", ["Node", "Listens", "Admin", "Version", "Up", "Lease", "Snapshot"], nodes.map((one) => make("tr", {},
    cell(".wide.name", "Node", make("strong", {}, one.id), one.id === node ? make("span.quiet", {}, " (this one)") : null, under(one.zone && `zone ${one.zone}`)),
    cell(".half", "Listens", make("span.mono", {}, one.listeners.join(", "))),
    cell(".half", "Admin", make("span.mono", {}, one.admin)),
    cell(".half", "Version", one.version),
    cell(".number.half", "Up", duration((Date.now() - one.started_at_ms) / 1000)),
    cell(".number.half", "Lease", lease(one.lease_ms)),
    cell(".number.half", "Snapshot", `${duration(one.snapshot_age_ms / 1000)} old`)))));
}

const WHAT = {
  register: "registered",
  state: "says otherwise of itself",
  agent: "has new words of its agent",
  remove: "left",
  mark: "marked by an operator",
  sweep: "lease ended",
  verdict: "has a new verdict",
  eject: "ejected",
  return: "back from its ejection",
  weights: "weights adjusted",
  config: "settings changed",
  seed: "given back to Redis",
  routes: "routes changed",
};

// What is left of a server that an event takes out.
const TAKES = { persists: ": takes only clients bound to it", refuses: ": takes nothing new" };

function drawEvents() {
  show(part("events"), events.length
    ? make("div.card", {}, make("ol.events", {}, ...events.map((event) => make("li", {},
        make("time", {}, clock(event.at_ms)),
        make("strong", {}, event.pool ?? ""),
        make("span", {}, [event.server, WHAT[event.what] ?? event.what].filter(Boolean).join(" ") + (TAKES[event.takes] ?? "")),
        make("span.quiet", {}, event.epoch ? `epoch ${event.epoch}` : "")))))
    : empty("Nothing has changed since this node started."));
}

// --- the token

function askForToken() {
  part("cluster").hidden = true;
  part("age").hidden = true;
  part("sign-in").hidden = false;
  part("sign-in-problem").textContent = sessionStorage.getItem("token") ? "The node did not accept this token." : "";
  part("token").focus();
}

part("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem("token", part("token").value);
  poll();
});

poll();
