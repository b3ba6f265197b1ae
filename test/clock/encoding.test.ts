/** The encoding of events and ids: one spelling each, and no other bytes are believed. */

import fc from 'fast-check';
import t from 'tap';
import { ArithmeticEncoder } from '../../src/clock/arithmetic.js';
import {
  DEPTHS,
  decodeEvent,
  decodeId,
  EVENT_BASE,
  EVENT_BOTH_ZERO,
  EVENT_COUNT,
  EVENT_NODE,
  EVENT_RIGHT,
  encodeEvent,
  encodeId,
  PRIORS,
  writeNumber,
} from '../../src/clock/encoding.js';
import {
  type Event,
  equalEvents,
  eventNode,
  formatEvent,
  NO_EVENT,
} from '../../src/clock/event.js';
import { type Id, idNode, WHOLE } from '../../src/clock/id.js';
import { equalBytes, hex, unhex } from '../../src/ground/bytes.js';
import { isRegaliaError } from '../../src/ground/errors.js';
import {
  STAMP_BYTES_MAX,
  STAMP_COUNT_MAX,
  STAMP_DEPTH_MAX,
  STAMP_NODES_MAX,
} from '../../src/ground/limits.js';
import { runs } from '../runs.js';
import { History, someSteps } from './history.js';
import { readEvent, readId } from './notation.js';
import { equalIds, formatId } from './stamps.js';

const { tree: someEvent } = fc.letrec<{ tree: Event }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 7, depthSize: 'large' },
    fc.oneof(
      fc.nat(5),
      fc.nat(100_000),
      fc.maxSafeNat().map((n) => Math.floor(n / 16)),
    ),
    fc
      .tuple(fc.oneof(fc.nat(2), fc.nat(2 ** 40)), tie('tree'), tie('tree'))
      .map(([n, l, r]) => eventNode(n, l, r)),
  ),
}));

const { tree: someId } = fc.letrec<{ tree: Id }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 7, depthSize: 'large' },
    fc.constantFrom<Id[]>(0, 1),
    fc.tuple(tie('tree'), tie('tree')).map(([l, r]) => idNode(l, r)),
  ),
}));

/** Either REGALIA_STAMP, or something whose only encoding these bytes are. */
function isRefusedOrCanonical<T>(
  bytes: Uint8Array,
  decode: (bytes: Uint8Array) => T,
  encode: (thing: T) => Uint8Array,
): boolean {
  try {
    return equalBytes(encode(decode(bytes)), bytes);
  } catch (error) {
    if (isRegaliaError(error, 'REGALIA_STAMP')) return false;
    throw error;
  }
}

t.test('events and ids are decoded as they were encoded', async () => {
  fc.assert(fc.property(someEvent, (event) => equalEvents(decodeEvent(encodeEvent(event)), event)));
  fc.assert(fc.property(someId, (id) => equalIds(decodeId(encodeId(id)), id)));
});

t.test('those of a history are decoded as they were, each to bytes of its own', async () => {
  fc.assert(
    fc.property(someSteps(), (steps) => {
      const history = new History();
      for (const step of steps) history.apply(step);
      const texts = new Map<string, string>();
      const isOwn = (bytes: Uint8Array, text: string): boolean => {
        const known = texts.get(hex(bytes)) ?? text;
        texts.set(hex(bytes), text);
        return known === text;
      };
      const all = history.everyone().map(({ stamp }) => stamp);
      const events = all.every(({ event }) => {
        const bytes = encodeEvent(event);
        return isOwn(bytes, formatEvent(event)) && equalEvents(decodeEvent(bytes), event);
      });
      texts.clear();
      const ids = all.every(({ id }) => {
        const bytes = encodeId(id);
        return isOwn(bytes, formatId(id)) && equalIds(decodeId(bytes), id);
      });
      return events && ids;
    }),
  );
});

