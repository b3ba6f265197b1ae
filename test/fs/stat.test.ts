/** The stat stream: one spelling, plain CBOR, read back and compared in place. */
import { lstatSync, type Stats } from 'node:fs';
import fc from 'fast-check';
import t from 'tap';
import { decodeStat, encodeStat, type FileStat, fileStat, matchesStat } from '../../src/fs/stat.js';
import { hex } from '../../src/ground/bytes.js';
import { isRegaliaError } from '../../src/ground/errors.js';
import { type CborData, decodeCbor, encodeCbor } from '../../src/streams/cbor.js';

const BITS = { fifo: 1, character: 2, directory: 4, block: 6, file: 8, symlink: 10, socket: 12 };

const u32 = fc.oneof(fc.nat(30), fc.nat(70_000), fc.integer({ min: 0, max: 0xffff_ffff }));
const stat: fc.Arbitrary<FileStat> = fc
  .record({
    kind: fc.constantFrom(...(Object.keys(BITS) as FileStat['kind'][])),
    mode: fc.nat(0o7777),
    uid: u32,
    gid: u32,
    size: fc.oneof(fc.nat(30), fc.maxSafeNat()),
    mtimeNs: fc.oneof(
      fc.bigInt({ min: -(2n ** 62n), max: 2n ** 62n }),
      fc.bigInt({ min: -300n, max: 300n }),
      fc.bigInt({ min: 1_600_000_000_000_000_000n, max: 1_900_000_000_000_000_000n }),
    ),
    target: fc.uint8Array({ maxLength: 300 }),
    device: u32,
  })
  .map(({ size, target, device, ...rest }) => ({
    ...rest,
    size: rest.kind === 'file' ? size : 0,
    ...(rest.kind === 'symlink' && { target }),
    ...((rest.kind === 'block' || rest.kind === 'character') && { device }),
  }));

/** The obvious encoder. */
function model(stat: FileStat): Uint8Array {
  const fields: Record<string, CborData> = {
    g: stat.gid,
    m: BITS[stat.kind] * 4096 + stat.mode,
    t: stat.mtimeNs,
    u: stat.uid,
  };
  if (stat.kind === 'file') fields['s'] = stat.size;
  if (stat.target !== undefined) fields['l'] = stat.target;
  if (stat.device !== undefined) fields['d'] = stat.device;
  return encodeCbor(fields);
}

function statsOf(stat: FileStat): Stats {
  return {
    mode: BITS[stat.kind] * 4096 + stat.mode,
    uid: stat.uid,
    gid: stat.gid,
    size: stat.size,
    rdev: stat.device ?? 0,
    mtimeMs: Number(stat.mtimeNs / 1_000_000n) + Number(stat.mtimeNs % 1_000_000n) / 1e6,
  } as Stats;
}

t.test('the dedicated writer writes what the general encoder writes', async () => {
  fc.assert(fc.property(stat, (stat) => hex(encodeStat(stat)) === hex(model(stat))));
});

t.test('a stat is read back', async (t) => {
  fc.assert(
    fc.property(stat, (stat) => {
      const { target, ...read } = decodeStat(encodeStat(stat));
      const { target: given, ...rest } = stat;
      return (
        t.same(read, rest) && hex(target ?? new Uint8Array(0)) === hex(given ?? new Uint8Array(0))
      );
    }),
  );
});

t.test('bytes match the stat they were written from, and no other', async () => {
  const recent = stat.map((stat) => ({ ...stat, mtimeNs: stat.mtimeNs / 4n }));
  fc.assert(
    fc.property(recent, recent, (one, other) => {
      const bytes = encodeStat(one);
      const near = { ...other, mtimeNs: one.mtimeNs };
      return (
        matchesStat(bytes, statsOf(one), one.target) &&
        matchesStat(bytes, statsOf(near), near.target) === (hex(encodeStat(near)) === hex(bytes))
      );
    }),
  );
});

t.test('each field by itself makes a difference', async (t) => {
  const one: FileStat = {
    kind: 'file',
    mode: 0o644,
    uid: 1000,
    gid: 100,
    size: 70_000,
    mtimeNs: 1_700_000_000_123_456_789n,
  };
  const bytes = encodeStat(one);
  t.ok(matchesStat(bytes, statsOf(one)));
  t.ok(matchesStat(bytes, statsOf({ ...one, mtimeNs: one.mtimeNs + 600n })), 'within the slack');
  const others: Partial<FileStat>[] = [
    ...[{ mode: 0o600 }, { uid: 0 }, { gid: 7 }, { size: 70_001 }, { kind: 'fifo' as const }],
    ...[{ mtimeNs: one.mtimeNs + 2_000n }, { mtimeNs: -one.mtimeNs }],
  ];
  for (const other of others) t.notOk(matchesStat(bytes, statsOf({ ...one, ...other })));
});

t.test('hostile bytes are refused or are canonical, and match nothing by accident', async () => {
  const stats = lstatSync('.');
  fc.assert(
    fc.property(stat, fc.nat(), fc.nat(255), fc.nat(400), (stat, at, byte, length) => {
      const bytes = encodeStat(stat).slice(0, length + 1);
      bytes[at % bytes.length] = byte;
      if (matchesStat(bytes, stats)) return false;
      try {
        return hex(encodeStat(decodeStat(bytes))) === hex(bytes) && decodeCbor(bytes) !== undefined;
      } catch (error) {
        return isRegaliaError(error, 'REGALIA_FORMAT');
      }
    }),
    { numRuns: 3_000 },
  );
});

t.test('what lstat sees becomes a stat that matches', async (t) => {
  const seen = fileStat(lstatSync('package.json', { bigint: true }));
  t.match(seen, { kind: 'file', size: lstatSync('package.json').size });
  t.ok(matchesStat(encodeStat(seen as FileStat), lstatSync('package.json')));
  t.notOk(matchesStat(encodeStat(seen as FileStat), lstatSync('tsconfig.json')));
  t.equal(fileStat(lstatSync('/dev/null', { bigint: true }))?.kind, 'character');
});
