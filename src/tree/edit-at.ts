/** Edits of the top entry that edit one key far beneath it. */
import type { EntryEdit } from './apply.js';
import type { Names } from './key.js';
import { NO_NAME } from './root.js';

/** The edit of the top entry that edits the entry of one key. */
export function editAt(
  names: Names,
  edit: Omit<EntryEdit, 'bytes' | 'start' | 'end' | 'beneath' | 'fresh'>,
): EntryEdit {
  return editWithin(names, { bytes: NO_NAME, start: 0, end: 0, ...edit });
}

/** The edit of the top entry that does to a key's entry what `edit` does to a top. */
export function editWithin(names: Names, edit: EntryEdit): EntryEdit {
  let inner = edit;
  for (let i = names.length - 1; i >= 0; i--) {
    const bytes = names[i] as Uint8Array;
    const list = [{ ...inner, bytes, start: 0, end: bytes.length }];
    const beneath = (): readonly EntryEdit[] => list;
    inner = { bytes: NO_NAME, start: 0, end: 0, clear: false, streams: [], beneath };
  }
  return inner;
}
