/** Outputs made from beginning to end, for tests that end them in the middle. */
import { existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { findLeftovers, removeLeftover } from '../../src/io/leftovers.js';
import { OutputDirectory } from '../../src/io/output-directory.js';
import { type CommitResult, OutputFile } from '../../src/io/output-file.js';
import { equal, is, ok } from '../suite.js';
import { bytesOf, readTree, type Tree, writeTree } from './scratch.js';

export const dcpNames = {
  indexName: '.metadata',
  isIndex: (name: string): boolean => name === '.metadata' || /^__\d+\.metadata$/.test(name),
};

export interface Scenario {
  name: string;
  /** What is there before. */
  prepare(root: string): void;
  /** The destination as the user writes it. */
  destination: string;
  create(root: string): OutputFile | OutputDirectory;
  fill(output: OutputFile | OutputDirectory): Promise<CommitResult>;
  /** All that is there afterwards. */
  after: Tree;
}

/** What a reader finds by the destination's name. A mixture is thrown as a plain Error. */
export function verdict(scenario: Scenario, root: string): 'old' | 'nothing' | 'new' {
  const path = join(root, scenario.destination);
  if (scenario.destination.endsWith('.pth')) {
    if (!existsSync(path)) return 'nothing';
    const text = readFileSync(path, 'utf8');
    if (text !== 'old file' && text !== 'new file') throw new Error(`the file holds ${JSON.stringify(text)}`);
    return text === 'old file' ? 'old' : 'new';
  }
  const index = join(path, '.metadata');
  if (!existsSync(index)) return 'nothing';
  // An index of these tests lists its files and says what they hold.
  const [version, ...names] = readFileSync(index, 'utf8').split(' ');
  for (const name of names) {
    const text = readFileSync(join(path, name), 'utf8');
    if (text !== `${version} ${name}`)
      throw new Error(`${version} index, but ${name} holds ${JSON.stringify(text)}`);
  }
  return version === 'old' ? 'old' : 'new';
}

async function fillFile(output: OutputFile | OutputDirectory): Promise<CommitResult> {
  const file = output as OutputFile;
  file.preallocate(8);
  file.write(bytesOf('file'), 4);
  file.write(bytesOf('new '), 0);
  return file.commit();
}

async function fillDirectory(output: OutputFile | OutputDirectory): Promise<CommitResult> {
  const directory = output as OutputDirectory;
  for (const name of ['__0_0.distcp', '__1_0.distcp']) {
    const file = directory.createFile(name);
    file.preallocate(16);
    file.write(bytesOf(`new ${name}`), 0);
    await file.sync();
  }
  directory.createFile('.metadata').write(bytesOf('new __0_0.distcp __1_0.distcp'), 0);
  return directory.commit({ removeAfterwards: ['__0_0.distcp', '__7_0.distcp', 'already-gone.distcp'] });
}

const newDirectory = (at: string): Tree => ({
  [`${at}/.metadata`]: 'new __0_0.distcp __1_0.distcp',
  [`${at}/__0_0.distcp`]: 'new __0_0.distcp',
  [`${at}/__1_0.distcp`]: 'new __1_0.distcp',
});

export const scenarios: readonly Scenario[] = [
  {
    name: 'a new file',
    prepare: () => {},
    destination: 'm.pth',
    create: root => OutputFile.create(join(root, 'm.pth')),
    fill: fillFile,
    after: { 'm.pth': 'new file' },
  },
  {
    name: 'a file replaced through a link',
    prepare: root => {
      writeTree(root, { 'disk/target': 'old file' });
      symlinkSync('disk/target', join(root, 'm.pth'));
    },
    destination: 'm.pth',
    create: root => OutputFile.create(join(root, 'm.pth'), { force: true }),
    fill: fillFile,
    after: { disk: '<directory>', 'disk/target': 'new file', 'm.pth': '-> disk/target' },
  },
  {
    name: 'a new directory with its parents',
    prepare: () => {},
    destination: 'a/b/ckpt',
    create: root => OutputDirectory.create(join(root, 'a/b/ckpt'), dcpNames),
    fill: fillDirectory,
    after: { a: '<directory>', 'a/b': '<directory>', 'a/b/ckpt': '<directory>', ...newDirectory('a/b/ckpt') },
  },
  {
    name: 'a directory of other files',
    prepare: root => {
      mkdirSync(join(root, 'ckpt'));
      writeTree(root, { 'ckpt/model.pth': 'foreign', 'ckpt/sub/x': 'foreign' });
    },
    destination: 'ckpt',
    create: root => OutputDirectory.create(join(root, 'ckpt'), dcpNames),
    fill: fillDirectory,
    after: {
      ckpt: '<directory>',
      'ckpt/model.pth': 'foreign',
      'ckpt/sub': '<directory>',
      'ckpt/sub/x': 'foreign',
      ...newDirectory('ckpt'),
    },
  },
  {
    name: 'a checkpoint replaced',
    prepare: root =>
      writeTree(root, {
        'ckpt/.metadata': 'old __0_0.distcp __7_0.distcp',
        'ckpt/__0_0.distcp': 'old __0_0.distcp',
        'ckpt/__7_0.distcp': 'old __7_0.distcp',
        'ckpt/__3.metadata': 'rank-local index',
        'ckpt/__9_9.distcp': 'named by no index',
        'ckpt/notes.txt': 'foreign',
      }),
    destination: 'ckpt',
    create: root => OutputDirectory.create(join(root, 'ckpt'), { ...dcpNames, force: true }),
    fill: fillDirectory,
    after: {
      ckpt: '<directory>',
      ...newDirectory('ckpt'),
      'ckpt/__9_9.distcp': 'named by no index',
      'ckpt/notes.txt': 'foreign',
    },
  },
];

/** What the destination held before. */
export function verdictBefore(before: Tree, { destination }: Scenario): 'old' | 'nothing' {
  return (destination.endsWith('.pth') ? destination : `${destination}/.metadata`) in before
    ? 'old'
    : 'nothing';
}

/**
 * After a run that ended at once: what it left is a dead run's, foreign files are as they were, and a later
 * run can clean up so that the old thing or the whole new one is there, and no trace.
 */
export function checkRecovery(
  scenario: Scenario,
  root: string,
  before: Tree,
  where: string,
  { hardLinks = true } = {},
): void {
  verdict(scenario, root);
  const left = readTree(root);
  for (const [path, what] of Object.entries(before)) {
    if (what === 'foreign' || what === 'named by no index') is(left[path], what, `${where}: ${path}`);
  }
  const destination = join(root, scenario.destination);
  for (const leftover of findLeftovers(destination)) {
    is(leftover.state, 'dead', where);
    equal(removeLeftover(leftover, dcpNames), [], where);
  }
  equal(findLeftovers(destination), [], where);
  const after = verdict(scenario, root);
  if (verdictBefore(before, scenario) === 'old') ok(after !== 'nothing', `${where}: the old one is lost`);
  // Without hard links, new files without an index may stay.
  if (!hardLinks) return;
  equal(withoutParents(readTree(root)), withoutParents(after === 'new' ? scenario.after : before), where);
}

/** A run that ended at once cannot remove the parents that it made. */
function withoutParents(tree: Tree): Tree {
  return Object.fromEntries(Object.entries(tree).filter(([path]) => path !== 'a' && path !== 'a/b'));
}
