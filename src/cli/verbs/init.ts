/** `regalia init`: makes a new store. */
import { RegaliaError } from '../../index.js';
import { isStore, withStore } from '../open.js';
import { shown } from '../output.js';
import { defineVerb, UsageError } from '../verb.js';

export default defineVerb({
  name: 'init',
  summary: 'make a new store in a folder',
  usage: 'STORE',
  options: {
    hash: { type: 'string', placeholder: 'NAME', help: 'sha256 (the default) or blake3' },
  },
  async run({ args, options, out }) {
    const folder = args[0] as string;
    const { hash = 'sha256' } = options;
    if (hash !== 'sha256' && hash !== 'blake3') throw new UsageError(`there is no hash ${hash}`);
    if (await isStore(folder)) {
      const data = { what: 'store', name: folder };
      throw new RegaliaError('REGALIA_EXISTS', `there is a store at ${folder}`, data);
    }
    return withStore(folder, { hash }, async (store) => {
      const { head, root, store: id, replica } = store.stats();
      const row = { path: store.path, store: id, replica, head, root, hash };
      await out.row(row, `a new store at ${shown(folder)}`);
      return 0;
    });
  },
});
