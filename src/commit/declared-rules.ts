/**
 * Rules that `open` declares: they must not contradict those stored, and a stream that the store
 * has no rule of its own for gets the declared one, if it was not used under the default yet. A
 * rule is fixed at a stream's first use, a policy for entries or places where one decides.
 */

import type { Durability } from '../engine/engine.js';
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
import { CHILD_BUCKET, CHILD_NONE, encodeRecord, readRecord, recordChild } from '../tree/record.js';
import { NO_NAME, writeRoot } from '../tree/root.js';
import type { Asking, Plan } from './ask.js';
import { CommitBuilder } from './builder.js';
import { Lane } from './lane.js';
import type { Line, Tip } from './line.js';
import { withShare } from './shares.js';
import { Writers } from './writers.js';

/** Checks the declared rules, and stores those that are new. REGALIA_RULE. */
export async function declareRules(line: Line, declared: Rules): Promise<void> {
  const { core } = line;
  if (declaring(line, line.tip(), declared) === undefined) return;
  await core.raise();
  await Lane.of(line).ask(new Declaration(line, declared));
}

/** Declared rules in their line's lane. */
class Declaration implements Asking {
  readonly durability: Durability;
  readonly rests = [];
  readonly #line: Line;
  readonly #declared: Rules;
  readonly #writers: Writers;

  constructor(line: Line, declared: Rules) {
    const { core } = line;
    this.#line = line;
    this.#declared = declared;
    this.#writers = new Writers(core.cache, core.blocks);
    this.durability = core.settings.durability;
  }

  planNow(): undefined {}

  async plan(): Promise<Plan> {
    const { core } = this.#line;
    const base = await withShare(this.#line, this.#line.tip());
    while (core.sequences.available < 1 || core.blocks.available < 8) {
      await core.sequences.reserve(1);
      await core.blocks.reserve(8);
    }
    const news = declaring(this.#line, base, this.#declared);
    const cause = 'commit';
    if (news === undefined) return { base, built: undefined, cause, writers: [] };
    const { root: top } = this.#line.treeOf(base);
    const record = encodeRecord(NO_NAME, readRecord(top.node, 0));
    const root = writeRoot(this.#writers.for(top.algorithm), news.rules, record);
    const message = `rules of ${news.names.join(', ')}`;
    const words = { message, actor: core.settings.actor };
    const builder = new CommitBuilder(this.#line, this.#writers, base, words);
    const change = { root, touched: [], removed: [], added: [], rows: new Map() };
    const built = await builder.buildSigned(change);
    return { base, built, cause, writers: [this.#writers] };
  }

  drop(): void {
    this.#writers.blocks.discard();
  }
}

/** The rules with what is declared in them, and of what that is; undefined if it was all there. */
function declaring(
  line: Line,
  tip: Tip,
  declared: Rules,
): { readonly rules: Uint8Array; readonly names: readonly string[] } | undefined {
  const { core } = line;
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
  if (added.length === 0 && decided.length === 0) return undefined;
  const used = usedStream(tree, new Set(added));
  if (used !== undefined)
    throw badRule(used, 'the one that it was first used under', 'another one');
  const streams = new Map(stored.streams);
  for (const name of added) streams.set(name, declared.ruleOf(name));
  return { rules: encodeRules({ ...stored, streams, ...policies }), names: [...added, ...decided] };
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
      const child = recordChild(node, index);
      if (child.form === CHILD_NONE || child.form === CHILD_BUCKET) continue;
      const map = childMap(cache, { node, index }, child);
      if (map !== undefined) stack.push(map);
    }
  }
  return undefined;
}
