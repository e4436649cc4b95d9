/** README.md and docs/library.md: what they show is run as it is written. */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { convert, DcpError, inspectCheckpoint } from '../src/index.js';
import { PyDict } from '../src/pickle/dict.js';
import { PyList } from '../src/pickle/values.js';
import { encodeIndex, metadataIndex, storageInfo } from './dcp/hand-made.js';
import { LOSS_KINDS } from './docs/words.js';
import {
  blockOf,
  blocksOf,
  codesOf,
  readDocument,
  repository,
  runSession,
  Sandbox,
  sectionOf,
  stepsOf,
  tableRows,
  withoutTime,
} from './documents.js';
import { fixtureCases, fixturePath } from './fixtures.js';
import { scratch } from './io/scratch.js';
import { equal, is, match, ok, suite } from './suite.js';

const readme = readDocument('README.md');
const library = readDocument('docs/library.md');
const packageJson = JSON.parse(readDocument('package.json')) as {
  name: string;
  bin: Record<string, string>;
  scripts: Record<string, string>;
};

function sandboxFor(text: string): Sandbox {
  const sandbox = new Sandbox();
  sandbox.addFixtures(text);
  return sandbox;
}

suite('README: sessions', ({ each, test }) => {
  each(
    blocksOf(readme).filter(({ purpose }) => purpose === 'session'),
    ({ text }) => stepsOf(text)[0]!.command,
    async ({ text }) => {
      const steps = stepsOf(text);
      const printed = await runSession(
        sandboxFor(text),
        steps.map(({ command }) => command),
      );
      for (const [i, { command, output }] of steps.entries()) {
        is(withoutTime(printed[i]!), withoutTime(output), command);
      }
    },
  );

  test('the commands for a clone exist', async () => {
    const [convert, npmTest] = blockOf(readme, 'clone').text.trim().split('\n') as [string, string];
    const [install, command] = convert.split(' && ') as [string, string];
    is(install, 'npm ci');
    const { code, output } = await sandboxFor(command).bash(command);
    is(code, 0, output);
    is(npmTest, 'npm ci && npm test');
    ok('test' in packageJson.scripts && 'dcp' in packageJson.bin);
  });

  test('both names start the program', async () => {
    equal(Object.keys(packageJson.bin), ['dcp', 'torch-dcp']);
    for (const name of Object.keys(packageJson.bin)) ok(readme.includes(`\`${name}\``), name);
    const [first, second] = await runSession(new Sandbox(), ['dcp --version', 'torch-dcp --version']);
    match(first!, /^\d+\.\d+\.\d+\n$/);
    is(first, second);
  });
});

suite('README: script', ({ test }) => {
  const { text: script, purpose } = blockOf(readme, 'script convert-all.sh');
  const name = purpose.split(' ')[1]!;
  const sandboxWithScript = (): Sandbox => {
    const sandbox = new Sandbox();
    writeFileSync(join(sandbox.directory, name), script, { mode: 0o755 });
    return sandbox;
  };
  const run = (sandbox: Sandbox) => sandbox.bash(`./${name} run out`);

  test('converts what is finished, names what fails, and may be run again', async () => {
    const sandbox = sandboxWithScript();
    sandbox.addFixture('torch-2.13.0/fsdp2_adam', 'run/step-1');
    sandbox.addFixture('torch-2.13.0/torn_overwrite', 'run/step-2');
    sandbox.addFixture('torch-2.13.0/hsdp', 'run/step-3');
    rmSync(join(sandbox.directory, 'run/step-3/.metadata'));
    const first = await run(sandbox);
    equal(
      first.output.split('\n').filter(line => !/^(dcp|hint):/.test(line)),
      ['ok      out/step-1.pth', 'failed  out/step-2.pth', ''],
    );
    match(first.output, /^dcp: Data files are newer than the index/m);
    is(first.code, 1);

    const made = readFileSync(join(sandbox.directory, 'out/step-1.pth'));
    rmSync(join(sandbox.directory, 'run/step-2'), { recursive: true });
    equal(await run(sandbox), { code: 0, output: 'ok      out/step-1.pth\n' });
    equal(readFileSync(join(sandbox.directory, 'out/step-1.pth')), made);
  });

  test('a run without checkpoints is a failure', async () => {
    const sandbox = sandboxWithScript();
    mkdirSync(join(sandbox.directory, 'run'));
    is((await run(sandbox)).code, 1);
  });

  test('Ctrl-C ends all of it', async () => {
    const sandbox = sandboxWithScript();
    for (const step of ['1', '2']) sandbox.addFixture('torch-2.13.0/fsdp2_adam', `run/step-${step}`);
    sandbox.addCommand('dcp', 'echo interrupted\nexit 130');
    equal(await run(sandbox), { code: 130, output: 'interrupted\n' });
  });
});

