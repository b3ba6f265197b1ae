/**
 * Receives commits that others made. A commit is believed only if all it names is known, a
 * signature that it has is its actor's, and one honest replica would have made it of its parents:
 * see `canonical/`.
 *
 * Like blocks, a commit that nothing has named yet is pending; at the end only wanted ones may be.
 */
import { type Address, addressKey, addressOf, addressText } from '../blocks/address.js';
import { bucketsMoved, headsFault, TwinCheck } from '../canonical/heads.js';
import { mapFault } from '../canonical/maps.js';
import { checkStampMade, stampWork } from '../canonical/stamps.js';
import { checkMapsBefore, checkSuccession } from '../canonical/succession.js';
import { equalBytes, hex } from '../ground/bytes.js';
import { badSignature, malformed, type RegaliaError } from '../ground/errors.js';
import { PENDING_MAX } from '../ground/limits.js';
import { ByteReader } from '../ground/reader.js';
import { type Commit, decodeCommit, encodeCommit } from '../log/commit.js';
import type { HeadsRef } from '../log/heads.js';
import type { History } from '../log/history.js';
import { verifySignature } from '../log/signature.js';
import { type CommitRef, walkHeads } from '../reach/commit-walk.js';
import { Tree } from '../tree/lookup.js';
import type { NodeCache } from '../tree/node-cache.js';
import type { Steps } from '../tree/steps.js';
import type { ImportStage } from './import-stage.js';
import { type CommitFacts, readCommit, readCommitFlags } from './pack-format.js';
import type { BlockReceiver } from './receive-blocks.js';
import type { WorkBudget } from './work-budget.js';

interface CommitReceiverOptions {
  /** Whether commits of nested buckets must be known. */
  readonly nested: boolean;
  /** Whether a commit that names an actor must be signed. */
  readonly signatures: 'checked' | 'required';
}

interface KnownCommit extends CommitRef {
  readonly address: Address;
}

interface Received {
  readonly commit: Commit;
  readonly address: Address;
  readonly facts: CommitFacts;
}

export class CommitReceiver {
  readonly #history: History;
  readonly #stage: ImportStage;
  readonly #blocks: BlockReceiver;
  readonly #cache: NodeCache;
  readonly #options: CommitReceiverOptions;
  readonly #budget: WorkBudget;
  readonly #pending = new Map<string, Address>();
  readonly #twins: TwinCheck;
  /** Commits with parents that are missing here. */
  cut = 0;
  /** Commits that are here already, whose signature came now. */
  signed = 0;

  constructor(
    history: History,
    stage: ImportStage,
    blocks: BlockReceiver,
    cache: NodeCache,
    budget: WorkBudget,
    options: CommitReceiverOptions,
  ) {
    this.#history = history;
    this.#stage = stage;
    this.#blocks = blocks;
    this.#cache = cache;
    this.#twins = new TwinCheck(cache);
    this.#budget = budget;
    this.#options = options;
  }

