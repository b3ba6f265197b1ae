/**
 * Segments: what is appended is read, one by one and in runs; what is flipped, cut, moved elsewhere
 * or made up is refused by code, and what is not there is told by its path.
 */
import {
  appendFileSync,
  copyFileSync,
  readdirSync,
  readFileSync,
  renameSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { equalBytes } from '../../src/ground/bytes.js';
import { crc32 } from '../../src/ground/checksum.js';
import {
  checkStored,
  decodeRecordHead,
  decodeSegmentHeader,
  encodeRecordHead,
  encodeSegmentHeader,
  RECORD_HEADER,
  SEGMENT_HEADER,
  STORED_LIMITS,
} from '../../src/volumes/segment-format.js';
import { SegmentFiles, type SegmentRecord } from '../../src/volumes/segment-reader.js';
import { SegmentWriter } from '../../src/volumes/segment-writer.js';
import { segmentFile } from '../../src/volumes/volume-folder.js';
import { noise } from '../chunks/setup.js';
import { codeOf } from '../store/setup.js';
import {
  codeOfCall,
  flips,
  folderOf,
  IDS,
  placesOf,
  recordOf,
  recordsOf,
  sameRecords as same,
  sealedHead,
} from './setup.js';

const CHUNK_KIND = 1;

/** A segment of these records, and what reads it. */
async function segmentOf(folder: string, records: readonly SegmentRecord[]) {
  const writer = await SegmentWriter.create(folder, IDS, 1_000);
  const offsets = await writer.append(records);
  await writer.sync();
  await writer.close();
  const files = new SegmentFiles(folder, IDS);
  return { file: writer.file, files, places: placesOf(records, offsets) };
}

t.test("a segment's header round-trips, and every flipped bit and cut is refused", async (t) => {
  const header = encodeSegmentHeader(IDS, 1_234_567_890_123);
  t.equal(header.length, SEGMENT_HEADER);
  t.match(decodeSegmentHeader(header), { ...IDS, createdMs: 1_234_567_890_123 });
  for (const { at, bytes } of flips(header)) {
    const expected =
      at < 8 ? 'REGALIA_FORMAT' : at === 8 ? 'REGALIA_VERSION' : /REGALIA_(FORMAT|CORRUPT)/;
    const code = codeOfCall(() => decodeSegmentHeader(bytes));
    if (!(expected instanceof RegExp ? expected.test(code) : expected === code)) {
      t.fail(`byte ${at}: ${code}`);
    }
  }
  for (let length = 0; length < SEGMENT_HEADER; length++) {
    const code = codeOfCall(() => decodeSegmentHeader(header.subarray(0, length)));
    if (code !== 'REGALIA_FORMAT') t.fail(`${length} bytes: ${code}`);
  }
});

t.test("records' headers round-trip, wherever they are", async () => {
  const property = fc.property(
    fc.uint8Array({ minLength: 1, maxLength: 300 }),
    fc.integer({ min: 1, max: 1_048_576 }),
    fc.nat(255),
    fc.constantFrom(1 as const, 2 as const),
    fc.nat(2 ** 32 - 1),
    fc.nat({ max: 2 ** 40 }),
    (stored, plainLength, codec, algorithm, number, offset) => {
      const { head } = recordOf(stored);
      const told = { ...head, plainLength, codec, algorithm };
      const ids = { ...IDS, number };
      const bytes = encodeRecordHead(told, stored, ids, offset);
      const { storedSum, ...found } = decodeRecordHead(bytes, ids, offset);
      checkStored({ ...found, storedSum }, stored, offset);
      const { digest, ...rest } = found;
      const { digest: expected, ...others } = told;
      return (
        bytes.length === RECORD_HEADER &&
        equalBytes(digest, expected) &&
        Object.entries(others).every(([name, value]) => Object(rest)[name] === value)
      );
    },
  );
  fc.assert(property, { numRuns: 300 });
});

t.test("every flipped bit of a record's header and of its stored bytes is refused", async (t) => {
  const { head, stored } = recordOf(noise(333, 5));
  const bytes = encodeRecordHead(head, stored, IDS, 64);
  for (const { at, bytes: flipped } of flips(bytes)) {
    const code = codeOfCall(() => decodeRecordHead(flipped, IDS, 64));
    if (code !== (at < 4 ? 'REGALIA_FORMAT' : 'REGALIA_CORRUPT')) t.fail(`byte ${at}: ${code}`);
  }
  for (let length = 0; length < RECORD_HEADER; length++) {
    const code = codeOfCall(() => decodeRecordHead(bytes.subarray(0, length), IDS, 64));
    if (code !== 'REGALIA_FORMAT') t.fail(`${length} bytes: ${code}`);
  }
  const checked = decodeRecordHead(bytes, IDS, 64);
  for (const { at, bytes: flipped } of flips(stored)) {
    const code = codeOfCall(() => checkStored(checked, flipped, 64));
    if (code !== 'REGALIA_CORRUPT') t.fail(`stored byte ${at}: ${code}`);
  }
});

t.test('a record in another place than its own is refused', async (t) => {
  const { head, stored } = recordOf(noise(100, 5));
  const bytes = encodeRecordHead(head, stored, IDS, 4_096);
  const elsewhere = [
    [IDS, 64],
    [IDS, 4_097],
    [IDS, 4_096 + 2 ** 32],
    [{ ...IDS, number: 8 }, 4_096],
    [{ ...IDS, number: IDS.number + 2 ** 32 }, 4_096],
    [{ ...IDS, volume: noise(16, 3) }, 4_096],
  ] as const;
  t.match(decodeRecordHead(bytes, IDS, 4_096), { storedLength: 100 });
  for (const [ids, offset] of elsewhere) {
    t.equal(
      codeOfCall(() => decodeRecordHead(bytes, ids, offset)),
      'REGALIA_CORRUPT',
    );
  }
});

t.test('headers that lie under a right checksum are refused by what they say', async (t) => {
  t.match(decodeRecordHead(sealedHead({}, crc32, 64), IDS, 64), { storedLength: 100 });
  const lies = [
    { storedLength: (STORED_LIMITS[CHUNK_KIND] as number) + 1 },
    { storedLength: 2 ** 31 },
    { storedLength: 2 ** 32 - 1 },
    { kind: 0 },
    { kind: 200 },
    { algorithm: 0 },
    { algorithm: 99 },
    { flags: 0x80 },
    { reserved: 1 },
  ];
  for (const lie of lies) {
    const head = sealedHead(lie, crc32, 64);
    const code = codeOfCall(() => decodeRecordHead(head, IDS, 64));
    t.equal(code, 'REGALIA_FORMAT', JSON.stringify(lie));
  }
});

t.test('what is appended is read, one by one and in every run', async (t) => {
  const records = recordsOf(1, 40_000, 63, 64, 65, 100_000, 7, 1_048_576 + 4_096);
  const { files, places } = await segmentOf(folderOf(t), records);
  t.equal(places[0]?.offset, SEGMENT_HEADER);
  for (const [i, place] of places.entries()) {
    t.ok(same([files.readRecordSync(place)], [records[i] as SegmentRecord]), `${i}, at once`);
    t.ok(same(await files.readRun([place]), [records[i] as SegmentRecord]), `${i}`);
  }
  for (let from = 0; from < places.length; from++) {
    for (let to = from + 1; to <= places.length; to++) {
      const found = await files.readRun(places.slice(from, to));
      if (!same(found, records.slice(from, to))) t.fail(`the run from ${from} to ${to}`);
    }
  }
  files.close();
});

t.test(
  'a last record that is torn is missing, wherever it is cut, and the others stay',
  async (t) => {
    const records = recordsOf(200, 300);
    const { file, files, places } = await segmentOf(folderOf(t), records);
    const [first, last] = places as [(typeof places)[0], (typeof places)[0]];
    for (let size = readFileSync(file).length - 1; size >= last.offset; size--) {
      truncateSync(file, size);
      const code = codeOfCall(() => files.readRecordSync(last));
      if (code !== 'REGALIA_MISSING') t.fail(`${size} bytes: ${code}`);
      if (!same([files.readRecordSync(first)], records.slice(0, 1))) t.fail(`${size} bytes: first`);
    }
    t.equal(await codeOf(files.readRun([last])), 'REGALIA_MISSING');
    t.equal(await codeOf(files.readRun([first, last])), 'REGALIA_MISSING');
    // Zeros, as some file systems leave them behind a power cut.
    appendFileSync(file, new Uint8Array(1_000));
    t.equal(await codeOf(files.readRun([last])), 'REGALIA_FORMAT');
    files.close();
  },
);

t.test('a run with one record damaged is refused, and the rest is read alone', async (t) => {
  const records = recordsOf(100, 100, 100);
  const { file, files, places } = await segmentOf(folderOf(t), records);
  const bytes = readFileSync(file);
  const second = places[1] as (typeof places)[0];
  const at = second.offset + RECORD_HEADER + 50;
  bytes[at] = (bytes[at] as number) ^ 1;
  writeFileSync(file, bytes);
  t.equal(await codeOf(files.readRun(places)), 'REGALIA_CORRUPT');
  t.equal(await codeOf(files.readRun([second])), 'REGALIA_CORRUPT');
  for (const i of [0, 2]) {
    t.ok(same(await files.readRun([places[i] as typeof second]), [records[i] as SegmentRecord]));
  }
  files.close();
});

t.test('a place that names another length or offset is refused', async (t) => {
  const { files, places } = await segmentOf(folderOf(t), recordsOf(100, 100));
  const [place] = places as [(typeof places)[0]];
  const wrong = [
    { ...place, storedLength: 99 },
    { ...place, storedLength: 101 },
    { ...place, offset: place.offset + 1 },
    { ...place, offset: 0 },
    { ...place, offset: 2 ** 40 },
    { ...place, segment: 8 },
  ];
  for (const one of wrong) {
    const told = JSON.stringify(one);
    t.match(
      codeOfCall(() => files.readRecordSync(one)),
      /REGALIA_(CORRUPT|FORMAT|MISSING)/,
      told,
    );
    t.match(await codeOf(files.readRun([one])), /REGALIA_(CORRUPT|FORMAT|MISSING)/, told);
  }
  files.close();
});

t.test('records copied whole to another segment, volume or offset are refused', async (t) => {
  const [folder, other] = [folderOf(t), folderOf(t)];
  const { file, files, places } = await segmentOf(folder, recordsOf(100, 100));
  const [first, second] = places as [(typeof places)[0], (typeof places)[0]];
  const eighth = path.join(folder, segmentFile(8));
  copyFileSync(file, eighth);
  t.equal(await codeOf(files.readRun([{ ...first, segment: 8 }])), 'REGALIA_CORRUPT');
  copyFileSync(file, path.join(other, segmentFile(IDS.number)));
  const theirs = new SegmentFiles(other, { volume: noise(16, 9), replica: IDS.replica });
  t.equal(await codeOf(theirs.readRun([first])), 'REGALIA_CORRUPT');
  const bytes = readFileSync(file);
  bytes.copyWithin(second.offset, first.offset, second.offset);
  writeFileSync(file, bytes);
  t.equal(await codeOf(files.readRun([second])), 'REGALIA_CORRUPT');
  theirs.close();
  files.close();
});

t.test('a file that is not there, or not a segment, is told by code and by path', async (t) => {
  const folder = folderOf(t);
  const { file, files, places } = await segmentOf(folder, recordsOf(100));
  const [place] = places as [(typeof places)[0]];
  const whole = readFileSync(file);
  const damaged = Buffer.from(whole);
  damaged[30] = (damaged[30] as number) ^ 1;
  for (const [bytes, code] of [
    [whole.subarray(0, 63), 'REGALIA_MISSING'],
    [Buffer.alloc(1_000), 'REGALIA_FORMAT'],
    [damaged, 'REGALIA_CORRUPT'],
  ] as const) {
    writeFileSync(file, bytes);
    t.equal(
      codeOfCall(() => files.readRecordSync(place)),
      code,
    );
    t.equal(await codeOf(files.readRun([place])), code);
  }
  renameSync(file, `${file}.away`);
  const missing = { code: 'REGALIA_MISSING', data: { address: file } };
  t.throws(() => files.readRecordSync(place), missing);
  await t.rejects(files.readRun([place]), missing);
  writeFileSync(file, whole);
  t.equal(files.readRecordSync(place).stored.length, 100, 'and it is looked for again');
  files.close();
});

t.test('what is open is kept until it is forgotten, and closed under nobody', async (t) => {
  const folder = folderOf(t);
  const records = recordsOf(100_000);
  const { file, files, places } = await segmentOf(folder, records);
  const [place] = places as [(typeof places)[0]];
  files.readRecordSync(place);
  renameSync(file, `${file}.away`);
  t.ok(same([files.readRecordSync(place)], records), 'it is still open');
  const reading = Array.from({ length: 8 }, () => files.readRun([place]));
  files.forget(place.segment);
  for (const found of await Promise.all(reading)) t.ok(same(found, records));
  t.equal(
    codeOfCall(() => files.readRecordSync(place)),
    'REGALIA_MISSING',
  );
  renameSync(`${file}.away`, file);
  const last = files.readRun([place]);
  files.close();
  files.close();
  t.ok(same(await last, records));
  t.ok(same([files.readRecordSync(place)], records), 'who reads again opens it again');
  files.close();
});

t.test('many segments are read through few open files', async (t) => {
  const folder = folderOf(t);
  const records = recordsOf(500);
  for (let number = 1; number <= 150; number++) {
    const writer = await SegmentWriter.create(folder, { ...IDS, number }, 0);
    await writer.append(records);
    await writer.close();
  }
  const openNow = (): number => readdirSync('/proc/self/fd').length;
  const files = new SegmentFiles(folder, IDS);
  const countsOpen = process.platform === 'linux';
  const before = countsOpen ? openNow() : 0;
  for (let round = 0; round < 2; round++) {
    const reads = Array.from({ length: 150 }, (_, i) =>
      files.readRun([{ segment: i + 1, offset: SEGMENT_HEADER, storedLength: 500 }]),
    );
    for (const found of await Promise.all(reads)) if (!same(found, records)) t.fail('differs');
  }
  if (countsOpen) t.ok(openNow() - before <= 64, `${openNow() - before} more files are open`);
  files.close();
  if (countsOpen) t.ok(openNow() - before <= 0, 'all are closed');
});
