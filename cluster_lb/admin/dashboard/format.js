// Numbers as people read them.

export const percent = (share) => `${(100 * share).toFixed(1)} %`;

/** Seconds as the two largest units: 3.2 s, 2 min 5 s, 3 h 1 min, 4 d 2 h; number and unit stay on one line. */
export function duration(seconds) {
  return units(seconds).replace(/(\d) /g, "$1\u00a0");
}

function units(seconds) {
  if (seconds < 10) return `${Math.max(0, seconds).toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  if (whole < 86400) return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
  return `${Math.floor(whole / 86400)} d ${Math.floor((whole % 86400) / 3600)} h`;
}

/** What is left of a lease, or how long it is overdue. */
export const lease = (ms) => (ms >= 0 ? duration(ms / 1000) : `overdue ${duration(-ms / 1000)}`);

const SHARES = { cpu: "cpu", memory: "mem" };
const FIGURES = { load_average: "load", in_flight: "own in flight" };

/** A server's report as a list of short texts: "cpu 31 %", "load 0.42"; each stays on one line. */
export function report(figures) {
  return Object.entries(figures).sort().map(([name, value]) =>
    (name in SHARES ? `${SHARES[name]} ${Math.round(100 * value)} %` : `${FIGURES[name] ?? name} ${+value.toFixed(2)}`)
      .replaceAll(" ", "\u00a0"),
  );
}

export const clock = (ms) => new Date(ms).toLocaleTimeString([], { hour12: false });
