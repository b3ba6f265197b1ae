/** The write-ahead log: its row, and the parts of its file. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Changes } from '../../src/engine/overlay.js';
import { encodeWalRow } from '../../src/engine/wal.js';
import { createWal, encodeRecord, RECORDS_AT, WalFile } from '../../src/engine/wal-file.js';
import { hex } from '../../src/ground/bytes.js';
import { utf8Bytes } from '../../src/ground/text.js';
import type { Example } from './block-examples.js';

const id = utf8Bytes('8 bytes.');
const changes: Changes = new Map();
changes.set('extents', new Map([[5, utf8Bytes('an extent')]]));
changes.set('meta', new Map([['gc', undefined]]));
const record = encodeRecord(id, 2, 1, changes).slice();
const place = {
  last: 2,
  end: RECORDS_AT + record.length,
  first: 2,
  shown: 2,
  durable: 1,
};

/** The first bytes of the file with one record in it. */
function fileOf(): { head: Uint8Array; place: Uint8Array } {
  const folder = mkdtempSync(join(tmpdir(), 'wal-'));
  try {
    createWal(folder, id);
    const file = new WalFile(folder, id, false);
    file.append(record, RECORDS_AT);
    file.setPlace(place);
    const bytes = { head: file.read(0, 9), place: file.read(64, 98) };
    file.close();
    return bytes;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Reads a part of the file in a file that is otherwise sound. */
function reading<T>(at: number, read: (file: WalFile) => T): (bytes: Uint8Array) => T {
  return (bytes) => {
    const folder = mkdtempSync(join(tmpdir(), 'wal-'));
    try {
      createWal(folder, id);
      const writer = new WalFile(folder, id, false);
      writer.append(bytes, at);
      writer.close();
      const file = new WalFile(folder, id, true);
      const found = read(file);
      file.close();
      return found;
    } finally {
      rmSync(folder, { recursive: true });
    }
  };
}

const { head, place: placeBytes } = fileOf();

export const walExamples: readonly Example[] = [
  {
    name: 'wal head',
    bytes: head,
    read: reading(0, (file) => file.place()?.last),
    holds: 0,
  },
  {
    name: 'wal place',
    bytes: placeBytes,
    read: reading(64, (file) => file.place()),
    holds: place,
  },
  {
    name: 'wal record',
    bytes: record,
    read: reading(RECORDS_AT, (file) =>
      [...file.records(RECORDS_AT, 2)].map(({ position, durable, changes }) => {
        const rows = [...changes].map(([table, all]) => [
          table,
          [...all].map(([key, bytes]) => [key, bytes && hex(bytes)]),
        ]);
        return { position, durable, rows };
      }),
    ),
    holds: [
      {
        position: 2,
        durable: 1,
        rows: [
          ['extents', [[5, hex(utf8Bytes('an extent'))]]],
          ['meta', [['gc', undefined]]],
        ],
      },
    ],
  },
  {
    name: 'wal row',
    bytes: encodeWalRow({ id, folded: 1, safe: 1 }),
    read: (bytes) => hex(bytes.subarray(4, 12)),
    holds: hex(id),
  },
];
