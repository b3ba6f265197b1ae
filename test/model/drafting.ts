/**
 * Edits done to a transaction and to the model's tree alike. Contents are tokens, each used once,
 * so that where one is found it is known whose it is.
 */
import type { Transaction } from '../../src/index.js';
import { type View, viewOf } from './facts.js';
import type { Change, Edit, Transfer } from './history.js';
import {
  copyOf,
  delPlace,
  delStream,
  makeBucket,
  type Place,
  placeAt,
  placesOf,
  putStream,
  setPlace,
} from './truth.js';

export class Drafting {
  /** Identities in a directory of which a bucket was made: others may have the directory still. */
  readonly copies = new Set<string>();
  #count = 0;

  /** The states after each of the edits, as far as they could be done. */
  edit(tx: Transaction, before: Place, edits: readonly Edit[]): View[] {
    const top = copyOf(before);
    return edits.map((edit) => {
      this.#one(tx, top, edit);
      return viewOf(copyOf(top));
    });
  }

  #one(tx: Transaction, top: Place, edit: Edit): void {
    const { key } = edit;
    if (edit.do === 'put' || edit.do === 'bare') this.#entry(tx, top, key, edit.do === 'put');
    else if (edit.do === 'bucket') this.#bucket(tx, top, key);
    else if (edit.do === 'move' || edit.do === 'copy') this.#transfer(tx, top, edit);
    else if (placeAt(top, key) === undefined) return;
    else if (edit.do === 'edit') this.#change(tx, top, edit);
    else if (edit.do === 'drop') {
      tx.del(key, edit.stream);
      delStream(top, key, edit.stream);
    } else {
      tx.del(key);
      delPlace(top, key);
    }
  }

  #transfer(tx: Transaction, top: Place, { do: kind, key, to }: Transfer): void {
    const place = placeAt(top, key);
    const isFree = !`${to}/`.startsWith(`${key}/`) && placeAt(top, to) === undefined;
    if (place === undefined || !isFree) return;
    if (kind === 'move') move(tx, top, key, to);
    else if (!hasBuckets(place)) this.#copy(tx, top, key, to);
  }

  #put(tx: Transaction, top: Place, key: string, stream: string): void {
    const token = `${stream}${this.#count++}`;
    tx.put(key, stream, Buffer.from(token));
    putStream(top, key, stream, token);
  }

  /** What was implied gets an identity by it. */
  #change(tx: Transaction, top: Place, { key, stream }: Change): void {
    if (!placeAt(top, key)?.streams.has('id')) this.#put(tx, top, key, 'id');
    this.#put(tx, top, key, stream);
  }

  #entry(tx: Transaction, top: Place, key: string, withParents: boolean): void {
    if (withParents) {
      for (let end = key.indexOf('/', 1); end > 0; end = key.indexOf('/', end + 1)) {
        const parent = key.slice(0, end);
        if (placeAt(top, parent) === undefined) this.#put(tx, top, parent, 'id');
      }
    }
    if (placeAt(top, key) === undefined) this.#put(tx, top, key, 'id');
  }

  /** What is there becomes the bucket's contents. */
  #bucket(tx: Transaction, top: Place, key: string): void {
    const place = placeAt(top, key);
    if (place?.bucket !== undefined) return;
    for (const [, { streams }] of place === undefined ? [] : placesOf(place)) {
      const id = streams.get('id');
      if (id !== undefined) this.copies.add(id);
    }
    makeBucket(top, key, tx.createBucket(key));
    if (!place?.streams.has('id')) this.#put(tx, top, key, 'id');
  }

  /** Copies are entries of their own: all their contents are new. */
  #copy(tx: Transaction, top: Place, key: string, to: string): void {
    tx.copy(key, to);
    const copy = copyOf(placeAt(top, key) as Place);
    setPlace(top, to, copy);
    for (const [inner, { streams }] of [...placesOf(copy, to)]) {
      for (const stream of [...streams.keys()]) this.#put(tx, top, inner, stream);
    }
  }
}

function move(tx: Transaction, top: Place, key: string, to: string): void {
  const place = placeAt(top, key) as Place;
  tx.move(key, to);
  delPlace(top, key);
  setPlace(top, to, place);
}

function hasBuckets(place: Place): boolean {
  return [...placesOf(place)].some(([, { bucket }]) => bucket !== undefined);
}
