/**
 * Rules that `open` declares: they must not contradict those stored, and a stream that the store
 * has no rule of its own for gets the declared one, if it was not used under the default yet. A
 * rule is fixed at a stream's first use, a policy for entries or places where one decides.
 */

import { badRule } from '../ground/errors.js';
import {
  contradiction,
  contradictionError,
  declaredPolicies,
  encodeRules,
  type Rules,
  sameRule,
} from '../streams/rule.js';
import { childMap, type Tree } from '../tree/lookup.js';
import type { Node } from '../tree/node.js';
import { CHILD_BUCKET, CHILD_NONE, encodeRecord, readRecord } from '../tree/record.js';
import { NO_NAME, writeRoot } from '../tree/root.js';
import { CommitBuilder } from './builder.js';
import type { Line } from './line.js';
import { publish } from './publish.js';
import { withShare } from './shares.js';
import { Writers } from './writers.js';

/** Checks the declared rules, and stores those that are new. REGALIA_RULE. */
export async function declareRules(line: Line, declared: Rules): Promise<void> {
  const { core } = line;
  for (;;) {
    const tip = line.tip();
    const tree = line.treeOf(tip);
    const stored = core.rules(tree.root.rules);
    const { first, missing } = contradiction(stored, declared);
    if (first !== undefined) throw contradictionError(first);
    if (core.settings.declaresDefault && !sameRule(stored.default, declared.default)) {
      throw badRule('default', JSON.stringify(stored.default), JSON.stringify(declared.default));
    }
    const policies = declaredPolicies(stored, core.settings.policies);
    const decided = (['entries', 'places'] as const).filter((one) => policies[one] !== stored[one]);
    const added = missing.filter((name) => !sameRule(declared.ruleOf(name), stored.default));
    if (added.length === 0 && decided.length === 0) return;
    const used = usedStream(tree, new Set(added));
    if (used !== undefined)
      throw badRule(used, 'the one that it was first used under', 'another one');
    const streams = new Map(stored.streams);
    for (const name of added) streams.set(name, declared.ruleOf(name));
    await core.raise();
    await core.sequences.reserve(8);
    await core.blocks.reserve(8);
    const writers = new Writers(core.cache, core.blocks);
    const rules = encodeRules({ ...stored, streams, ...policies });
    const record = encodeRecord(NO_NAME, readRecord(tree.root.node, 0));
    const root = writeRoot(writers.for(tree.root.algorithm), rules, record);
    const words = {
      message: `rules of ${[...added, ...decided].join(', ')}`,
      actor: core.settings.actor,
    };
    const from = await withShare(line, tip);
    const builder = new CommitBuilder(line, writers, from, words);
    const change = { root, touched: [], removed: [], added: [], rows: new Map() };
    const built = await builder.buildSigned(change);
    line.expect(built.tip, built.commits);
    if (await publish(line, from, built, [writers], core.settings.durability)) return;
  }
}

/** The first of these streams that any entry of the bucket has. */
function usedStream(tree: Tree, names: ReadonlySet<string>): string | undefined {
  const { cache } = tree;
  const stack: Node[] = [tree.root.node];
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    for (let i = 0; node.level > 0 && i < node.count; i++) stack.push(cache.child(node, i));
    if (node.level > 0) continue;
    for (const shape of node.shapes) {
      const used = shape.names.find((name) => names.has(name));
      if (used !== undefined) return used;
    }
    for (let index = 0; index < node.count; index++) {
      const { child } = readRecord(node, index);
      if (child.form === CHILD_NONE || child.form === CHILD_BUCKET) continue;
      const map = childMap(cache, { node, index }, child);
      if (map !== undefined) stack.push(map);
    }
  }
  return undefined;
}
