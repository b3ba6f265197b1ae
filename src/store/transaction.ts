/**
 * A transaction: a private fork of a bucket. Edits gather in memory and go into a private tree when
 * there are many, or when something needs to see them in place; nobody else sees any of it.
 * Committing merges it into the head by content: see committer.ts.
 *
 * Reads see the transaction's own edits. After commit or dispose every method throws
 * REGALIA_CLOSED.
 */
import { addressText } from '../blocks/address.js';
import type { Source } from '../chunks/source.js';
import { checkAlgorithm, graftedBuckets } from '../commit/buckets.js';
import { type CommitOptions, type CommitResult, commitTransaction } from '../commit/committer.js';
import type { Core } from '../commit/core.js';
import type { Line, LocalCommit } from '../commit/line.js';
import { Pending } from '../commit/pending.js';
import { PrivateTree } from '../commit/private-tree.js';
import { type ReadSet, readSetFor } from '../commit/read-set.js';
import { conflictError } from '../commit/rebase.js';
import { hex } from '../ground/bytes.js';
import { RegaliaError } from '../ground/errors.js';
import type { Move } from '../log/moves.js';
import { mergeTrees } from '../merge/merge-trees.js';
import {
  checkStreamName,
  defineRules,
  encodeRules,
  type RuleOptions,
  type StreamRule,
} from '../streams/rule.js';
import { Stream } from '../streams/stream.js';
import { editAt, editWithin } from '../tree/apply.js';
import { type Key, type Names, parseKey } from '../tree/key.js';
import type { Tree } from '../tree/lookup.js';
import { type RecordParts, readRecord, type StreamPart } from '../tree/record.js';
import { totalsOf } from '../tree/root.js';
import { Contents } from './contents.js';
import type { Entry } from './entry.js';
import { badOption, checkCommitOptions } from './options.js';
import { checkNewBucket, holdsBuckets, moveError, partsToMove, toldMove } from './relocation.js';
import {
  type ChangeOptions,
  StreamWrites,
  type WriteHost,
  type WriteOptions,
} from './stream-writes.js';
import { type ChildRange, View } from './view.js';
import { type Place, Ways } from './ways.js';

export interface TransactionOptions {
  /**
   * 'snapshot' (the default) checks what was written against others' writes; 'serializable' also
   * what was read.
   */
  readonly isolation?: 'snapshot' | 'serializable';
}

/** What an extent holds for certain, with the nodes above. */
const EXTENT_BYTES = 8_192;
/** What an entry takes beside its streams, at most times. */
const ENTRY_BYTES = 128;
/** How far beyond its bound a transaction may go where the event loop has no turn. */
const OVERDRAFT = 4;

export class Transaction extends View {
  readonly line: Line;
  /** The commit that it was begun on. */
  readonly started: LocalCommit;
  readonly fork: PrivateTree;
  readonly moves = new Map<string, Move[]>();
  /** Commits whose state was brought back. */
  readonly origins: LocalCommit[] = [];
  readonly reads: ReadSet | undefined;
  readonly guards: Names[] = [];
  /** The key of the bucket that keys are relative to. */
  readonly #prefix: Names;
  readonly #contents: Contents;
  readonly #writes: StreamWrites;
  readonly #ways = new Ways();
  #pending: Pending;
  #state: 'open' | 'committing' | 'ended' = 'open';

