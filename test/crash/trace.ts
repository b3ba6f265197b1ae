/**
 * What a process did to one file, from the text that `strace -f -xx` wrote: writes, flushes and
 * acknowledgements, in the order in which the calls ended, each with the moment at which it began.
 *
 *     write          what the file held when the call ended; durable then, if opened with O_DSYNC
 *     flush          what ended before it began is durable when it has ended
 *     acknowledged   a line of numbers on standard output: a commit was acknowledged
 */

export interface Write {
  readonly kind: 'write';
  readonly offset: number;
  readonly bytes: Uint8Array;
  readonly began: number;
  readonly ended: number;
  readonly through: boolean;
}

export interface Flush {
  readonly kind: 'flush';
  readonly began: number;
  readonly ended: number;
}

export interface Acknowledgement {
  readonly kind: 'acknowledged';
  readonly number: number;
  readonly began: number;
  readonly ended: number;
}

export type Happening = Write | Flush | Acknowledgement;

export const TRACED = 'openat,pwrite64,pwritev,writev,lseek,fdatasync,fsync,ftruncate,write,unlink';

interface Call {
  readonly text: string;
  readonly began: number;
  readonly ended: number;
}

const UNFINISHED = ' <unfinished ...>';

/** The calls of all threads, in the order in which they ended. */
function* callsOf(trace: string): Generator<Call> {
  const open = new Map<string, { text: string; began: number }>();
  for (const [moment, line] of trace.split('\n').entries()) {
    const found = /^(\d+) +(.*)$/s.exec(line);
    if (found === null) continue;
    const [, thread = '', text = ''] = found;
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/s.exec(text);
    if (text.endsWith(UNFINISHED)) {
      open.set(thread, { text: text.slice(0, -UNFINISHED.length), began: moment });
    } else if (resumed !== null) {
      const begun = open.get(thread);
      if (begun === undefined) continue;
      open.delete(thread);
      yield { text: begun.text + resumed[1], began: begun.began, ended: moment };
    } else yield { text, began: moment, ended: moment };
  }
}

function bytesIn(text: string): Uint8Array {
  const parts = [...text.matchAll(/"((?:\\x[0-9a-f]{2})*)"/g)].map(([, hex = '']) =>
    Buffer.from(hex.replaceAll('\\x', ''), 'hex'),
  );
  return new Uint8Array(Buffer.concat(parts));
}

/** The descriptors of the file, whether they write through, and where they stand. */
class Descriptors {
  readonly through = new Map<string, boolean>();
  readonly position = new Map<string, number>();
  readonly #name: string;

  constructor(file: string) {
    this.#name = Buffer.from(file).toString('hex');
  }

  opened(text: string): void {
    const fd = / = (\d+)$/.exec(text)?.[1];
    if (fd === undefined) return;
    const name = Buffer.from(bytesIn(text)).toString('hex');
    if (name.endsWith(this.#name)) this.through.set(fd, text.includes('SYNC'));
    else this.through.delete(fd);
  }
}

/** From when to when a file was there: moments, or never. */
export interface Life {
  /** It was being made from then on. */
  readonly made: number;
  /** From then on its name is on disk. */
  readonly kept: number;
  /** From then on it may be gone. */
  readonly removed: number;
}

/** The files with such names that were made in a folder, with their lives. */
export function livesOf(trace: string, folder: string, name: RegExp): Map<string, Life> {
  const flushes = happeningsOf(trace, folder).filter(({ kind }) => kind === 'flush');
  const lives = new Map<string, Life>();
  for (const { text, began, ended } of callsOf(trace)) {
    const file = name.exec(Buffer.from(bytesIn(text)).toString())?.[0];
    if (file === undefined) continue;
    const life = lives.get(file);
    if (text.startsWith('openat(') && text.includes('O_CREAT') && life === undefined) {
      const kept = flushes.find((flush) => flush.began > ended)?.ended ?? Number.POSITIVE_INFINITY;
      lives.set(file, { made: began, kept, removed: Number.POSITIVE_INFINITY });
    } else if (text.startsWith('unlink(') && life !== undefined) {
      lives.set(file, { ...life, removed: began });
    }
  }
  return lives;
}

/** All that happened to `file`. Throws where a call was made that is not understood. */
export function happeningsOf(trace: string, file: string): Happening[] {
  const descriptors = new Descriptors(file);
  const happenings: Happening[] = [];
  for (const call of callsOf(trace)) {
    const [, name = '', fd = ''] = /^(\w+)\((\w+)/.exec(call.text) ?? [];
    if (name === 'openat') descriptors.opened(call.text);
    else if (name === 'write' && fd === '1') {
      const number = Number(Buffer.from(bytesIn(call.text)).toString());
      if (Number.isInteger(number))
        happenings.push({ ...whenOf(call), kind: 'acknowledged', number });
    } else if (descriptors.through.has(fd)) {
      const happening = happeningOf(name, fd, call, descriptors);
      if (happening !== undefined) happenings.push(happening);
    }
  }
  return happenings;
}

function whenOf({ began, ended }: Call): { began: number; ended: number } {
  return { began, ended };
}

function happeningOf(
  name: string,
  fd: string,
  call: Call,
  { through, position }: Descriptors,
): Happening | undefined {
  const result = Number(/ = (-?\d+)/.exec(call.text)?.[1]);
  if (name === 'lseek') {
    position.set(fd, result);
    return undefined;
  }
  if (name === 'fdatasync' || name === 'fsync') return { kind: 'flush', ...whenOf(call) };
  if (!['pwrite64', 'pwritev', 'writev'].includes(name))
    throw new Error(`${name} is not understood`);
  const bytes = bytesIn(call.text);
  if (bytes.length !== result) throw new Error(`a write of ${bytes.length} bytes did ${result}`);
  const offset =
    name === 'writev' ? position.get(fd) : Number(/, (\d+)\) += /.exec(call.text)?.[1]);
  if (offset === undefined) throw new Error('a write at an unknown place');
  return { kind: 'write', offset, bytes, ...whenOf(call), through: through.get(fd) === true };
}