suite('README: workflow', ({ test }) => {
  const { text: workflow } = blockOf(readme, 'workflow');
  const steps = runStepsOf(workflow);
  const variable = /^ {6}(\w+): \/mnt\//m.exec(workflow)![1]!;

  async function runJob(checkpoint: string, sandbox = sandboxFor(checkpoint)) {
    sandbox.addCommand('npm', 'echo "npm $*"');
    const printed: string[] = [];
    for (const step of steps) {
      // As the runner starts them: bash -e.
      const { code, output } = await sandbox.bash(`set -e\n${step}`, { [variable]: checkpoint });
      printed.push(output);
      if (code !== 0) return { code, printed, sandbox };
    }
    return { code: 0, printed, sandbox };
  }

  test('installs this package, converts, and annotates what was lost', async () => {
    const { code, printed, sandbox } = await runJob('fixtures/torch-2.13.0/strides_dcp');
    is(code, 0, printed.join(''));
    is(printed[0], `npm install --global ${packageJson.name}\n`);
    match(printed[1]!, /^format +DCP directory/m);
    is(printed.at(-1), '::warning::strides: 5, first transposed\n');
    const uploaded = /^ +path: (\S+)$/m.exec(workflow)![1]!;
    ok(existsSync(join(sandbox.directory, uploaded)));
    const again = await runJob('fixtures/torch-2.13.0/strides_dcp', sandbox);
    is(again.code, 0, 'a runner keeps its files');
  });

  test('a torn overwrite ends the job', async () => {
    const { code, printed } = await runJob('fixtures/torch-2.13.0/torn_overwrite');
    is(code, 2);
    match(printed.at(-1)!, /^dcp: Data files are newer than the index/);
  });
});

/** The `run` steps of a workflow, in order: on the line itself, or the block under `|`. */
function runStepsOf(workflow: string): string[] {
  const lines = workflow.split('\n');
  return lines.flatMap((line, i) => {
    const found = /^( *)- run: (.*)$/.exec(line);
    if (found === null) return [];
    if (found[2] !== '|') return [found[2]!];
    const rest = lines.slice(i + 1);
    const indent = ' '.repeat(found[1]!.length + 4);
    const end = rest.findIndex(each => !each.startsWith(indent));
    return [
      rest
        .slice(0, end)
        .map(each => each.slice(indent.length))
        .join('\n'),
    ];
  });
}

suite('library examples', ({ test }) => {
  const documents = [readme, library];
  const examples = documents.flatMap(document => {
    const blocks = blocksOf(document);
    return blocks.flatMap(({ purpose, text }, i) =>
      purpose === 'run'
        ? [{ text, output: blocks[i + 1]?.purpose === 'output' ? blocks[i + 1]!.text : undefined }]
        : [],
    );
  });

  test('compile and print what the documents say', async () => {
    const { directory } = sandboxFor(documents.join('\n'));
    mkdirSync(join(directory, 'node_modules'));
    symlinkSync(repository, join(directory, 'node_modules', packageJson.name));
    for (const scope of ['@types', '@tensorflow']) {
      symlinkSync(join(repository, 'node_modules', scope), join(directory, 'node_modules', scope));
    }
    writeFileSync(join(directory, 'package.json'), '{ "type": "module" }');
    for (const [i, { text }] of examples.entries()) writeFileSync(join(directory, `example-${i}.ts`), text);
    const run = (script: string, ...args: string[]) =>
      promisify(execFile)(process.execPath, [script, ...args], { cwd: directory }).catch(
        (error: { stdout: string; stderr: string }) => error,
      );
    const compiler = join(repository, 'node_modules/typescript/bin/tsc');
    const flags = [
      '--target',
      'ES2022',
      '--module',
      'NodeNext',
      '--strict',
      '--types',
      'node',
      '--skipLibCheck',
    ];
    const compiled = await run(compiler, ...flags, ...examples.map((_, i) => `example-${i}.ts`));
    equal(compiled.stdout, '');

    ok(examples.length >= 5);
    for (const [i, { output }] of examples.entries()) {
      rmSync(join(directory, 'model.pth'), { force: true });
      const { stdout, stderr } = await run(`example-${i}.js`);
      is(stderr, '');
      is(stdout, output, `example ${i}`);
    }
  });

  test('every export is in docs/library.md', async () => {
    const index = readDocument('src/index.ts');
    const named = [...index.matchAll(/^export (?:type )?\{([^}]*)\}/gm)]
      .flatMap(match => match[1]!.split(','))
      .map(name => name.replace('type', '').trim())
      .filter(name => name !== '');
    const names = new Set([...named, ...Object.keys(await import('../src/index.js'))]);
    ok(names.size > 30);
    const documented = new Set([
      ...blocksOf(library).flatMap(({ text }) => text.split(/\W+/)),
      ...codesOf(library.replace(/^```[\s\S]*?^```$/gm, '')).flatMap(code => code.split(/\W+/)),
    ]);
    equal(
      [...names].filter(name => !documented.has(name)),
      [],
    );
  });
});

