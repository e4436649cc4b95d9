/** docs/hex-dump.md: fixtures of torch as rows of position, bytes and meaning, with notes written by hand. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { disassemble } from '../../src/pickle/disassemble.js';
import { repository } from '../documents.js';
import { DUMP_NOTES } from './dump-notes.js';
import { DumpedZip, type DumpRow, type ZipRecord } from './dump-zip.js';

/** Bytes that a row shows; of more the first ones. */
export const SHOWN_BYTES = 12;
const BYTES_WIDTH = 3 * SHOWN_BYTES + 1;
const TEXT_WIDTH = 44;

/** A part of a file: `PATH FROM-TO`, both of which begin a row, or the whole of it. */
export function dumpText(argument: string): string {
  const [path = '', range] = argument.split(' ');
  const bytes = readFileSync(join(repository, path));
  const all = dumpRows(path, bytes);
  const [from = 0, to = bytes.length] = range?.split('-').map(Number) ?? [];
  const rows = all.filter(({ at }) => at >= from && at < to);
  if (rows[0]?.at !== from || rows.at(-1)!.end !== to)
    throw new Error(`no row begins or ends there: ${argument}`);
  const notes = new Map(DUMP_NOTES[path] ?? []);
  for (const at of notes.keys()) {
    if (!all.some(row => row.at === at)) throw new Error(`${path}: a note at ${at}, where no row begins`);
  }
  const lines = rows.map(({ at, end, text }) => {
    const shown = bytes
      .subarray(at, Math.min(end, at + SHOWN_BYTES))
      .toString('hex')
      .replace(/..(?!$)/g, '$& ');
    const hex = end - at > SHOWN_BYTES ? `${shown} …` : shown;
    const note = notes.get(at);
    const told = note === undefined ? text : `${text.padEnd(TEXT_WIDTH)}  # ${note}`;
    return `${String(at).padStart(5)}  ${hex.padEnd(BYTES_WIDTH)}  ${told}`;
  });
  return ['```text dump', ...lines, '```'].join('\n');
}

/** Rows that cover the file without a gap. */
export function dumpRows(path: string, bytes: Buffer): DumpRow[] {
  if (path.endsWith('.metadata')) return pickleRows(bytes, 0, bytes.length);
  if (!path.endsWith('.distcp')) return zipRows(bytes, 0, bytes.length, true);
  return itemsOf(bytes).flatMap(([start, end]) => zipRows(bytes, start, end, false));
}

function zipRows(bytes: Buffer, start: number, end: number, detailed: boolean): DumpRow[] {
  return new DumpedZip(bytes, start, end).rows(record => payloadRows(bytes, record), detailed);
}

/** Items of a data file: archives one after the other, each up to the end of its end record. */
function itemsOf(bytes: Buffer): [start: number, end: number][] {
  const items: [number, number][] = [];
  for (let start = 0; start < bytes.length; ) {
    const end = bytes.indexOf('PK\x05\x06', start, 'latin1') + 22;
    items.push([start, end]);
    start = end;
  }
  return items;
}

function payloadRows(bytes: Buffer, { name, payloadAt, payloadEnd }: ZipRecord): DumpRow[] {
  if (name.endsWith('.pkl')) return pickleRows(bytes, payloadAt, payloadEnd);
  if (name.includes('/data/')) return float32Rows(bytes, payloadAt, payloadEnd);
  const text = JSON.stringify(bytes.toString('latin1', payloadAt, payloadEnd)).slice(1, -1);
  return [{ at: payloadAt, end: payloadEnd, text: `'${text}'` }];
}

/** The storages of these fixtures are of float32, in rows of three. */
function float32Rows(bytes: Buffer, start: number, end: number): DumpRow[] {
  const rows: DumpRow[] = [];
  for (let at = start; at < end; at += 12) {
    const values = [0, 4, 8].map(offset => bytes.readFloatLE(at + offset));
    rows.push({ at, end: at + 12, text: `float32 ${values.join(', ')}` });
  }
  return rows;
}

/** An opcode a row, with the one that puts its value into the memo. */
function pickleRows(bytes: Buffer, start: number, end: number): DumpRow[] {
  const rows: DumpRow[] = [];
  for (const line of disassemble(bytes, { start })) {
    const found = /^ *(\d+): .{4} ( *)([A-Z]\w*) *(.*)$/.exec(line);
    if (found === null) continue;
    const [, position, indent, name, argument] = found;
    const memo = name === 'MEMOIZE' ? /\d+/.exec(argument!)![0] : name === 'BINPUT' ? argument : undefined;
    const last = rows.at(-1);
    if (memo !== undefined && last !== undefined) last.text += `, memo ${memo}`;
    else {
      const text = argument === '' ? name! : `${name} ${argument}`;
      rows.push({ at: Number(position), end, text: indent!.slice(indent!.length / 2) + text });
    }
  }
  return rows.map((row, i) => ({ ...row, end: rows[i + 1]?.at ?? end }));
}
