/** `regalia rm`: removes entries, or one stream of theirs. */
import { absent, commitOf, keyOf, writing } from '../open.js';
import { commitNote, commitRow } from '../show.js';
import { COMMIT_OPTIONS, defineVerb } from '../verb.js';

export default defineVerb({
  name: 'rm',
  summary: 'remove entries with everything beneath them, or a stream of theirs',
  usage: 'STORE KEY...',
  options: {
    ...COMMIT_OPTIONS,
    stream: { type: 'string', short: 's', placeholder: 'NAME', help: 'this stream alone' },
    force: { type: 'boolean', short: 'f', help: 'what is not there is no failure' },
  },
  async run({ args, options, out, signal }) {
    const [folder, ...texts] = args as [string, ...string[]];
    const keys = texts.map(keyOf);
    const { stream, force = false, message } = options;
    return writing(folder, options, async (bucket) => {
      using tx = bucket.begin();
      for (const key of keys) {
        const entry = tx.entry(key);
        if (!force && entry === undefined) throw absent('entry', key);
        if (stream === undefined) {
          tx.del(key);
        } else {
          if (!force && entry?.get(stream) === undefined)
            throw absent('stream', `${stream} at ${key}`);
          tx.del(key, stream);
        }
      }
      const commit = await tx.commit(commitOf(message, signal, `remove ${keys.join(' ')}`));
      await out.row(commitRow(commit), commitNote(commit));
      return 0;
    });
  },
});
