/**
 * The operating system as this room uses it: paths of any bytes, and which errors are of a file.
 *
 * A path or a name is a byte text: text with one character per byte (latin1). Its order is the
 * order of the bytes, and ASCII names are their own text. Calls for a file of the tree go through
 * `onFile`, so that what they throw is known to be of that file.
 */
import { errnoOf } from '../ground/errors.js';

/** A path or a name with one character per byte. */
export type ByteText = string;

const ASCII = /^[\0-\x7f]*$/;

/** Whether a byte text is ASCII, and so its own text. */
export function isAscii(text: ByteText): boolean {
  return ASCII.test(text);
}

/** A byte text as the operating system's calls expect it. */
export function osPath(path: ByteText): string | Buffer {
  return isAscii(path) ? path : Buffer.from(path, 'latin1');
}

/** The byte text of a path as users write it. */
export function byteText(path: string | Uint8Array): ByteText {
  const bytes = typeof path === 'string' ? Buffer.from(path) : Buffer.from(path);
  return bytes.toString('latin1');
}

/** For people: bytes that are not UTF-8 are U+FFFD. */
export function shownPath(path: ByteText): string {
  return Buffer.from(path, 'latin1').toString();
}

/** What the operating system threw at a call for one file of the tree; the error is the cause. */
export class FileFault extends Error {
  override readonly name = 'FileFault';
  /** The operating system's name of the error, where it has one. */
  readonly errno: string | undefined;

  constructor(cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    const errno = errnoOf(cause);
    this.errno = errno !== undefined && /^E[A-Z0-9]+$/.test(errno) ? errno : undefined;
  }
}

/** Does one call for a file of the tree. @throws FileFault. */
export function onFile<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw new FileFault(error);
  }
}
