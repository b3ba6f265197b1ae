/** The encoding of events: one spelling each, and no other bytes are believed. */

import fc from 'fast-check';
import t from 'tap';
import { ArithmeticEncoder } from '../../src/clock/arithmetic.js';
import {
  DEPTHS,
  decodeEvent,
  EVENT_BASE,
  EVENT_BOTH_ZERO,
  EVENT_COUNT,
  EVENT_NODE,
  EVENT_RIGHT,
  encodeEvent,
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
import { readEvent } from './notation.js';

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

/** Either REGALIA_STAMP, or something whose only encoding these bytes are. */
function isRefusedOrCanonical(bytes: Uint8Array): boolean {
  try {
    return equalBytes(encodeEvent(decodeEvent(bytes)), bytes);
  } catch (error) {
    if (isRegaliaError(error, 'REGALIA_STAMP')) return false;
    throw error;
  }
}

t.test('events are decoded as they were encoded', async () => {
  fc.assert(fc.property(someEvent, (event) => equalEvents(decodeEvent(encodeEvent(event)), event)));
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
      return all.every(({ event }) => {
        const bytes = encodeEvent(event);
        return isOwn(bytes, formatEvent(event)) && equalEvents(decodeEvent(bytes), event);
      });
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
  let event: Event = 1;
  for (let i = 0; i < STAMP_DEPTH_MAX; i++) {
    event = i % 3 === 0 ? eventNode(1, 0, event) : eventNode(0, event, 0);
  }
  t.ok(equalEvents(decodeEvent(encodeEvent(event)), event));
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
  t.throws(() => decodeEvent(new Uint8Array(STAMP_BYTES_MAX + 1).fill(1)), {
    code: 'REGALIA_STAMP',
    data: { actual: `${STAMP_BYTES_MAX + 1}` },
  });
});

t.test('long hostile bytes end at a limit', async (t) => {
  for (let fill = 0; fill < 256; fill++) {
    const bytes = new Uint8Array(2000).fill(fill);
    t.notOk(isRefusedOrCanonical(bytes), `an event, all ${fill}`);
  }
});

t.test('any bytes are refused or canonical', async () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      isRefusedOrCanonical(bytes);
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

t.test('each event of two bytes or less has no other spelling', async (t) => {
  const texts: string[] = [];
  for (const bytes of fewBytes()) {
    if (isRefusedOrCanonical(bytes)) texts.push(formatEvent(decodeEvent(bytes)));
  }
  t.equal(new Set(texts).size, texts.length);
  t.ok(texts.length > 1000, `${texts.length} events fit`);
});

t.test('truncated, extended and flipped bytes are refused or mean something else', async () => {
  const holds = (event: Event, at: number, bit: number): boolean => {
    const bytes = encodeEvent(event);
    const flipped = bytes.map((byte, i) => (i === at % bytes.length ? byte ^ (1 << bit) : byte));
    const padded = new Uint8Array(bytes.length + 1);
    padded.set(bytes);
    const extended = padded.slice();
    extended[bytes.length] = 1 + bit;
    if (isRefusedOrCanonical(padded)) return false;
    for (const other of [flipped, extended, bytes.subarray(0, at % (bytes.length + 1))]) {
      if (equalBytes(other, bytes)) continue;
      if (!isRefusedOrCanonical(other)) continue;
      if (equalEvents(decodeEvent(other), event)) return false;
    }
    return true;
  };
  fc.assert(fc.property(someEvent, fc.nat(), fc.nat(7), holds), { numRuns: runs(500) });
});

t.test('the first event tree has no bytes', async (t) => {
  t.equal(encodeEvent(NO_EVENT).length, 0);
});
