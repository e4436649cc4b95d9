import { createHash } from 'node:crypto';
import { errorCode, fileCalls, READ_AT_ONCE, UPDATE_NO_LINK } from './file-calls.js';
import { closeQuietly, fileError, readFully } from './source.js';
import { tryTo } from './temporary-file.js';
import { writeFully } from './write.js';

/** A journal of ten million tiles is shorter; what is longer is none of ours. */
const MAX_BYTE_LENGTH = 1 << 30;
const CHECK_LENGTH = 8;
/** Of the journal inside a temporary directory. */
export const JOURNAL_NAME = '.dcp-journal';

/**
 * Lines of text that are only ever added, each with a checksum: what was written before a crash can be told from what
 * was not written whole. It is never flushed: what it says is proved when it is used.
 *
 * Nothing depends on it but the next run. So where it cannot be written it ends, and says nothing.
 */
export class JournalFile {
  private constructor(
    readonly path: string,
    private fd: number | undefined,
    private byteLength: number,
  ) {}

  /** Makes the file; it must not exist. */
  static create(path: string): JournalFile {
    try {
      return new JournalFile(path, fileCalls.open(path, 'wx', 0o600), 0);
    } catch {
      return new JournalFile(path, undefined, 0);
    }
  }

  /** Goes on with a file behind its good lines. */
  static continue(path: string, { byteLength }: JournalText): JournalFile {
    try {
      const fd = fileCalls.open(path, UPDATE_NO_LINK);
      fileCalls.truncate(fd, byteLength);
      return new JournalFile(path, fd, byteLength);
    } catch {
      return new JournalFile(path, undefined, byteLength);
    }
  }

  /** @param text without line feeds */
  add(text: string): void {
    const { fd } = this;
    if (fd === undefined) return;
    const bytes = Buffer.from(`${text} ${checkOf(text)}\n`);
    if (tryTo(() => writeFully(fd, bytes, this.byteLength, this.path))) this.byteLength += bytes.length;
    else this.close();
  }

  /** Idempotent. */
  close(): void {
    if (this.fd !== undefined) closeQuietly(this.fd);
    this.fd = undefined;
  }

  /** Closes it and takes it away. @throws FileError */
  remove(): void {
    this.close();
    try {
      fileCalls.unlink(this.path);
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw fileError('remove the journal', this.path, error);
    }
  }
}

export interface JournalText {
  /** Without their checksums. */
  lines: string[];
  /** Of these lines in the file. */
  byteLength: number;
}

/** The lines of a journal up to the first that is not whole; none where there is no journal, or it cannot be read. */
export function readJournal(path: string): JournalText {
  const text: JournalText = { lines: [], byteLength: 0 };
  let bytes: Buffer;
  try {
    if (fileCalls.lstat(path)?.isFile() !== true) return text;
    const fd = fileCalls.open(path, READ_AT_ONCE);
    try {
      const byteLength = Number(fileCalls.fstat(fd).size);
      if (byteLength > MAX_BYTE_LENGTH) return text;
      bytes = Buffer.alloc(byteLength);
      readFully(fd, bytes, 0, path);
    } finally {
      closeQuietly(fd);
    }
  } catch {
    return text;
  }
  for (let at = 0; ; ) {
    const end = bytes.indexOf(0x0a, at);
    if (end < at + CHECK_LENGTH + 1) return text;
    const line = bytes.toString('utf8', at, end - CHECK_LENGTH - 1);
    if (bytes.toString('latin1', end - CHECK_LENGTH, end) !== checkOf(line)) return text;
    text.lines.push(line);
    text.byteLength = end + 1;
    at = end + 1;
  }
}

/** Removes a file, if it is there. @returns whether it is gone. */
export function removeFile(path: string): boolean {
  try {
    fileCalls.unlink(path);
    return true;
  } catch (error) {
    return errorCode(error) === 'ENOENT';
  }
}

function checkOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, CHECK_LENGTH);
}
