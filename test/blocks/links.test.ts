/**
 * Links are not hashed: one that leads nowhere, or elsewhere, is noticed by the address and mended
 * by the index.
 */
import t from 'tap';
import { addressOf } from '../../src/blocks/address.js';
import { BlockWriter } from '../../src/blocks/block-writer.js';
import { Blocks } from '../../src/blocks/blocks.js';
import { BodyWriter } from '../../src/blocks/body.js';
import { openMemory } from '../../src/engine/memory.js';
import { BLOCK_VERSION, BlockKind, SHA256 } from '../../src/ground/block-header.js';
import { utf8Bytes } from '../../src/ground/text.js';

async function stored() {
  const engine = openMemory();
  const blocks = new Blocks(engine);
  await blocks.reserve(8);
  const writer = new BlockWriter(blocks);
  const put = (text: string) => {
    const body = new BodyWriter();
    body.bytes(Uint8Array.of(BlockKind.chunk, BLOCK_VERSION, SHA256));
    body.bytes(utf8Bytes(text));
    const address = addressOf(SHA256, body.buffer.slice(0, body.length));
    return { address, id: writer.put(body, body.length, address) };
  };
  const first = put('first');
  const second = put('second');
  await engine.write((batch) => writer.emit(batch), 'sync');
  writer.published();
  return { blocks, first, second };
}

t.test('a wrong link still leads to the block', async (t) => {
  const { blocks, first, second } = await stored();
  for (const id of [second.id, first.id + 4_096_000, 2 ** 48 - 1, 2 ** 44, 0]) {
    const { bytes, start, plainLength } = blocks.read(id, first.address, 'chunk');
    const text = Buffer.from(bytes.slice(start + 3, start + plainLength)).toString();
    t.equal(text, 'first', `by way of ${id}`);
  }
});

t.test('a block that is not here is missing, whatever the link says', async (t) => {
  const { blocks, first } = await stored();
  const absent = first.address.slice();
  absent[32] = (absent[32] as number) ^ 1;
  for (const id of [2 ** 48 - 1, 4_096_000, 0]) {
    t.throws(() => blocks.read(id, absent, 'chunk'), { code: 'REGALIA_MISSING' });
  }
  t.throws(() => blocks.read(first.id, absent, 'chunk'), { code: 'REGALIA_CORRUPT' });
});
