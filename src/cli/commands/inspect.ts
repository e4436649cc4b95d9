import { UsageError } from '../../errors.js';
import { ENTRY_ORDERS, type EntryOrder } from '../../ops/entry-order.js';
import type { MeshTexts } from '../../ops/sharding.js';
import type { Command, GivenArguments } from '../command.js';
import {
  CHECKPOINT_HELP,
  choiceOf,
  JSON_OPTION,
  keysOption,
  layoutOf,
  requireNotStdin,
  SHARD_OPTIONS,
  STDOUT,
} from '../shared-options.js';

/** `dcp inspect`, asked for. */
export interface InspectRequest {
  command: 'inspect';
  path: string;
  /** The entry that was asked for, or what is above those that were. */
  fqn: string | undefined;
  slice: string | undefined;
  keys: readonly string[] | undefined;
  all: boolean;
  sort: EntryOrder | undefined;
  files: boolean;
  objects: boolean;
  pickle: boolean;
  chunks: boolean;
  latestComplete: boolean;
  /** Where a page is written. */
  html: string | undefined;
  force: boolean;
  layout: MeshTexts | undefined;
  json: boolean;
}

export const inspectCommand: Command = {
  name: 'inspect',
  summary: 'Show tensors, types, sizes, ranks, files',
  positionals: [{ name: 'path' }, { name: 'fqn', kind: 'optional' }],
  options: [
    keysOption('List only entries'),
    {
      name: 'all',
      kind: 'flag',
      describe: 'A line an entry, with its whole name: fold nothing, cut no values',
    },
    {
      name: 'sort',
      kind: 'value',
      valueName: 'ORDER',
      describe: 'size (the largest first), name or dtype. Default: as in the checkpoint',
    },
    { name: 'files', kind: 'flag', describe: 'List the data files: rank, size, items, share of the bytes' },
    { name: 'objects', kind: 'flag', describe: 'Show the values that are no tensors, as Python writes them' },
    {
      name: 'pickle',
      kind: 'flag',
      describe: 'Show what the pickles name, and their opcodes; with <fqn> those of an object. None is run',
    },
    {
      name: 'slice',
      kind: 'value',
      valueName: 'SLICE',
      describe: "With <fqn>: which files hold this part of the tensor, as numpy has it: 5000 or '0:10,:'",
    },
    { name: 'chunks', kind: 'flag', describe: 'List every chunk: its box, file, offset and length' },
    {
      name: 'latest-complete',
      kind: 'flag',
      describe: 'Of a directory of checkpoints: print the path of the newest one that is complete',
    },
    ...SHARD_OPTIONS,
    {
      name: 'html',
      kind: 'value',
      valueName: 'FILE',
      describe: 'Write a page for browsers that needs nothing else: treemap, ranks, table with search',
    },
    { name: 'force', kind: 'flag', describe: 'With --html: replace a file that exists' },
    JSON_OPTION,
  ],
  intro: [
    'Show what is in a checkpoint: a header, then its names as a tree in which equal',
    'layers are one line. Only indexes and Python objects are read, never the bytes',
    'of a tensor. Of a directory with several checkpoints each is a row.',
  ],
  positionalHelp: [
    [
      '<path>',
      `${CHECKPOINT_HELP}; a .metadata file on its own; or a directory of checkpoints, which are listed`,
    ],
    ['[fqn]', 'one entry: where its chunks lie, or its value; or what is below a name'],
  ],
  examples: [
    ['Header, and all names as a tree', 'dcp inspect step-1000/'],
    [
      "Which rank's file holds row 5,000 of a weight",
      'dcp inspect step-1000/ model.embed.weight --slice 5000',
    ],
    ['The largest tensors', 'dcp inspect step-1000/ --all --sort size | head -30'],
    ['How evenly ranks share the bytes', 'dcp inspect step-1000/ --files'],
    ['What a file would make Python load', 'dcp inspect model.pth --pickle | less'],
    ['Learning rates, steps, random states', 'dcp inspect step-1000/ --objects'],
    ['Where the shards of one layer lie', "dcp inspect step-1000/ --keys '*.layers.0.*' --chunks"],
    ['A page to look around in, with a treemap', 'dcp inspect step-1000/ --html report.html'],
    ['An index copied from a cluster; its data need not be at hand', 'dcp inspect .metadata'],
    ['All names, for a script', "dcp inspect model.pth --json | jq -r '.entries[].fqn'"],
    ['The checkpoints of a run: step, age, state, size', 'dcp inspect run/'],
    ['The path of the last one that can be used, for a script', 'dcp inspect run/ --latest-complete'],
    ['In what two checkpoints differ', 'diff <(dcp inspect a/) <(dcp inspect b/)'],
    [
      'What each rank of another mesh would read',
      "dcp inspect step-1000/ --mesh 2x4 --placements 'Shard(0),Shard(1)'",
    ],
  ],
  prepare(given) {
    const request = inspectRequest(given);
    return {
      request,
      run: async (output, screens) => (await import('../inspect.js')).runInspect(request, output, screens),
    };
  },
};

function inspectRequest(given: GivenArguments): InspectRequest {
  const { words, flag, value, values } = given;
  const [path = '', fqn] = words;
  requireNotStdin(path);
  const sort = value('sort');
  const request: InspectRequest = {
    command: 'inspect',
    path,
    fqn,
    slice: value('slice'),
    keys: values('keys'),
    all: flag('all'),
    sort: sort === undefined ? undefined : choiceOf('sort', sort, ENTRY_ORDERS),
    files: flag('files'),
    objects: flag('objects'),
    pickle: flag('pickle'),
    chunks: flag('chunks'),
    latestComplete: flag('latest-complete'),
    html: value('html'),
    force: flag('force'),
    layout: layoutOf(given),
    json: flag('json'),
  };
  if (request.latestComplete && isOfOneCheckpoint(request)) {
    throw new UsageError('--latest-complete prints a path, and nothing of what is in it', {
      hint: 'Give the path to another dcp inspect.',
    });
  }
  if (request.html === '' || request.html === STDOUT) {
    throw new UsageError('--html needs the name of a file', {
      found: request.html === '' ? 'nothing' : STDOUT,
    });
  }
  if (request.force && request.html === undefined) {
    throw new UsageError('--force is for --html, and nothing else is written');
  }
  if (request.pickle && isOfEntries(request)) {
    throw new UsageError('--pickle shows pickles, and no entries', {
      expected: 'only <fqn> and --all with it',
    });
  }
  if (request.slice !== undefined && fqn === undefined) {
    throw new UsageError('--slice is of one tensor', {
      expected: 'its name behind the path',
      hint: 'dcp inspect CKPT model.embed.weight --slice 5000',
    });
  }
  return request;
}

/** Whether it asks about what is in one checkpoint, so that it cannot be of several. */
export function isOfOneCheckpoint(request: InspectRequest): boolean {
  return request.pickle || request.all || request.fqn !== undefined || isOfEntries(request);
}

/** Whether it asks for entries or files, or how they are shown. */
function isOfEntries({ keys, chunks, sort, files, objects, slice, layout, html }: InspectRequest): boolean {
  return chunks || files || objects || [keys, sort, slice, layout, html].some(given => given !== undefined);
}
