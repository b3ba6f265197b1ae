/**
 * Bytes for the tests of compression: contents of several kinds, and frames by the `zstd` command
 * (release 1.5.4), each as its options, its content and its bytes.
 */
import { hex } from '../../src/ground/bytes.js';
import { utf8Bytes } from '../../src/ground/text.js';
import { checkedLength, decompressInto } from '../../src/volumes/codec.js';

/** What `decompressInto` gives, in an array of its own. */
export function decompress(codec: number, stored: Uint8Array, plainLength: number): Uint8Array {
  checkedLength(plainLength);
  const plain = new Uint8Array(plainLength);
  decompressInto(codec, stored, plain, 0);
  return plain;
}

/** Bytes that nothing compresses. */
export function noise(length: number, seed = 1): Uint8Array {
  const made = new Uint8Array(length);
  let state = seed >>> 0 || 1;
  for (let i = 0; i < length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    made[i] = state >>> 8;
  }
  return made;
}

/** Words in an order that noise gives: compressible by about 3. */
export function prose(length: number, seed = 1): Uint8Array {
  const words = 'bees hum in the lavender while a cat sleeps below it and nobody counts'.split(' ');
  let text = '';
  for (const byte of noise(Math.ceil(length / 2), seed)) {
    if (text.length >= length) break;
    text += `${words[byte % words.length]} `;
  }
  return utf8Bytes(text.slice(0, length));
}

export function repeated(text: string, length: number): Uint8Array {
  return utf8Bytes(text.repeat(Math.ceil(length / text.length)).slice(0, length));
}

const BEES = 'bees hum in the lavender\n';
const numbers = Array.from({ length: 400 }, (_, i) => `${i + 1}`).join('');

export interface Vector {
  readonly options: string;
  readonly content: Uint8Array;
  readonly frame: Uint8Array;
}

function vector(options: string, content: Uint8Array, digits: string): Vector {
  return { options, content, frame: new Uint8Array(Buffer.from(digits, 'hex')) };
}

/** Frames that are to be read for ever. */
export const vectors: readonly Vector[] = [
  vector('--no-check, empty', new Uint8Array(0), '28b52ffd2000010000'),
  vector('--no-check, a byte', utf8Bytes('a'), '28b52ffd200109000061'),
  vector('--no-check, a raw block', utf8Bytes('Regalia'), '28b52ffd2007390000526567616c6961'),
  vector(
    '-3, a repetition and a checksum',
    repeated(BEES, 600),
    `28b52ffd6458010d0100c8${hex(utf8Bytes(BEES))}0100f1e06a8e01df481fae`,
  ),
  vector(
    '-3, zeros over several blocks',
    new Uint8Array(300_000),
    '28b52ffda4e09304005400001000000100fbff39c00202001000039f04002d28de26',
  ),
  vector(
    '-19 --long=24, the same',
    new Uint8Array(300_000),
    '28b52ffda4e09304004c000008000100fcff39100202001000039f04002d28de26',
  ),
  vector(
    '-19, Huffman-coded literals',
    utf8Bytes(numbers.slice(0, 900)),
    '28b52ffd648402150c0046b85f09c01d03244948b8eab86300560056002ae881061648e0800206382808e09d5d' +
      '1ddd9c5cdce7c19d9995918d89856d1ad8955515d59454d465411d1915110d09054d12d08d4d0dcd8c4ccce3c0' +
      '9c9894908c88842c0ac8854505c58444c46140dc764dcf72fc0e9f66498e62b80a9e158dc406648e2966989b9a' +
      '605e696595544e2965949796501e696491440e296490939240de68638d34ce28638c8f8e309e686289248e2862' +
      '888b8a205e686185144e286184878610dedad6d2cecac6be2eeca96929e9a868e81ad240df6c73cd34cf2c73cc' +
      'cfce309f6c72c9248f2c72c8cbca205f6c71c5144f2c71c4c7c610dfdbd7d3cfcbc7ff3efcb97939f9b878f8ae' +
      '831f6c70c1040f2c70c0c3c200df69679d74ce29679c9f9e709e696699011431111211114718011177d851071d' +
      '73c811c787071c6798510619638811c6860618076110054110032110013184100071b7dd75d33db7dc717f7bc3' +
      '7db6d965933db6d8616f6b837db5d555533db5d4515f5b437db4d145133db4d0414f0700bab0031c',
  ),
];
