import { toPlainError } from '../errors.js';
import { printableJson } from '../tui/printable.js';
import { internalMessage } from './error-text.js';

/** Raised when a field changes its meaning or goes away; new fields do not raise it. */
const JSON_SCHEMA = 1;

/** The one document that `--json` prints on success. */
export function successDocument(command: string, report: object): string {
  const body = snakeCaseKeys(report) as Record<string, unknown>;
  return documentText({ ...head(true, command), ...body, schema: JSON_SCHEMA });
}

/**
 * The one document that `--json` prints on failure. Every field of the error is always there, null where it says
 * nothing.
 */
export function failureDocument(command: string | null, error: unknown): string {
  const { code, message, expected, found, hint, context } = toPlainError(error);
  return documentText({
    ...head(false, command),
    error: {
      code,
      message: code === 'internal' ? internalMessage(error) : message,
      expected: expected ?? null,
      found: found ?? null,
      hint: hint ?? null,
      path: context.path ?? null,
      fqn: context.fqn ?? null,
      entry: context.entry ?? null,
      byte_offset: context.byteOffset ?? null,
    },
  });
}

function head(ok: boolean, command: string | null) {
  return { ok, schema: JSON_SCHEMA, command };
}

function documentText(document: object): string {
  return `${printableJson(JSON.stringify(document))}\n`;
}

/** Whole numbers that most readers of JSON would round are text. */
function jsonInteger(value: bigint): number | string {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : String(value);
}

/** A copy with keys such as `byteLength` as `byte_length`. Reports hold data in values and arrays, never in keys. */
export function snakeCaseKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(snakeCaseKeys);
  if (ArrayBuffer.isView(value)) return Array.from(value as Uint16Array | Float64Array);
  if (typeof value === 'bigint') return jsonInteger(value);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      key.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`),
      snakeCaseKeys(item),
    ]),
  );
}
