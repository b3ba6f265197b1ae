/** Reading a file's bytes: whole, in chunks, and with a reader that leaves before the end. */
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { readContent } from '../../src/fs/source.js';

const folder = mkdtempSync(join(tmpdir(), 'regalia-source-'));
t.teardown(() => rmSync(folder, { recursive: true }));
const path = join(folder, 'large');
writeFileSync(
  path,
  Buffer.alloc(5_000_000).map((_, i) => (i * 31) ^ (i >>> 8)),
);

type ContentSink = Parameters<typeof readContent>[2];

function sinkOf(large: ContentSink['large']): ContentSink {
  return { small: () => t.fail('the file is large'), large };
}

/** How many descriptors of this process are of the file; 0 where the system does not say. */
function descriptors(): number {
  if (process.platform !== 'linux') return 0;
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === path;
    } catch {
      // The one that lists them is gone again.
      return false;
    }
  }).length;
}

t.test('a large file comes in chunks, each good until it is asked for the next', async (t) => {
  const parts: Uint8Array[] = [];
  const sink = sinkOf(async (source) => {
    for await (const part of source) parts.push(part.slice());
  });
  const read = await readContent(path, undefined, sink);
  t.ok(Buffer.concat(parts).equals(readFileSync(path)));
  t.ok(parts.length > 1);
  t.strictSame([read.bytes, read.changing], [5_000_000, false]);
});

t.test('a sink that fails is heard, and the file is closed once', async (t) => {
  const sink = sinkOf(async (source) => {
    for await (const part of source) throw new Error(`no room for ${part.length} bytes`);
  });
  // A stream that closes the file beside its owner shows as EBADF, or closes a file that was opened
  // since.
  for (let i = 0; i < 20; i++) {
    await t.rejects(readContent(path, undefined, sink), { message: /^no room for/ });
  }
  t.equal(descriptors(), 0);
});

t.test('an abort ends the reading', async (t) => {
  const controller = new AbortController();
  let chunks = 0;
  const sink = sinkOf(async (source) => {
    for await (const _ of source) if (++chunks === 1) controller.abort();
  });
  await t.rejects(readContent(path, controller.signal, sink), { name: 'AbortError' });
  t.equal(chunks, 1);
  t.equal(descriptors(), 0);
});
