import { encodeLatin1 } from '../bytes.js';
import { PyStr } from './values.js';

/**
 * Which str objects CPython shares. Its pickler writes a str in full when it meets the object for the first
 * time and a reference afterwards, so byte-equal output needs to know which equal texts are one object.
 */

/**
 * Whether CPython keeps one object for this text: nothing, or one character up to U+00FF. The unpickler and
 * most other code give out that object. A few other places make another one (`str(7)` in torch's storage keys,
 * names that are part of the interpreter), which is a {@link PyStr} here.
 */
export function isSingletonText(text: string): boolean {
  return text.length === 0 || (text.length === 1 && text.charCodeAt(0) <= 0xff);
}

/**
 * The name of the codec in `_codecs.encode(text, 'latin1')`, which is how bytes are written below protocol 3.
 * It is interned: a program's own `'latin1'` is the same object.
 */
export const LATIN1_NAME = new PyStr('latin1');

/**
 * For bytes that a pickle wrote as one character which is not the shared object of that character: that
 * character. A side table, because bytes are bare arrays.
 */
const ownCharacter = new WeakMap<Uint8Array, PyStr>();

/** The bytes of `_codecs.encode(text, 'latin1')`; undefined where the text has other characters. */
export function bytesOfLatin1Text(text: string | PyStr): Uint8Array | undefined {
  const bytes = encodeLatin1(typeof text === 'string' ? text : text.text);
  if (bytes?.length === 1 && text instanceof PyStr) ownCharacter.set(bytes, text);
  return bytes;
}

/** The character that stands for one byte: the shared object of it, unless the bytes came with their own. */
export function characterOfByte(bytes: Uint8Array): string | PyStr {
  return ownCharacter.get(bytes) ?? String.fromCharCode(bytes[0]!);
}
