/**
 * Builds the commits that a change of a line's tree makes: one for each bucket it touched, the
 * innermost first, each naming its predecessor, its new contents and the new heads within it; the
 * line's own commit last.
 */
import { type Address, addressText } from '../blocks/address.js';
import { hex } from '../ground/bytes.js';
import { type Commit, commitAddress, mapsBefore } from '../log/commit.js';
import { allHeads, type HeadsRef, headOf, writeHeads } from '../log/heads.js';
import type { MapRow } from '../log/maps.js';
import { type Actor, signCommit, signCommitNow } from '../log/signature.js';
import type { MovedPart, TouchedBucket } from '../tree/apply.js';
import { type RootRef, totalsOf } from '../tree/root.js';
import { checkPlaces, directBuckets } from './buckets.js';
import type { Core } from './core.js';
import { HeadsWithin } from './heads-within.js';
import { headsRefOf, type Line, type LocalCommit, type Tip, tipOf } from './line.js';
import type { Writers } from './writers.js';

/** A changed tree. */
export interface Change {
  readonly root: RootRef;
  /** Innermost first. */
  readonly touched: readonly TouchedBucket[];
  readonly removed: readonly MovedPart[];
  readonly added: readonly MovedPart[];
  /** Whether buckets may have come or gone in ways that the lists above do not say. */
  readonly recount?: boolean;
  /** Commits that nested buckets have already, instead of new ones, by 32 hexadecimal digits. */
  readonly given?: ReadonlyMap<string, LocalCommit>;
  /** Where entries went, by the bucket whose keys they are; '' is the line's own. */
  readonly rows: ReadonlyMap<string, readonly MapRow[]>;
  /**
   * Earlier commits whose state was brought back: buckets that were gone have the heads of these.
   */
  readonly origins?: readonly LocalCommit[];
}

/** What the user says of a commit. */
export interface CommitWords {
  readonly message: string;
  readonly actor: Actor | undefined;
}

export interface Built {
  readonly tip: Tip;
  /** Innermost first, the line's own last. */
  readonly commits: readonly LocalCommit[];
  readonly signatures: ReadonlyMap<string, Uint8Array>;
}

const NO_ROWS: readonly MapRow[] = [];
const NO_SIGNATURES: ReadonlyMap<string, Uint8Array> = new Map();

export class CommitBuilder {
  readonly #core: Core;
  readonly #line: Line;
  readonly #writers: Writers;
  readonly #tip: Tip;
  readonly #words: CommitWords;
  readonly #timeMs: number;
  /** The commits of buckets before this change. */
  readonly #before: HeadsWithin;
  /** Those of buckets that were gone, in the states that it brings back. */
  #earlier: HeadsWithin;
  /** New commits by bucket, 32 hexadecimal digits. */
  readonly #made = new Map<string, LocalCommit>();

  constructor(line: Line, writers: Writers, tip: Tip, words: CommitWords) {
    this.#core = line.core;
    this.#line = line;
    this.#writers = writers;
    this.#tip = tip;
    this.#words = words;
    this.#timeMs = this.#core.timeMs();
    this.#before = this.#headsWithin(tip);
    this.#earlier = this.#headsWithin();
  }

  #headsWithin(...commits: readonly LocalCommit[]): HeadsWithin {
    return new HeadsWithin(this.#line, ...commits);
  }

  /** The commits of a change, signed where someone signs. */
  async buildSigned(change: Change): Promise<Built> {
    const { tip, commits } = this.build(change);
    return { tip, commits, signatures: await this.sign(commits) };
  }

