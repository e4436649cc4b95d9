import { DcpError } from '../errors.js';
import { printable } from '../tui/printable.js';
import type { Style } from './style.js';

/**
 * What stderr says of a failure: one line with what was expected, what was found and where; then what the user
 * can do. An error that is not of our family is a mistake in this program, and says so.
 */
export function errorText(error: unknown, style: Style, { withStack = false } = {}): string {
  const prefix = style.error('dcp:');
  if (error instanceof DcpError) {
    const hint = error.hint === undefined ? '' : `${style.dim('hint:')} ${printable(error.hint)}\n`;
    return `${prefix} ${printable(error.message)}\n${hint}`;
  }
  const stack = error instanceof Error ? error.stack : undefined;
  const rest =
    withStack && stack !== undefined
      ? `${stack.split('\n').map(printable).join('\n')}\n`
      : `${style.dim('hint:')} Please report it, with what the same command prints with DCP_DEBUG=1 set.\n`;
  return `${prefix} This is a bug in dcp: ${printable(internalMessage(error))}\n${rest}`;
}

/** The message of an error that is not ours, on one line: some carry a stack in it. */
export function internalMessage(error: unknown): string {
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return message.split('\n')[0]!.replace(/^Error: (?=\w*Error: )/, '');
}
