/** `regalia find`: keys by a pattern, in a store or in a pack. */
import { stat } from 'node:fs/promises';
import { throwIfAborted } from '../../ground/errors.js';
import { openPackIndex } from '../../index.js';
import { snapshotOf } from '../open.js';
import { shown } from '../output.js';
import { numberOf } from '../quantities.js';
import { entryRow } from '../show.js';
import { defineVerb, READ_OPTIONS, UsageError } from '../verb.js';

export const find = defineVerb({
  name: 'find',
  summary: 'find keys by a pattern',
  usage: 'STORE GLOB',
  details: `
\`*\` is any run of characters in one name, \`**\` any run across names, \`?\` a character,
\`[a-z]\` one of a class, \`{a,b}\` one of some patterns. A pattern without \`/\` is about the last
name: \`*.jpg\` is \`/**/*.jpg\`. STORE can also be a file with a pack: then only the pack's index
of keys is read, which is what its sender says.`,
  options: {
    ...READ_OPTIONS,
    prefix: { help: 'find keys that begin with GLOB, as it is' },
    edits: {
      argument: 'NUMBER',
      help: 'find keys that so many edits of a character turn into GLOB, as it is',
    },
    limit: { argument: 'NUMBER', help: 'at most so many' },
  },
  async run({ args, options, out, signal, reading }) {
    const [place, pattern] = args;
    const { prefix, at, branch } = options;
    const edits = numberOf('edits', options.edits);
    const how = { prefix, edits, limit: numberOf('limit', options.limit) };
    if (await isFile(place)) {
      if (at !== undefined || branch !== undefined) {
        throw new UsageError('a pack is one state: --at and --branch are for stores');
      }
      const index = await openPackIndex(place, { signal });
      for await (const key of index.find(pattern, { ...how, signal })) {
        await out.row({ key }, shown(key));
      }
      return 0;
    }
    return reading(async (bucket) => {
      for (const entry of snapshotOf(bucket, at).find(pattern, how)) {
        throwIfAborted(signal, 'find');
        await out.row(out.json ? entryRow(entry) : {}, shown(entry.key));
      }
    });
  },
});

/** What cannot be looked at is opened as a store, which says what is wrong. */
function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (stats) => stats.isFile(),
    () => false,
  );
}
