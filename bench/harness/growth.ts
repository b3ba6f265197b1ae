/**
 * Growth: the exponent e of cost ≈ c · size^e, fitted by least squares on logarithms of both.
 *
 * 0 is constant, 1 linear, 2 quadratic; a logarithm shows as a small exponent that shrinks as sizes
 * rise. Sizes should span a factor of ten at least, or noise decides.
 */

export interface Growth {
  readonly exponent: number;
  /** Cost at size 1, as fitted. */
  readonly factor: number;
  /**
   * How much of the variance the fit explains, 0 to 1; of constant costs nothing is left to
   * explain: 1.
   */
  readonly fit: number;
}

export function growth(points: readonly (readonly [size: number, cost: number])[]): Growth {
  if (points.length < 2) throw new RangeError('a growth exponent needs two sizes at least');
  const logs = points.map(([size, cost]) => [Math.log(size), Math.log(cost)] as const);
  const meanX = logs.reduce((sum, [x]) => sum + x, 0) / logs.length;
  const meanY = logs.reduce((sum, [, y]) => sum + y, 0) / logs.length;
  let xx = 0;
  let xy = 0;
  let yy = 0;
  for (const [x, y] of logs) {
    xx += (x - meanX) ** 2;
    xy += (x - meanX) * (y - meanY);
    yy += (y - meanY) ** 2;
  }
  if (!(xx > 0) || !Number.isFinite(xy))
    throw new RangeError('sizes must differ, and all be positive');
  const exponent = xy / xx;
  const fit = yy === 0 ? 1 : (xy * xy) / (xx * yy);
  return { exponent, factor: Math.exp(meanY - exponent * meanX), fit };
}