  /** The commits of a change. Their blocks (heads, maps) are staged. REGALIA_EXISTS. */
  build(change: Change): { tip: Tip; commits: LocalCommit[] } {
    // What comes from other commits may have buckets that are elsewhere by now.
    if (change.given !== undefined || (change.origins?.length ?? 0) > 0) {
      const { id, address } = change.root;
      checkPlaces(this.#core, this.#line.treeOf(this.#tip), this.#core.tree(id, address));
    }
    this.#earlier = this.#headsWithin(...(change.origins ?? []));
    const within = new Within(change);
    const commits: LocalCommit[] = [];
    for (const touched of change.touched) {
      const before = this.#previous(hex(touched.bucket));
      const given = change.given?.get(hex(touched.bucket));
      if (given !== undefined) {
        this.#made.set(hex(touched.bucket), given);
        continue;
      }
      const one = this.#commit(touched.bucket, touched.after, before, change, within);
      this.#made.set(hex(touched.bucket), one);
      commits.push(one);
    }
    const own = this.#commit(this.#line.owner, change.root, this.#tip, change, within);
    commits.push(own);
    return { tip: tipOf(own, this.#tip.id), commits };
  }

  /** The signatures, where the actor makes them at once; undefined where it does not. */
  signNow(commits: readonly LocalCommit[]): ReadonlyMap<string, Uint8Array> | undefined {
    const { actor } = this.#words;
    if (actor === undefined) return NO_SIGNATURES;
    const signatures = new Map<string, Uint8Array>();
    for (const { address } of commits) {
      const signature = signCommitNow(actor, address);
      if (signature === undefined) return undefined;
      signatures.set(addressText(address), signature);
    }
    return signatures;
  }

  async sign(commits: readonly LocalCommit[]): Promise<ReadonlyMap<string, Uint8Array>> {
    const signatures = new Map<string, Uint8Array>();
    const { actor } = this.#words;
    if (actor === undefined) return signatures;
    for (const { address } of commits) {
      signatures.set(addressText(address), await signCommit(actor, address));
    }
    return signatures;
  }

  #commit(
    bucket: Uint8Array,
    root: RootRef,
    before: LocalCommit | undefined,
    change: Change,
    within: Within,
  ): LocalCommit {
    const { identity, sequences } = this.#core;
    const algorithm = root.address[0] as Commit['algorithm'];
    const isOwn = bucket === this.#line.owner;
    const heads = this.#heads(before, root, change, within.of(isOwn ? undefined : bucket));
    const rows = change.rows.get(isOwn ? '' : hex(bucket)) ?? NO_ROWS;
    const parents = before === undefined ? [] : [before];
    const commit: Commit = {
      algorithm,
      bucket,
      root: root.address,
      heads: heads?.address,
      parents: parents.map(({ address }) => address),
      maps: parents.map(() => this.#writers.putMap(algorithm, rows)),
      mapsBefore: mapsBefore(parents),
      stamp: this.#line.nextStamp(this.#tip.id, before?.commit.stamp ?? 0),
      actor: this.#words.actor?.publicKey,
      replica: identity.replica,
      incarnation: identity.incarnation,
      sequence: sequences.take(),
      timeMs: this.#timeMs,
      message: this.#words.message,
    };
    const address = commitAddress(commit);
    return { address, commit, rootBlock: root.id, headsBlock: heads?.id };
  }

  #heads(
    before: LocalCommit | undefined,
    root: RootRef,
    change: Change,
    within: Part,
  ): HeadsRef | undefined {
    const old = before === undefined ? undefined : headsRefOf(before);
    const edits = new Map<string, Address | undefined>();
    for (const { bucket } of within.touched) {
      const made = this.#made.get(hex(bucket));
      if (made !== undefined) edits.set(hex(bucket), made.address);
    }
    // A new bucket is made around others, which leave the bucket that they were in.
    const around = within.touched.some(({ before, after }) => {
      return before === undefined && this.#hasBuckets(after);
    });
    const moved = around || within.hasMoved;
    const fresh = before === undefined && this.#hasBuckets(root);
    // What was brought back may have buckets that only an earlier state knows.
    const returned = (change.origins?.length ?? 0) > 0;
    const all = moved || fresh || returned || change.recount === true;
    if (all) this.#recount(old, root, edits);
    return writeHeads(this.#writers.for(root.address[0] as Commit['algorithm']), old, edits);
  }

  #hasBuckets({ id, address }: RootRef): boolean {
    return totalsOf(this.#core.tree(id, address).root).buckets > 0;
  }

  /**
   * Where buckets came or went with a subtree, the heads are those of the buckets that are there
   * now.
   */
  #recount(
    old: HeadsRef | undefined,
    root: RootRef,
    edits: Map<string, Address | undefined>,
  ): void {
    const { cache } = this.#core;
    for (const { bucket } of allHeads(cache, old)) {
      const digits = hex(bucket);
      if (!edits.has(digits)) edits.set(digits, undefined);
    }
    for (const { bucket } of directBuckets(this.#core.tree(root.id, root.address))) {
      const digits = hex(bucket);
      const made = this.#made.get(digits)?.address;
      const known = made ?? headOf(cache, old, bucket) ?? this.#previous(digits)?.address;
      edits.set(digits, known);
    }
  }

  /** The commit of a bucket before this change, wherever it was, or before it was gone. */
  #previous(bucket: string): LocalCommit | undefined {
    return this.#before.find(bucket) ?? this.#earlier.find(bucket);
  }
}

/** What a change did directly within one bucket. */
interface Part {
  readonly touched: TouchedBucket[];
  /** Whether buckets may have come or gone with what was moved. */
  hasMoved: boolean;
}

/** The same by bucket. */
class Within {
  readonly #parts = new Map<string, Part>();

  constructor({ touched, removed, added }: Change) {
    for (const one of touched) this.of(one.outer).touched.push(one);
    for (const { outer } of [...removed, ...added]) this.of(outer).hasMoved = true;
  }

  /** Undefined is the line's own. */
  of(bucket: Uint8Array | undefined): Part {
    const name = bucket === undefined ? '' : hex(bucket);
    const part = this.#parts.get(name) ?? { touched: [], hasMoved: false };
    this.#parts.set(name, part);
    return part;
  }
}
