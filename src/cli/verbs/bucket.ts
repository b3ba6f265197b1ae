/** `regalia bucket`: makes an entry a bucket, or lists all buckets. */
import { throwIfAborted } from '../../ground/errors.js';
import type { Entry, Snapshot } from '../../index.js';
import { editing, keyOf } from '../open.js';
import { shown } from '../output.js';
import { COMMIT_OPTIONS, defineVerb, UsageError } from '../verb.js';
import { POLICY_RULES, policyRules } from './rules.js';

export const bucket = defineVerb({
  name: 'bucket',
  summary: 'make the entry at a key a bucket with its own log; without a key, list all',
  usage: 'STORE [KEY]',
  options: { ...COMMIT_OPTIONS, ...POLICY_RULES },
  async run(context) {
    const { args, options, out, signal, reading } = context;
    const rules = policyRules(options);
    const [, text] = args as [string, string?];
    if (text !== undefined) {
      const key = keyOf(text);
      return editing(context, async (tx) => {
        const id = tx.createBucket(key, rules);
        return { did: `make ${key} a bucket`, more: { key, id } };
      });
    }
    if (rules !== undefined) throw new UsageError('--entries and --places are for a new bucket');
    return reading(async (store) => {
      for (const { key, bucket: id, totals } of bucketsOf(store.snapshot())) {
        throwIfAborted(signal, 'bucket');
        const { entries, bytes } = totals;
        await out.row({ key, bucket: id, entries, bytes }, `${id}  ${shown(key)}`);
      }
    });
  },
});

/** Walks only where there is a bucket. */
function* bucketsOf(snapshot: Snapshot, key = '/'): Generator<Entry> {
  for (const entry of snapshot.children(key)) {
    if (entry.bucket !== undefined) yield entry;
    if (entry.totals.buckets > 0) yield* bucketsOf(snapshot, entry.key);
  }
}
