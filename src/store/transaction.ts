/**
 * A transaction: a private fork of a bucket. Edits gather in memory and go into a private tree when there are many, or
 * when something needs to see them in place; nobody else sees any of it. Committing merges it into the head by content:
 * see committer.ts.
 *
 * Reads see the transaction's own edits. After commit or dispose every method throws REGALIA_CLOSED.
 */
import { addressText } from '../blocks/address.js';
import { concatBytes, equalBytes, hex, utf8Bytes } from '../bytes.js';
import type { Source } from '../chunks/source.js';
import { turn } from '../chunks/turn.js';
import { ContentWriter, extentsFor } from '../chunks/writer.js';
import { RegaliaError, throwIfAborted } from '../errors.js';
import type { Move } from '../log/moves.js';
import { mergeTrees } from '../merge/merge.js';
import { contentChecker, encodeContents } from '../streams/encoding.js';
import {
  checkStreamName,
  defineRules,
  encodeRules,
  type RuleOptions,
  type StreamRule,
} from '../streams/rule.js';
import { Stream } from '../streams/stream.js';
import { type EntryEdit, type MovedPart, TreeEdit } from '../tree/apply.js';
import { finishSteps } from '../tree/edit.js';
import { type Key, keyText, type Names, parseKey } from '../tree/key.js';
import type { Spot, Tree } from '../tree/lookup.js';
import {
  CHILD_BUCKET,
  INLINE,
  PlacedStream,
  REFERENCED,
  type RecordParts,
  readRecord,
  type StreamPart,
} from '../tree/record.js';
import { NO_NAME, type Root, type RootRef } from '../tree/root.js';
import { type CommitOptions, type CommitResult, commitTransaction } from './committer.js';
import type { Core } from './core.js';
import type { Entry } from './entry.js';
import { graftedBuckets } from './graft.js';
import type { Landed, Line } from './line.js';
import { type Directory, Pending } from './pending.js';
import { ReadSet } from './read-set.js';
import { conflictError } from './rebase.js';
import { TouchedBuckets } from './touched.js';
import { type ChildRange, View } from './view.js';
import { Writers } from './writers.js';

export interface TransactionOptions {
  /** 'snapshot' (the default) checks what was written against others' writes; 'serializable' also what was read. */
  readonly isolation?: 'snapshot' | 'serializable';
}

export interface WriteOptions {
  readonly signal?: AbortSignal;
}

/** `put` takes contents up to this size; longer ones are written. */
const PUT_MAX = 16 * 1024 * 1024;
/** How long steps run before the event loop has its turn. */
const SLICE_MS = 6;
/** Extents reserved before steps that cannot wait. */
const RESERVE = 1_024;

interface Way {
  readonly directory: Directory;
  /** The bucket around it. */
  readonly root: Root;
}

export class Transaction extends View {
  readonly line: Line;
  /** The commit that it was begun on. */
  readonly started: Landed;
  readonly writers: Writers;
  readonly pending = new Pending();
  readonly touched = new TouchedBuckets();
  readonly removed: MovedPart[] = [];
  readonly added: MovedPart[] = [];
  readonly moves = new Map<string, Move[]>();
  /** Commits whose state was brought back. */
  readonly origins: Landed[] = [];
  readonly reads: ReadSet | undefined;
  readonly guards: Names[] = [];
  /** The key of the bucket that keys are relative to. */
  readonly #prefix: Names;
  #root: RootRef | undefined;
  #tree: Tree;
  #state: 'open' | 'committing' | 'ended' = 'open';
  readonly #ways = new Map<string, Way>();
  #writes = 0;

  constructor(core: Core, line: Line, prefix: Names, options: TransactionOptions) {
    super(core);
    core.checkWritable();
    this.line = line;
    this.started = line.tip();
    this.writers = new Writers(core.cache, core.blocks);
    this.#prefix = prefix;
    this.#tree = line.treeOf(this.started);
    const { isolation = 'snapshot' } = options;
    if (isolation !== 'snapshot' && isolation !== 'serializable') {
      throw new RegaliaError('REGALIA_OPTION', `unknown isolation ${String(isolation)}`, {
        option: 'isolation',
        expected: 'snapshot or serializable',
        actual: String(isolation),
      });
    }
    this.reads = isolation === 'serializable' ? new ReadSet() : undefined;
  }

