/** What the program loads before it knows what it is to do, and the code that V8 has compiled of it. */
import { spawnSync } from 'node:child_process';
import { cpSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { repository } from '../documents.js';
import { scratch } from '../io/scratch.js';
import { is, match, ok, suite } from '../suite.js';

const SCRIPT = join(repository, 'dist/cli/main.cjs');
const DIRECTORY = join(repository, 'fixtures/torch-2.13.0/fsdp2_adam');

/** The program again, in a folder where it may be damaged. */
function copyOfProgram(): { script: string; cache: string; run(...args: string[]): string } {
  const folder = scratch();
  for (const name of ['bin', 'dist/cli', 'package.json']) {
    cpSync(join(repository, name), join(folder, name), { recursive: true });
  }
  symlinkSync(join(repository, 'node_modules'), join(folder, 'node_modules'));
  const script = join(folder, 'dist/cli/main.cjs');
  return {
    script,
    cache: `${script}.cache`,
    run: (...args) => {
      const { stdout, stderr } = spawnSync(process.execPath, [join(folder, 'bin/dcp.js'), ...args], {
        encoding: 'utf8',
      });
      return stdout + stderr;
    },
  };
}

suite('start-up', ({ test }) => {
  test('neither React nor ink is in what is loaded before the explorer or a progress line needs it', () => {
    const text = readFileSync(SCRIPT, 'utf8');
    ok(!/react-reconciler|yoga/i.test(text));
    match(text, /importThere\("\.\/explorer-screen\.js"\)/);
  });

  test('of the modules of Node.js only those are loaded that any command needs', () => {
    const names = [...readFileSync(SCRIPT, 'utf8').matchAll(/\brequire\("(?:node:)?([\w/]+)"\)/g)];
    const loaded = [...new Set(names.map(([, name]) => name))].sort();
    is(loaded.join(), 'fs,path,util,v8');
  });

  test('V8 takes the compiled code that the build has put beside the script', () => {
    const load = 'console.log(require(process.argv[1]).loadScript(process.argv[2]).usesCache)';
    const args = ['--eval', load, join(repository, 'bin/load-script.js'), SCRIPT];
    is(spawnSync(process.execPath, args, { encoding: 'utf8' }).stdout, 'true\n');
  });

  const damages: [string, (program: ReturnType<typeof copyOfProgram>) => void][] = [
    ['is missing', ({ cache }) => rmSync(cache)],
    ['is cut', ({ cache }) => truncateSync(cache, 5000)],
    ['is empty', ({ cache }) => truncateSync(cache, 0)],
    [
      'is of another script',
      ({ cache }) => exchange(cache, bytes => bytes.write('0123456789abcdef', 'latin1')),
    ],
    ['is of another release', ({ cache }) => exchange(cache, bytes => bytes.write('v9', 17, 'latin1'))],
    ['is damaged', ({ cache }) => exchange(cache, bytes => bytes.fill(0, bytes.length >> 1))],
    ['is damaged in one byte', ({ cache }) => exchange(cache, bytes => bytes.fill(0x5a, 300_000, 300_001))],
  ];
  for (const [name, damage] of damages) {
    test(`the program runs as ever where the compiled code ${name}`, () => {
      const program = copyOfProgram();
      const before = program.run('inspect', DIRECTORY);
      match(before, /4 files of 4 ranks/);
      damage(program);
      is(program.run('inspect', DIRECTORY), before);
    });
  }

  test('a script that is not there is told of', () => {
    const program = copyOfProgram();
    rmSync(program.script);
    match(program.run('--version'), /^dcp: The installation is not whole: /);
  });

  test('classes of errors keep their names, which are printed', () => {
    const text = readFileSync(SCRIPT, 'utf8');
    for (const name of ['UsageError', 'FileError', 'FormatError', 'CorruptDataError', 'LimitError']) {
      match(text, new RegExp(`\\b${name}=class extends|class ${name} extends`));
    }
  });
});

function exchange(path: string, change: (bytes: Buffer) => void): void {
  const bytes = readFileSync(path);
  change(bytes);
  writeFileSync(path, bytes);
}
