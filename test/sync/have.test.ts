/**
 * Haves: what is encoded comes back, and anybody's text is refused by code.
 */
import fc from 'fast-check';
import t from 'tap';
import { SHA256 } from '../../src/ground/block-header.js';
import { equalBytes } from '../../src/ground/bytes.js';
import { isRegaliaError } from '../../src/ground/errors.js';
import { utf8Bytes } from '../../src/ground/text.js';
import { decodeHave, encodeHave, have, haveCommits } from '../../src/sync/have.js';
import { bucketOf, coreOf, headOf, variedStore } from './setup.js';

t.test('every branch is listed, tracking ones included', async (t) => {
  const store = await variedStore();
  const known = have(coreOf(store).engine, bucketOf(store));
  t.strictSame(
    known.heads.map(({ branch }) => branch),
    ['main', 'side'],
  );
  t.strictSame(decodeHave(encodeHave(known)), known);
  t.ok(haveCommits(known).some((commit) => equalBytes(commit, headOf(store))));
  const twice = { ...known, heads: [...known.heads, ...known.heads] };
  t.equal(haveCommits(twice).length, haveCommits(known).length);
});

const branchName = fc.stringMatching(/^[a-z]{1,8}(\/[a-z0-9]{1,8}){0,2}$/);
const address = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((digest) => {
  return Uint8Array.from([SHA256, ...digest]);
});

t.test('what is encoded decodes to the same', async () => {
  const head = fc.record({ branch: branchName, commit: address });
  const bucket = fc.uint8Array({ minLength: 16, maxLength: 16 });
  fc.assert(
    fc.property(bucket, fc.array(head), (id, heads) => {
      const again = decodeHave(encodeHave({ bucket: id, heads }));
      return (
        equalBytes(again.bucket, id) &&
        again.heads.length === heads.length &&
        again.heads.every(({ branch, commit }, i) => {
          return branch === heads[i]?.branch && equalBytes(commit, heads[i].commit);
        })
      );
    }),
    { numRuns: 100 },
  );
});

t.test('other text is refused, at the line that is wrong', async (t) => {
  const id = `bucket ${'0'.repeat(32)}`;
  const lies: [string, number][] = [
    ['', 0],
    ['regalia have 2\n', 0],
    ['regalia have 1\nbucket 12\n', 15],
    [`regalia have 1\n${id}\nsha256:12 main\n`, 55],
    [`regalia have 1\n${id}\nsha256:${'0'.repeat(64)} ../x\n`, 55],
    [`regalia have 1\n${id}\nsha256:${'0'.repeat(64)}\n`, 55],
    [`regalia have 1\n${id}\n\n\n`, 55],
  ];
  for (const [text, at] of lies) {
    t.throws(() => decodeHave(utf8Bytes(text)), { code: 'REGALIA_FORMAT', data: { at } }, text);
  }
  t.throws(() => decodeHave(new Uint8Array(5_000_000)), { code: 'REGALIA_FORMAT' });
  t.throws(() => decodeHave(Uint8Array.of(0xff)), { code: 'REGALIA_FORMAT' });
});

t.test('changed at random it is refused, or still a have', async () => {
  const store = await variedStore();
  const encoded = encodeHave(have(coreOf(store).engine, bucketOf(store)));
  fc.assert(
    fc.property(fc.nat(encoded.length - 1), fc.nat(255), (at, byte) => {
      const changed = encoded.slice();
      changed[at] = byte;
      try {
        const { heads, bucket } = decodeHave(changed);
        return bucket.length === 16 && heads.every(({ commit }) => commit.length === 33);
      } catch (error) {
        return isRegaliaError(error, 'REGALIA_FORMAT');
      }
    }),
    { numRuns: 500 },
  );
});
