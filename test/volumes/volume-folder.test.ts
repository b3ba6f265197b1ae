/**
 * The folder of a volume: the file that says whose it is round-trips, and is refused when it is
 * flipped, cut or of another release; a folder with anything in it is left alone; a crash in
 * between leaves the old file or the new one.
 */
import fs, {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { equalBytes } from '../../src/ground/bytes.js';
import { crc32 } from '../../src/ground/checksum.js';
import {
  createVolume,
  decodeVolume,
  encodeVolume,
  readVolume,
  roomIn,
  segmentFile,
  segmentsIn,
  type VolumeIdentity,
  writeVolume,
} from '../../src/volumes/volume-folder.js';
import { noise } from '../chunks/setup.js';
import { codeOf } from '../store/setup.js';
import { codeOfCall, flips, folderOf, systemError } from './setup.js';

const seed = Number(process.env['REGALIA_SEED'] ?? Date.now() % 1_000_000);
t.comment(`seed ${seed}`);

const VOLUME: VolumeIdentity = {
  id: noise(16, 1),
  replica: noise(16, 2),
  sequence: 3,
  createdMs: 1_700_000_000_000,
};

t.test('the file VOLUME round-trips', async () => {
  const id = fc.uint8Array({ minLength: 16, maxLength: 16 });
  const u48 = fc.nat({ max: 2 ** 48 - 1 });
  const property = fc.property(id, id, u48, u48, (id, replica, sequence, createdMs) => {
    const found = decodeVolume(encodeVolume({ id, replica, sequence, createdMs }));
    return (
      equalBytes(found.id, id) &&
      equalBytes(found.replica, replica) &&
      found.sequence === sequence &&
      found.createdMs === createdMs
    );
  });
  fc.assert(property, { numRuns: 300, seed });
});

t.test('every flipped bit and cut of the file VOLUME is refused, also from a folder', async (t) => {
  const folder = folderOf(t);
  const file = path.join(folder, 'VOLUME');
  const bytes = encodeVolume(VOLUME);
  for (const { at, bytes: flipped } of flips(bytes)) {
    const expected = at < 8 ? 'REGALIA_FORMAT' : at === 8 ? 'REGALIA_VERSION' : 'REGALIA_CORRUPT';
    const code = codeOfCall(() => decodeVolume(flipped));
    if (code !== expected) t.fail(`byte ${at}: ${code}`);
    writeFileSync(file, flipped);
    const read = codeOfCall(() => readVolume(folder));
    if (read !== expected) t.fail(`byte ${at} of the file: ${read}`);
  }
  for (let length = 0; length < bytes.length; length++) {
    writeFileSync(file, bytes.subarray(0, length));
    const code = codeOfCall(() => readVolume(folder));
    if (code !== 'REGALIA_FORMAT') t.fail(`${length} bytes: ${code}`);
  }
  writeFileSync(file, Uint8Array.of(...bytes, 0));
  t.throws(() => readVolume(folder), { code: 'REGALIA_FORMAT' });
  writeFileSync(file, bytes);
  t.match(readVolume(folder), VOLUME);
});

t.test('a later version is told as such, though its checksum is right', async (t) => {
  const bytes = encodeVolume(VOLUME);
  bytes[8] = 250;
  new DataView(bytes.buffer).setUint32(bytes.length - 4, crc32(bytes.subarray(0, -4)), true);
  const data = { what: 'file VOLUME', actual: '250' };
  t.throws(() => decodeVolume(bytes), { code: 'REGALIA_VERSION', data });
});

t.test('a volume is made where nothing is, with its parents, for its owner alone', async (t) => {
  const folder = path.join(folderOf(t), 'a', 'b', 'volume');
  t.equal(readVolume(folder), undefined);
  await createVolume(folder, VOLUME);
  t.match(readVolume(folder), VOLUME);
  t.strictSame(readdirSync(folder), ['VOLUME'], 'and nothing else is left there');
  if (process.platform !== 'win32') {
    t.equal(statSync(folder).mode & 0o777, 0o700);
    t.equal(statSync(path.join(folder, 'VOLUME')).mode & 0o777, 0o600);
  }
  const empty = path.join(folderOf(t), 'empty');
  mkdirSync(empty);
  await createVolume(empty, VOLUME);
  t.match(readVolume(empty), VOLUME);
});

t.test('a folder with anything in it is refused and left as it is', async (t) => {
  const folder = folderOf(t);
  for (const name of ['letter.txt', 'VOLUME', `${'VOLUME'}.new`, segmentFile(1), '.hidden']) {
    const place = path.join(folder, `with-${name}`);
    mkdirSync(place);
    writeFileSync(path.join(place, name), 'kept');
    t.equal(await codeOf(createVolume(place, VOLUME)), 'REGALIA_EXISTS', name);
    t.strictSame(readdirSync(place), [name]);
    t.equal(readFileSync(path.join(place, name), 'utf8'), 'kept');
  }
  const file = path.join(folder, 'file');
  writeFileSync(file, 'kept');
  t.equal(await codeOf(createVolume(file, VOLUME)), 'REGALIA_EXISTS', 'a file');
  t.match(await codeOf(createVolume(path.join(file, 'below'), VOLUME)), /^REGALIA_/);
  t.equal(readFileSync(file, 'utf8'), 'kept');
});

t.test('a file VOLUME is replaced whole or not at all', async (t) => {
  const folder = path.join(folderOf(t), 'volume');
  await createVolume(folder, VOLUME);
  for (const [code, told] of [
    ['ENOSPC', 'REGALIA_FULL'],
    ['EDQUOT', 'REGALIA_FULL'],
    ['EIO', 'REGALIA_IO'],
    ['EROFS', 'REGALIA_PERMISSION'],
    ['EACCES', 'REGALIA_PERMISSION'],
  ] as const) {
    const { fsyncSync } = fs;
    fs.fsyncSync = () => {
      throw systemError(code);
    };
    const found = codeOfCall(() => writeVolume(folder, { ...VOLUME, sequence: 99 }));
    fs.fsyncSync = fsyncSync;
    t.equal(found, told);
    t.equal(readVolume(folder)?.sequence, 3, code);
  }
  // What such a failure left is in nobody's way.
  writeVolume(folder, { ...VOLUME, sequence: 4 });
  t.equal(readVolume(folder)?.sequence, 4);
  t.strictSame(readdirSync(folder), ['VOLUME']);
  const gone = path.join(folder, 'gone');
  t.equal(
    codeOfCall(() => writeVolume(gone, VOLUME)),
    'REGALIA_NOT_FOUND',
  );
  t.equal(existsSync(gone), false);
});

t.test('no volume is where there is a folder, a file or nothing', async (t) => {
  const folder = folderOf(t);
  writeFileSync(path.join(folder, 'file'), '');
  t.equal(readVolume(folder), undefined);
  t.equal(readVolume(path.join(folder, 'file')), undefined);
  t.equal(readVolume(path.join(folder, 'none')), undefined);
  mkdirSync(path.join(folder, 'VOLUME'));
  t.throws(() => readVolume(folder), { code: 'REGALIA_FORMAT' });
});

t.test('segments are listed by number with their sizes, and nothing else is', async (t) => {
  const folder = folderOf(t);
  t.equal(segmentFile(0), 'seg-0000000000');
  t.equal(segmentFile(2 ** 32 - 1), 'seg-4294967295');
  const sizes = new Map([
    [3, 10],
    [20, 0],
    [2 ** 32 - 1, 64],
  ]);
  for (const [number, size] of sizes) {
    writeFileSync(path.join(folder, segmentFile(number)), new Uint8Array(size));
  }
  for (const name of ['VOLUME', 'seg-1', 'seg-00000000001', 'seg-000000000x', 'aseg-0000000001']) {
    writeFileSync(path.join(folder, name), 'x');
  }
  t.strictSame(await segmentsIn(folder), sizes);
  t.equal(await codeOf(segmentsIn(path.join(folder, 'none'))), 'REGALIA_NOT_FOUND');
  t.ok((await roomIn(folder)) > 0);
  t.equal(await codeOf(roomIn(path.join(folder, 'none'))), 'REGALIA_NOT_FOUND');
});
