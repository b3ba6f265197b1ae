/**
 * Deterministic CBOR: plain data as bytes, one spelling each (RFC 8949, section 4.2.1).
 *
 * Integers and floats take their shortest form, lengths are definite, map keys are text and sorted
 * by their encoded bytes (so shorter ones first), NaN is f97e00. A number without a fraction is an
 * integer while it is safe, else a float; -0 is a float. A bigint is an integer up to 64 bits, else
 * tag 2 or 3; integers that are not safe come back as bigints, all others as numbers. A Date is tag
 * 1: five bytes for whole seconds, where tag 0 takes 22. Bytes, strings, booleans, null, undefined,
 * arrays and plain objects are themselves; anything else has no place here.
 *
 * Here are the format's numbers and its order; the encoder and the decoder have a file each. The
 * decoder accepts the encoder's output alone: no other tags, no other simple values, no indefinite
 * lengths, no duplicate or unsorted keys, nothing deeper than 32, no length beyond what remains.
 */
/** What can be written. */
export type CborData =
  | null
  | undefined
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | Date
  | readonly CborData[]
  | { readonly [key: string]: CborData };

export const CBOR_LIMITS = Object.freeze({ depth_max: 32, bytes_max: 16_777_216 });

/** Major types, in the top three bits of a head. */
export const MAJOR = {
  unsigned: 0x00,
  negative: 0x20,
  bytes: 0x40,
  text: 0x60,
  array: 0x80,
  map: 0xa0,
  tag: 0xc0,
} as const;
export const FALSE = 0xf4;
export const TRUE = 0xf5;
export const NULL = 0xf6;
export const UNDEFINED = 0xf7;
export const HALF = 0xf9;
export const SINGLE = 0xfa;
export const DOUBLE = 0xfb;
export const TAG_DATE = 1;
export const TAG_BIG = 2;
export const TAG_BIG_NEGATIVE = 3;

const scratch = new DataView(new ArrayBuffer(4));

/**
 * The order of encoded keys: by length in UTF-8, then bytewise, which is the order of code points.
 * UTF-16 differs from it only in surrogates, which must rank above all other units.
 */
export function compareKeys(a: string, b: string): number {
  const difference = utf8Length(a) - utf8Length(b);
  if (difference !== 0) return difference;
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return rank(x) - rank(y);
  }
  return a.length - b.length;
}

/** Of well-formed text; keys are short, so that a loop is faster than a native call (measured). */
function utf8Length(text: string): number {
  let length = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    // A surrogate is half of a pair that takes four bytes.
    if (unit >= 0x80) length += unit < 0x800 || (unit >= 0xd800 && unit < 0xe000) ? 1 : 2;
  }
  return length;
}

function rank(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}

/** The bits of a number in half precision, or undefined where it would be another number. */
export function halfBits(number: number): number | undefined {
  if (Number.isNaN(number)) return 0x7e00;
  const sign = number < 0 || Object.is(number, -0) ? 0x8000 : 0;
  const magnitude = Math.abs(number);
  if (magnitude === Infinity) return sign | 0x7c00;
  if (magnitude < 2 ** -14) {
    const steps = magnitude * 2 ** 24;
    return Number.isInteger(steps) ? sign | steps : undefined;
  }
  if (magnitude > 65_504 || Math.fround(magnitude) !== magnitude) return undefined;
  scratch.setFloat32(0, magnitude);
  const bits = scratch.getUint32(0);
  if ((bits & 0x1fff) !== 0) return undefined;
  return sign | ((bits - (112 << 23)) >>> 13);
}

export function halfNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}
