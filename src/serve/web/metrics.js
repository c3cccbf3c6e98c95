// metrics.js - reads Prometheus' text form as the server's /metrics has it.

// {name or name{labels}: number} of a text.
export function parse(text) {
  const values = new Map();
  for (const line of text.split("\n")) {
    const m = /^([a-zA-Z_:][\w:]*(?:\{[^}]*\})?) (\S+)$/.exec(line);
    if (m) values.set(m[1], Number(m[2]));
  }
  return values;
}

// The value below which a share q of a histogram's observations lies, by its buckets (linear within
// one, as Prometheus does it); undefined before the first observation.
export function quantile(values, name, q) {
  const buckets = [];
  for (const [key, count] of values) {
    const m = key.startsWith(`${name}_bucket{`) && /le="([^"]+)"/.exec(key);
    if (m) buckets.push([m[1] === "+Inf" ? Infinity : Number(m[1]), count]);
  }
  buckets.sort((a, b) => a[0] - b[0]);
  const all = buckets.at(-1)?.[1];
  if (!all) return undefined;
  let low = 0, below = 0;
  for (const [high, count] of buckets) {
    if (count >= q * all) return high === Infinity ? low : low + ((high - low) * (q * all - below)) / (count - below || 1);
    [low, below] = [high, count];
  }
  return low;
}
