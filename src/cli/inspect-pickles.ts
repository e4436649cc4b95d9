import { disassemblePickle, type InspectedPickle, inspectPickle, readPicklesOf } from '../ops/pickles.js';
import { printable, printableLines } from '../tui/printable.js';
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
  const write = (text: string): Promise<void> => output.bytes(Buffer.from(text));
  try {
    if (pickles.length === 0) await write('There are no pickles in it.\n');
    for (const [i, pickle] of pickles.entries()) {
      const inspected = inspectPickle(pickle);
      const head = [...(i === 0 ? [] : ['']), ...headLines(inspected, columns, style), '', ''];
      await write(head.join('\n'));
      const options = all ? {} : { maxTextLength: MAX_TEXT_LENGTH };
      const blocks = blocksOf(disassemblePickle(pickle, options));
      let block = blocks.next();
      for (; block.done !== true; block = blocks.next()) await write(printableLines(block.value));
      // Where the opcodes themselves end too early, that is told as precisely as it can be.
      const error = block.value.error?.message ?? inspected.error;
      if (error !== undefined) await write(`${style.error(printable(error))}\n`);
    }
  } catch (error) {
    // Who reads text may stop when he has seen enough.
    if (!(error instanceof ClosedPipe)) throw error;
  }
}

/** Lines put together: a disassembly may have fifty million, and to write each on its own takes minutes. */
function* blocksOf<Result>(lines: Generator<string, Result>): Generator<string, Result> {
  let block = '';
  for (let line = lines.next(); ; line = lines.next()) {
    if (line.done === true) {
      yield block;
      return line.value;
    }
    block += `${line.value}\n`;
    if (block.length < BLOCK_LENGTH) continue;
    yield block;
    block = '';
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
