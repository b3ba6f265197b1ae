/**
 * Options and arguments, checked in one way: what a call may be given is said once, as a table of
 * kinds, and what does not fit is refused with the name, what it must be, and what it was.
 *
 *     const COMMIT = new Options<CommitOptions>('commit', { message: text(65_536), signal });
 *     COMMIT.check({ mesage: '' });    commit has no option mesage; did you mean message?
 *     text().check('name', 5);         name must be text, not 5
 *
 * Only the public surface checks: what lies below it is called by us. Options that are not given
 * cost nothing, and an option that is undefined counts as not given.
 */
import { badOption, badRange, type RegaliaError, unknownOption } from './errors.js';

type Refusal = (name: string, expected: string, actual: string) => RegaliaError;

export interface KindOptions {
  /** What an error says of a datum that is refused; default `shown`. */
  readonly actual?: (datum: unknown) => string;
  /** The error of a datum that is refused; default REGALIA_OPTION. */
  readonly refusal?: Refusal;
  /** Looks closer at a datum that is accepted, and throws what it finds. */
  readonly closer?: (name: string, datum: unknown) => void;
}

/** What an option or an argument must be. */
export class Kind<T> {
  /** For the compiler alone. */
  declare readonly type: T;
  /** As in 'a whole number of at least 0'. */
  readonly expected: string;
  readonly accepts: (datum: unknown) => boolean;
  readonly #how: KindOptions;

  constructor(expected: string, accepts: (datum: unknown) => boolean, how: KindOptions = {}) {
    this.expected = expected;
    this.accepts = accepts;
    this.#how = how;
  }

  /** The datum, which is of this kind; else an error that calls it `name`. */
  check(name: string, datum: unknown): T {
    if (!this.accepts(datum)) {
      const { actual = shown, refusal = badOption } = this.#how;
      throw refusal(name, this.expected, actual(datum));
    }
    this.#how.closer?.(name, datum);
    return datum as T;
  }

