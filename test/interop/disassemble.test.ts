/** Our disassembly, line by line, against that of Python's pickletools. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { disassemble } from '../../src/pickle/disassemble.js';
import { is, suite } from '../suite.js';
import { python } from './judge.js';

const script = fileURLToPath(new URL('../../../test/interop/disassemble.py', import.meta.url));
const { stdout, stderr } = spawnSync(python(), [script], { encoding: 'utf8', maxBuffer: 1 << 26 });
if (stdout === '') throw new Error(stderr);
const rows = JSON.parse(stdout) as { pickle: string; text: string }[];

suite('disassemble: as pickletools.dis', ({ each }) => {
  each(
    rows.map((row, i) => ({ ...row, i })),
    ({ i }) => `pickle ${i}`,
    ({ pickle, text }) =>
      is([...disassemble(Buffer.from(pickle, 'base64'))].map(line => `${line}\n`).join(''), text),
  );
});
