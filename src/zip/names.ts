import { FormatError } from '../errors.js';

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/** @throws FormatError where the bytes are not UTF-8. */
export function decodeName(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw new FormatError('A record name is not UTF-8', { cause });
  }
}

export function encodeName(name: string): Uint8Array {
  return encoder.encode(name);
}

/**
 * What makes two record names one: PyTorch looks records up with the letters A–Z and a–z taken as equal
 * (miniz, mz_zip_reader_locate_file without its case-sensitive flag), and no others.
 */
export function foldCase(name: string): string {
  return /[A-Z]/.test(name) ? name.replace(/[A-Z]+/g, letters => letters.toLowerCase()) : name;
}

/** The top-level directory of an entry, or '' where it has none: PyTorch refuses such an archive. */
export function rootOf(entryName: string): string {
  return entryName.slice(0, Math.max(0, entryName.indexOf('/')));
}

/** Why an entry's full name is refused, or undefined. A name is a key here, but others unpack it to a disk. */
export function nameFault(entryName: string): string | undefined {
  if (entryName.startsWith('/')) return 'is an absolute path';
  if (entryName.includes('\0')) return 'holds a NUL character';
  if (entryName.includes('..') && entryName.split(/[/\\]/).includes('..')) return "has a '..' component";
  return undefined;
}
