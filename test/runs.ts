/**
 * How often a property is tried: a part of the runs in the quick suite, and many times as many in
 * the slow one, which sets `REGALIA_RUNS`.
 */
const SHARE = Number(process.env['REGALIA_RUNS'] ?? 0.2);

/** So many runs of a property that takes long, and at least one. */
export function runs(count: number): number {
  return Math.max(1, Math.ceil(count * SHARE));
}
