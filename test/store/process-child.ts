/**
 * Another process on the same store: `FOLDER read KEY`, `FOLDER write COUNT` or `FOLDER put KEY`.
 */
import { Regalia } from '../../src/index.js';
import { bytes, textAt } from './setup.js';

const [folder = '', verb = '', argument = ''] = process.argv.slice(2);
const store = await Regalia.open(folder, { create: false });
if (verb === 'read') process.stdout.write(`${textAt(store.snapshot(), argument)}\n`);
if (verb === 'put') {
  await store.transact((tx) => tx.put(argument, 's', bytes('x')), { message: 'there' });
}
if (verb === 'write') {
  for (let i = 0; i < Number(argument); i++) {
    await store.transact((tx) => tx.put(`/theirs/${i}`, 's', bytes(`${i}`)));
  }
}
await store.close();
