/**
 * Takes packs in, from anybody, in bounded memory.
 *
 *     frames → blocks checked, linked, staged ─ every few MiB ─→ written, still garbage, with how far it came
 *            → commits checked, waiting      ─ at the end ────→ the log, together with what the caller lands
 *
 * Nothing is visible until the whole pack has come and is sound: then commits enter the log, and in
 * the same transaction `land` moves whatever heads the caller keeps. A transfer that breaks leaves
 * a resume point after the last whole frame; a pack that lies leaves nothing but blocks that no
 * commit names, which collection frees.
 */

import { addressText } from '../blocks/address.js';
import type { Engine } from '../engine/engine.js';
import { equalBytes, hex } from '../ground/bytes.js';
import { RegaliaError } from '../ground/errors.js';
import { checkRefName } from '../log/branches.js';
import type { History } from '../log/history.js';
import { placed } from './frame-contents.js';
import { FrameReader, type PackSource } from './frame-reader.js';
import { ImportStage, type ImportState } from './import-stage.js';
import { type ImportContext, type ImportOptions, type ImportResult, Intake } from './intake.js';
import { chainStart, decodeHeader, type PackHeader, packError } from './pack-format.js';

/** Packs being imported by this process, by engine. */
const underWay = new WeakMap<Engine, Set<string>>();

/**
 * Takes a pack in. Errors: REGALIA_PACK where it is cut short, damaged or lies (`data.at`: where to
 * go on, or what is refused; `retryable` where another transfer may mend it), REGALIA_VERSION,
 * REGALIA_STAMP, REGALIA_SIGNATURE, REGALIA_LOCKED where this process is importing it already,
 * REGALIA_NOT_FOUND for a `resume` that is unknown, REGALIA_ABORTED.
 */
export async function importPack(
  context: ImportContext,
  source: PackSource,
  options: ImportOptions = {},
): Promise<ImportResult> {
  const { resume, signal } = options;
  const earlier = resume === undefined ? undefined : resumed(context, resume);
  const reader = new FrameReader(source, earlier?.point.offset ?? 0, signal);
  try {
    const head = earlier?.header ?? (await reader.head());
    const header = checkedHeader(readHeader(head), context.history, options);
    const digest = chainStart(head);
    return await exclusively(context.blocks.engine, hex(digest), () =>
      new Intake(context, options, reader, { head, header, digest }).run(),
    );
  } finally {
    await reader.close();
  }
}

function resumed({ blocks }: ImportContext, digest: Uint8Array): ImportState {
  const state = new ImportStage(blocks.engine, digest).load();
  if (state !== undefined) return state;
  const name = hex(digest);
  throw new RegaliaError('REGALIA_NOT_FOUND', `no import of pack ${name} was begun here`, {
    what: 'unfinished import',
    name,
  });
}

async function exclusively<T>(engine: Engine, key: string, run: () => Promise<T>): Promise<T> {
  let keys = underWay.get(engine);
  if (keys === undefined) underWay.set(engine, (keys = new Set()));
  if (keys.has(key)) {
    const path = `import of pack ${key}`;
    throw new RegaliaError(
      'REGALIA_LOCKED',
      `an ${path} is under way`,
      { path },
      { retryable: true },
    );
  }
  keys.add(key);
  try {
    return await run();
  } finally {
    keys.delete(key);
  }
}

function readHeader(head: Uint8Array): PackHeader {
  try {
    return decodeHeader(head);
  } catch (error) {
    throw placed(error, 0);
  }
}

/** The header, once it is for this bucket and rests on nothing that is missing here. */
function checkedHeader(header: PackHeader, history: History, options: ImportOptions): PackHeader {
  const { bucket } = options;
  if (bucket !== undefined && !equalBytes(bucket, header.bucket)) {
    throw packError('header', 0, `bucket ${hex(bucket)}`, `bucket ${hex(header.bucket)}`);
  }
  for (const have of header.haves) {
    if (history.entry(have) !== undefined) continue;
    throw packError('header', 0, `commit ${addressText(have)} here, on which it rests`, 'nothing');
  }
  for (const { branch } of header.wants) {
    try {
      checkRefName(branch);
    } catch (cause) {
      throw packError('header', 0, 'names of branches', JSON.stringify(branch), { cause });
    }
  }
  return header;
}
