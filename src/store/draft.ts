/**
 * What a transaction is made of: a private fork of a bucket. Edits gather in memory and go into a
 * private tree when there are many, or when something needs to see them in place; nobody else sees
 * any of it. Committing merges it into the head by content: see commit/committer.ts.
 *
 * The directory of an edit is found once and remembered by its text (`Ways`), since most edits come
 * to directories that were edited before.
 *
 * Long writes, of whole streams and of parts of them, take turns by stream:
 *
 *     asked -> its turn -> what the stream is now -> written beside it -> put, unless others put
 *
 * Until it is put the stream is as it was, and so it stays where a write fails. What is put or
 * removed meanwhile, without a turn, is not undone: the whole replaces it, a part of what is gone
 * by then is refused.
 */
import type { Source } from '../chunks/source.js';
import type { Ask } from '../commit/ask.js';
import { graftedBuckets } from '../commit/buckets.js';
import {
  type CommitOptions,
  type CommitResult,
  type Committing,
  commitTransaction,
} from '../commit/committer.js';
import { Lane } from '../commit/lane.js';
import type { Line, LocalCommit } from '../commit/line.js';
import { type Directory, Pending } from '../commit/pending.js';
import { PrivateTree } from '../commit/private-tree.js';
import { ReadSet } from '../commit/read-set.js';
import type { Return } from '../commit/revert.js';
import type { Turn } from '../commit/turns.js';
import type { Gate } from '../commit/underway.js';
import { hex } from '../ground/bytes.js';
import { badOption, closed } from '../ground/errors.js';
import { KEY_BYTES_MAX, NAME_BYTES_MAX } from '../ground/limits.js';
import type { Cause } from '../log/reflog.js';
import { Relation } from '../merge/relation.js';
import {
  checkStreamName,
  defineRules,
  encodeRules,
  type RuleOptions,
  type StreamRule,
} from '../streams/rule.js';
import { openStream, type Stream } from '../streams/stream.js';
import { editAt, editWithin } from '../tree/apply.js';
import { sameStream } from '../tree/equal.js';
import { type Key, keyText, type Names, parseKey } from '../tree/key.js';
import type { Tree } from '../tree/lookup.js';
import { INLINE, type RecordParts, type StreamPart } from '../tree/record.js';
import { type Root, totalsOf } from '../tree/root.js';
import { type Change, Contents } from './contents.js';
import type { ChangeOptions, TransactionOptions, WriteOptions } from './options.js';
import { checkedCommitPolicy } from './policies.js';
import { checkNewBucket, hasBuckets, moveError, partsToMove } from './relocation.js';
import type { Scope } from './scope.js';
import { Reading } from './snapshot.js';
import { StreamTurns } from './stream-turns.js';

/** What an extent holds for certain, with the nodes above. */
const EXTENT_BYTES = 8_192;
/** What an entry takes beside its streams, at most times. */
const ENTRY_BYTES = 128;
/** How far beyond its bound a transaction may go where the event loop has no turn. */
const OVERDRAFT = 4;

export interface DraftOptions extends TransactionOptions {
  /** What the branch is moved by, if not by a commit like others. */
  readonly cause?: Cause;
  /** The turn in which it is committed. */
  readonly turn?: Turn | undefined;
  /** Whether it begins on the head as it is stored, with all of its history. */
  readonly onStored?: boolean;
  /** Where its work begins; default that of users. */
  readonly gate?: Gate;
}

export class Draft extends Reading implements Committing {
  readonly line: Line;
  /** The commit that it was begun on. */
  readonly started: LocalCommit;
  readonly fork: PrivateTree;
  /** Where it has moved what it began with. */
  readonly relation = new Relation();
  /** Empty once it has ended: those that rest on it keep nothing that came before it. */
  rests: readonly Ask[];
  readonly cause: Cause;
  readonly turn: Turn | undefined;
  /** Commits whose state was brought back. */
  readonly origins: LocalCommit[] = [];
  readonly guards: Names[] = [];
  /** The key of the bucket that keys are relative to. */
  readonly prefix: Names;
  readonly #contents: Contents;
  readonly #turns = new StreamTurns();
  readonly #ways = new Ways();
  #pending: Pending;
  #state: 'open' | 'committing' | 'ended' = 'open';

