/** `log`, `watch` and `diff`: commits so far, commits to come, and what differs between two. */
import { throwIfAborted } from '../../ground/errors.js';
import { atOf, keyOf } from '../open.js';
import { shown } from '../output.js';
import { numberOf } from '../quantities.js';
import { printLogged, reflogLine } from '../show.js';
import { BUCKET, defineVerb, READ_OPTIONS, UsageError } from '../verb.js';

export const log = defineVerb({
  name: 'log',
  summary: 'list commits, newest first; with a key, those that changed it or anything below',
  usage: 'STORE [KEY]',
  details: `
With --reflog it lists where the branch was, here: each commit, merge, reset or other step that
moved it, when, and where to. Dates are answered from that.

Times are of this machine's zone, which is shown. --at and --until accept them so, and
2026-11-21 (midnight), 2026-11-21T12:30Z, now, yesterday, '1h ago', '3 days ago'.`,
  options: {
    ...READ_OPTIONS,
    ...BUCKET,
    until: { argument: 'COMMIT', help: 'leave out this commit and its ancestors' },
    limit: { argument: 'NUMBER', short: 'n', help: 'at most so many' },
    reverse: { help: 'oldest first' },
    reflog: { help: 'where the branch was; with --limit and --reverse alone' },
  },
  async run({ args, options, out, signal, reading }) {
    const [, text] = args as [string, string?];
    const { at, until, reverse } = options;
    const limit = numberOf('limit', options.limit);
    if (options.reflog === true) {
      if (text !== undefined || at !== undefined || until !== undefined) {
        throw new UsageError('--reflog goes without a key, --at and --until');
      }
      return reading(async (bucket) => {
        for (const row of bucket.reflog({ limit, reverse })) {
          throwIfAborted(signal, 'log');
          await out.row(row, reflogLine(row, bucket.info(row.commit)));
        }
      });
    }
    return reading(async (bucket) => {
      const [from, to] = [at && atOf(bucket, at), until && atOf(bucket, until)];
      const key = text === undefined ? undefined : keyOf(text);
      const log = bucket.log({ signal, from, until: to, key, limit, reverse });
      for (const commit of log) await printLogged(out, commit);
    });
  },
});

export const watch = defineVerb({
  name: 'watch',
  summary: 'print commits as they are published, until Ctrl-C',
  usage: 'STORE [KEY]',
  options: BUCKET,
  async run({ args, out, signal, reading }) {
    const [, text] = args as [string, string?];
    const key = text === undefined ? undefined : keyOf(text);
    return reading(async (bucket) => {
      for await (const commit of bucket.watch({ signal, key })) {
        await printLogged(out, commit);
        await out.flush();
      }
    });
  },
});

const LETTERS = { added: '+', removed: '-', changed: '~', moved: '>' } as const;

export const diff = defineVerb({
  name: 'diff',
  summary: 'show the differences between two commits, branches, tags or dates',
  usage: 'STORE FROM TO [KEY]',
  details: `
Each line has a key, and the name of a stream where one stream differs: + added, - removed,
~ changed, > moved, from a key to another. What goes along with what moved is not listed. The exit
code is 1 where there is a difference.`,
  options: { ...BUCKET, deep: { help: 'list every stream of what was added or removed' } },
  async run({ args, options, out, signal, reading }) {
    const [, from, to, text] = args as [string, string, string, string?];
    const key = text === undefined ? undefined : keyOf(text);
    return reading(async (bucket) => {
      const [before, after] = [atOf(bucket, from), atOf(bucket, to)];
      let exit: 0 | 1 = 0;
      for (const row of bucket.diff(before, after, { deep: options.deep, key })) {
        throwIfAborted(signal, 'diff');
        exit = 1;
        const was = row.from === undefined ? '' : `${shown(row.from)} -> `;
        const stream = row.stream === undefined ? '' : `  ${shown(row.stream)}`;
        await out.row(row, `${LETTERS[row.kind]} ${was}${shown(row.key)}${stream}`);
      }
      return exit;
    });
  },
});
