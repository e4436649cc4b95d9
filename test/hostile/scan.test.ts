/** Every trick is found, and nothing is executed. `test/interop/hostile.test.ts` proves that Python would. */
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DcpError } from '../../src/errors.js';
import { checkpointStats, convert, inspectCheckpoint, scan, verify } from '../../src/index.js';
import { fixturePath } from '../fixtures.js';
import { scratch } from '../io/scratch.js';
import { equal, is, ok, rejects, suite } from '../suite.js';
import { HARMLESS, MARK, op, torchZip } from './assembler.js';
import { HOSTILE_CONTAINERS } from './containers.js';
import { HOSTILE_PICKLES, type HostileFile } from './pickles.js';

const ALL = [...HOSTILE_PICKLES, ...HOSTILE_CONTAINERS];

function write({ file, make }: HostileFile): string {
  const path = join(scratch({ inMemory: true }), file);
  writeFileSync(path, make());
  return path;
}

suite('hostile files: scan', ({ each, test }) => {
  each(
    ALL,
    ({ name }) => name,
    async hostile => {
      const path = write(hostile);
      for (const target of [path, join(path, '..')]) {
        const { clean, findings } = await scan(target);
        const texts = findings
          .map(({ rule, name, message }) => `${rule} ${name ?? ''}: ${message}`)
          .join('\n');
        is(clean, false, 'nothing is found');
        ok(
          findings.some(({ rule, name }) => rule === hostile.finds || name === hostile.finds),
          `${hostile.finds} is not found:\n${texts}`,
        );
        is(
          findings.some(({ verdict }) => verdict === 'dangerous') ? 'dangerous' : 'unknown',
          hostile.verdict,
          texts,
        );
      }
    },
  );

  test('a TorchScript program of torch.jit.save is one finding, and its pickles are fine', async () => {
    const { findings, globals } = await scan(fixturePath('torch_script'));
    equal(
      findings.map(({ rule, verdict }) => [rule, verdict]),
      [['torchscript', 'unknown']],
    );
    ok(/5 files such as "archive\/code\/__torch__/.test(findings[0]!.message), findings[0]!.message);
    equal([...new Set(globals.map(({ verdict }) => verdict))].sort(), ['known', 'weights_only']);
  });

  each(
    [
      [
        'a pickle of millions of opcodes',
        () => Buffer.concat([op.proto(2), Buffer.alloc(6 << 20, 'N0'), Buffer.from('N.')]),
      ],
      [
        'a zip archive without an end',
        () => Buffer.concat([Buffer.from('PK\x03\x04'), Buffer.alloc(32 << 20)]),
      ],
    ] as [string, () => Uint8Array][],
    ([name]) => `is interrupted in the middle of ${name}`,
    async ([, make]) => {
      const path = join(scratch({ inMemory: true }), 'model.pkl');
      writeFileSync(path, make());
      const controller = new AbortController();
      setImmediate(() => controller.abort());
      await rejects(() => scan(path, { signal: controller.signal }), { code: 'interrupted' });
    },
  );

  test('what is harmless is clean', async () => {
    const directory = scratch({ inMemory: true });
    writeFileSync(join(directory, 'a.pkl'), HARMLESS);
    writeFileSync(join(directory, 'a.pth'), torchZip(HARMLESS));
    writeFileSync(join(directory, 'notes.txt'), 'class of its own\nis this text\n');
    writeFileSync(join(directory, 'run.py'), 'class A:\n    x = 1\n\n\nprint(A)\n');
    writeFileSync(join(directory, 'empty.bin'), '');
    const report = await scan(directory);
    equal([report.findings, report.files, report.pickles], [[], 5, 2]);
  });
});

suite('hostile files: all else stays inert', ({ each }) => {
  const uses: readonly (readonly [string, (path: string) => Promise<unknown>])[] = [
    ['inspect', path => inspectCheckpoint(path)],
    ['stats', path => checkpointStats(path, { workers: 0 })],
    ['verify', path => verify(path, { crc: true, workers: 0 })],
    ['convert', path => convert(path, `${path}.out.pth`, { sync: false, workers: 0 })],
  ];
  each(
    ALL,
    ({ name }) => name,
    async hostile => {
      const path = write(hostile);
      for (const [use, action] of uses) {
        try {
          await action(path);
          if (use !== 'convert') continue;
          // What is carried through unasked names nothing dangerous.
          const { findings } = await scan(`${path}.out.pth`);
          is(
            findings.some(({ verdict }) => verdict === 'dangerous'),
            false,
            'a dangerous name was passed on',
          );
        } catch (error) {
          ok(error instanceof DcpError, `${use}: ${error instanceof Error ? error.stack : error}`);
        }
      }
      const left = readdirSync(join(path, '..'));
      equal(
        left.filter(name => !name.startsWith(hostile.file)),
        [],
      );
      is(existsSync(MARK), false);
    },
  );
});
