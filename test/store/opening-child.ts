/**
 * Another process that opens a store: `FOLDER once` opens and closes it, `FOLDER die` is killed
 * while it makes it, and `FOLDER stay NAME` puts a key and keeps it open until its input ends.
 */
import { once } from 'node:events';
import { Regalia } from '../../src/index.js';
import { put } from './setup.js';

const [folder = '', verb = '', name = ''] = process.argv.slice(2);
const die = (): never => {
  process.kill(process.pid, 'SIGKILL');
  throw new Error('it lives on');
};
const store = await Regalia.open(folder, verb === 'die' ? { random: die } : {});
if (verb === 'stay') {
  await put(store, { [`/${name}`]: name });
  process.stdout.write('open\n');
  process.stdin.resume();
  await once(process.stdin, 'end');
}
await store.close();
