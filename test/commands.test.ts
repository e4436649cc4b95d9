/** docs/commands.md against the real program: options, exit codes, JSON documents, names. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { COMMAND_NAMES } from '../src/cli/commands.js';
import { EXIT_DONE, EXIT_FAILED, EXIT_OF_SIGNAL } from '../src/cli/exit-codes.js';
import type { Completeness, ConvertResult, ErrorCode, LossKind, WarningKind } from '../src/index.js';
import {
  blocksOf,
  codesOf,
  readDocument,
  repository,
  runSession,
  Sandbox,
  sectionOf,
  tableRows,
} from './documents.js';
import { equal, is, ok, suite } from './suite.js';

const commands = readDocument('docs/commands.md');

/** First cells of the table whose head begins with `head`. */
function column(section: string, head: string): string[] {
  const lines = section.split('\n');
  const start = lines.findIndex(
    (line, i) => line.startsWith(`| ${head} |`) && lines[i + 1]!.startsWith('| ---'),
  );
  const end = lines.findIndex((line, i) => i > start && !line.startsWith('|'));
  const rows = tableRows(lines.slice(start, end === -1 ? undefined : end).join('\n'));
  ok(start !== -1 && rows.length > 0, `no table with the head ${head}`);
  return rows.map(row => row[0]!);
}

suite('commands.md: options', ({ each }) => {
  const helps: readonly (readonly [heading: string, command: string])[] = [
    ...COMMAND_NAMES.map(name => [`## dcp ${name}`, `dcp ${name} --help`] as const),
    ['## Without a command', 'dcp --help'],
  ];
  each(
    helps,
    ([, command]) => command,
    async ([heading, command]) => {
      const [help] = await runSession(new Sandbox(), [command]);
      const printed = [...help!.matchAll(/^ {2}((?:-\w, )?--[\w-]+(?: [A-Z]+)?)(?: |$)/gm)].map(
        match => match[1]!,
      );
      const documented = column(sectionOf(commands, heading), 'Option').map(cell => codesOf(cell).join(', '));
      ok(printed.includes('-h, --help'));
      equal(documented.sort(), printed.sort());
    },
  );
});

suite('commands.md: endings', ({ each, test }) => {
  const codes = [EXIT_DONE, 1, EXIT_FAILED, ...Object.values(EXIT_OF_SIGNAL)];
  const tables: readonly (readonly [document: string, heading: string])[] = [
    ['docs/commands.md', '## Output and endings'],
    ['README.md', '## In scripts'],
  ];
  each(
    tables,
    ([document]) => `exit codes in ${document}`,
    ([document, heading]) => {
      const documented = column(sectionOf(readDocument(document), heading), 'Exit code').flatMap(cell =>
        cell.split(', '),
      );
      equal(documented.map(Number), codes);
    },
  );

  test('environment variables', () => {
    const sources = ['cli', 'tui'].flatMap(folder =>
      readdirSync(join(repository, 'src', folder), { recursive: true, encoding: 'utf8' })
        .filter(name => /\.tsx?$/.test(name))
        .map(name => readDocument(`src/${folder}/${name}`)),
    );
    const read = sources.flatMap(source => [...source.matchAll(/\benv\.([A-Z_]+)/g)].map(match => match[1]!));
    const documented = column(sectionOf(commands, '## Output and endings'), 'Environment').flatMap(codesOf);
    // React reads NODE_ENV; TMPDIR is read by Node.
    const expected = new Set([...read.filter(name => name !== 'NODE_ENV'), 'TMPDIR']);
    equal(documented.sort(), [...expected].sort());
  });
});

suite('commands.md: JSON examples', ({ each }) => {
  each(
    blocksOf(commands).filter(({ purpose }) => purpose.startsWith('of: ')),
    ({ purpose }) => purpose,
    async ({ purpose, text }) => {
      equal(withoutTime(JSON.parse(text)), withoutTime(await documentOf(purpose.slice('of: '.length))));
    },
  );
});

