/**
 * A process that writes contents into a store: `FOLDER NAME COUNT CHUNKS`. Entry `/NAME/i` holds
 * the bytes of the seed `NAME`'s first character times 1,000 plus i. Each number that was
 * acknowledged is told as a line.
 */
import { writeSync } from 'node:fs';
import { Regalia } from '../../src/index.js';
import { noise } from '../chunks/setup.js';
import { CHUNK, OPTIONS, write } from './setup.js';

const [folder = '', name = 'a', count = '1', chunks = '1'] = process.argv.slice(2);
const store = await Regalia.open(folder, OPTIONS);
for (let i = 0; i < Number(count); i++) {
  const seed = name.charCodeAt(0) * 1_000 + i;
  await write(store, `/${name}/${i}`, noise(Number(chunks) * CHUNK + i, seed));
  writeSync(1, `${i}\n`);
}
await store.close();
