/**
 * What an unfinished import keeps on disk: how far it came, and the commits that wait for the end.
 * Rows of table `meta`, under the digest of the pack's header, so that a second run with the same
 * pack finds them:
 *
 *     'import/' digest 32 's'                 → version u8 | resume point
 *                                               | header: length varint, bytes
 *                                               | pending blocks: varint, 33 each
 *                                               | pending commits: varint, 33 each
 *     'import/' digest 32 'o' sequence u48 BE → flags u8 | ids u48 × 3 | signature 64, if flag 1
 *                                               | height varint, corrected date varint, if flag 2
 *                                               | commit block
 *     'import/' digest 32 'c' address 33      → sequence u48
 *
 * Nothing of this is visible: commits enter the log when the whole pack has come.
 */
import { ADDRESS_LENGTH, type Address, addressKey } from '../blocks/address.js';
import { knownId } from '../blocks/extent.js';
import { openRow, sealRow } from '../blocks/rows.js';
import type { Batch, Engine, Reads } from '../engine/engine.js';
import { concatBytes, EMPTY } from '../ground/bytes.js';
import { readU48, u48Bytes } from '../ground/integers.js';
import { PACK_HEADER_BYTES_MAX } from '../ground/limits.js';
import { ByteReader } from '../ground/reader.js';
import { utf8Bytes } from '../ground/text.js';
import { ByteWriter } from '../ground/writer.js';
import { DIGEST_LENGTH } from '../kernels/hash.js';
import { type Commit, commitAddress, decodeCommit } from '../log/commit.js';
import type { LocalFacts } from '../log/history.js';
import {
  commitFlags,
  encodeResumePoint,
  type ResumePoint,
  readCommit,
  readCommitFlags,
  readResumePoint,
  writeCommit,
} from './pack-format.js';

const PREFIX = utf8Bytes('import/');
/** Behind every row of an import. */
const END = concatBytes([PREFIX, new Uint8Array(DIGEST_LENGTH + 1).fill(0xff)]);
const ROW_VERSION = 1;
/** The letters of rows. Persisted: never change. */
const STATE = 0x73;
const ORDER = 0x6f;
const COMMIT = 0x63;
/** Rows removed in one transaction. */
const REMOVE_SLICE = 4_096;

/** A commit that waits, and what goes into its log entry. */
interface WaitingCommit {
  readonly address: Address;
  readonly commit: Commit;
  readonly local: LocalFacts;
}

export interface OrderedCommit extends WaitingCommit {
  readonly sequence: number;
}

export interface ImportState {
  readonly point: ResumePoint;
  readonly header: Uint8Array;
  readonly pendingBlocks: readonly Address[];
  readonly pendingCommits: readonly Address[];
}

export class ImportStage {
  readonly #engine: Engine;
  readonly #prefix: Uint8Array;
  /** Commits of this pack so far. */
  count = 0;
  #waiting: WaitingCommit[] = [];
  readonly #waitingByAddress = new Map<string, WaitingCommit>();

  constructor(engine: Engine, digest: Uint8Array) {
    this.#engine = engine;
    this.#prefix = concatBytes([PREFIX, digest]);
  }

