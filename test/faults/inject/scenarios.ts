/**
 * Every command that writes, in all its ways, as arguments: what is there before, and what runs. And those that write
 * nothing but the temporary area: what they answer must be right, or it must be said that it cannot be told.
 */
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { asyncSave, type CheckpointFormat, convert, convertToStream, save } from '../../../src/index.js';
import { fixturePath } from '../../fixtures.js';
import { bury } from '../../io/bury.js';

export interface FaultScenario {
  name: string;
  /** Makes what is there before, below an empty directory. */
  prepare?(root: string): void | Promise<void>;
  /** Arguments of `dcp`, or a call of the library; bytes that it gives must always be the same. */
  run: ((root: string) => string[]) | { library(root: string): Promise<unknown> };
  /** How the run after it goes on where the output is in place: by default with `--force`. */
  again?: 'as it is';
  /** What it has done may stay, to be gone on with. */
  keeps?: boolean;
  /** It reads its output back: what is wrong then ends it with 1. */
  checks?: boolean;
  /**
   * It answers with a JSON document, on stdout, which must be the same whenever it ends with 0. `withFindings`: what
   * cannot be read may be a finding, which ends it with 1, and then nothing is written.
   */
  answers?: 'whole' | 'withFindings';
}

const DIRECTORY = fixturePath('uneven_shards');
const FILE = fixturePath('small_transformer');

function oldFile(root: string): void {
  writeFileSync(join(root, 'out.pth'), 'old');
}

/** A checkpoint of more files than the new one, and a file of somebody else. */
function oldDirectory(root: string): void {
  cpSync(DIRECTORY, join(root, 'out'), { recursive: true });
  writeFileSync(join(root, 'out', 'notes.txt'), 'foreign');
}

function otherFiles(root: string): void {
  mkdirSync(join(root, 'out'));
  writeFileSync(join(root, 'out', 'notes.txt'), 'foreign');
}

function assets(root: string): void {
  mkdirSync(join(root, 'assets'));
  writeFileSync(join(root, 'assets', 'config.json'), '{"hidden_size": 4}');
  writeFileSync(join(root, 'assets', 'tokenizer.json'), '{}');
}

/** What an earlier run of the same conversion has left, all tiles done, as one that was killed would. */
async function suspended(root: string, args: readonly string[]): Promise<void> {
  const [, mode = '', source = '', destination = ''] = args;
  const [from, to] = mode.split('_to_') as [CheckpointFormat, CheckpointFormat];
  const controller = new AbortController();
  const onProgress = ({ phase }: { phase: string }): void => {
    if (phase === 'copy') controller.abort();
  };
  const options = { from, to, resume: true, signal: controller.signal, onProgress };
  await convert(source, destination, options).catch(() => {});
  bury(root);
}

const toTorch = (root: string, ...options: string[]): string[] => [
  'convert',
  'dcp_to_torch',
  DIRECTORY,
  join(root, 'out.pth'),
  ...options,
];
const toDcp = (root: string, ...options: string[]): string[] => [
  'convert',
  'torch_to_dcp',
  FILE,
  join(root, 'out'),
  ...options,
];

const DEFLATED = fixturePath('rezipped_deflated');

function oldPage(root: string): void {
  writeFileSync(join(root, 'report.html'), 'old');
}

/** A checkpoint of one's own, as `verify` writes into it. */
function ownCheckpoint(root: string): void {
  cpSync(DIRECTORY, join(root, 'out'), { recursive: true });
}

function ownCheckpointWithDigests(root: string): void {
  ownCheckpoint(root);
  writeFileSync(join(root, 'out', 'integrity.json'), '{"algorithm": "sha256", "files": {}}');
}

const stateDict = { weight: new Float32Array([1, 2, 3]), step: 7, nested: { bias: new Float64Array([4]) } };

