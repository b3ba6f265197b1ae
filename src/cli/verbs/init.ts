/** `regalia init`: creates a store. */
import { alreadyExists } from '../../ground/errors.js';
import { isStore } from '../open.js';
import { shown } from '../output.js';
import { oneOf } from '../quantities.js';
import { defineVerb } from '../verb.js';
import { POLICY_RULES, policyRules } from './rules.js';

export const init = defineVerb({
  name: 'init',
  summary: 'create a store in a folder',
  usage: 'STORE',
  options: {
    hash: { argument: 'NAME', help: 'sha256 or blake3; default sha256' },
    ...POLICY_RULES,
  },
  async run({ args, options, out, opening }) {
    const [folder] = args;
    const hash = oneOf('hash', ['sha256', 'blake3'], options.hash) ?? 'sha256';
    if (await isStore(folder)) throw alreadyExists('store', folder);
    return opening({ hash, ...policyRules(options) }, async (_, store) => {
      const { head, root, store: id, replica } = store.stats();
      const row = { path: store.path, store: id, replica, head, root, hash };
      await out.row(row, `a new store at ${shown(folder)}`);
    });
  },
});
