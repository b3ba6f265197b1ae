/** LMDB under the conformance suite of engines. */
import { join } from 'node:path';
import t from 'tap';
import { openLmdb } from '../../src/engine/lmdb.js';
import { conformance } from './conformance.js';

const folder = t.testdir();
let opened = 0;

await conformance(t, () => openLmdb(join(folder, `store-${opened++}`)));