export const FAULT_SCENARIOS: readonly FaultScenario[] = [
  { name: 'a torch.save file', run: root => toTorch(root) },
  { name: 'a torch.save file, by threads', run: root => toTorch(root, '--workers', '2') },
  { name: 'a torch.save file, without sync', run: root => toTorch(root, '--no-sync') },
  {
    name: 'a torch.save file over an old one',
    prepare: oldFile,
    run: root => toTorch(root, '--force'),
    again: 'as it is',
  },
  { name: 'a torch.save file, read back', run: root => toTorch(root, '--check'), checks: true },
  {
    name: 'a torch.save file, told to be there perhaps',
    run: root => toTorch(root, '--skip-existing'),
    again: 'as it is',
  },
  {
    name: 'a DCP directory with its parents',
    run: root => ['convert', 'torch_to_dcp', FILE, join(root, 'a/b/out')],
  },
  { name: 'a DCP directory, by threads', run: root => toDcp(root, '--workers', '2') },
  { name: 'a DCP directory beside other files', prepare: otherFiles, run: root => toDcp(root) },
  {
    name: 'a DCP directory over an old one',
    prepare: oldDirectory,
    run: root => toDcp(root, '--force'),
    again: 'as it is',
  },
  {
    name: 'a torch.save file, with --resume',
    run: root => toTorch(root, '--resume'),
    keeps: true,
  },
  {
    name: 'a DCP directory, with --resume',
    run: root => toDcp(root, '--resume'),
    keeps: true,
  },
  {
    name: 'a DCP directory over an old one, with --resume',
    prepare: oldDirectory,
    run: root => toDcp(root, '--resume', '--force'),
    again: 'as it is',
    keeps: true,
  },
  {
    name: 'a torch.save file, gone on with',
    prepare: root => suspended(root, toTorch(root)),
    run: root => toTorch(root, '--resume'),
    keeps: true,
  },
  {
    name: 'a DCP directory, gone on with by threads',
    prepare: root => suspended(root, toDcp(root)),
    run: root => toDcp(root, '--resume', '--workers', '2'),
    keeps: true,
  },
  {
    name: 'DCP to DCP, of several files',
    run: root => ['convert', 'dcp_to_dcp', DIRECTORY, join(root, 'out')],
  },
  {
    name: 'a directory of safetensors, with assets',
    prepare: assets,
    run: root => [
      'convert',
      'dcp_to_safetensors',
      DIRECTORY,
      join(root, 'hf'),
      '--copy-assets',
      join(root, 'assets'),
      '--max-shard-size',
      '100B',
    ],
  },
  {
    name: 'a safetensors file',
    run: root => ['convert', 'dcp_to_safetensors', DIRECTORY, join(root, 'out.safetensors')],
  },
  {
    name: 'out of a deflated archive, through the temporary area',
    run: root => ['convert', 'torch_to_dcp', fixturePath('rezipped_deflated'), join(root, 'out')],
  },
  {
    name: 'out of compressed items, through the temporary area',
    run: root => ['convert', 'dcp_to_torch', fixturePath('zstd', '2.14.1'), join(root, 'out.pth')],
  },
  {
    name: 'out of a legacy file',
    run: root => ['convert', 'torch_to_dcp', fixturePath('legacy_training_run'), join(root, 'out')],
  },
  {
    name: 'a stream',
    run: {
      library: async () => {
        const pieces: Uint8Array[] = [];
        await convertToStream(DIRECTORY, async bytes => void pieces.push(bytes.slice()), { to: 'torch' });
        return Buffer.concat(pieces);
      },
    },
  },
  {
    name: 'extract to .npy',
    run: root => ['extract', FILE, 'layers.0.attention.wq.weight', '-o', join(root, 'out.npy')],
  },
  {
    name: 'extract over an old file',
    prepare: root => writeFileSync(join(root, 'out.npz'), 'old'),
    run: root => [
      'extract',
      FILE,
      'layers.0.attention.wq.weight',
      '-o',
      join(root, 'out.npz'),
      '--format',
      'npz',
      '--force',
    ],
    again: 'as it is',
  },
  { name: 'save', run: { library: root => save(stateDict, join(root, 'out')) } },
  {
    name: 'save over an old checkpoint',
    prepare: oldDirectory,
    run: { library: root => save(stateDict, join(root, 'out'), { force: true }) },
    again: 'as it is',
  },
  { name: 'asyncSave', run: { library: root => asyncSave(stateDict, join(root, 'out')) } },
  {
    name: 'the page of inspect',
    run: root => ['inspect', DIRECTORY, '--html', join(root, 'report.html')],
  },
  {
    name: 'the page of inspect over an old one',
    prepare: oldPage,
    run: root => ['inspect', DIRECTORY, '--html', join(root, 'report.html'), '--force'],
    again: 'as it is',
  },
  {
    name: 'digests',
    prepare: ownCheckpoint,
    run: root => ['verify', join(root, 'out'), '--sha256', '--write', '--json'],
    answers: 'withFindings',
  },
  {
    name: 'digests over old ones',
    prepare: ownCheckpointWithDigests,
    run: root => ['verify', join(root, 'out'), '--sha256', '--write', '--force', '--json'],
    again: 'as it is',
    answers: 'withFindings',
  },
  {
    name: 'extract out of a deflated archive, through the temporary area',
    run: root => ['extract', DEFLATED, 'norm.weight', '-o', join(root, 'out.npy')],
  },
  {
    name: 'stats of a deflated archive, through the temporary area',
    run: () => ['stats', DEFLATED, '--json'],
    answers: 'whole',
  },
  {
    name: 'diff of a deflated archive, through the temporary area',
    run: () => ['diff', DEFLATED, DEFLATED, '--json'],
    answers: 'whole',
  },
  {
    name: 'inspect of a gzip file, through the temporary area',
    run: () => ['inspect', fixturePath('gzipped_zip'), '--json'],
    answers: 'whole',
  },
  {
    name: 'verify of a deflated archive, through the temporary area',
    run: () => ['verify', DEFLATED, '--crc', '--json'],
    answers: 'withFindings',
  },
  {
    name: 'verify of a torch.save file',
    run: () => ['verify', FILE, '--crc', '--json'],
    answers: 'withFindings',
  },
  {
    name: 'scan of a gzip file, through the temporary area',
    run: () => ['scan', fixturePath('gzipped_zip'), '--json'],
    answers: 'withFindings',
  },
];