  #key(letter: number, rest: Uint8Array = EMPTY): Uint8Array {
    return concatBytes([this.#prefix, Uint8Array.of(letter), rest]);
  }

  load(): ImportState | undefined {
    this.count = 0;
    const range = { gte: this.#key(ORDER), lt: this.#key(ORDER + 1), reverse: true, limit: 1 };
    for (const { key } of this.#engine.range('meta', range)) this.count = sequenceOf(key) + 1;
    const body = this.#body(this.#key(STATE));
    return body && decodeState(body);
  }

  #body(key: Uint8Array): Uint8Array | undefined {
    const row = this.#engine.get('meta', key);
    return row && openRow('meta', key, row);
  }

  get unwritten(): number {
    return this.#waiting.length;
  }

  put(waiting: WaitingCommit): void {
    this.#waiting.push(waiting);
    this.#waitingByAddress.set(addressKey(waiting.address), waiting);
    this.count++;
  }

  has(address: Address): boolean {
    if (this.#waitingByAddress.has(addressKey(address))) return true;
    return this.#engine.view('meta', this.#key(COMMIT, address)) !== undefined;
  }

  find(address: Address): WaitingCommit | undefined {
    const unwritten = this.#waitingByAddress.get(addressKey(address));
    if (unwritten !== undefined) return unwritten;
    const place = this.#body(this.#key(COMMIT, address));
    if (place === undefined) return undefined;
    const sequence = new ByteReader(place, 'import row').u48();
    const body = this.#body(this.#key(ORDER, sequenceBytes(sequence)));
    return body && decodeWaiting(body, address);
  }

  /** Writes what is not written yet, and how far the import came; then `saved` is called. */
  save(batch: Batch, state: ImportState): void {
    const put = (key: Uint8Array, body: Uint8Array): void => {
      batch.put('meta', key, sealRow('meta', key, body));
    };
    let sequence = this.count - this.#waiting.length;
    for (const waiting of this.#waiting) {
      put(this.#key(ORDER, sequenceBytes(sequence)), encodeWaiting(waiting));
      put(this.#key(COMMIT, waiting.address), u48Bytes(sequence++));
    }
    put(this.#key(STATE), encodeState(state));
  }

  saved(): void {
    this.#waiting = [];
    this.#waitingByAddress.clear();
  }

  /** The written commits, in order, from one on. */
  *inOrder(from: number, limit: number): Generator<OrderedCommit, void> {
    const range = { gte: this.#key(ORDER, sequenceBytes(from)), lt: this.#key(ORDER + 1), limit };
    for (const { key, bytes } of this.#engine.range('meta', range)) {
      yield { ...decodeWaiting(openRow('meta', key, bytes)), sequence: sequenceOf(key) };
    }
  }

  /** Removes the rows of commits that have entered the log. */
  remove(batch: Batch, commits: readonly OrderedCommit[]): void {
    for (const { address, sequence } of commits) {
      batch.del('meta', this.#key(ORDER, sequenceBytes(sequence)));
      batch.del('meta', this.#key(COMMIT, address));
    }
  }

  /** Removes the row that says that an import is unfinished. */
  finish(batch: Batch): void {
    batch.del('meta', this.#key(STATE));
  }

  async drop(): Promise<void> {
    this.saved();
    this.count = 0;
    const range = { gte: this.#prefix, lt: this.#key(0xff), limit: REMOVE_SLICE };
    for (;;) {
      const keys = Array.from(this.#engine.range('meta', range), ({ key }) => key);
      if (keys.length === 0) return;
      await this.#engine.write((batch) => {
        for (const key of keys) batch.del('meta', key);
      }, 'none');
    }
  }
}

/** Whether an import was begun here and not finished. */
export function isImporting(reads: Reads): boolean {
  const [row] = reads.range('meta', { gte: PREFIX, lte: END, limit: 1 });
  return row !== undefined;
}

function sequenceBytes(sequence: number): Uint8Array {
  return u48Bytes(sequence).reverse();
}

function sequenceOf(key: Uint8Array): number {
  return readU48(key.slice(-6).reverse(), 0);
}

function encodeWaiting({ commit, local }: WaitingCommit): Uint8Array {
  const { rootBlock = 0, headsBlock = 0 } = local;
  const writer = new ByteWriter(512).u8(commitFlags(local));
  writer.u48(rootBlock).u48(headsBlock);
  return writeCommit(writer, commit, local).finish();
}

function decodeWaiting(body: Uint8Array, address?: Address): WaitingCommit {
  const reader = new ByteReader(body, 'import row');
  const flags = readCommitFlags(reader);
  const rootBlock = knownId(reader.u48());
  const headsBlock = knownId(reader.u48());
  const { block, facts } = readCommit(reader, flags);
  const commit = decodeCommit(block);
  const local = { rootBlock, headsBlock, ...facts };
  return { address: address ?? commitAddress(commit), commit, local };
}

function encodeState({ point, header, pendingBlocks, pendingCommits }: ImportState): Uint8Array {
  const size = header.length + ADDRESS_LENGTH * (pendingBlocks.length + pendingCommits.length);
  const writer = new ByteWriter(size + 256).u8(ROW_VERSION).bytes(encodeResumePoint(point));
  writer.lengthed(header);
  for (const list of [pendingBlocks, pendingCommits]) {
    writer.varint(list.length);
    for (const address of list) writer.bytes(address);
  }
  return writer.finish();
}

function decodeState(body: Uint8Array): ImportState {
  const reader = new ByteReader(body, 'import row');
  reader.version(ROW_VERSION);
  const point = readResumePoint(reader);
  const header = reader.lengthed(PACK_HEADER_BYTES_MAX + 64).slice();
  const pendingBlocks = readAddresses(reader);
  const pendingCommits = readAddresses(reader);
  reader.end();
  return { point, header, pendingBlocks, pendingCommits };
}

function readAddresses(reader: ByteReader): Address[] {
  const list = reader.bytes(reader.varint() * ADDRESS_LENGTH);
  const addresses: Address[] = [];
  for (let at = 0; at < list.length; at += ADDRESS_LENGTH) {
    addresses.push(list.slice(at, at + ADDRESS_LENGTH));
  }
  return addresses;
}
