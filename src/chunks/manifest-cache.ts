/**
 * Manifests that were read lately, by address: whoever reads here and there in a content decodes
 * each of them once.
 *
 * Invariants: a manifest is kept only once its block was verified, and never changes; the cache of
 * a block store is bounded, about 8 MiB for 2,048 of them, and lives no longer than the store.
 * Links in a manifest may grow old while it is kept, as they do in a block: addresses lead where
 * ids are wrong.
 */
import { type Address, addressKey } from '../blocks/address.js';
import type { Manifest } from './manifest.js';

/** They stand for 93 parts each in the mean: with chunks of 64 KiB, for 12 GiB. */
const MOST = 2_048;

const caches = new WeakMap<object, ManifestCache>();

export class ManifestCache {
  /** The one let go next comes first. */
  readonly #byKey = new Map<string, Manifest>();

  /** The cache of a block store, or of whoever stands in front of one. */
  static of(blocks: object): ManifestCache {
    let cache = caches.get(blocks);
    if (cache === undefined) {
      cache = new ManifestCache();
      caches.set(blocks, cache);
    }
    return cache;
  }

  get(address: Address): Manifest | undefined {
    const key = addressKey(address);
    const manifest = this.#byKey.get(key);
    if (manifest === undefined) return undefined;
    this.#byKey.delete(key);
    this.#byKey.set(key, manifest);
    return manifest;
  }

  /** Keeps a manifest whose block was verified. */
  add(address: Address, manifest: Manifest): void {
    this.#byKey.set(addressKey(address), manifest);
    if (this.#byKey.size <= MOST) return;
    const [first] = this.#byKey.keys();
    this.#byKey.delete(first as string);
  }
}