  /** Commits that nothing has named yet. */
  pending(): Address[] {
    return [...this.#pending.values()];
  }

  restore(address: Address): void {
    this.#pending.set(addressKey(address), address);
  }

  /** What is known of a commit: waiting, or in the log. */
  find(address: Address): CommitRef | undefined {
    const waiting = this.#stage.find(address);
    if (waiting !== undefined) return { commit: waiting.commit, ...waiting.local };
    const entry = this.#history.entry(address);
    return entry === undefined ? undefined : { ...entry, commit: this.#history.commit(address) };
  }

  /** Something names this commit: it is not pending any more. Undefined where it is unknown. */
  resolve(address: Address): CommitRef | undefined {
    this.#pending.delete(addressKey(address));
    return this.find(address);
  }

  /**
   * Checks the commit in a frame's body and lets it wait for the end; a step for each stamp and
   * head.
   * REGALIA_FORMAT, REGALIA_STAMP, REGALIA_SIGNATURE.
   */
  *receive(body: Uint8Array): Generator<undefined, void> {
    const received = readFrame(body);
    const { commit, address, facts } = received;
    this.#checkSignature(received);
    const ids = {
      rootBlock: this.#blocks.nameRoot(commit.root),
      headsBlock: commit.heads && this.#blocks.nameHeads(commit.heads),
    };
    for (const map of commit.maps) {
      if (map !== undefined) this.#blocks.nameMap(map);
    }
    const parents = this.#parentsOf(received);
    checkSuccession(commit, parents);
    checkMapsBefore(commit, parents);
    yield* this.#checkStamp(received, parents);
    if (this.#options.nested) yield* this.#checkHeads({ commit, ...ids }, parents);
    yield* this.#checkBuckets({ commit, ...ids }, parents[0]);
    yield* this.#checkMaps({ commit, ...ids });
    // One that came again is pending still, or was named before; a signature may be news.
    if (this.#stage.has(address) || this.#history.entry(address) !== undefined) {
      if (facts.signature === undefined || this.#signatureOf(address) !== undefined) return;
      this.signed++;
      this.#stage.put({ address, commit, local: { ...ids, ...facts } });
      return;
    }
    if (this.#pending.size >= PENDING_MAX) {
      throw refused(`at most ${PENDING_MAX} commits that nothing names yet`, 'more');
    }
    this.#pending.set(addressKey(address), address);
    if (parents.length < commit.parents.length) this.cut++;
    this.#stage.put({ address, commit, local: { ...ids, ...facts } });
  }

  *#checkStamp({ commit, facts }: Received, refs: readonly KnownCommit[]): Generator<undefined> {
    const parents = refs.map((ref) => ref.commit);
    this.#budget.spend(stampWork(parents));
    yield undefined;
    checkStampMade(commit, parents, facts.absentParents?.height);
    yield undefined;
  }

  /** That of a commit which is known. */
  #signatureOf(address: Address): Uint8Array | undefined {
    const waiting = this.#stage.find(address);
    return (waiting === undefined ? this.#history.entry(address) : waiting.local)?.signature;
  }

  #checkSignature({ commit, address, facts: { signature } }: Received): void {
    const { actor } = commit;
    if (signature === undefined) {
      if (actor === undefined || this.#options.signatures === 'checked') return;
    } else if (actor !== undefined && verifySignature(actor, address, signature)) return;
    throw badSignature(addressText(address), actor === undefined ? 'nobody' : hex(actor));
  }

  /** The parents that are known; the others are missing by intent. */
  #parentsOf({ commit, facts }: Received): KnownCommit[] {
    const known: KnownCommit[] = [];
    for (const address of commit.parents) {
      const parent = this.resolve(address);
      if (parent !== undefined) known.push({ ...parent, address });
      else if (facts.absentParents === undefined) {
        throw refused(`commit ${addressText(address)}, before its child`, 'nothing');
      }
    }
    return known;
  }

  /** The heads are those of the tree, and no bucket is at two keys: by what the parent has not. */
  *#checkBuckets(ref: CommitRef, parent: CommitRef | undefined): Generator<undefined, void> {
    const cache = this.#cache;
    const before = parent && treeOf(cache, parent).top;
    const after = treeOf(cache, ref).top;
    const moved = yield* this.#steps(bucketsMoved(cache, before, after));
    const rootOf = (address: Address): Address | undefined => this.find(address)?.commit.root;
    const heads = headsFault({ cache, rootOf }, moved, parent && headsOf(parent), headsOf(ref));
    const twins = this.#twins.fault(ref.commit.bucket, moved, before);
    const fault = (yield* this.#steps(heads)) ?? (yield* this.#steps(twins));
    if (fault !== undefined) throw refused('the heads of the buckets of its tree', fault);
  }

  /** What its maps say is so in its tree, and in that of each parent that is here. */
  *#checkMaps(ref: CommitRef): Generator<undefined, void> {
    const { maps, parents } = ref.commit;
    for (const [i, map] of maps.entries()) {
      if (map === undefined) continue;
      const parent = this.find(parents[i] as Address);
      const [before, after] = [parent && treeOf(this.#cache, parent), treeOf(this.#cache, ref)];
      const read = (at: Address): Uint8Array => this.#blocks.readMap(at);
      const steps = mapFault(map, read, before, after, MAP_LIMITS);
      const fault = yield* this.#steps(steps);
      if (fault !== undefined) throw refused('maps that can be, in one spelling', fault.what);
    }
  }

  /** Steps through trees, each counted. */
  *#steps<T>(steps: Steps<T>): Generator<undefined, T> {
    for (;;) {
      const step = steps.next();
      if (step.done === true) return step.value;
      this.#budget.spend(STEP_WORK);
      yield undefined;
    }
  }

  /** Each head that the parents do not have is a known commit of the bucket that it stands for. */
  *#checkHeads(ref: CommitRef, bases: readonly CommitRef[]): Generator<undefined, void> {
    for (const step of walkHeads({ cache: this.#cache }, ref, { bases })) {
      yield undefined;
      if ('kind' in step) continue;
      const head = this.resolve(step.commit);
      if (head === undefined) {
        throw refused(
          `commit ${addressText(step.commit)}, before the heads that name it`,
          'nothing',
        );
      }
      if (equalBytes(head.commit.bucket, step.bucket)) continue;
      throw refused(`a commit of bucket ${hex(step.bucket)}`, `one of ${hex(head.commit.bucket)}`);
    }
  }
}

/** The work of a step through trees, in nodes of stamps. */
const STEP_WORK = 20;

/** Longer maps are not asked whether each row is needed: that is one long step. */
const MAP_LIMITS = { idleRowsMax: 2_048 };

function treeOf(cache: NodeCache, { commit, rootBlock }: CommitRef): Tree {
  return Tree.load(cache, rootBlock, commit.root);
}

function headsOf({ commit: { heads }, headsBlock: id }: CommitRef): HeadsRef | undefined {
  return heads && { address: heads, id };
}

function readFrame(body: Uint8Array): Received {
  const reader = new ByteReader(body, 'commit frame');
  const { block, facts } = readCommit(reader, readCommitFlags(reader));
  const commit = decodeCommit(block);
  if (!equalBytes(encodeCommit(commit), block)) reader.fail('the one spelling', 'another');
  return { commit, address: addressOf(commit.algorithm, block), facts };
}

/** A commit that is refused; the import says where in the pack. */
function refused(expected: string, actual: string): RegaliaError<'REGALIA_FORMAT'> {
  return malformed('commit', 0, expected, actual);
}
