/** The header of a block: written twice over in one form, and read as an enemy's. */
import t from 'tap';
import {
  algorithmName,
  algorithmNumber,
  BLAKE3,
  BLOCK_HEADER,
  BLOCK_VERSION,
  BlockKind,
  putBlockHeader,
  readBlockHeader,
  SHA256,
  writeBlockHeader,
} from '../../src/ground/block-header.js';
import { ByteWriter } from '../../src/ground/writer.js';

t.test('what is written is read, appended or in place', async (t) => {
  for (const kind of Object.values(BlockKind)) {
    for (const algorithm of [SHA256, BLAKE3] as const) {
      const appended = writeBlockHeader(new ByteWriter(), kind, algorithm).finish();
      const placed = new Uint8Array(BLOCK_HEADER + 1);
      putBlockHeader(placed, 1, kind, algorithm);
      t.strictSame(placed.subarray(1), appended);
      t.strictSame(readBlockHeader(placed, 'it', kind, 1), { kind, algorithm });
      t.strictSame(readBlockHeader(appended, 'it'), { kind, algorithm });
      t.equal(algorithmNumber(algorithmName(algorithm) ?? 'sha256'), algorithm);
    }
  }
});

t.test('another kind, version or algorithm, and too few bytes, are refused', async (t) => {
  const header = [BlockKind.node, BLOCK_VERSION, SHA256];
  const code = (change: (bytes: number[]) => void, kind?: BlockKind): unknown => {
    const bytes = [...header];
    change(bytes);
    try {
      readBlockHeader(Uint8Array.from(bytes), 'node', kind);
      return 'read';
    } catch (error) {
      return (error as { code: string }).code;
    }
  };
  t.equal(
    code(() => {}, BlockKind.node),
    'read',
  );
  t.equal(
    code(() => {}, BlockKind.chunk),
    'REGALIA_FORMAT',
  );
  t.equal(
    code((bytes) => bytes.pop()),
    'REGALIA_FORMAT',
  );
  t.equal(
    code((bytes) => (bytes[1] = 2)),
    'REGALIA_VERSION',
  );
  for (const algorithm of [0, 3, 255]) {
    t.equal(
      code((bytes) => (bytes[2] = algorithm)),
      'REGALIA_FORMAT',
      `${algorithm}`,
    );
  }
  t.equal(
    code((bytes) => (bytes[0] = 200)),
    'read',
    'a kind nobody asked for is passed on',
  );
});
