/** `regalia init`: creates a store. */
import { alreadyExists } from '../../ground/errors.js';
import { isStore, withStore } from '../open.js';
import { shown } from '../output.js';
import { oneOf } from '../quantities.js';
import { defineVerb } from '../verb.js';

export default defineVerb({
  name: 'init',
  summary: 'create a store in a folder',
  usage: 'STORE',
  options: {
    hash: { type: 'string', placeholder: 'NAME', help: 'sha256 or blake3; default sha256' },
  },
  async run({ args, options, out }) {
    const folder = args[0] as string;
    const hash = oneOf('hash', ['sha256', 'blake3'], options.hash) ?? 'sha256';
    if (await isStore(folder)) throw alreadyExists('store', folder);
    return withStore(folder, { hash }, async (store) => {
      const { head, root, store: id, replica } = store.stats();
      const row = { path: store.path, store: id, replica, head, root, hash };
      await out.row(row, `a new store at ${shown(folder)}`);
      return 0;
    });
  },
});