t.test('the bytes of a format are never changed', async (t) => {
  const goldenEvents: [string, string][] = [
    ['0', ''],
    ['1', '30'],
    ['9007199254740991', '7fe96930'],
    ['(0, 1, 0)', '80'],
    ['(1, 0, 1)', 'b2'],
    ['(1, 2, (0, (1, 0, 2), 0))', 'b41120'],
    ['(100, (0, 7, 0), (3, (0, 0, 250), 12))', 'fa0f92c931ff71e0'],
  ];
  for (const [text, bytes] of goldenEvents) {
    t.equal(hex(encodeEvent(readEvent(text))), bytes, text);
    t.equal(formatEvent(decodeEvent(unhex(bytes) as Uint8Array)), text);
  }
  const goldenIds: [string, string][] = [
    ['1', ''],
    ['0', 'f0'],
    ['(1, 0)', 'd8'],
    ['(0, 1)', 'e4'],
    ['((0, 1), 1)', 'efac'],
    ['(((1, 0), 0), (0, 1))', 'ef95e0'],
    ['(0, (0, (1, 0)))', 'ebc0'],
  ];
  for (const [text, bytes] of goldenIds) {
    t.equal(hex(encodeId(readId(text))), bytes, text);
    t.equal(formatId(decodeId(unhex(bytes) as Uint8Array)), text);
  }
});

t.test('the largest counts survive', async (t) => {
  for (const text of [
    `${STAMP_COUNT_MAX}`,
    `(0, ${STAMP_COUNT_MAX}, 0)`,
    `(${STAMP_COUNT_MAX - 2 ** 33}, 0, ${2 ** 33})`,
  ]) {
    t.equal(formatEvent(decodeEvent(encodeEvent(readEvent(text)))), text);
  }
});

t.test('the deepest trees survive', async (t) => {
  let id: Id = 1;
  let event: Event = 1;
  for (let i = 0; i < STAMP_DEPTH_MAX; i++) {
    id = i % 3 === 0 ? idNode(0, id) : idNode(id, 0);
    event = i % 3 === 0 ? eventNode(1, 0, event) : eventNode(0, event, 0);
  }
  t.ok(equalEvents(decodeEvent(encodeEvent(event)), event));
  t.equal(formatId(decodeId(encodeId(id))), formatId(id));
});

t.test('a tree of more than 65,536 nodes is not encoded', async (t) => {
  let event: Event = readEvent('(0, 1, 0)');
  for (let nodes = 1; nodes <= STAMP_NODES_MAX; nodes *= 2) event = eventNode(0, event, event);
  t.throws(() => encodeEvent(event), { code: 'REGALIA_STAMP' });
});

/**
 * Says what `encodeEvent` would, without its limits, of a full tree of so many levels below these
 * halves.
 */
function writeFullHalves(coder: ArithmeticEncoder, levels: number, depth = 1): void {
  const kind = levels > 1 ? 1 : 0;
  const context = EVENT_NODE + Math.min(depth, DEPTHS - 1) * 3;
  coder.bit(context, kind);
  coder.bit(context + kind + 1, kind);
  if (kind === 1) {
    coder.bit(EVENT_BOTH_ZERO + 1, 1);
    writeFullHalves(coder, levels - 1, depth + 1);
    writeFullHalves(coder, levels - 1, depth + 1);
  } else {
    coder.bit(EVENT_RIGHT, 1);
    writeNumber(coder, EVENT_COUNT, 0);
  }
}

function fullTreeBytes(levels: number): Uint8Array {
  const coder = new ArithmeticEncoder(PRIORS);
  coder.bit(EVENT_NODE, 1);
  writeNumber(coder, EVENT_BASE, 0);
  writeFullHalves(coder, levels);
  return coder.finish();
}

t.test('few bytes that say a tree of more than 65,536 nodes are not decoded', async (t) => {
  const allowed = fullTreeBytes(16);
  t.same(encodeEvent(decodeEvent(allowed)), allowed);
  t.ok(fullTreeBytes(17).length < STAMP_BYTES_MAX);
  t.throws(() => decodeEvent(fullTreeBytes(17)), {
    code: 'REGALIA_STAMP',
    data: { expected: `at most ${STAMP_NODES_MAX} nodes` },
  });
});

