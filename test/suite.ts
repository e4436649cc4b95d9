/**
 * The only door to uvu. It closes the traps of the bare package: a suite that is never run, an
 * asynchronous body inside `assert.throws`, an `equal` that is blind to key order and to −0, a run in which
 * nothing ran. Counts are kept here and printed by `run.ts`.
 */
import nodeAssert from 'node:assert/strict';
import { suite as uvuSuite } from 'uvu';
import { DcpError, type ErrorCode } from '../src/errors.js';
import { counts } from './counts.js';
import { noteLimit } from './tripped-limits.js';

type Body = () => void | Promise<void>;

export interface Suite {
  test(name: string, body: Body): void;
  /** A table: one test for each row, named by `name(row)`. An empty table is an error. */
  each<Row>(rows: readonly Row[], name: (row: Row) => string, body: (row: Row) => unknown): void;
  /** A test that this machine cannot run, with the reason. */
  skip(name: string, reason: string): void;
}

/** Defines a suite and queues it. A suite without tests fails. */
export function suite(name: string, define: (suite: Suite) => void): void {
  const inner = uvuSuite(name);
  let defined = 0;
  const test = (testName: string, body: Body): void => {
    defined++;
    inner(testName, async () => {
      try {
        await body();
        counts.passed++;
      } catch (error) {
        counts.failed++;
        if (error instanceof Error) error.message = `${name} › ${testName}: ${error.message}`;
        throw error;
      }
    });
  };
  define({
    test,
    each(rows, rowName, body) {
      if (rows.length === 0) throw new Error(`suite ${name}: a table without rows tests nothing`);
      for (const row of rows) test(rowName(row), async () => void (await body(row)));
    },
    skip(testName, reason) {
      defined++;
      counts.skipped++;
      process.stdout.write(`  skipped ${name} › ${testName}: ${reason}\n`);
    },
  });
  if (defined === 0) throw new Error(`suite ${name} defines no test`);
  inner.run();
}

export const is = (actual: unknown, expected: unknown, message?: string): void =>
  nodeAssert.strictEqual(actual, expected, message);
export const equal = (actual: unknown, expected: unknown, message?: string): void =>
  nodeAssert.deepStrictEqual(actual, expected, message);
export const ok: (value: unknown, message?: string) => asserts value = (value, message) =>
  nodeAssert.ok(value, message);
export const match = (actual: string, expected: RegExp): void => nodeAssert.match(actual, expected);
export const fail = (message: string): never => nodeAssert.fail(message);

/** What an error must be: its code, and words that its message must contain. */
export interface ExpectedError {
  code: ErrorCode;
  message?: RegExp;
}

function checkError(error: unknown, expected: ExpectedError): DcpError {
  if (!(error instanceof DcpError)) throw error;
  noteLimit(error);
  nodeAssert.strictEqual(error.code, expected.code, `wrong code for: ${error.message}`);
  if (expected.message !== undefined) nodeAssert.match(error.message, expected.message);
  return error;
}

/** Runs `action`, which must throw one of our errors. A promise is a mistake: use {@link rejects}. */
export function throws(action: () => unknown, expected: ExpectedError): DcpError {
  let result: unknown;
  try {
    result = action();
  } catch (error) {
    return checkError(error, expected);
  }
  if (result instanceof Promise) throw new Error('throws() was given asynchronous code; use rejects()');
  return fail(`nothing was thrown, expected a ${expected.code} error`);
}

/** Awaits `action`, which must reject with one of our errors. */
export async function rejects(action: () => Promise<unknown>, expected: ExpectedError): Promise<DcpError> {
  try {
    await action();
  } catch (error) {
    return checkError(error, expected);
  }
  return fail(`nothing was thrown, expected a ${expected.code} error`);
}