  /** The commit it was begun on. */
  get base(): string {
    return addressText(this.started.address);
  }

  override check(): void {
    this.core.check();
    if (this.#state === 'open') return;
    throw new RegaliaError('REGALIA_CLOSED', 'the transaction has ended', { what: 'transaction' });
  }

  /** The private tree with all edits so far in it. */
  protected override tree(): Tree {
    this.#flush();
    return this.#tree;
  }

  /** The private tree as committing sees it: whether edits are in it, and what is pending besides. */
  get privateRoot(): RootRef | undefined {
    return this.#root;
  }

  /** The rule of a stream at a key of some state of the line. */
  ruleAt(tree: Tree, names: Names, stream: string): StreamRule {
    return this.core.rules(this.rootAround(tree, names).rules).ruleOf(stream);
  }

  #full(key: Key): Names {
    const names = parseKey(key);
    return this.#prefix.length === 0 ? names : [...this.#prefix, ...names];
  }

  // Reads.

  override entry(key: Key): Entry | undefined {
    this.check();
    const names = this.#full(key);
    this.reads?.entry(names);
    return this.entryIn(this.tree(), names);
  }

  override get(key: Key, stream: string): Stream | undefined {
    this.check();
    const names = this.#full(key);
    this.reads?.stream(names, stream);
    const part = this.#pendingPart(names, stream);
    if (part === 'none') return undefined;
    const found = part ?? this.#tree.stream(names as Uint8Array[], stream);
    const algorithm =
      found instanceof PlacedStream ? found.node.algorithm : this.#tree.root.algorithm;
    return found && new Stream(this, found, algorithm, names as Uint8Array[], stream);
  }

