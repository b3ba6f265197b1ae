/** LMDB under the conformance suite of engines, and beside a model. */
import { join } from 'node:path';
import t from 'tap';
import { engineConformance } from '../../src/engine/conformance.js';
import { openLmdb } from '../../src/engine/lmdb.js';
import { properties } from './properties.js';

const folder = t.testdir();
const open = (name: string) => openLmdb(join(folder, name));

for (const { name, run } of engineConformance(open, { durable: true })) t.test(name, run);
properties(t, open);
