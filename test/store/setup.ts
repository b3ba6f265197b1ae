/** What the tests of the store share: bytes of texts, and what a snapshot says. */
import { type Bucket, isRegaliaError, type Snapshot, type Transaction } from '../../src/index.js';

export function bytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text));
}

/** Bytes that follow from a seed, alike nowhere. */
export function noise(length: number, seed = 1): Uint8Array {
  const made = new Uint8Array(length);
  let state = seed >>> 0 || 1;
  for (let i = 0; i < length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    made[i] = state;
  }
  return made;
}

/** A stream in metadata as text; undefined where it is absent. */
export function textAt(
  view: Snapshot | Transaction,
  key: string,
  stream = 's',
): string | undefined {
  const inline = view.get(key, stream)?.inline;
  return inline && Buffer.from(inline).toString();
}

export async function put(
  store: Bucket,
  entries: Record<string, string>,
  message = '',
): Promise<string> {
  const { commit } = await store.transact(
    (tx) => {
      for (const [key, text] of Object.entries(entries)) tx.put(key, 's', bytes(text));
    },
    { message },
  );
  return commit.commit;
}

export function keysOf(view: Snapshot | Transaction, key = '/'): string[] {
  return [...view.walk(key)].map((entry) => entry.key);
}

/** The code of what a promise is rejected with; 'done' where it is not. */
export async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'done';
  } catch (error) {
    if (isRegaliaError(error)) return error.code;
    throw error;
  }
}
