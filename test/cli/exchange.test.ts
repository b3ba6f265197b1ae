/** Replicas by the command alone: clones, packs, deltas, shares, and packs that are not whole. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { regalia, rowsOf, smallStore } from './regalia.js';

async function cloned(t: Parameters<typeof smallStore>[0]) {
  const { dir, store } = await smallStore(t);
  const replica = join(dir, 'replica');
  await rowsOf(t, 'clone', store, replica);
  return { dir, store, replica };
}

t.test('a clone is a replica that may be written to, and merges what a delta brings', async (t) => {
  const { dir, store, replica } = await cloned(t);
  await regalia(['put', replica, '/a/x', 'note'], 'theirs');
  await regalia(['put', store, '/b', 'note'], 'ours');
  const have = await regalia(['have', replica]);
  t.equal(have.exit, 0);
  writeFileSync(join(dir, 'have'), have.out);
  const pack = await regalia(['pack', store, '--have', join(dir, 'have')]);
  t.equal(pack.exit, 0);
  t.same((await regalia(['pack', store, '--have', '-'], have.out)).bytes, pack.bytes);
  const whole = await regalia(['pack', store]);
  t.ok(pack.bytes.length < whole.bytes.length);
  const fetched = await regalia(['unpack', replica, '--json'], pack.bytes);
  t.equal(fetched.exit, 0, fetched.err);
  t.match(fetched.rows[0], { commits: 1, bytes: pack.bytes.length });
  t.ok(fetched.rows.some(({ name }) => /^replica\/[0-9a-f]{32}\/main$/.test(name)));
  t.equal((await regalia(['get', replica, '/b', 'note'])).out, 'three', 'fetched, not merged');
  const merged = await regalia(['unpack', replica, '--merge'], pack.bytes);
  t.equal(merged.exit, 0, merged.err);
  t.equal((await regalia(['get', replica, '/b', 'note'])).out, 'ours');
  t.equal((await regalia(['get', replica, '/a/x', 'note'])).out, 'theirs');
  for (const each of [store, replica]) t.equal((await regalia(['verify', each])).exit, 0);
});

t.test('conflicts of what came in are printed and resolved as those of a merge', async (t) => {
  const { store, replica } = await cloned(t);
  await regalia(['put', replica, '/b', 'note'], 'theirs');
  await regalia(['put', store, '/b', 'note'], 'ours');
  const pack = await regalia(
    ['pack', store, '--have', '-'],
    (await regalia(['have', replica])).out,
  );
  const { exit, out } = await regalia(['unpack', replica, '--merge'], pack.bytes);
  t.equal(exit, 1);
  t.match(out, /conflict {2}both-changed {2}\/b {2}note/);
  const resolved = await regalia(['unpack', replica, '--merge', '--policy', 'theirs'], pack.bytes);
  t.equal(resolved.exit, 0, resolved.err);
  t.equal((await regalia(['get', replica, '/b', 'note'])).out, 'ours');
});

t.test('a pack makes a store, which may be written to once it was granted a share', async (t) => {
  const { dir, store } = await smallStore(t);
  const fresh = join(dir, 'fresh');
  const pack = await regalia(['pack', store]);
  t.equal((await regalia(['unpack', fresh], pack.bytes)).exit, 0);
  t.same(await rowsOf(t, 'log', fresh), await rowsOf(t, 'log', store));
  t.equal((await regalia(['put', fresh, '/k', 's'], 'x')).exit, 3);
  const [row] = await rowsOf(t, 'grant', store);
  await rowsOf(t, 'accept', fresh, row?.['grant']);
  t.equal((await regalia(['put', fresh, '/k', 's'], 'x')).exit, 0);
  t.match(await regalia(['accept', fresh, 'nonsense']), { exit: 2, err: /REGALIA_OPTION/ });
});

t.test('a bucket is cloned alone', async (t) => {
  const { dir, store } = await smallStore(t);
  await rowsOf(t, 'bucket', store, '/a');
  await regalia(['put', store, '/a/x', 'note'], 'within');
  const part = join(dir, 'part');
  await rowsOf(t, 'clone', store, part, '--bucket', '/a');
  t.equal((await regalia(['tree', part])).out, '/\n├─ x\n└─ y\n');
  t.equal((await regalia(['verify', part])).exit, 0);
});

t.test('a pack that is cut, flipped or none is refused, and nothing of it is seen', async (t) => {
  const { dir, store, replica } = await cloned(t);
  await regalia(['put', store, '/b', 'note'], 'ours');
  const pack = await regalia(
    ['pack', store, '--have', '-'],
    (await regalia(['have', replica])).out,
  );
  const flipped = Buffer.from(pack.bytes);
  flipped[flipped.length >> 1] = (flipped[flipped.length >> 1] as number) ^ 1;
  const before = await rowsOf(t, 'branch', replica);
  for (const bytes of [flipped, Buffer.from('no pack'), pack.bytes.subarray(0, -9)]) {
    const { exit, err } = await regalia(['unpack', replica, '--merge'], bytes);
    t.equal(exit, 3);
    t.match(err, /REGALIA_(PACK|CORRUPT|VERSION)/);
  }
  t.same(await rowsOf(t, 'branch', replica), before);
  const none = join(dir, 'none');
  t.equal((await regalia(['unpack', none], flipped)).exit, 3);
  t.equal((await regalia(['ls', none])).exit, 3, 'no store is left behind');
});
