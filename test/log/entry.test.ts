/**
 * Entries: rows with a true checksum may still have anything in them, and give a coded error then.
 */
import fc from 'fast-check';
import t from 'tap';
import { sealRow } from '../../src/blocks/rows.js';
import { openMemory } from '../../src/engine/memory.js';
import { equalBytes } from '../../src/ground/bytes.js';
import { isRegaliaError } from '../../src/ground/errors.js';
import { DELTAS_MAX } from '../../src/ground/limits.js';
import { branch } from '../../src/log/branches.js';
import { encodeCommit } from '../../src/log/commit.js';
import { type LogEntry, openEntry, sealEntry } from '../../src/log/entry.js';
import { History } from '../../src/log/history.js';
import { BUCKET, someAddress, someCommit } from './dag.js';

const ADDRESS = someAddress(5);
const BODY = encodeCommit(someCommit({ parents: [someAddress(6)] }));

const blockIds = fc.option(fc.integer({ min: 1, max: 2 ** 48 - 1 }), { nil: undefined });
const entries: fc.Arbitrary<LogEntry> = fc.record({
  address: fc.constant(ADDRESS),
  bucket: fc.constant(BUCKET),
  parents: fc.constant([someAddress(6)]),
  sequence: fc.maxSafeNat(),
  height: fc.maxSafeNat(),
  correctedMs: fc.maxSafeNat(),
  merges: fc.nat(),
  spine: fc.nat(),
  jump: fc.nat(),
  rootBlock: blockIds,
  headsBlock: blockIds,
  cut: fc.boolean(),
  signature: fc.option(fc.uint8Array({ minLength: 64, maxLength: 64 }), { nil: undefined }),
});

function isCoded(read: () => unknown): boolean {
  try {
    read();
    return true;
  } catch (error) {
    const codes = ['REGALIA_FORMAT', 'REGALIA_VERSION', 'REGALIA_STAMP', 'REGALIA_CORRUPT'];
    return isRegaliaError(error) && codes.includes(error.code);
  }
}

t.test('an entry opens to what was sealed, with its stored form', async () => {
  fc.assert(
    fc.property(entries, fc.nat(DELTAS_MAX), (entry, deltas) => {
      const row = sealEntry(entry, deltas, BODY);
      // A Buffer's own slice is no copy.
      const given = Buffer.from(row);
      const stored = openEntry(ADDRESS, given);
      const body = Uint8Array.from(stored.body);
      given.fill(0);
      const scalars = Object.entries(entry).filter(([, fact]) => typeof fact !== 'object');
      return (
        scalars.every(([key, fact]) => stored.entry[key as keyof LogEntry] === fact) &&
        equalBytes(stored.entry.bucket, BUCKET) &&
        stored.entry.parents.every((parent) => equalBytes(parent, someAddress(6))) &&
        equalBytes(sealEntry(stored.entry, stored.deltas, body), row)
      );
    }),
  );
});

t.test('any body under a true checksum is an entry or a coded error', async () => {
  const random = fc.uint8Array({ maxLength: 300 });
  fc.assert(
    fc.property(random, (body) =>
      isCoded(() => openEntry(ADDRESS, sealRow('commits', ADDRESS, body))),
    ),
    { numRuns: 500 },
  );
  fc.assert(
    fc.property(entries, fc.nat(), fc.nat(255), (entry, place, byte) => {
      const body = sealEntry(entry, 1, BODY).slice(4);
      body[place % body.length] = byte;
      return isCoded(() => openEntry(ADDRESS, sealRow('commits', ADDRESS, body)));
    }),
    { numRuns: 500 },
  );
});

t.test(
  'so is any body of the rows of logs and heads, and a commit is never made of another',
  async () => {
    const engine = openMemory();
    const history = new History(engine);
    const head = new Uint8Array([...BUCKET, 0x62, 0x6d]);
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 120 }), async (body) => {
        await engine.write((batch) => {
          batch.put('log', BUCKET, sealRow('log', BUCKET, body));
          batch.put('heads', BUCKET, sealRow('heads', BUCKET, body));
          batch.put('heads', head, sealRow('heads', head, body));
          const row = sealRow('commits', ADDRESS, new Uint8Array([...body, ...BODY]));
          batch.put('commits', ADDRESS, row);
        }, 'none');
        return (
          isCoded(() => history.bounds(BUCKET)) &&
          isCoded(() => branch(engine, BUCKET, 'm')) &&
          isCoded(() => branch(engine, BUCKET, 'n')) &&
          isCoded(() => {
            throw history.commit(ADDRESS);
          })
        );
      }),
      { numRuns: 200 },
    );
  },
);

t.test('a difference without a parent, or in too long a chain, is refused', async (t) => {
  const [entry] = fc.sample(entries, 1) as [LogEntry];
  const orphan = encodeCommit(someCommit());
  const format = { code: 'REGALIA_FORMAT' };
  t.throws(() => openEntry(ADDRESS, sealEntry(entry, 1, orphan)), format);
  t.throws(() => openEntry(ADDRESS, sealEntry(entry, DELTAS_MAX + 1, BODY)), format);
  t.doesNotThrow(() => openEntry(ADDRESS, sealEntry(entry, 0, orphan)));
});
