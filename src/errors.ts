/**
 * The one family of errors that this package throws.
 *
 * A message says what is wrong, what was expected and what was found, with numbers and units.
 * Where it happened (path, archive entry, FQN, byte offset) is context: the layer that knows it adds it
 * on the way up with {@link withContext}, so that a decoder of bytes need not know file names.
 */

export type ErrorCode =
  | 'usage'
  | 'file'
  | 'format'
  | 'unsupported'
  | 'limit'
  | 'corrupt'
  | 'check'
  | 'interrupted';

/** Where an error happened. Every field is filled by the layer that knows it. */
export interface ErrorContext {
  /** File or directory, as the user would write it. */
  path?: string;
  /** Name of a record inside an archive, for example `archive/data.pkl`. */
  entry?: string;
  /** Fully qualified name of the tensor or object. */
  fqn?: string;
  /** Byte position in `path`, or in `entry` when that is given. */
  byteOffset?: number;
}

export interface ErrorDetails extends ErrorContext {
  expected?: string | number;
  found?: string | number;
  /** What the user can do about it: one sentence. */
  hint?: string;
  cause?: unknown;
}

export abstract class DcpError extends Error {
  abstract readonly code: ErrorCode;
  readonly expected?: string | number;
  readonly found?: string | number;
  readonly hint?: string;
  readonly context: ErrorContext;
  /** The message without context, as thrown. */
  readonly what: string;

  constructor(what: string, details: ErrorDetails = {}) {
    super(what, details.cause === undefined ? {} : { cause: details.cause });
    this.what = what;
    if (details.expected !== undefined) this.expected = details.expected;
    if (details.found !== undefined) this.found = details.found;
    if (details.hint !== undefined) this.hint = details.hint;
    this.context = {};
    this.addContext(details);
  }

  override get name(): string {
    return this.constructor.name;
  }

  /** Fills context fields that are still empty: the innermost layer knows best. */
  addContext(context: ErrorContext): this {
    const { path, entry, fqn, byteOffset } = context;
    if (path !== undefined) this.context.path ??= path;
    if (entry !== undefined) this.context.entry ??= entry;
    if (fqn !== undefined) this.context.fqn ??= fqn;
    if (byteOffset !== undefined) this.context.byteOffset ??= byteOffset;
    this.message = this.compose();
    return this;
  }

  private compose(): string {
    let text = this.what;
    if (this.expected !== undefined || this.found !== undefined) {
      const parts: string[] = [];
      if (this.expected !== undefined) parts.push(`expected ${this.expected}`);
      if (this.found !== undefined) parts.push(`found ${this.found}`);
      text += ` (${parts.join(', ')})`;
    }
    const { path, entry, fqn, byteOffset } = this.context;
    const where: string[] = [];
    if (fqn !== undefined) where.push(`at ${fqn}`);
    if (path !== undefined) where.push(`in ${path}`);
    if (entry !== undefined) where.push(`record ${entry}`);
    if (byteOffset !== undefined) where.push(`byte ${byteOffset}`);
    return where.length === 0 ? text : `${text} [${where.join(', ')}]`;
  }
}

/** The request itself is wrong: arguments, options, destinations that may not be used. */
export class UsageError extends DcpError {
  readonly code = 'usage';
}

/** The operating system said no, or a file is missing, vanished or changed. */
export class FileError extends DcpError {
  readonly code = 'file';
}

/** The bytes do not follow the format that they claim to be in. */
export class FormatError extends DcpError {
  readonly code = 'format';
}

/** Well-formed, understood, and not something that we do. */
export class UnsupportedError extends DcpError {
  readonly code = 'unsupported';
}

/** A declared size, depth or count is beyond what is safe to follow. */
export class LimitError extends DcpError {
  readonly code = 'limit';
}

/** The data contradicts its own checksums or coverage: something was damaged. */
export class CorruptDataError extends DcpError {
  readonly code = 'corrupt';
}

/** What was written does not read back as what it was made from. */
export class CheckError extends DcpError {
  readonly code = 'check';
}

/** The caller's AbortSignal fired. */
export class InterruptedError extends DcpError {
  readonly code = 'interrupted';
}

/** Runs `action`; errors of ours that pass through gain `context`. */
export function withContext<T>(context: ErrorContext, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw error instanceof DcpError ? error.addContext(context) : error;
  }
}

/** {@link withContext} for asynchronous work. */
export async function withContextAsync<T>(context: ErrorContext, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw error instanceof DcpError ? error.addContext(context) : error;
  }
}

/** An error as plain data: for JSON output, and to cross from a worker thread. */
export interface PlainError {
  code: ErrorCode | 'internal';
  /** With context, as a person reads it. */
  message: string;
  what: string;
  expected?: string | number;
  found?: string | number;
  hint?: string;
  context: ErrorContext;
}

export function toPlainError(error: unknown): PlainError {
  if (!(error instanceof DcpError)) {
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { code: 'internal', message, what: message, context: {} };
  }
  const { code, message, what, expected, found, hint, context } = error;
  return {
    code,
    message,
    what,
    ...(expected === undefined ? {} : { expected }),
    ...(found === undefined ? {} : { found }),
    ...(hint === undefined ? {} : { hint }),
    context,
  };
}

const CLASSES: Record<ErrorCode, new (what: string, details?: ErrorDetails) => DcpError> = {
  usage: UsageError,
  file: FileError,
  format: FormatError,
  unsupported: UnsupportedError,
  limit: LimitError,
  corrupt: CorruptDataError,
  check: CheckError,
  interrupted: InterruptedError,
};

export function fromPlainError(plain: PlainError): Error {
  if (plain.code === 'internal') return new Error(plain.message);
  const { what, expected, found, hint, context } = plain;
  return new CLASSES[plain.code](what, {
    ...context,
    ...(expected === undefined ? {} : { expected }),
    ...(found === undefined ? {} : { found }),
    ...(hint === undefined ? {} : { hint }),
  });
}
