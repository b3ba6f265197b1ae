/**
 * Nodes that others made: every node that the tree writes passes the check, and whatever passes can
 * be read to its end and says what its parents will repeat.
 */
import fc from 'fast-check';
import t from 'tap';
import { BlockKind } from '../../src/ground/block-header.js';
import { isRegaliaError } from '../../src/ground/errors.js';
import { checkNode, checkRoot } from '../../src/tree/check-node.js';
import { Node, offsetsNeeded, readNodeHeader } from '../../src/tree/node.js';
import { NodeCache } from '../../src/tree/node-cache.js';
import { CHILD_INLINE, inlineChild, readRecord } from '../../src/tree/record.js';
import { parseRoot } from '../../src/tree/root.js';
import { Shapes } from '../../src/tree/shape.js';
import { coreOf, variedStore, walkCommit } from '../sync/setup.js';

const SHAPES = new Shapes();

function parse(plain: Uint8Array): Node {
  const header = readNodeHeader(plain, 0, plain.length);
  const place = {
    interned: SHAPES,
    bytes: plain,
    start: 0,
    plainEnd: plain.length,
    end: plain.length,
  };
  const offsets = new Uint16Array(offsetsNeeded(plain, 0));
  return new Node({ ...place, ...header, id: undefined }, offsets, 0);
}

async function nodesOfStore(): Promise<{ kind: number; plain: Uint8Array }[]> {
  const store = await variedStore(1, 400);
  const { blocks, history } = coreOf(store);
  const cache = new NodeCache(blocks, 4 * 1024 * 1024);
  const found: { kind: number; plain: Uint8Array }[] = [];
  for (const entry of history.log(coreOf(store).identity.store)) {
    const commit = history.commit(entry.address);
    for (const { kind, plain } of walkCommit({ cache }, { ...entry, commit })) {
      if (plain !== undefined) found.push({ kind, plain: plain.slice() });
    }
  }
  return found;
}

/** Reads everything that a reader of the tree would. */
function readAll(node: Node): void {
  for (let i = 0; i < node.count; i++) {
    node.nameText(i);
    if (node.level > 0) {
      node.childAddress(i);
      continue;
    }
    const { child } = readRecord(node, i);
    if (child.form === CHILD_INLINE) readAll(inlineChild(node, i, child));
  }
}

t.test('every node and root of a store passes', async (t) => {
  const nodes = await nodesOfStore();
  let inner = 0;
  for (const { kind, plain } of nodes) {
    if (kind === BlockKind.root) checkRoot(parseRoot(SHAPES, plain, plain.length));
    else {
      const node = parse(plain);
      if (node.level > 0) inner++;
      const { totals } = checkNode(node);
      if (totals.entries < node.count) t.fail('too few entries');
    }
  }
  t.ok(inner > 0 && nodes.length > 20, `${nodes.length} nodes, ${inner} of them inner`);
});

t.test('what is changed at random is refused by code, or reads to its end', async () => {
  const nodes = await nodesOfStore();
  fc.assert(
    fc.property(
      fc.nat(nodes.length - 1),
      fc.array(fc.tuple(fc.nat(20_000), fc.nat(255)), { minLength: 1, maxLength: 4 }),
      fc.nat(40),
      (index, changes, cut) => {
        const { kind, plain } = nodes[index] as { kind: number; plain: Uint8Array };
        const bytes = plain.slice(0, plain.length - (cut > 30 ? cut - 30 : 0));
        for (const [at, byte] of changes) bytes[4 + (at % (bytes.length - 4))] = byte;
        try {
          if (kind === BlockKind.root) {
            const root = parseRoot(SHAPES, bytes, bytes.length);
            checkRoot(root);
            readAll(root.node);
          } else {
            const node = parse(bytes);
            checkNode(node);
            readAll(node);
          }
          return true;
        } catch (error) {
          return isRegaliaError(error);
        }
      },
    ),
    { numRuns: 3_000 },
  );
});