suite('commands.md: JSON fields', ({ each }) => {
  const F = 'fixtures/torch-2.13.0';
  const tables: readonly (readonly [heading: string, runs: readonly string[]])[] = [
    [
      '### convert',
      [
        `convert dcp_to_torch ${F}/strides_dcp out.pth`,
        `convert dcp_to_torch ${F}/torn_overwrite out.pth --resume`,
        `convert dcp_to_torch ${F}/tied_dcp out.pth --check`,
        `convert dcp_to_torch ${F}/vanished_class_dcp out.pth`,
      ],
    ],
    [
      '### inspect',
      [
        `inspect ${F}/fsdp2_adam --keys *net2.bias --keys *.lr --chunks`,
        `inspect ${F}/torn_overwrite`,
        `inspect ${F}/fsdp2_adam app.model.net1.weight --slice 5`,
        `inspect ${F}/fsdp2_adam app.optim.param_groups.0.lr`,
        `inspect ${F}/tied_dcp --html report.html`,
        `inspect ${F}/calls_os_system.pth --pickle`,
        `inspect ${F}/fsdp2_adam --keys *net2.bias --mesh 2 --placements Shard(0)`,
        `inspect ${F}/vanished_class_dcp`,
      ],
    ],
    [
      '### stats',
      [
        `stats ${F}/all_dtypes.pth --fail-on nan --histogram`,
        `stats ${F}/fsdp2_adam --keys *net2.bias --device cpu --workers 0`,
      ],
    ],
    [
      '### diff',
      [
        `diff ${F}/fsdp2_adam ${F}/fsdp2_adam --rename s/exp_avg_sq$/x/ --rename s/exp_avg$/exp_avg_sq/ --keys *net2.bias.exp_avg_sq --workers 0`,
        `diff ${F}/fsdp2_adam ${F}/fsdp2_adam --rename s/exp_avg_sq$/x/ --rename s/exp_avg$/exp_avg_sq/ --keys *exp_avg_sq --atol 100`,
        `diff ${F}/grid_shards ${F}/grid_shards --rename s/rows_twice/x/ --rename s/rows_replicated/rows_twice/ --rename s/x/rows_replicated/`,
        `diff ${F}/all_dtypes.pth ${F}/all_dtypes.pth --rename s/^float32$/x/ --rename s/^int32$/float32/`,
        `diff ${F}/python_objects.pth ${F}/python_objects_dcp`,
        `diff ${F}/int_keys.pth ${F}/int_keys_dcp`,
      ],
    ],
    ['### extract', [`extract ${F}/all_dtypes_dcp bfloat16 -o weight.npy`]],
    ['### A failure', [`inspect ${F}/cyclic.pth`]],
  ];
  each(
    tables,
    ([heading]) => heading,
    async ([heading, runs]) => {
      const documented = column(sectionOf(commands, heading), 'Field').flatMap(codesOf);
      const seen = new Set<string>();
      for (const run of runs) for (const path of leafPaths(await documentOf(`${run} --json`))) seen.add(path);
      const undocumented = [...seen].filter(path => !path.endsWith('[]*') && !documented.includes(path));
      equal(undocumented, []);
      const neverSeen = documented.filter(path => {
        const parent = path.replace(/\[\].*$/, '[]*');
        return !seen.has(path) && !(path.includes('[]') && seen.has(parent));
      });
      equal(neverSeen, []);
    },
  );
});

suite('commands.md: names', ({ each }) => {
  const lossKinds: Record<LossKind, true> = {
    object: true,
    element_type: true,
    cast: true,
    tied: true,
    shared_storage: true,
    tensor_type: true,
    nesting: true,
    mapping_type: true,
    key_type: true,
    empty_mapping: true,
    strides: true,
    requires_grad: true,
    device: true,
    list_gap: true,
    header_text: true,
    dropped: true,
    unnamed: true,
  };
  const warningKinds: Record<WarningKind, true> = {
    torn_overwrite: true,
    leftover: true,
    descended: true,
    other_type: true,
    reshaped: true,
  };
  const errorCodes: Record<ErrorCode | 'internal', true> = {
    usage: true,
    file: true,
    format: true,
    unsupported: true,
    limit: true,
    corrupt: true,
    check: true,
    interrupted: true,
    internal: true,
  };
  const tables: readonly (readonly [head: string, names: object])[] = [
    ['`losses[].kind`', lossKinds],
    ['`warnings[].kind`', warningKinds],
    ['`error.code`', errorCodes],
  ];
  each(
    tables,
    ([head]) => head,
    ([head, names]) => equal(column(commands, head).flatMap(codesOf).sort(), Object.keys(names).sort()),
  );

  const statuses: Record<ConvertResult['status'], true> = {
    converted: true,
    up_to_date: true,
    planned: true,
  };
  const completeness: Record<Completeness, true> = {
    complete: true,
    ranks_missing: true,
    files_missing: true,
    files_short: true,
    index_only: true,
  };
  const fields: readonly (readonly [field: string, heading: string, values: object])[] = [
    ['`status`', '### convert', statuses],
    ['`completeness`', '### inspect', completeness],
  ];
  each(
    fields,
    ([field]) => `values of ${field}`,
    ([field, heading, values]) => {
      const row = tableRows(sectionOf(commands, heading)).find(([name]) => name === field)!;
      const quoted = [...row[1]!.matchAll(/`"(\w+)"`/g)].map(match => match[1]!);
      equal(quoted.sort(), Object.keys(values).sort());
    },
  );
});

const documents = new Map<string, Promise<Record<string, unknown>>>();

/** The one document that a run prints on stdout. Each command line is run once. */
function documentOf(line: string): Promise<Record<string, unknown>> {
  const known = documents.get(line) ?? runForDocument(line);
  documents.set(line, known);
  return known;
}

async function runForDocument(line: string): Promise<Record<string, unknown>> {
  const sandbox = new Sandbox();
  sandbox.addFixtures(line);
  const words = line.split(' ').map(word => `'${word}'`);
  const { output } = await sandbox.bash(`dcp ${words.join(' ')} 2>/dev/null`);
  is(output.trimEnd().split('\n').length, 1, output);
  return JSON.parse(output) as Record<string, unknown>;
}

function withoutTime(document: Record<string, unknown>): Record<string, unknown> {
  return 'elapsed_seconds' in document ? { ...document, elapsed_seconds: 0 } : document;
}

/** Paths as the tables write them: `crc.checked`, `losses[].kind`. An empty array is `losses[]*`. */
function leafPaths(value: unknown, path = ''): string[] {
  if (Array.isArray(value)) {
    return value.length === 0 ? [`${path}[]*`] : value.flatMap(item => leafPaths(item, `${path}[]`));
  }
  if (typeof value !== 'object' || value === null) return [path];
  return Object.entries(value).flatMap(([key, item]) =>
    leafPaths(item, path === '' ? key : `${path}.${key}`),
  );
}
