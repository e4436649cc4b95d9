import { disassemblePickle, type InspectedPickle, inspectPickle, readPicklesOf } from '../ops/pickles.js';
import { printable } from '../tui/printable.js';
import { formatCount, formatExactBytes } from '../tui/units.js';
import type { InspectRequest } from './commands/inspect.js';
import { successDocument } from './json-document.js';
import { ClosedPipe, type Output } from './output.js';
import { type Style, styleFor } from './style.js';
import { labelled } from './table.js';
import type { Terminal } from './terminal.js';

/** Texts in a disassembly are cut there, unless all was asked for. */
const MAX_TEXT_LENGTH = 200;
/** Characters that are written at a time. */
const BLOCK_LENGTH = 1 << 16;

/** Prints what the pickles of a checkpoint name, and their opcodes. @throws as reading them does. */
export async function printPickles(
  { path, fqn, all, json }: InspectRequest,
  output: Output,
  { columns, colors }: Terminal,
): Promise<void> {
  const pickles = await readPicklesOf(path, fqn);
  if (json) {
    await output.result(successDocument('inspect', { path, pickles: pickles.map(inspectPickle) }));
    return;
  }
  const style = styleFor(colors);
  const writer = new BlockWriter(output);
  try {
    if (pickles.length === 0) await writer.line('There are no pickles in it.');
    for (const [i, pickle] of pickles.entries()) {
      const inspected = inspectPickle(pickle);
      if (i > 0) await writer.line('');
      for (const line of headLines(inspected, columns, style)) await writer.line(line);
      await writer.line('');
      const options = all ? {} : { maxTextLength: MAX_TEXT_LENGTH };
      for (const line of disassemblePickle(pickle, options)) await writer.line(printable(line));
      if (inspected.error !== undefined) await writer.line(style.error(printable(inspected.error)));
    }
    await writer.end();
  } catch (error) {
    // Who reads text may stop when he has seen enough.
    if (!(error instanceof ClosedPipe)) throw error;
  }
}

function headLines(pickle: InspectedPickle, columns: number | undefined, style: Style): string[] {
  const { name, byteLength, protocol, globals } = pickle;
  const dangers = globals.filter(({ dangerous }) => dangerous).length;
  const rows: [string, string][] = [
    ['pickle', `${printable(name)}, ${formatExactBytes(byteLength)}, protocol ${protocol}`],
    [
      'globals',
      globals.length === 0
        ? 'none'
        : `${formatCount(globals.length)}${dangers > 0 ? ', some dangerous' : ''}`,
    ],
    ...globals.map(({ name: global, dangerous, onTorchList }): [string, string] => {
      const note = dangerous ? 'DANGEROUS' : onTorchList ? "on torch's list" : "not on torch's list";
      return ['globals', `${printable(global)}  (${note})`];
    }),
  ];
  return labelled(rows, columns).map(line => line.replace(/DANGEROUS(?=\)$)/, word => style.error(word)));
}

/** Lines put together to blocks: a disassembly may have millions. */
class BlockWriter {
  private block = '';

  constructor(private readonly output: Output) {}

  async line(text: string): Promise<void> {
    this.block += `${text}\n`;
    if (this.block.length >= BLOCK_LENGTH) await this.end();
  }

  async end(): Promise<void> {
    const bytes = Buffer.from(this.block);
    this.block = '';
    if (bytes.length > 0) await this.output.bytes(bytes);
  }
}
