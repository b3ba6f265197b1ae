/** `rm`, `mv` and `cp`: entries removed, moved and copied, in one commit. */
import { notFound } from '../../ground/errors.js';
import { editing, entryAt, keyOf } from '../open.js';
import { COMMIT_OPTIONS, defineVerb, type Verb } from '../verb.js';

export const rm = defineVerb({
  name: 'rm',
  summary: 'remove entries with everything below them, or one of their streams',
  usage: 'STORE KEY...',
  options: {
    ...COMMIT_OPTIONS,
    stream: { argument: 'NAME', short: 's', help: 'remove this stream only' },
    force: { short: 'f', help: 'ignore what does not exist' },
  },
  run: (context) =>
    editing(context, async (tx) => {
      const keys = context.args.slice(1).map(keyOf);
      const { stream, force = false } = context.options;
      for (const key of keys) {
        const entry = force ? undefined : entryAt(tx, key);
        if (stream !== undefined && entry !== undefined && entry.get(stream) === undefined) {
          throw notFound('stream', `${stream} at ${key}`);
        }
        tx.del(key, stream);
      }
      return { did: `remove ${keys.join(' ')}` };
    }),
});

/** Edits of other replicas below it follow. */
export const mv = transferVerb('mv', 'move');
/** What is equal is stored once. */
export const cp = transferVerb('cp', 'copy');

function transferVerb(name: string, does: 'copy' | 'move'): Verb {
  return defineVerb({
    name,
    summary: `${does} an entry with everything below it`,
    usage: 'STORE FROM TO',
    details:
      'TO is the new key itself, and must be free. A large subtree is as fast as a small one.',
    options: COMMIT_OPTIONS,
    run: (context) =>
      editing(context, async (tx) => {
        const [, from, to] = context.args.map(keyOf);
        tx[does](from, to);
        return { did: `${does} ${from} to ${to}` };
      }),
  });
}