  /** On the tip of the scope's branch. REGALIA_READ_ONLY, REGALIA_NOT_FOUND. */
  constructor(scope: Scope, options: DraftOptions = {}) {
    const { isolation, cause = 'commit', turn, onStored, gate } = options;
    const { core, line } = scope;
    super(core, isolation === 'serializable' ? new ReadSet() : undefined, gate);
    core.checkWritable();
    this.line = line;
    this.cause = cause;
    this.turn = turn;
    this.rests = onStored === true ? [] : Lane.of(line).underway();
    this.started = onStored === true ? line.stored() : line.tip();
    const tree = line.treeOf(this.started);
    this.prefix = scope.namesIn(tree, this.rests.length === 0);
    this.fork = new PrivateTree(core, tree, () => this.#ways.clear());
    this.#contents = new Contents(core, this.fork.writers);
    this.#pending = new Pending(core.cache.shapes);
  }

  /** The edits that are not in the private tree yet. */
  get pending(): Pending {
    return this.#pending;
  }

  override check(): void {
    this.gate.check();
    this.#checkGoing();
  }

  override checkKept(part: StreamPart): void {
    if (this.#state !== 'ended' || part.form === INLINE || part.id === undefined) return;
    if (this.fork.writers.blocks.isOwn(part.id)) throw closed('transaction');
  }

  /** For work that has begun. */
  #checkGoing(): void {
    this.core.check();
    if (this.#state !== 'open') throw closed('transaction');
  }

  /**
   * The private tree of the bucket it works on, with all edits so far in it: keys read from it are
   * the bucket's.
   */
  override tree(): Tree {
    this.#flush();
    return this.#bucketTree();
  }

  override full(names: Names): Names {
    return this.prefix.length === 0 ? names : [...this.prefix, ...names];
  }

  #full(key: Key): Names {
    return this.full(parseKey(key));
  }

  // Reads.

  override get(key: Key, stream: string): Stream | undefined {
    this.check();
    if (typeof stream !== 'string') checkStreamName(stream);
    const part = this.#read(key, stream);
    const { algorithm } = this.fork.tree.root;
    return part && openStream({ home: this, part, algorithm, key, name: stream });
  }

  /** What a stream is, with the edits so far. */
  #read(key: Key, stream: string): StreamPart | undefined {
    const names = this.#full(key);
    this.reads?.stream(names, stream);
    if (this.#pending.isPlaced(names)) this.#flush();
    const pending = this.#pending.stream(names, stream);
    return pending === 'none' ? undefined : (pending ?? this.fork.tree.stream(names, stream));
  }

  // Edits.

  put(key: Key, stream: string, data: unknown): void {
    this.check();
    const place = this.#place(key);
    const { root } = place.way;
    const part = this.#contents.put(root, this.#rule(place, stream), stream, data);
    this.#add(place, stream, part);
  }

  write(key: Key, stream: string, source: Source, options: WriteOptions): Promise<number> {
    const { at } = options;
    if (at !== undefined) return this.change(key, stream, { kind: 'write', at, source }, options);
    return this.#inTurn(key, stream, options, (root, rule) => {
      return this.#contents.write(root, rule, stream, source, options);
    });
  }

  change(key: Key, stream: string, change: Change, options: ChangeOptions): Promise<number> {
    return this.#inTurn(key, stream, options, async (root, rule) => {
      const before = this.#read(key, stream);
      const part = await this.#contents.change(root, rule, stream, change, before, options);
      this.#checkGoing();
      if (sameStream(this.cache, before, this.#read(key, stream))) return part;
      throw badOption('stream', 'what it was when its change began', 'put or removed meanwhile');
    });
  }

  async #inTurn(
    key: Key,
    stream: string,
    { signal }: ChangeOptions,
    written: (root: Root, rule: StreamRule) => Promise<StreamPart>,
  ): Promise<number> {
    this.check();
    const text = keyText(parseKey(key));
    checkStreamName(stream);
    const turn = async (): Promise<number> => {
      this.#checkGoing();
      const place = this.#place(key);
      const part = await written(place.way.root, this.#rule(place, stream));
      this.#checkGoing();
      // What was found before may be another by now.
      this.#add(this.#place(key), stream, part);
      return part.length;
    };
    return this.#turns.take(`${text} ${stream}`, turn, signal);
  }

  async drain(): Promise<void> {
    this.check();
    const { blocks } = this.fork.writers;
    if (blocks.heavy) await blocks.spill();
  }

  #place(key: Key): Place {
    const quick = this.#ways.quick(key);
    if (quick !== undefined) return quick;
    const names = this.#full(key);
    if (this.#pending.isPlaced(names)) this.#flush();
    return this.#ways.find(key, names, this.fork.tree, this.#pending);
  }

  #rule({ way }: Place, stream: string): StreamRule {
    checkStreamName(stream);
    return this.core.rules(way.root.rules).ruleOf(stream);
  }

  #add({ way, name }: Place, stream: string, part: StreamPart): void {
    this.#pending.put(way.directory, name, stream, part);
    if (this.#pending.bytes > this.core.settings.transactionBytes) this.#spill();
  }

  /** Puts what is pending into the private tree, if there is room to stage it without waiting. */
  #spill(): void {
    const { bytes } = this.#pending;
    const { blocks, settings } = this.core;
    blocks.replenish();
    // Scattered edits touch every node: as much as there is may be staged anew.
    const { entries, inlineBytes } = totalsOf(this.fork.tree.root);
    const staged = bytes + inlineBytes + entries * ENTRY_BYTES;
    if (staged < blocks.available * EXTENT_BYTES) this.#flush();
    else if (bytes > OVERDRAFT * settings.transactionBytes) {
      throw badOption('data', 'put with a turn of the event loop in between', `${bytes} bytes`);
    }
  }

  del(key: Key, stream?: string): void {
    this.check();
    const names = this.#full(key);
    const last = names[names.length - 1];
    if (stream !== undefined) {
      checkStreamName(stream);
      this.#pending.del(this.#pending.directory(names.slice(0, -1)), last, stream);
    } else if (names.length === this.prefix.length) {
      this.#flush();
      this.fork.apply(editAt(names, { clear: true, streams: [], inside: names.length > 0 }));
    } else {
      this.#pending.clear(this.#pending.directory(names.slice(0, -1)), last as Uint8Array);
      this.#ways.clear();
    }
  }

  move(from: Key, to: Key): void {
    const { source, target, parts } = this.#transfer(from, to);
    const directory = this.#pending.directory(source.slice(0, -1));
    this.#pending.clear(directory, source.at(-1) as Uint8Array);
    this.#placeAt(target, parts);
    const row = { from: keyText(source), to: keyText(target), returned: false };
    this.relation.apply([row]);
  }

  copy(from: Key, to: Key): void {
    const { source, target, parts } = this.#transfer(from, to);
    if (hasBuckets(parts)) {
      throw moveError(source, target, 'a subtree with buckets in it is forked, not copied');
    }
    this.#placeAt(target, parts);
  }

  #placeAt(target: Names, parts: RecordParts): void {
    const directory = this.#pending.directory(target.slice(0, -1));
    this.#pending.place(directory, target.at(-1) as Uint8Array, parts);
    this.#ways.clear();
    if (this.#pending.bytes > this.core.settings.transactionBytes) this.#spill();
  }

  #transfer(from: Key, to: Key): { source: Names; target: Names; parts: RecordParts } {
    this.check();
    const source = this.#full(from);
    const target = this.#full(to);
    if (this.#pending.touches(source) || this.#pending.touches(target)) this.#flush();
    if (source.length === this.prefix.length) {
      throw moveError(source, target, 'the top stays where it is');
    }
    this.reads?.subtree(source);
    return { source, target, parts: partsToMove(this.fork.tree, source, target) };
  }

  /** Brings back what earlier commits of the bucket had. */
  bringBack({ edits, rows, origins }: Return): void {
    this.check();
    this.#flush();
    const before = this.fork.tree;
    for (const edit of edits) this.fork.apply(editWithin(this.prefix, edit));
    this.fork.touched.add(graftedBuckets(this.core, before, this.fork.tree));
    const prefix = this.prefix.length === 0 ? '' : keyText(this.prefix);
    this.relation.apply(
      rows.map(({ from, to, returned }) => {
        return { from: prefix + from, to: to && prefix + to, returned };
      }),
    );
    this.origins.push(...origins);
  }

  /** The tree of the bucket that this transaction works on. */
  #bucketTree(): Tree {
    const { tree } = this.fork;
    if (this.prefix.length === 0) return tree;
    const found = tree.bucketAt(this.prefix);
    return found === undefined ? tree : this.core.tree(found.rootBlock, found.root);
  }

  createBucket(key: Key, rules?: RuleOptions): string {
    this.check();
    const names = this.#full(key);
    const own = rules === undefined ? undefined : encodeRules(defineRules(rules));
    this.#flush();
    const { tree } = this.fork;
    checkNewBucket(tree, names, this.prefix.length, rules !== undefined);
    const id = this.core.settings.random(16);
    const encoded = own ?? tree.rootAround(names.slice(0, -1)).rules;
    this.fork.apply(editAt(names, { clear: false, streams: [], bucket: { id, rules: encoded } }));
    return hex(id);
  }

  guard(key: Key): void {
    this.check();
    this.guards.push(this.#full(key));
  }

  /** Puts what is pending into the private tree at once. */
  #flush(): void {
    if (this.#pending.count === 0) return;
    this.fork.apply(this.#takePending().edit());
  }

  #takePending(): Pending {
    const taken = this.#pending;
    this.#pending = new Pending(this.core.cache.shapes);
    this.#ways.clear();
    return taken;
  }

  /** The same while others run, and writes out what is staged. */
  async applyPending(signal?: AbortSignal): Promise<void> {
    if (this.#pending.count > 0) await this.fork.applyInSteps(this.#takePending().edit(), signal);
  }

  async commit(options: CommitOptions): Promise<CommitResult> {
    this.check();
    if (this.#turns.count > 0) {
      const actual = `beside ${this.#turns.count}: await them first`;
      throw badOption('commit', 'called when no write is under way', actual);
    }
    this.#state = 'committing';
    try {
      const { policy, ...rest } = options;
      const checked = policy === undefined ? {} : { policy: checkedCommitPolicy(policy) };
      return await commitTransaction(this, { ...rest, ...checked });
    } finally {
      this.#end();
    }
  }

  #end(): void {
    this.#state = 'ended';
    this.rests = [];
    this.#pending = new Pending(this.core.cache.shapes);
    this.fork.discard();
  }

  dispose(): void {
    if (this.#state === 'open') this.#end();
  }
}

interface Way {
  readonly directory: Directory;
  /** The root of the bucket that rules the streams. */
  readonly root: Root;
}

interface Place {
  readonly way: Way;
  /** The last name; undefined for the top. A view that the next look-up spoils. */
  readonly name: Uint8Array | undefined;
}

class Ways {
  readonly #known = new Map<string, Way>();

  /** Forgets what was found: the tree, or what is pending, is another. */
  clear(): void {
    this.#known.clear();
  }

  /** A place by text alone, if its directory is known and its name plain. */
  quick(key: Key): Place | undefined {
    if (typeof key !== 'string' || key.length < 2) return undefined;
    const slash = key.lastIndexOf('/');
    const way = this.#known.get(key.slice(0, slash));
    const name = way === undefined ? undefined : simpleName(key, slash + 1);
    return way === undefined || name === undefined ? undefined : { way, name };
  }

  /** A place by its names: those of `key`, behind those of the bucket at hand. */
  find(key: Key, names: Names, tree: Tree, pending: Pending): Place {
    const name = names[names.length - 1];
    const parents = names.slice(0, -1);
    const isBucket = tree.bucketAt(names) !== undefined;
    const root = tree.rootAround(isBucket ? names : parents);
    const way = { directory: pending.directory(parents), root };
    // A bucket's own streams are ruled by itself: its siblings' are not.
    if (typeof key === 'string' && key !== '/' && !isBucket) {
      this.#known.set(key.slice(0, key.lastIndexOf('/')), way);
    }
    return { way, name };
  }
}

const scratch = new Uint8Array(NAME_BYTES_MAX + 1);

/** A name of plain characters, or undefined where `parseKey` must look. */
function simpleName(key: string, from: number): Uint8Array | undefined {
  const length = key.length - from;
  if (length === 0 || length > NAME_BYTES_MAX || key.length > KEY_BYTES_MAX) return undefined;
  const name = scratch.subarray(0, length);
  for (let i = 0; i < length; i++) {
    const code = key.charCodeAt(from + i);
    if (code >= 0x80 || code === 0) return undefined;
    name[i] = code;
  }
  return name[0] === 0x2e && length <= 2 ? undefined : name;
}
