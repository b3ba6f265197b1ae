/**
 * Addresses: what a block is called, by its bytes alone.
 *
 *     address   algorithm u8 | digest 32        33 bytes
 *     block     header 3 | the rest, by kind                ground/block-header
 *
 * The digest covers the whole block, its first three bytes included, so that equal bytes of two
 * kinds, versions or algorithms never share an address. An address's algorithm is the one its block
 * names: `addressOf` asserts it, and `verifyBlock` compares. In text an address is
 * `sha256:` or `blake3:` and 64 lower-case digits.
 */

import {
  type Algorithm,
  type AlgorithmNumber,
  algorithmName,
  algorithmNumber,
  SHA256,
} from '../ground/block-header.js';
import { compareBytes, equalBytes, hex, unhex } from '../ground/bytes.js';
import { assert, corrupt, malformed } from '../ground/errors.js';
import { DIGEST_LENGTH, digestInto } from '../kernels/hash.js';

/** 33 bytes: the algorithm's number, then the digest. Never changed once made. */
export type Address = Uint8Array;

export const ADDRESS_LENGTH = 1 + DIGEST_LENGTH;

/** The address of a whole block under the algorithm that the block names. */
export function addressOf(algorithm: AlgorithmNumber, block: Uint8Array): Address {
  assert(block[2] === algorithm, 'a block is addressed by the algorithm that it names');
  const address = new Uint8Array(ADDRESS_LENGTH);
  addressInto(algorithm, block, address, 0);
  return address;
}

/** Writes the address of `block` to `out[at..at + 33]`. */
export function addressInto(
  algorithm: AlgorithmNumber,
  block: Uint8Array,
  out: Uint8Array,
  at: number,
): void {
  out[at] = algorithm;
  digestInto(algorithm === SHA256 ? 'sha256' : 'blake3', block, out, at + 1);
}

/** Whether these 33 bytes begin with a known algorithm. */
export function isAddress(bytes: Uint8Array): boolean {
  return bytes.length === ADDRESS_LENGTH && algorithmName(bytes[0]) !== undefined;
}

/**
 * Checks a block that came from a disk or a peer against the address that it was asked for by.
 * REGALIA_CORRUPT where they differ; `what` names the block, as in 'commit'.
 */
export function verifyBlock(address: Address, block: Uint8Array, what: string): void {
  const algorithm = address[0] as AlgorithmNumber;
  assert(isAddress(address), 'an address names a known algorithm');
  const actual = new Uint8Array(ADDRESS_LENGTH);
  addressInto(algorithm, block, actual, 0);
  if (block[2] === algorithm && equalBytes(actual, address)) return;
  // A digest that matches under another algorithm than the block names is as false as none.
  const found = block[2] === algorithm ? addressText(actual) : `a block of algorithm ${block[2]}`;
  throw corrupt(what, addressText(address), found);
}

/** `sha256:` or `blake3:`, then 64 lower-case hexadecimal digits. */
export function addressText(address: Address): string {
  const name = algorithmName(address[0]);
  assert(name !== undefined && address.length === ADDRESS_LENGTH, 'an address has 33 bytes');
  return `${name}:${hex(address.subarray(1))}`;
}

/**
 * The inverse of `addressText`. REGALIA_FORMAT where the text is not an address in that one form.
 */
export function parseAddress(text: string): Address {
  const match = /^(sha256|blake3):([0-9a-f]{64})$/.exec(text);
  const digest = match === null ? undefined : unhex(match[2]);
  if (match === null || digest === undefined) {
    const expected = 'sha256: or blake3: and 64 hexadecimal digits';
    const actual = text.length > 100 ? `${text.slice(0, 100)}…` : text;
    throw malformed('address', 0, expected, actual);
  }
  const address = new Uint8Array(ADDRESS_LENGTH);
  address[0] = algorithmNumber(match[1] as Algorithm);
  address.set(digest, 1);
  return address;
}

export function sameAddress(a: Address, b: Address): boolean {
  return a === b || equalBytes(a, b);
}

/** A short string for the keys of maps: one character a byte. */
export function addressKey(address: Address): string {
  return Buffer.from(address.buffer, address.byteOffset, address.length).toString('latin1');
}

/** The addresses in their order, each once. */
export function distinctAddresses(addresses: readonly Address[]): Address[] {
  return [...new Map(addresses.map((address) => [addressKey(address), address])).values()];
}

/** The order in which a canonical merge lists its parents: bytewise. */
export function compareAddresses(a: Address, b: Address): number {
  return compareBytes(a, b);
}
