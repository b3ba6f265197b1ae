/** `regalia diff`: the differences between two commits. */
import { throwIfAborted } from '../../ground/errors.js';
import type { DiffRow } from '../../index.js';
import { atOf, keyOf, reading } from '../open.js';
import { shown } from '../output.js';
import { BUCKET, defineVerb } from '../verb.js';

const LETTERS = { added: '+', removed: '-', changed: '~', moved: '>' } as const;

export default defineVerb({
  name: 'diff',
  summary: 'show the differences between two commits, branches, tags or dates',
  usage: 'STORE FROM TO [KEY]',
  details: `
Each line has a key, and the name of a stream where one stream differs: + added, - removed,
~ changed, > moved. The exit code is 1 where there is a difference.`,
  options: {
    ...BUCKET,
    deep: { type: 'boolean', help: 'list every stream of what was added or removed' },
  },
  async run({ args, options, out, signal }) {
    const [folder, from, to, key] = args as [string, string, string, string?];
    const { deep = false } = options;
    return reading(folder, options, async (bucket) => {
      const scope = key === undefined ? { deep } : { deep, key: keyOf(key) };
      let differs = false;
      for (const row of bucket.diff(atOf(bucket, from), atOf(bucket, to), scope)) {
        throwIfAborted(signal, 'diff');
        differs = true;
        await out.row(row, line(row));
      }
      return differs ? 1 : 0;
    });
  },
});

function line({ key, stream, kind, from }: DiffRow): string {
  const was = from === undefined ? '' : `${shown(from)} -> `;
  return `${LETTERS[kind]} ${was}${shown(key)}${stream === undefined ? '' : `  ${shown(stream)}`}`;
}