t.test('more than 65,536 bytes are not read', async (t) => {
  for (const decode of [decodeEvent, decodeId]) {
    t.throws(() => decode(new Uint8Array(STAMP_BYTES_MAX + 1).fill(1)), {
      code: 'REGALIA_STAMP',
      data: { actual: `${STAMP_BYTES_MAX + 1}` },
    });
  }
});

t.test('long hostile bytes end at a limit', async (t) => {
  for (let fill = 0; fill < 256; fill++) {
    const bytes = new Uint8Array(2000).fill(fill);
    t.notOk(isRefusedOrCanonical(bytes, decodeEvent, encodeEvent), `an event, all ${fill}`);
    t.notOk(isRefusedOrCanonical(bytes, decodeId, encodeId), `an id, all ${fill}`);
  }
});

t.test('any bytes are refused or canonical', async () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      isRefusedOrCanonical(bytes, decodeEvent, encodeEvent);
      isRefusedOrCanonical(bytes, decodeId, encodeId);
    }),
    { numRuns: runs(2000) },
  );
});

/** Every byte string of at most two bytes. */
function* fewBytes(): Generator<Uint8Array> {
  yield new Uint8Array(0);
  for (let i = 0; i < 256; i++) yield Uint8Array.of(i);
  for (let i = 0; i < 65_536; i++) yield Uint8Array.of(i >> 8, i & 255);
}

t.test('each event and id of two bytes or less has no other spelling', async (t) => {
  const distinct = <T>(
    decode: (bytes: Uint8Array) => T,
    encode: (thing: T) => Uint8Array,
    format: (thing: T) => string,
  ): number => {
    const texts: string[] = [];
    for (const bytes of fewBytes()) {
      if (isRefusedOrCanonical(bytes, decode, encode)) texts.push(format(decode(bytes)));
    }
    t.equal(new Set(texts).size, texts.length);
    return texts.length;
  };
  const events = distinct(decodeEvent, encodeEvent, formatEvent);
  t.ok(events > 1000, `${events} events fit`);
  const ids = distinct(decodeId, encodeId, formatId);
  t.ok(ids > 50, `${ids} ids fit`);
});

t.test('truncated, extended and flipped bytes are refused or mean something else', async () => {
  const holds = <T>(
    thing: T,
    decode: (bytes: Uint8Array) => T,
    encode: (thing: T) => Uint8Array,
    equal: (a: T, b: T) => boolean,
    at: number,
    bit: number,
  ): boolean => {
    const bytes = encode(thing);
    const flipped = bytes.map((byte, i) => (i === at % bytes.length ? byte ^ (1 << bit) : byte));
    const padded = new Uint8Array(bytes.length + 1);
    padded.set(bytes);
    const extended = padded.slice();
    extended[bytes.length] = 1 + bit;
    if (isRefusedOrCanonical(padded, decode, encode)) return false;
    for (const other of [flipped, extended, bytes.subarray(0, at % (bytes.length + 1))]) {
      if (equalBytes(other, bytes)) continue;
      if (!isRefusedOrCanonical(other, decode, encode)) continue;
      if (equal(decode(other), thing)) return false;
    }
    return true;
  };
  fc.assert(
    fc.property(someId, someEvent, fc.nat(), fc.nat(7), (id, event, at, bit) => {
      return (
        holds(event, decodeEvent, encodeEvent, equalEvents, at, bit) &&
        holds(id, decodeId, encodeId, equalIds, at, bit)
      );
    }),
    { numRuns: runs(500) },
  );
});

t.test('the first event tree and the first id have no bytes', async (t) => {
  t.equal(encodeEvent(NO_EVENT).length, 0);
  t.equal(encodeId(WHOLE).length, 0);
});