  /** What is pending of a stream: a part, 'none' where it was removed, undefined where nothing was done. */
  #pendingPart(names: Names, stream: string): StreamPart | 'none' | undefined {
    if (this.pending.count === 0) return undefined;
    let cleared = false;
    for (let depth = 1; depth <= names.length; depth++) {
      const directory = this.pending.findDirectory(names.slice(0, depth - 1));
      if (directory === undefined) continue;
      const own = this.pending.lookup(directory, names[depth - 1]);
      cleared ||= own?.clear === true;
      if (depth === names.length && own?.streams.has(stream) === true) {
        return own.streams.get(stream) ?? 'none';
      }
    }
    if (names.length === 0) {
      const own = this.pending.lookup(undefined, undefined);
      if (own?.streams.has(stream) === true) return own.streams.get(stream) ?? 'none';
    }
    return cleared ? 'none' : undefined;
  }

  override *children(key: Key, range: ChildRange = {}): Generator<Entry, void, undefined> {
    const names = this.#full(key);
    this.reads?.children(names);
    yield* super.children(names as Uint8Array[], range);
  }

  override *walk(key: Key = '/'): Generator<Entry, void, undefined> {
    const names = this.#full(key);
    this.reads?.subtree(names);
    yield* super.walk(names as Uint8Array[]);
  }

  // Edits.

  /**
   * Puts a stream. `data` is bytes, or what the stream's rule encodes: a string, or CBOR data. It is copied.
   * REGALIA_KEY, REGALIA_STREAM, REGALIA_ENCODING; REGALIA_OPTION above 16 MiB, which is for `write`.
   */
  put(key: Key, stream: string, data: unknown): void {
    this.check();
    const { way, name } = this.#place(key);
    const rule = this.#rule(way, stream);
    const bytes = encodeContents(rule.encoding, stream, data);
    const part =
      bytes.length <= rule.inlineMax
        ? ({ form: INLINE, length: bytes.length, bytes, id: 0 } as const)
        : this.#putContent(way, rule, bytes);
    this.#add(way, name, stream, part);
  }

  #putContent(way: Way, rule: StreamRule, bytes: Uint8Array): StreamPart {
    const { blocks } = this.core;
    if (bytes.length > PUT_MAX || extentsFor(bytes.length, rule.chunking) > blocks.available) {
      throw new RegaliaError('REGALIA_OPTION', 'more bytes than put takes at once: write them', {
        option: 'data',
        expected: `at most ${PUT_MAX} bytes, and a turn of the event loop now and then`,
        actual: `${bytes.length} bytes`,
      });
    }
    blocks.replenish();
    const ref = this.#contentWriter(way, rule).put(bytes);
    return { form: REFERENCED, length: ref.length, bytes: ref.address.subarray(1), id: ref.id };
  }

  #contentWriter(way: Way, rule: StreamRule): ContentWriter {
    const { blocks, pieces } = this.writers;
    return new ContentWriter(this.core.blocks, blocks, way.root.algorithm, rule.chunking, pieces);
  }

  /**
   * Writes a stream from any source, of any size, in bounded memory, and resolves with its size. Until then the
   * stream is as it was. REGALIA_ABORTED, and what the source throws.
   */
  async write(
    key: Key,
    stream: string,
    source: Source,
    options: WriteOptions = {},
  ): Promise<number> {
    this.check();
    throwIfAborted(options.signal, 'write');
    const { way, name } = this.#place(key);
    const rule = this.#rule(way, stream);
    this.#writes++;
    try {
      const writer = this.#contentWriter(way, rule);
      const checked = rule.encoding === 'bytes' ? source : checkedSource(source, rule, stream);
      const written = await writer.writeOrInline(checked, rule.inlineMax, options);
      this.check();
      const part: StreamPart =
        written instanceof Uint8Array
          ? { form: INLINE, length: written.length, bytes: written, id: 0 }
          : {
              form: REFERENCED,
              length: written.length,
              bytes: written.address.subarray(1),
              id: written.id,
            };
      // The directory may have been emptied meanwhile.
      this.#add(this.#place(key).way, name, stream, part);
      if (this.pending.bytes > this.core.settings.transactionBytes) await this.settle();
      return part.length;
    } finally {
      this.#writes--;
    }
  }

  #add(way: Way, name: Uint8Array | undefined, stream: string, part: StreamPart): void {
    this.pending.put(way.directory, name, stream, part);
    if (this.pending.bytes > this.core.settings.transactionBytes) this.#flush();
  }

  #rule(way: Way, stream: string): StreamRule {
    checkStreamName(stream);
    return this.core.rules(way.root.rules).ruleOf(stream);
  }

  /** Where a key's edits go: its directory, and its last name. */
  #place(key: Key): { way: Way; name: Uint8Array | undefined } {
    if (typeof key === 'string' && key.length > 1) {
      const slash = key.lastIndexOf('/');
      const known = this.#ways.get(key.slice(0, slash));
      if (known !== undefined) {
        const name = simpleName(key, slash + 1);
        if (name !== undefined) return { way: known, name };
      }
    }
    const names = this.#full(key);
    const last = names[names.length - 1];
    const parents = names.slice(0, -1);
    const root = this.rootAround(this.#tree, last === undefined ? [] : this.#bucketAt(names));
    const way = { directory: this.pending.directory(parents), root };
    const relative = names.length - this.#prefix.length;
    const isBucket = root !== this.#tree.root && last !== undefined && this.#isBucket(names);
    if (typeof key === 'string' && relative > 0 && !isBucket) {
      this.#ways.set(key.slice(0, key.lastIndexOf('/')), way);
    }
    return { way, name: last };
  }

  /** The key whose innermost bucket rules the streams of `names`: a bucket's own entry is within it. */
  #bucketAt(names: Names): Names {
    return this.#isBucket(names) ? names : names.slice(0, -1);
  }

  #isBucket(names: Names): boolean {
    return this.#outerSpot(names)?.child.form === CHILD_BUCKET;
  }

  /** The record of a key as its parent holds it: for a bucket, the one that names it. */
  #outerSpot(names: Names): { spot: Spot; child: RecordParts['child'] } | undefined {
    const spot = this.#tree.outer(names);
    return spot && { spot, child: readRecord(spot.node, spot.index).child };
  }

  /** Removes a stream, or the entry with everything beneath it. What is not there is no error. */
  del(key: Key, stream?: string): void {
    this.check();
    const names = this.#full(key);
    const last = names[names.length - 1];
    if (stream !== undefined) {
      checkStreamName(stream);
      this.pending.del(this.pending.directory(names.slice(0, -1)), last, stream);
    } else if (names.length === this.#prefix.length) {
      this.#flush();
      this.#apply(at(names, { clear: true, streams: [], inside: names.length > 0 }));
    } else {
      this.pending.clear(this.pending.directory(names.slice(0, -1)), last as Uint8Array);
      this.#ways.clear();
    }
  }

  /**
   * Moves an entry with everything beneath it, in time that does not depend on its size. Replicas are told, so that
   * edits elsewhere follow it. REGALIA_MOVE where there is nothing, or the target lies beneath; REGALIA_EXISTS.
   */
  move(from: Key, to: Key): void {
    const { source, target, parts } = this.#transfer(from, to);
    this.#apply(at(source, { clear: true, streams: [] }));
    this.#apply(at(target, { clear: false, streams: [], parts }));
    this.#tell(source, target);
  }

  /** Copies an entry with everything beneath it, in time that does not depend on its size. Errors as `move`. */
  copy(from: Key, to: Key): void {
    const { source, target, parts } = this.#transfer(from, to);
    const { child } = parts;
    if (child.form === CHILD_BUCKET || ('totals' in child && child.totals.buckets > 0)) {
      throw moveError(source, target, 'a subtree that holds buckets is forked, not copied');
    }
    this.#apply(at(target, { clear: false, streams: [], parts }));
  }

  /** Makes a key, with all beneath it, what it was at another commit of the same bucket. REGALIA_EXISTS. */
  graft(key: Key, then: Landed): void {
    this.check();
    const names = this.#full(key);
    this.#flush();
    const from = parseKey(key);
    const state = this.line.treeOf(then);
    const outer = from.length === 0 ? state.top : state.outer(from);
    const here = this.rootAround(this.#tree, names);
    if (here.algorithm !== state.root.algorithm) {
      throw new RegaliaError('REGALIA_RULE', 'the state has another hash algorithm', {
        rule: 'hash',
        expected: `${here.algorithm}`,
        actual: `${state.root.algorithm}`,
      });
    }
    const parts = outer && readRecord(outer.node, outer.index);
    const before = this.#tree;
    const inside = from.length === 0 && names.length > 0;
    this.#apply(at(names, { clear: true, streams: [], parts, inside }));
    this.touched.add(graftedBuckets(this.core, before, this.#tree));
    this.origins.push(then);
  }

  /** Does to this bucket what leads from one of its states to another. REGALIA_CONFLICT. */
  undo(from: Tree, to: Tree, policy?: CommitOptions['policy']): void {
    this.check();
    this.#flush();
    const ours = this.#bucketTree();
    const { edit, conflicts } = mergeTrees({
      cache: this.cache,
      writerFor: this.writers.for,
      bases: [from],
      ours,
      theirs: to,
      policyOf: () => (typeof policy === 'string' ? policy : 'conflict'),
    });
    const [first] = conflicts;
    if (first !== undefined) throw conflictError(conflicts, `${first.key} (${first.kind})`);
    this.#apply(within(this.#prefix, edit));
  }

  /** The tree of the bucket that this transaction works on. */
  #bucketTree(): Tree {
    const found = this.#tree.bucketAt(this.#prefix);
    return found === undefined ? this.#tree : this.core.tree(found.rootBlock, found.root);
  }

  #transfer(from: Key, to: Key): { source: Names; target: Names; parts: RecordParts } {
    this.check();
    const source = this.#full(from);
    const target = this.#full(to);
    this.#flush();
    if (source.length === this.#prefix.length)
      throw moveError(source, target, 'the top stays where it is');
    const found = this.#outerSpot(source);
    if (found === undefined) throw moveError(source, target, 'there is nothing to move');
    const beneath = source.every((name, i) => equalBytes(name, target[i] ?? NO_NAME));
    if (beneath) throw moveError(source, target, 'the target is the source, or lies beneath it');
    if (this.#tree.find(target) !== undefined) {
      throw new RegaliaError('REGALIA_EXISTS', `there is something at ${keyText(target)}`, {
        what: 'entry',
        name: keyText(target),
      });
    }
    const here = this.rootAround(this.#tree, source.slice(0, -1));
    const there = this.rootAround(this.#tree, target.slice(0, -1));
    const alike = here.algorithm === there.algorithm && equalBytes(here.rules, there.rules);
    if (!alike && found.child.form !== CHILD_BUCKET) {
      throw new RegaliaError(
        'REGALIA_RULE',
        'the buckets have other rules: contents must be written anew',
        {
          rule: 'bucket',
          expected: 'equal rules and algorithm',
          actual: 'others',
        },
      );
    }
    const { spot } = found;
    return { source, target, parts: readRecord(spot.node, spot.index) };
  }

  /** Notes a move for the innermost bucket that holds both keys. */
  #tell(source: Names, target: Names): void {
    const a = this.#borders(source);
    const b = this.#borders(target);
    let depth = 0;
    let bucket = '';
    for (let i = 0; i < a.length && i < b.length && a[i]?.id === b[i]?.id; i++) {
      depth = a[i]?.depth ?? 0;
      bucket = a[i]?.id ?? '';
    }
    const list = this.moves.get(bucket) ?? [];
    list.push({ from: joined(source.slice(depth)), to: joined(target.slice(depth)) });
    this.moves.set(bucket, list);
  }

  /** The buckets around a key, from the outside in. */
  #borders(names: Names): { id: string; depth: number }[] {
    const found: { id: string; depth: number }[] = [];
    for (let depth = 1; depth < names.length; depth++) {
      const child = this.#outerSpot(names.slice(0, depth))?.child;
      if (child?.form === CHILD_BUCKET) found.push({ id: hex(child.bucket), depth });
    }
    return found;
  }

  /**
   * Makes the entry a bucket, with a log, branches and replicas of its own; what is there becomes its contents. Its
   * rules are those around it unless given. Returns its id. REGALIA_EXISTS where it is one already.
   */
  createBucket(key: Key, rules?: RuleOptions): string {
    this.check();
    const names = this.#full(key);
    this.#flush();
    if (names.length === this.#prefix.length || this.#isBucket(names)) {
      throw new RegaliaError('REGALIA_EXISTS', `${keyText(names)} is a bucket already`, {
        what: 'bucket',
        name: keyText(names),
      });
    }
    const around = this.rootAround(this.#tree, names.slice(0, -1));
    if (rules !== undefined && this.#tree.find(names) !== undefined) {
      throw new RegaliaError(
        'REGALIA_RULE',
        'rules of its own are for a bucket that is empty at first',
        {
          rule: 'bucket',
          expected: 'an absent key',
          actual: keyText(names),
        },
      );
    }
    const id = this.core.settings.random(16);
    const encoded = rules === undefined ? around.rules : encodeRules(defineRules(rules));
    this.#apply(at(names, { clear: false, streams: [], bucket: { id, rules: encoded } }));
    return hex(id);
  }

  /** Makes the commit a conflict if anything at or beneath the key was changed by others since it began. */
  guard(key: Key): void {
    this.check();
    this.guards.push(this.#full(key));
  }

  // The private tree.

  #flush(): void {
    if (this.pending.count === 0) return;
    const edit = this.pending.edit();
    this.#apply(edit);
    this.pending.reset();
  }

  /** Applies an edit of the top entry at once; nothing is pending. */
  #apply(edit: EntryEdit): void {
    const { treeEdit, steps } = this.#steps(edit);
    this.#became(treeEdit, finishSteps(steps));
    this.core.blocks.replenish();
  }

  #steps(edit: EntryEdit): { treeEdit: TreeEdit; steps: Generator<void, RootRef> } {
    const treeEdit = new TreeEdit(this.cache, this.writers.for);
    return { treeEdit, steps: treeEdit.rootSteps(this.#tree.root, edit) };
  }

  #became(treeEdit: TreeEdit, root: RootRef): void {
    this.#root = root;
    this.#tree = this.core.tree(root.id, root.address);
    this.touched.add(treeEdit.touched);
    this.removed.push(...treeEdit.removed);
    this.added.push(...treeEdit.added);
    this.#ways.clear();
  }

  /** Applies what is pending, letting others run meanwhile, and writes out what is staged. */
  async settle(signal?: AbortSignal): Promise<void> {
    if (this.pending.count === 0) return;
    const { treeEdit, steps } = this.#steps(this.pending.edit());
    const root = await runSteps(steps, this.core, this.writers, signal);
    this.#became(treeEdit, root);
    this.pending.reset();
  }

  // The end.

  /**
   * Commits: what was changed is merged onto the head as one commit. Resolves when it is as durable as asked.
   * REGALIA_CONFLICT where others changed the same streams (or what was read, if serializable) and no policy settles
   * it; the transaction has then ended. Nothing changed, no commit.
   */
  async commit(options: CommitOptions = {}): Promise<CommitResult> {
    this.check();
    if (this.#writes > 0) {
      throw new RegaliaError(
        'REGALIA_OPTION',
        'a write is still under way: await it before the commit',
        {
          option: 'commit',
          expected: 'no write under way',
          actual: `${this.#writes}`,
        },
      );
    }
    this.#state = 'committing';
    try {
      return await commitTransaction(this, options);
    } finally {
      this.#end();
    }
  }

  #end(): void {
    this.#state = 'ended';
    this.pending.reset();
    this.writers.blocks.discard();
  }

  /** Forgets everything. A transaction that was committed stays committed. */
  [Symbol.dispose](): void {
    if (this.#state === 'open') this.#end();
  }
}

/** Runs steps in slices of a few milliseconds, spilling and reserving between them. */
export async function runSteps<T>(
  steps: Iterator<void, T>,
  core: Core,
  writers: Writers,
  signal?: AbortSignal,
): Promise<T> {
  await reserved(core);
  let until = performance.now() + SLICE_MS;
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
    if (writers.blocks.heavy) await writers.blocks.spill();
    if (performance.now() < until) continue;
    await turn();
    throwIfAborted(signal, 'commit');
    await reserved(core);
    until = performance.now() + SLICE_MS;
  }
}

