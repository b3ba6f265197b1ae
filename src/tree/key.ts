/**
 * Keys: sequences of names. In the API a key is '/a/b' or ['a', 'b'], names as strings or bytes;
 * here it is its names' bytes. A name has 1 to 255 bytes, any but NUL and '/'; `.` and `..` are
 * refused; a key has at most 4,096 bytes, counted with one '/' before each name. Order is bytewise,
 * name by name.
 */

import { badKey, type RegaliaError } from '../ground/errors.js';
import { KEY_BYTES_MAX, NAME_BYTES_MAX } from '../ground/limits.js';
import { nameBytes, nameText } from '../ground/text.js';

const SLASH = 0x2f;
const DOT = 0x2e;

/** A key as users give it: '/a/b', or its names. '/' and [] are the top. */
export type Key = string | readonly (string | Uint8Array)[];

export type Names = readonly Uint8Array[];

/** The names of a key. REGALIA_KEY outside the limits. */
export function parseKey(key: Key): Names {
  const names = typeof key === 'string' ? splitKey(key) : listNames(key);
  let length = 0;
  for (const name of names) length += 1 + name.length;
  if (length > KEY_BYTES_MAX) {
    throw refused(key, `more than ${KEY_BYTES_MAX} bytes`, KEY_BYTES_MAX, length);
  }
  return names;
}

function splitKey(key: string): Names {
  if (key === '/') return [];
  if (!key.startsWith('/')) throw refused(key, "no '/' at its beginning");
  return key
    .slice(1)
    .split('/')
    .map((text) => textName(text, key));
}

function listNames(key: readonly (string | Uint8Array)[]): Names {
  if (!Array.isArray(key))
    throw refused(String(key), 'another form than a string or a list of names');
  return key.map((name) => {
    if (typeof name === 'string') return textName(name, key);
    if (!(name instanceof Uint8Array))
      throw refused(key, 'a name that is neither a string nor bytes');
    checkName(name, key);
    return name.slice();
  });
}

function textName(text: string, key: Key): Uint8Array {
  const bytes = nameBytes(text);
  if (bytes === undefined)
    throw refused(key, 'a name with lone surrogates outside U+DC80 to U+DCFF');
  checkName(bytes, key);
  return bytes;
}

/** REGALIA_KEY unless these bytes can be a name. */
export function checkName(name: Uint8Array, key: Key): void {
  const { length } = name;
  if (length < 1 || length > NAME_BYTES_MAX) {
    throw refused(key, `a name that has not 1 to ${NAME_BYTES_MAX} bytes`, NAME_BYTES_MAX, length);
  }
  for (let i = 0; i < length; i++) {
    if (name[i] === 0 || name[i] === SLASH) throw refused(key, "a name with NUL or '/'");
  }
  const dots = name[0] === DOT && (length === 1 || (length === 2 && name[1] === DOT));
  if (dots) throw refused(key, "a name that is '.' or '..'");
}

function refused(key: Key, fault: string, limit?: number, actual?: number): RegaliaError {
  const whole = typeof key === 'string' ? key : Array.from(key, String).join('/');
  const text = whole.length > 200 ? `${whole.slice(0, 200)}…` : whole;
  if (limit === undefined || actual === undefined) return badKey(text, fault);
  return badKey(text, fault, { limit, actual });
}

/** A key's text: '/a/b', or '/' for the top. */
export function keyText(names: Names): string {
  let text = '';
  for (const name of names) text += `/${nameText(name)}`;
  return text === '' ? '/' : text;
}
