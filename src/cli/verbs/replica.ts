/** `clone`, `grant`, `accept` and `backup`: copies of a store, and the right to write to one. */
import { shown } from '../output.js';
import { BUCKET, defineVerb } from '../verb.js';

export const clone = defineVerb({
  name: 'clone',
  summary: 'make a new replica, of the store or of one of its buckets, that can be written to',
  usage: 'STORE NEW',
  details: 'It has all history. To bring both up to date, exchange packs: `regalia pack --help`.',
  options: BUCKET,
  async run({ writing, args, out }) {
    const [folder, path] = args;
    return writing(async (bucket) => {
      await bucket.clone(path);
      const row = { path, bucket: bucket.id, commit: bucket.info().commit };
      await out.row(row, `${shown(path)} is a replica of ${shown(folder)}`);
    });
  },
});

export const grant = defineVerb({
  name: 'grant',
  summary: 'print a share that one replica made by `unpack` can `accept`, so that it may write',
  usage: 'STORE',
  options: BUCKET,
  async run({ writing, out }) {
    return writing(async (bucket) => {
      const grant = await bucket.grant();
      await out.row({ grant }, grant);
    });
  },
});

export const accept = defineVerb({
  name: 'accept',
  summary: 'accept a share that another replica granted, so that this one may write',
  usage: 'STORE GRANT',
  details: 'GRANT is what `regalia grant` printed. Each is for one replica, and is used once.',
  options: BUCKET,
  async run({ writing, args, out }) {
    const [folder, grant] = args;
    return writing(async (bucket) => {
      await bucket.accept(grant);
      await out.row({ path: folder }, `${shown(folder)} can be written to`);
    });
  },
});

export const backup = defineVerb({
  name: 'backup',
  summary: 'copy the whole store consistently, while it is used',
  usage: 'STORE NEW',
  details: `
The copy has all branches, tags and commits, and can be read at once. Write to it only after the
original is lost. For a second store beside the first use \`regalia clone\`.`,
  options: {},
  async run({ reading, args, out }) {
    const [folder, path] = args;
    return reading(async (_, store) => {
      await store.backup(path);
      const { head, root } = store.stats();
      await out.row({ path, head, root }, `${shown(folder)} is copied to ${shown(path)}`);
    });
  },
});