/** Others may take what was reserved before its caller goes on: so it looks again. */
async function reserved(core: Core): Promise<void> {
  while (core.blocks.available < RESERVE) await core.blocks.reserve(RESERVE);
}

async function* checkedSource(
  source: Source,
  rule: StreamRule,
  stream: string,
): AsyncGenerator<Uint8Array> {
  const checker = contentChecker(rule.encoding, stream);
  const parts = typeof source === 'string' || source instanceof Uint8Array ? [source] : source;
  for await (const part of parts as AsyncIterable<Uint8Array | string>) {
    const bytes = typeof part === 'string' ? utf8Bytes(part) : part;
    checker.push(bytes);
    yield bytes;
  }
  checker.end();
}

/** The edit of the top entry that edits one key. */
export function at(
  names: Names,
  edit: Pick<EntryEdit, 'clear' | 'streams' | 'parts' | 'bucket' | 'inside'>,
): EntryEdit {
  return within(names, { bytes: NO_NAME, start: 0, end: 0, ...edit });
}

/** The edit of the top entry that does to a key's entry what `edit` does to a top. */
function within(names: Names, edit: EntryEdit): EntryEdit {
  let inner = edit;
  for (let i = names.length - 1; i >= 0; i--) {
    const bytes = names[i] as Uint8Array;
    const list = [{ ...inner, bytes, start: 0, end: bytes.length }];
    inner = {
      bytes: NO_NAME,
      start: 0,
      end: 0,
      clear: false,
      streams: [],
      beneath: () => list,
    };
  }
  return inner;
}

/** A name of plain characters, or undefined where `parseKey` must look. */
function simpleName(key: string, from: number): Uint8Array | undefined {
  const length = key.length - from;
  if (length === 0 || length > 255 || key.length > 4_096) return undefined;
  const name = scratch.subarray(0, length);
  for (let i = 0; i < length; i++) {
    const code = key.charCodeAt(from + i);
    if (code >= 0x80 || code === 0) return undefined;
    name[i] = code;
  }
  return name[0] === 0x2e && length <= 2 ? undefined : name;
}

const scratch = new Uint8Array(256);

/** Names joined by '/'. */
function joined(names: Names): Uint8Array {
  return concatBytes(names.flatMap((name, i) => (i === 0 ? [name] : [SLASH, name])));
}

const SLASH = Uint8Array.of(0x2f);

function moveError(from: Names, to: Names, reason: string): RegaliaError {
  const data = { from: keyText(from), to: keyText(to), reason };
  return new RegaliaError('REGALIA_MOVE', `${data.from} to ${data.to}: ${reason}`, data);
}
