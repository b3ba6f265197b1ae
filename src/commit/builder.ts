/**
 * Builds the commits that a change of a line's tree makes: one for each bucket it touched, the
 * innermost first, each naming its predecessor, its new contents and the new heads within it; the
 * line's own commit last.
 */
import type { Address } from '../blocks/address.js';
import { equalBytes, hex, unhex } from '../ground/bytes.js';
import { type Commit, commitAddress, mapsBefore } from '../log/commit.js';
import { type HeadsRef, headOf, writeHeads } from '../log/heads.js';
import type { MapRow } from '../log/maps.js';
import type { Actor } from '../log/signature.js';
import type { MovedPart, TouchedBucket } from '../tree/apply.js';
import type { Tree } from '../tree/lookup.js';
import type { RootRef } from '../tree/root.js';
import { changedBuckets, checkPlaces } from './buckets.js';
import type { Core } from './core.js';
import { HeadsApart } from './heads-apart.js';
import { HeadsWithin } from './heads-within.js';
import { headsRefOf, type Line, type LocalCommit, type Tip, tipOf } from './line.js';
import { Places } from './places.js';
import { type Signatures, sign, signNow } from './signing.js';
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
  readonly signatures: Signatures;
}

const NO_ROWS: readonly MapRow[] = [];

export class CommitBuilder {
  readonly #core: Core;
  readonly #line: Line;
  readonly #writers: Writers;
  readonly #tip: Tip;
  readonly #words: CommitWords;
  readonly #timeMs: number;
  /** The commits of buckets before this change. */
  readonly #before: HeadsWithin;
  /** The states that it brings back, which have those of buckets that were gone. */
  #origins: readonly LocalCommit[] = [];
  #earlier: readonly HeadsApart[] | undefined;
  /** Where the buckets of the change are. */
  #places!: Places;
  #mayHaveMoved = false;
  /** New commits by bucket, 32 hexadecimal digits. */
  readonly #made = new Map<string, LocalCommit>();

  constructor(line: Line, writers: Writers, tip: Tip, words: CommitWords) {
    this.#core = line.core;
    this.#line = line;
    this.#writers = writers;
    this.#tip = tip;
    this.#words = words;
    this.#timeMs = this.#core.timeMs();
    this.#before = new HeadsWithin(this.#line, tip);
  }

  /** The commits of a change, signed where someone signs. */
  async buildSigned(change: Change, signal?: AbortSignal): Promise<Built> {
    const { tip, commits } = this.build(change);
    return { tip, commits, signatures: await this.sign(commits, signal) };
  }

  /** The commits of a change. Their blocks (heads, maps) are staged. REGALIA_EXISTS. */
  build(change: Change): { tip: Tip; commits: LocalCommit[] } {
    const { given, origins = [] } = change;
    const trees = (): [before: Tree, after: Tree] => {
      const { id, address } = change.root;
      return [this.#line.treeOf(this.#tip), this.#core.tree(id, address)];
    };
    // What comes from other commits may have buckets that are elsewhere by now.
    const isForeign = given !== undefined || hasOrigins(change);
    if (isForeign) checkPlaces(this.#line, this.#tip, trees()[1], origins);
    this.#mayHaveMoved = mayHaveMoved(change);
    this.#places = new Places(change.touched, () => changedBuckets(this.#core, ...trees()));
    this.#origins = origins;
    const commits: LocalCommit[] = [];
    for (const { bucket, before, after } of change.touched) {
      const id = hex(bucket);
      const previous = (): LocalCommit | undefined => this.#previous(id, before === undefined);
      const known = given?.get(id);
      const one = known ?? this.#commit(bucket, after, previous(), change);
      this.#made.set(id, one);
      if (known === undefined) commits.push(one);
    }
    const own = this.#commit(this.#line.owner, change.root, this.#tip, change);
    commits.push(own);
    return { tip: tipOf(own, this.#tip.id), commits };
  }

  /** The signatures, where the actor makes them at once; undefined where it does not. */
  signNow(commits: readonly LocalCommit[]): Signatures | undefined {
    return signNow(this.#words.actor, commits.map(addressOf));
  }

  /** The signatures, once they are made. REGALIA_ABORTED, REGALIA_CLOSED. */
  sign(commits: readonly LocalCommit[], signal?: AbortSignal): Promise<Signatures> {
    return sign(this.#core, this.#words.actor, commits.map(addressOf), signal);
  }

  #commit(
    bucket: Uint8Array,
    root: RootRef,
    before: LocalCommit | undefined,
    change: Change,
  ): LocalCommit {
    const { identity, sequences } = this.#core;
    const algorithm = root.address[0] as Commit['algorithm'];
    const level = bucket === this.#line.owner ? '' : hex(bucket);
    const heads = this.#heads(level, before, algorithm);
    const rows = change.rows.get(level) ?? NO_ROWS;
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

  /** The heads directly within a bucket, '' for the line's own. */
  #heads(
    level: string,
    before: LocalCommit | undefined,
    algorithm: Commit['algorithm'],
  ): HeadsRef | undefined {
    const old = before === undefined ? undefined : headsRefOf(before);
    const edits = new Map<string, Address | undefined>();
    for (const { bucket } of this.#places.touched(level)) {
      const made = this.#made.get(hex(bucket));
      if (made !== undefined) edits.set(hex(bucket), made.address);
    }
    if (this.#mayHaveMoved) this.#follow(level, old, edits);
    return writeHeads(this.#writers.for(algorithm), old, edits);
  }

  /** Where buckets came or went, their heads come or go. */
  #follow(level: string, old: HeadsRef | undefined, edits: Map<string, Address | undefined>): void {
    const { came, left } = this.#places.arrivals(level);
    for (const bucket of left) if (!edits.has(bucket)) edits.set(bucket, undefined);
    for (const { bucket, isNew } of came) {
      const made = this.#made.get(bucket)?.address;
      const known = made ?? headOf(this.#core.cache, old, unhex(bucket) as Uint8Array);
      edits.set(bucket, known ?? this.#previous(bucket, isNew)?.address);
    }
  }

  /** The commit of a bucket before this change, wherever it was, or before it was gone. */
  #previous(bucket: string, isNew: boolean): LocalCommit | undefined {
    const before = isNew ? undefined : this.#before.find(bucket, this.#places.around(bucket));
    if (before !== undefined) return before;
    this.#earlier ??= this.#origins.map((origin) => this.#apart(origin));
    for (const heads of this.#earlier) {
      const found = heads.find('before', bucket);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** An earlier state of a bucket beside the present one. */
  #apart(origin: LocalCommit): HeadsApart {
    const { bucket } = origin.commit;
    if (equalBytes(bucket, this.#line.owner)) return new HeadsApart(this.#line, origin, this.#tip);
    const id = hex(bucket);
    const now = this.#before.find(id, this.#places.around(id));
    return new HeadsApart(this.#line, origin, now ?? this.#tip);
  }
}

function addressOf({ address }: LocalCommit): Address {
  return address;
}

/** Whether buckets may have come or gone, or come to be within others. */
function mayHaveMoved(change: Change): boolean {
  const { touched, removed, added, recount } = change;
  if (recount === true || removed.length > 0 || added.length > 0) return true;
  // What was brought back may have buckets that only an earlier state knows.
  return hasOrigins(change) || touched.some(({ before }) => before === undefined);
}

function hasOrigins({ origins = [] }: Change): boolean {
  return origins.length > 0;
}
