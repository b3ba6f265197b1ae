/**
 * Signatures of commits: Ed25519 (RFC 8032) over a domain tag and the commit's address, kept beside
 * the commit.
 *
 *     signed message   'regalia commit v1' NUL | address 33
 *
 * Verifiers differ in what they accept as a key. Node's accepts points of small order, under which
 * one signature fits any message, and encodings that are not canonical, so that one actor would
 * have several names. Both are refused here, for the key and for the signature's R; the scalar S
 * must be below the group's order (RFC 8032, section 5.1.7). Secret keys stay in the runtime's key
 * objects.
 */
import {
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  randomBytes,
  sign as signEd25519,
  verify as verifyEd25519,
} from 'node:crypto';
import type { Address } from '../blocks/address.js';
import { BoundedMap } from '../ground/bounded-map.js';
import { concatBytes, equalBytes, hex, unhex } from '../ground/bytes.js';
import { badOption } from '../ground/errors.js';
import { callback, Kind } from '../ground/options.js';
import { utf8Bytes } from '../ground/text.js';
import { ACTOR_LENGTH } from './commit.js';
import { SIGNATURE_LENGTH } from './entry.js';

/**
 * The author of commits. `sign` makes an Ed25519 signature of 64 bytes; it may ask an agent or a
 * token elsewhere. Who commits to the same branch waits meanwhile, for a limited time.
 */
export interface Actor {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  sign(message: Uint8Array): Uint8Array | Promise<Uint8Array>;
}

const SEED_LENGTH = 32;
/** Public keys that are kept parsed. */
const KEYS = 256;
const DOMAIN = utf8Bytes('regalia commit v1\0');
/**
 * What goes before the raw bytes of a key in DER (RFC 8410): PKCS #8 for the secret one, SPKI for
 * the public one.
 */
const PKCS8_PREFIX = bytesOf('302e020100300506032b657004220420');
const SPKI_PREFIX = bytesOf('302a300506032b6570032100');

/** The field's prime, 2^255 - 19, and the group's order, little-endian. */
const PRIME = littleEndian((1n << 255n) - 19n);
const ORDER = littleEndian((1n << 252n) + 27742317777372353535851937790883648493n);

/**
 * The y coordinates of the points whose order divides 8, in canonical form: 0 (order 4), 1 (order
 * 1), -1 (order 2) and the two of order 8. Each has one or two points, by the sign bit.
 */
const SMALL_ORDER: readonly Uint8Array[] = [
  littleEndian(0n),
  littleEndian(1n),
  littleEndian((1n << 255n) - 20n),
  bytesOf('26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05'),
  bytesOf('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a'),
];

function bytesOf(digits: string): Uint8Array {
  return unhex(digits) as Uint8Array;
}

function littleEndian(number: bigint): Uint8Array {
  return bytesOf(number.toString(16).padStart(64, '0')).reverse();
}

/** The bytes that a signature of this commit covers. */
export function signedMessage(commit: Address): Uint8Array {
  return concatBytes([DOMAIN, commit]);
}

/** Actors of this module: their signatures fit their keys. */
const own = new WeakSet<Actor>();
/** Actors that were seen to promise their signatures. */
const waiting = new WeakSet<Actor>();

/**
 * The signature of a commit by an actor, or its promise. REGALIA_OPTION where it does not fit the
 * actor's key.
 */
export function signCommit(actor: Actor, commit: Address): Uint8Array | Promise<Uint8Array> {
  const signature = actor.sign(signedMessage(commit));
  if (signature instanceof Uint8Array) return checkedSignature(actor, commit, signature);
  return Promise.resolve(signature).then((made) => checkedSignature(actor, commit, made));
}

/** The same; undefined where the actor promises it. */
export function signCommitNow(actor: Actor, commit: Address): Uint8Array | undefined {
  if (waiting.has(actor)) return undefined;
  const signature = signCommit(actor, commit);
  if (signature instanceof Uint8Array) return signature;
  waiting.add(actor);
  // It is asked again by one who waits for the answer, and hears of the failure.
  signature.catch(() => undefined);
  return undefined;
}

function checkedSignature(actor: Actor, commit: Address, signature: Uint8Array): Uint8Array {
  const fits = own.has(actor) || verifySignature(actor.publicKey, commit, signature);
  if (fits) return new Uint8Array(signature);
  throw badOption('actor', 'one whose signatures fit its public key', hex(actor.publicKey));
}

/** Whether this is the actor's signature of the commit. */
export function verifySignature(
  publicKey: Uint8Array,
  commit: Address,
  signature: Uint8Array,
): boolean {
  if (signature.length !== SIGNATURE_LENGTH || !isActorKey(publicKey)) return false;
  if (!isStrongPoint(signature.subarray(0, 32))) return false;
  if (!isBelow(signature.subarray(32), ORDER)) return false;
  return verifyEd25519(null, signedMessage(commit), keyOf(publicKey), signature);
}

/** Parsed public keys: making one takes longer than verifying with it. */
const keys = new BoundedMap<string, KeyObject>(KEYS);

function keyOf(publicKey: Uint8Array): KeyObject {
  const digits = hex(publicKey);
  let key = keys.get(digits);
  if (key === undefined) {
    const spki = Buffer.from(concatBytes([SPKI_PREFIX, publicKey]));
    key = createPublicKey({ key: spki, format: 'der', type: 'spki' });
    keys.set(digits, key);
  }
  return key;
}

/** Whether these are 32 bytes of a canonical point that is not of small order. */
export function isActorKey(publicKey: Uint8Array): boolean {
  return publicKey.length === ACTOR_LENGTH && isStrongPoint(publicKey);
}

function isStrongPoint(point: Uint8Array): boolean {
  const y = Uint8Array.from(point);
  y[31] = y[31] & 0x7f;
  return isBelow(y, PRIME) && !SMALL_ORDER.some((weak) => equalBytes(weak, y));
}

/** Little-endian comparison; what is compared is public, so its time may vary. */
function isBelow(number: Uint8Array, limit: Uint8Array): boolean {
  for (let i = limit.length - 1; i >= 0; i--) {
    const difference = number[i] - limit[i];
    if (difference !== 0) return difference < 0;
  }
  return false;
}

const seedKind = new Kind<Uint8Array>(
  `${SEED_LENGTH} bytes`,
  (datum) => datum instanceof Uint8Array && datum.length === SEED_LENGTH,
);

const randomKind = callback<(length: number) => Uint8Array>();

/**
 * An actor with the secret key that this seed of 32 bytes spells (RFC 8032, section 5.1.5).
 * REGALIA_OPTION.
 */
export function actorFromSeed(seed: Uint8Array): Actor {
  seedKind.check('seed', seed);
  const key = Buffer.from(concatBytes([PKCS8_PREFIX, seed]));
  const secret = createPrivateKey({ key, format: 'der', type: 'pkcs8' });
  key.fill(0);
  const spki = createPublicKey(secret).export({ format: 'der', type: 'spki' });
  const actor: Actor = Object.freeze({
    publicKey: new Uint8Array(spki.subarray(SPKI_PREFIX.length)),
    sign: (message: Uint8Array) => new Uint8Array(signEd25519(null, message, secret)),
  });
  own.add(actor);
  return actor;
}

/**
 * A new actor. `random` gives that many unpredictable bytes; default the runtime's own.
 * REGALIA_OPTION.
 */
export function generateActor(random?: (length: number) => Uint8Array): Actor {
  randomKind.checkGiven('random', random);
  return actorFromSeed((random ?? randomBytes)(SEED_LENGTH));
}