  constructor(core: Core, line: Line, prefix: Names, options: TransactionOptions) {
    super(core);
    core.checkWritable();
    this.line = line;
    this.started = line.tip();
    this.fork = new PrivateTree(core, line.treeOf(this.started), () => this.#ways.clear());
    this.#contents = new Contents(core, this.fork.writers);
    this.#pending = new Pending(core.cache.shapes);
    this.#writes = new StreamWrites(this.#contents, this.#host());
    this.#prefix = prefix;
    this.reads = readSetFor(options.isolation ?? 'snapshot');
  }

  get base(): string {
    return addressText(this.started.address);
  }

  /** The edits that are not in the private tree yet. */
  get pending(): Pending {
    return this.#pending;
  }

  override check(): void {
    this.core.check();
    if (this.#state === 'open') return;
    throw new RegaliaError('REGALIA_CLOSED', 'the transaction has ended', { what: 'transaction' });
  }

  /**
   * The private tree of the bucket it works on, with all edits so far in it: keys read from it are
   * the bucket's.
   */
  protected override tree(): Tree {
    this.#flush();
    return this.#bucketTree();
  }

  /** The rule of a stream at a key of some state of the line. */
  ruleAt(tree: Tree, names: Names, stream: string): StreamRule {
    return this.core.rules(tree.rootAround(names).rules).ruleOf(stream);
  }

  #full(key: Key): Names {
    const names = parseKey(key);
    return this.#prefix.length === 0 ? names : [...this.#prefix, ...names];
  }

  // Reads.

  override entry(key: Key): Entry | undefined {
    this.check();
    this.reads?.entry(this.#full(key));
    return super.entry(key);
  }

  override get(key: Key, stream: string): Stream | undefined {
    this.check();
    const part = this.#read(this.#full(key), stream);
    return part && new Stream(this, part, key, stream);
  }

  #read(names: Names, stream: string): StreamPart | undefined {
    this.reads?.stream(names, stream);
    const pending = this.#pending.stream(names, stream);
    return pending === 'none' ? undefined : (pending ?? this.fork.tree.stream(names, stream));
  }

  override *children(key: Key, range: ChildRange = {}): Generator<Entry, void, undefined> {
    this.reads?.children(this.#full(key));
    yield* super.children(key, range);
  }

  override *walk(key: Key = '/'): Generator<Entry, void, undefined> {
    this.reads?.subtree(this.#full(key));
    yield* super.walk(key);
  }

  protected override reading(names: Names): void {
    this.reads?.subtree([...this.#prefix, ...names]);
  }

  // Edits.

  /**
   * Puts a stream. `data` is bytes, or what the stream's rule encodes: a string, or CBOR data. It
   * is copied. REGALIA_KEY, REGALIA_STREAM, REGALIA_ENCODING; REGALIA_OPTION above 16 MiB, which is
   * for `write`.
   */
  put(key: Key, stream: string, data: unknown): void {
    this.check();
    const place = this.#place(key);
    const { root } = place.way;
    const part = this.#contents.put(root, this.#rule(place, stream), stream, data);
    this.#add(place, stream, part);
  }

  /**
   * Writes a stream from any source, of any size, in bounded memory, and resolves with its size.
   * With `at` the source's bytes take the place of those there, at the cost of that part; what lies
   * before them is kept, filled with zeros where it is too short. Until then the stream is as it
   * was, and so it stays where this fails. Writes to one stream take turns. REGALIA_ABORTED,
   * REGALIA_RANGE, and what the source throws; with `at` REGALIA_ENCODING unless the stream's
   * encoding is `bytes`.
   */
  write(key: Key, stream: string, source: Source, options: WriteOptions = {}): Promise<number> {
    return this.#writes.write(key, stream, source, options);
  }

  /**
   * Resolves once little of what was put waits in memory. Between many large puts it keeps memory
   * bounded, and lets their contents be stored meanwhile. REGALIA_FULL, REGALIA_IO, REGALIA_VOLUME.
   */
  async drain(): Promise<void> {
    this.check();
    const { blocks } = this.fork.writers;
    if (blocks.heavy) await blocks.spill();
  }

  /**
   * The same behind the last byte. Errors as `write` with `at`, but `utf8` is as good as `bytes`.
   */
  append(key: Key, stream: string, source: Source, options: ChangeOptions = {}): Promise<number> {
    return this.#writes.change(key, stream, { kind: 'append', source }, options);
  }

  /** Makes a stream shorter, or longer by zeros that take no room. Errors as `write` with `at`. */
  truncate(key: Key, stream: string, size: number, options: ChangeOptions = {}): Promise<number> {
    const change = { kind: 'truncate', at: size, source: undefined } as const;
    return this.#writes.change(key, stream, change, options);
  }

  #host(): WriteHost {
    return {
      check: () => this.check(),
      ruleOf: (key, stream) => {
        const place = this.#place(key);
        return { root: place.way.root, rule: this.#rule(place, stream) };
      },
      read: (key, stream) => this.#read(this.#full(key), stream),
      // What was found before may be another by now.
      put: (key, stream, part) => this.#add(this.#place(key), stream, part),
    };
  }

  #place(key: Key): Place {
    const quick = this.#ways.quick(key);
    return quick ?? this.#ways.find(key, this.#full(key), this.fork.tree, this.#pending);
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
      throw badOption('data', 'put with a turn of the event loop now and then', `${bytes} bytes`);
    }
  }

  /** Removes a stream, or the entry with everything beneath it. What is not there is no error. */
  del(key: Key, stream?: string): void {
    this.check();
    const names = this.#full(key);
    const last = names[names.length - 1];
    if (stream !== undefined) {
      checkStreamName(stream);
      this.#pending.del(this.#pending.directory(names.slice(0, -1)), last, stream);
    } else if (names.length === this.#prefix.length) {
      this.#flush();
      this.fork.apply(editAt(names, { clear: true, streams: [], inside: names.length > 0 }));
    } else {
      this.#pending.clear(this.#pending.directory(names.slice(0, -1)), last as Uint8Array);
      this.#ways.clear();
    }
  }

  /**
   * Moves an entry with everything beneath it, in time that does not depend on its size. Replicas
   * are told, so that edits elsewhere follow it. REGALIA_MOVE where there is nothing, or the target
   * lies beneath; REGALIA_EXISTS.
   */
  move(from: Key, to: Key): void {
    const { source, target, parts } = this.#transfer(from, to);
    this.fork.apply(editAt(source, { clear: true, streams: [] }));
    this.fork.apply(editAt(target, { clear: false, streams: [], parts }));
    const { bucket, move } = toldMove(this.fork.tree, source, target);
    this.moves.set(bucket, [...(this.moves.get(bucket) ?? []), move]);
  }

  /**
   * Copies an entry with everything beneath it, in time that does not depend on its size. Errors as
   * `move`.
   */
  copy(from: Key, to: Key): void {
    const { source, target, parts } = this.#transfer(from, to);
    if (holdsBuckets(parts)) {
      throw moveError(source, target, 'a subtree that holds buckets is forked, not copied');
    }
    this.fork.apply(editAt(target, { clear: false, streams: [], parts }));
  }

  #transfer(from: Key, to: Key): { source: Names; target: Names; parts: RecordParts } {
    this.check();
    const source = this.#full(from);
    const target = this.#full(to);
    this.#flush();
    if (source.length === this.#prefix.length) {
      throw moveError(source, target, 'the top stays where it is');
    }
    return { source, target, parts: partsToMove(this.fork.tree, source, target) };
  }

  /**
   * Makes a key, with all beneath it, what it was at another commit of the same bucket.
   * REGALIA_EXISTS.
   */
  graft(key: Key, then: LocalCommit): void {
    this.check();
    const names = this.#full(key);
    this.#flush();
    const from = parseKey(key);
    const state = this.line.treeOf(then);
    const outer = from.length === 0 ? state.top : state.outer(from);
    const before = this.fork.tree;
    checkAlgorithm(before.rootAround(names), state.root);
    const parts = outer && readRecord(outer.node, outer.index);
    const inside = from.length === 0 && names.length > 0;
    this.fork.apply(editAt(names, { clear: true, streams: [], parts, inside }));
    this.fork.touched.add(graftedBuckets(this.core, before, this.fork.tree));
    this.origins.push(then);
  }

  /** Does to this bucket what leads from one of its states to another. REGALIA_CONFLICT. */
  undo(from: Tree, to: Tree, policy?: CommitOptions['policy']): void {
    this.check();
    this.#flush();
    const { edit, conflicts } = mergeTrees({
      cache: this.cache,
      writerFor: this.fork.writers.for,
      bases: [from],
      ours: this.#bucketTree(),
      theirs: to,
      policyOf: () => (typeof policy === 'string' ? policy : 'conflict'),
    });
    const [first] = conflicts;
    if (first !== undefined) throw conflictError(conflicts, `${first.key} (${first.kind})`);
    this.fork.apply(editWithin(this.#prefix, edit));
  }

  /** The tree of the bucket that this transaction works on. */
  #bucketTree(): Tree {
    const { tree } = this.fork;
    if (this.#prefix.length === 0) return tree;
    const found = tree.bucketAt(this.#prefix);
    return found === undefined ? tree : this.core.tree(found.rootBlock, found.root);
  }

  /**
   * Makes the entry a bucket, with a log, branches and replicas of its own; what is there becomes
   * its contents. Its rules are those around it unless given. Returns its id. REGALIA_EXISTS where
   * it is one already.
   */
  createBucket(key: Key, rules?: RuleOptions): string {
    this.check();
    const names = this.#full(key);
    this.#flush();
    const { tree } = this.fork;
    checkNewBucket(tree, names, this.#prefix.length, rules !== undefined);
    const id = this.core.settings.random(16);
    const around = tree.rootAround(names.slice(0, -1)).rules;
    const encoded = rules === undefined ? around : encodeRules(defineRules(rules));
    this.fork.apply(editAt(names, { clear: false, streams: [], bucket: { id, rules: encoded } }));
    return hex(id);
  }

  /**
   * Makes the commit a conflict if anything at or beneath the key was changed by others since it
   * began.
   */
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

  /**
   * Commits: what was changed is merged onto the head as one commit. Resolves when it is as durable
   * as asked. REGALIA_CONFLICT where others changed the same streams (or what was read, if
   * serializable) and no policy settles it; the transaction has then ended. Nothing changed, no
   * commit.
   */
  async commit(options: CommitOptions = {}): Promise<CommitResult> {
    this.check();
    if (this.#writes.count > 0) {
      throw badOption('commit', 'no write under way', `${this.#writes.count}: await them first`);
    }
    this.#state = 'committing';
    try {
      checkCommitOptions(options);
      return await commitTransaction(this, options);
    } finally {
      this.#end();
    }
  }

  #end(): void {
    this.#state = 'ended';
    this.#pending = new Pending(this.core.cache.shapes);
    this.fork.discard();
  }

  /** Forgets everything. A transaction that was committed stays committed. */
  [Symbol.dispose](): void {
    if (this.#state === 'open') this.#end();
  }
}
