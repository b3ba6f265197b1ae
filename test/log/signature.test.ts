/**
 * Signatures: RFC 8032's vectors, one commit each, and no key that fits every message.
 */
import { createPublicKey, verify as verifyEd25519 } from 'node:crypto';
import t from 'tap';
import { hex, unhex } from '../../src/ground/bytes.js';
import { utf8Bytes } from '../../src/ground/text.js';
import { commitAddress } from '../../src/log/commit.js';
import {
  type Actor,
  actorFromSeed,
  generateActor,
  isActorKey,
  signCommit,
  signedMessage,
  verifySignature,
} from '../../src/log/signature.js';
import { someAddress, someCommit } from './dag.js';

function bytes(digits: string): Uint8Array {
  return unhex(digits) as Uint8Array;
}

/**
 * Every encoding of a point of small order, canonical or not (from the analysis of Chalkias and
 * others, 2020).
 */
const SMALL_ORDER = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0000000000000000000000000000000000000000000000000000000000000080',
  '0100000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000080',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa',
];

t.test("an actor from a seed has RFC 8032's keys and signatures", async (t) => {
  const vectors = [
    [
      '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
      'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
      '',
      'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155' +
        '5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
    ],
    [
      '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
      '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
      '72',
      '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da' +
        '085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
    ],
  ] as const;
  for (const [seed, publicKey, message, signature] of vectors) {
    const actor = actorFromSeed(bytes(seed));
    t.equal(hex(actor.publicKey), publicKey);
    t.equal(hex(await actor.sign(bytes(message))), signature);
  }
});

t.test('a signature is of one commit, by one actor, under the domain tag', async (t) => {
  const actor = generateActor();
  const commit = commitAddress(someCommit());
  const signature = await signCommit(actor, commit);
  t.equal(signature.length, 64);
  t.ok(verifySignature(actor.publicKey, commit, signature));
  t.notOk(verifySignature(actor.publicKey, someAddress(9), signature));
  t.notOk(verifySignature(generateActor().publicKey, commit, signature));
  const untagged = await actor.sign(commit);
  t.notOk(verifySignature(actor.publicKey, commit, untagged));
  t.equal(hex(signedMessage(commit)), hex(utf8Bytes('regalia commit v1\0')) + hex(commit));
});

t.test('a signature with any bit flipped is refused', async (t) => {
  const actor = actorFromSeed(new Uint8Array(32).fill(7));
  const commit = someAddress(1);
  const signature = await signCommit(actor, commit);
  let accepted = 0;
  for (let bit = 0; bit < 512; bit++) {
    const flipped = Uint8Array.from(signature);
    flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
    if (verifySignature(actor.publicKey, commit, flipped)) accepted++;
  }
  t.equal(accepted, 0);
  t.notOk(verifySignature(actor.publicKey, commit, signature.subarray(0, 63)));
  t.notOk(verifySignature(actor.publicKey.subarray(1), commit, signature));
});

t.test('a signature whose scalar is the group order higher is refused', async (t) => {
  const actor = actorFromSeed(new Uint8Array(32).fill(8));
  const signature = await signCommit(actor, someAddress(1));
  const order = (1n << 252n) + 27742317777372353535851937790883648493n;
  const scalar = BigInt(`0x${hex(signature.slice(32).reverse())}`) + order;
  const forged = Uint8Array.from(signature);
  forged.set(bytes(scalar.toString(16).padStart(64, '0')).reverse(), 32);
  t.notOk(verifySignature(actor.publicKey, someAddress(1), forged));
});

t.test(
  'keys of small order and in no canonical form are refused, though the runtime takes some',
  async (t) => {
    // R the neutral element, S zero: fits any message under a key of order 1.
    const universal = new Uint8Array(64);
    universal[0] = 1;
    const accepted: string[] = [];
    for (const point of SMALL_ORDER) {
      t.notOk(isActorKey(bytes(point)), point);
      t.notOk(verifySignature(bytes(point), someAddress(1), universal));
      const key = createPublicKey({
        key: Buffer.from(`302a300506032b6570032100${point}`, 'hex'),
        format: 'der',
        type: 'spki',
      });
      if (verifyEd25519(null, signedMessage(someAddress(1)), key, universal)) accepted.push(point);
    }
    t.ok(accepted.length > 0, 'the runtime alone would not do');
    for (const high of ['f0', 'f5', 'ff'])
      t.notOk(isActorKey(bytes(`${high}${'ff'.repeat(30)}7f`)));
    t.ok(isActorKey(generateActor().publicKey));
  },
);

t.test('an actor whose signatures do not fit its key is found when it signs', async (t) => {
  const good = generateActor();
  const wrong: Actor = { publicKey: generateActor().publicKey, sign: (m) => good.sign(m) };
  t.throws(() => signCommit(wrong, someAddress(1)), { code: 'REGALIA_OPTION' });
  const far: Actor = { ...wrong, sign: async (m) => good.sign(m) };
  await t.rejects(async () => signCommit(far, someAddress(1)), { code: 'REGALIA_OPTION' });
  t.throws(() => actorFromSeed(new Uint8Array(31)), { code: 'REGALIA_OPTION' });
});

t.test('an actor may sign elsewhere and later, and its seed may come from a test', async (t) => {
  const near = generateActor((length) => new Uint8Array(length).fill(3));
  t.equal(hex(near.publicKey), hex(actorFromSeed(new Uint8Array(32).fill(3)).publicKey));
  const far: Actor = { publicKey: near.publicKey, sign: async (message) => near.sign(message) };
  t.ok(verifySignature(near.publicKey, someAddress(1), await signCommit(far, someAddress(1))));
});