suite('conversion.md: losses', ({ test }) => {
  const rows = tableRows(sectionOf(readDocument('docs/formats/conversion.md'), '## What is lost'));
  const documented = new Set(
    rows.flatMap(([kind, directions]) =>
      directions!.split(', ').map(direction => `${codesOf(kind!)[0]} ${direction}`),
    ),
  );

  test('all kinds are there', () => {
    equal(rows.map(([kind]) => codesOf(kind!)[0]).sort(), Object.keys(LOSS_KINDS).sort());
  });

  test('fixtures lose what the table says, in the direction that it says', async () => {
    const nowhere = join(scratch(), 'out');
    const targets = [
      ['to DCP', nowhere, 'dcp'],
      ['to torch', `${nowhere}.pth`, 'torch'],
      ['to safetensors', nowhere, 'safetensors'],
      ['to one safetensors file', `${nowhere}.safetensors`, 'safetensors'],
    ] as const;
    const seen = new Set<string>();
    for (const { name, torch } of fixtureCases) {
      for (const [direction, destination, to] of targets) {
        try {
          const { losses } = await convert(fixturePath(name, torch), destination, { to, dryRun: true });
          for (const { kind } of losses) {
            // What a directory loses, a file loses too.
            if (direction !== 'to one safetensors file' || kind === 'object')
              seen.add(`${kind} ${direction}`);
          }
        } catch (error) {
          ok(error instanceof DcpError);
        }
      }
    }
    // No fixture was saved from another device, and none is a safetensors file.
    const unseen = ['to DCP', 'to safetensors', 'to torch'].map(direction => `device ${direction}`);
    const ofHeaders = ['header_text to DCP', 'header_text to torch'];
    // Nothing is cast unless asked for.
    const asked = ['cast with `--dtype`', 'dropped with `--map`', 'unnamed with `--map`'];
    equal([...seen, ...unseen, ...ofHeaders, ...asked].sort(), [...documented].sort());
  });
});

suite('README: what is not supported yet', ({ each, test }) => {
  const latin1 = (text: string): Uint8Array => Buffer.from(text, 'latin1');
  /** In the order of the table. */
  const inputs: readonly (readonly [string, (directory: string) => string])[] = [
    ['2016 and 2017', directory => write(directory, 'old.pt', latin1(`storages${'\0'.repeat(249)}ustar`))],
    ['encrypted', () => join(repository, 'fixtures/zip/python/encrypted.zip')],
    ['bzip2', () => join(repository, 'fixtures/zip/python/bzip2.zip')],
    ['extension', directory => write(directory, '.metadata', indexOfExtension())],
    ['verl', directory => parentOf(write(directory, 'model_world_size_2_rank_0.pt', latin1('x')))],
    [
      'DeepSpeed',
      directory => parentOf(write(directory, 'zero_pp_rank_0_mp_rank_00_optim_states.pt', latin1('x'))),
    ],
  ];
  const rows = tableRows(sectionOf(readme, '## Not supported yet'));

  test('each row is tried', () => is(rows.length, inputs.length));

  each(
    inputs.map(([words, make], i) => ({ words, make, row: rows[i]! })),
    ({ words }) => words,
    async ({ words, make, row }) => {
      ok(row[0]!.includes(words), row[0]);
      const path = make(scratch());
      const error = await inspectCheckpoint(path).then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      ok(error instanceof DcpError, 'no error');
      ok(error.message.startsWith(codesOf(row[1]!)[0]!), error.message);
    },
  );

  function write(directory: string, name: string, bytes: Uint8Array): string {
    const path = join(directory, name);
    mkdirSync(parentOf(path), { recursive: true });
    writeFileSync(path, bytes);
    return path;
  }

  function parentOf(path: string): string {
    return join(path, '..');
  }

  function indexOfExtension(): Uint8Array {
    const info = storageInfo({ transform_descriptors: new PyList(['stream.lz4/1']) });
    return encodeIndex({ storage_data: PyDict.of([[metadataIndex(), info]]) });
  }
});

suite('README: numbers', ({ each, test }) => {
  test('the releases of Node.js are those of package.json', () => {
    const { engines } = JSON.parse(readDocument('package.json')) as { engines: { node: string } };
    is(engines.node, '^20.19.0 || ^22.12.0 || >=24');
    ok(readme.includes('Node.js 20.19, 22.12, 24 or newer'));
  });

  each(
    ['1.7.1', '1.13.1'],
    release => `a torch.save file of torch ${release}`,
    async release => {
      const path = join(repository, `fixtures/zip/torch-${release}/views_and_tied.pt`);
      is((await inspectCheckpoint(path)).torchEra, '1.6 to 2.0');
    },
  );

  test('it has at most 260 lines', () => ok(readme.split('\n').length <= 261));
});
