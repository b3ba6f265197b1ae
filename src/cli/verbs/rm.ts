/** `regalia rm`: removes entries, or one of their streams. */
import { notFound } from '../../ground/errors.js';
import type { Transaction } from '../../index.js';
import { editing, entryAt, keyOf } from '../open.js';
import { COMMIT_OPTIONS, defineVerb } from '../verb.js';

export default defineVerb({
  name: 'rm',
  summary: 'remove entries with everything below them, or one of their streams',
  usage: 'STORE KEY...',
  options: {
    ...COMMIT_OPTIONS,
    stream: { type: 'string', short: 's', placeholder: 'NAME', help: 'remove this stream only' },
    force: { type: 'boolean', short: 'f', help: 'ignore what does not exist' },
  },
  run: (context) =>
    editing(context, async (tx) => {
      const keys = context.args.slice(1).map(keyOf);
      const { stream, force = false } = context.options;
      for (const key of keys) {
        if (!force) check(tx, key, stream);
        tx.del(key, stream);
      }
      return { did: `remove ${keys.join(' ')}` };
    }),
});

/** REGALIA_NOT_FOUND unless it is there. */
function check(tx: Transaction, key: string, stream: string | undefined): void {
  const entry = entryAt(tx, key);
  if (stream === undefined || entry.get(stream) !== undefined) return;
  throw notFound('stream', `${stream} at ${key}`);
}