  /** The same kind with another error for what is refused. */
  refusedBy(refusal: Refusal): Kind<T> {
    return new Kind<T>(this.expected, this.accepts, { ...this.#how, refusal });
  }

  /** The same for what need not be given. */
  checkGiven(name: string, datum: unknown): T | undefined {
    return datum === undefined ? undefined : this.check(name, datum);
  }
}

/** A kind for every option of `T`, so that none is forgotten. */
export type Kinds<T> = { readonly [K in keyof T]-?: Kind<Exclude<T[K], undefined>> };

const NONE: object = Object.freeze({});

/** The options of one call. */
export class Options<T extends object> {
  readonly #call: string;
  readonly #kinds: ReadonlyMap<string, Kind<unknown>>;

  /** `call` names it in errors, as in 'commit'. */
  constructor(call: string, kinds: Kinds<T>) {
    this.#call = call;
    this.#kinds = new Map(Object.entries<Kind<unknown>>(kinds));
  }

  /**
   * The options as they were given. REGALIA_OPTION unless each is known and of its kind. `within`
   * is where they lie in others, as in 'streams.acl', for errors.
   */
  check(given: unknown, within?: string): T {
    if (given === undefined) return NONE as T;
    if (!isPlain(given)) {
      const what = within ?? `what ${this.#call} is given as options`;
      throw badOption(what, 'an object', shown(given));
    }
    const prefix = within === undefined ? '' : `${within}.`;
    for (const name in given) {
      const kind = this.#kinds.get(name);
      if (kind === undefined) throw this.#unknown(name, within);
      kind.checkGiven(prefix + name, (given as Record<string, unknown>)[name]);
    }
    return given as T;
  }

  /** The same where none may be left out. */
  checkAll(given: unknown, within?: string): T {
    const all = this.check(given ?? null, within) as Readonly<Record<string, unknown>>;
    const prefix = within === undefined ? '' : `${within}.`;
    for (const [name, kind] of this.#kinds) kind.check(prefix + name, all[name]);
    return all as T;
  }

  #unknown(name: string, within = this.#call): RegaliaError {
    const known = [...this.#kinds.keys()];
    return unknownOption(within, shortened(name), known, nearest(name, known));
  }
}

/** An object of somebody's own: no array, date, map, signal or another thing of the platform. */
function isPlain(datum: unknown): datum is object {
  return (
    typeof datum === 'object' &&
    datum !== null &&
    Object.prototype.toString.call(datum) === '[object Object]'
  );
}

// Kinds.

export const flag = new Kind<boolean>('true or false', (datum) => typeof datum === 'boolean');

/** A function whose answer counts at once, and so is no promise. */
export function callback<T>(): Kind<T> {
  return new Kind<T>('a function that is not async', (datum) => {
    return typeof datum === 'function' && !isAsync(datum);
  });
}

/** A function whose answer counts later, or not at all. */
export function listener<T>(): Kind<T> {
  return new Kind<T>('a function', (datum) => typeof datum === 'function');
}

/** Whether a function is declared as one that returns a promise. */
function isAsync(called: object): boolean {
  const tag = Object.prototype.toString.call(called);
  return tag === '[object AsyncFunction]' || tag === '[object AsyncGeneratorFunction]';
}

/** One of another realm, or of a library, is as good. */
export const signal = new Kind<AbortSignal>('an AbortSignal', (datum) => {
  if (typeof datum !== 'object' || datum === null) return false;
  const { aborted, addEventListener } = datum as Partial<AbortSignal>;
  return typeof aborted === 'boolean' && typeof addEventListener === 'function';
});

/** Text of at most so many bytes of UTF-8. */
export function text(bytesMax = Number.POSITIVE_INFINITY): Kind<string> {
  const bound = bytesMax === Number.POSITIVE_INFINITY ? '' : ` of at most ${bytesMax} bytes`;
  const actual = (datum: unknown): string => {
    return typeof datum === 'string' ? `${Buffer.byteLength(datum)} bytes` : shown(datum);
  };
  const accepts = (datum: unknown): boolean => {
    // A character is one to three bytes, so most texts need not be counted.
    const isText = typeof datum === 'string';
    return isText && (datum.length * 3 <= bytesMax || Buffer.byteLength(datum) <= bytesMax);
  };
  return new Kind(`text${bound}`, accepts, { actual });
}

export const bytes: Kind<Uint8Array> = new Kind('bytes', (datum) => datum instanceof Uint8Array);

/** A path of the operating system. */
export const folder = new Kind<string>('the path of a folder', (datum) => {
  return typeof datum === 'string' && datum !== '' && !datum.includes('\0');
});

/** A whole number of `least` to `most`. */
export function whole(least = 0, most?: number): Kind<number> {
  return numberOf('a whole number', Number.isSafeInteger, least, most);
}

/** A number of `least` to `most`, which may be without end. */
export function number(least: number, most?: number): Kind<number> {
  return numberOf('a number', (datum) => typeof datum === 'number', least, most);
}

function numberOf(
  what: string,
  accepts: (datum: unknown) => boolean,
  least: number,
  most = Number.POSITIVE_INFINITY,
): Kind<number> {
  const bound = most === Number.POSITIVE_INFINITY ? `at least ${least}` : `${least} to ${most}`;
  return new Kind(`${what} of ${bound}`, (datum) => {
    return accepts(datum) && Number(datum) >= least && Number(datum) <= most;
  });
}

/** How often something is done at most. */
export const count = new Kind<number>('a whole number of at least 0, or Infinity', (datum) => {
  return datum === Number.POSITIVE_INFINITY || (Number.isInteger(datum) && Number(datum) >= 0);
});

/** How many rows there are at most: Infinity for all. REGALIA_RANGE. */
export const limit: Kind<number> = count.refusedBy(badRange);

/** A place within bytes. REGALIA_RANGE. */
export const offset: Kind<number> = whole().refusedBy(badRange);

/** One of some names. */
export function oneOf<const T extends string>(...names: readonly T[]): Kind<T> {
  const quoted = names.map((name) => `'${name}'`);
  const last = quoted.pop();
  const expected = quoted.length === 0 ? `${last}` : `${quoted.join(', ')} or ${last}`;
  return new Kind<T>(expected, (datum) => names.includes(datum as T));
}

/** What either kind accepts. */
export function either<A, B>(a: Kind<A>, b: Kind<B>): Kind<A | B> {
  const accepts = (datum: unknown): boolean => a.accepts(datum) || b.accepts(datum);
  const closer = (name: string, datum: unknown): void => {
    (a.accepts(datum) ? a : b).check(name, datum);
  };
  return new Kind<A | B>(`${a.expected}, or ${b.expected}`, accepts, { closer });
}

/** An array whose every member is of a kind. */
export function listOf<T>(kind: Kind<T>): Kind<readonly T[]> {
  return new Kind<readonly T[]>('an array', Array.isArray, {
    closer: (name, list) => {
      for (const [i, member] of (list as unknown[]).entries()) kind.check(`${name}[${i}]`, member);
    },
  });
}

/** An object that names things of a kind. */
export function namesOf<T>(kind: Kind<T>): Kind<Readonly<Record<string, T>>> {
  return new Kind<Readonly<Record<string, T>>>('an object', isPlain, {
    closer: (name, named) => {
      for (const [key, member] of Object.entries(named as object)) {
        kind.checkGiven(`${name}.${shortened(key)}`, member);
      }
    },
  });
}

/** An object with fields of its own. */
export function fieldsOf<T extends object>(options: Options<T>): Kind<T> {
  return new Kind<T>('an object', isPlain, {
    closer: (name, datum) => void options.check(datum, name),
  });
}

// How things are shown.

const SHOWN_MAX = 80;

/** Any datum on one short line, for errors. */
export function shown(datum: unknown): string {
  switch (typeof datum) {
    case 'string':
      return shortened(JSON.stringify(datum.slice(0, SHOWN_MAX)));
    case 'bigint':
      return shortened(`${datum}n`);
    case 'function':
      return isAsync(datum) ? 'an async function' : 'a function';
    case 'object':
      return datum === null ? 'null' : shownObject(datum);
    default:
      return String(datum);
  }
}

function shownObject(datum: object): string {
  if (Array.isArray(datum)) return `an array of ${datum.length}`;
  if (datum instanceof Uint8Array) return `${datum.length} bytes`;
  if (datum instanceof Date)
    return `the date ${Number.isNaN(datum.getTime()) ? 'invalid' : datum.toISOString()}`;
  const tag = Object.prototype.toString.call(datum).slice('[object '.length, -1);
  return tag === 'Object' ? 'an object' : `an object of kind ${shortened(tag)}`;
}

function shortened(text: string): string {
  return text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX - 1)}…` : text;
}

/** The name that was probably meant; undefined where none is near. */
export function nearest(typed: string, names: readonly string[]): string | undefined {
  let best: string | undefined;
  let least = Math.max(1, typed.length / 3);
  // What is longer than any name was not a slip of a finger, and would take long to compare.
  if (typed.length > SHOWN_MAX) return undefined;
  for (const name of names) {
    const distance = editDistance(typed.toLowerCase(), name.toLowerCase());
    if (distance > least || (distance === least && best !== undefined)) continue;
    best = name;
    least = distance;
  }
  return best;
}

/** How many letters must be added, left out, changed or swapped to make one word of the other. */
function editDistance(from: string, to: string): number {
  let before: number[] = [];
  let above = Array.from({ length: to.length + 1 }, (_, i) => i);
  for (let i = 1; i <= from.length; i++) {
    const row = [i];
    for (let j = 1; j <= to.length; j++) {
      const change = from[i - 1] === to[j - 1] ? 0 : 1;
      let least = Math.min(row[j - 1] + 1, above[j] + 1, above[j - 1] + change);
      const isSwap = i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1];
      if (isSwap) least = Math.min(least, before[j - 2] + 1);
      row.push(least);
    }
    before = above;
    above = row;
  }
  return above[to.length] as number;
}
