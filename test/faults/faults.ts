/**
 * `npm run faults -- [--every 1] [--jobs 2] [--shard 1/1] [--kills 200] [--seed N] [--only TEXT] [--mode NAME]`: every
 * command that writes, with each of its system calls made to fail in turn, in so many processes side by side; and
 * conversions killed at random moments. Prints figures, which do not depend on the number of jobs, and each finding;
 * ends with 1 if there is one.
 *
 * `node dist/test/faults/faults.js` is all that runs: it needs `bin`, `dist`, `fixtures`, `package.json`, and of
 * `node_modules` `uvu`, `dequal`, `kleur` and `diff`.
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { injectFaults } from './inject/injection.js';
import { MODES } from './inject/modes.js';
import { killMany } from './kill-many.js';

const { values: flags } = parseArgs({
  options: {
    every: { type: 'string', default: '1' },
    jobs: { type: 'string', default: String(availableParallelism()) },
    shard: { type: 'string', default: '1/1' },
    only: { type: 'string', default: '' },
    mode: { type: 'string', default: '' },
    kills: { type: 'string', default: '200' },
    seed: { type: 'string', default: '1' },
  },
});

const print = (text: string): void => void process.stdout.write(`${text}\n`);
const [k = 1, n = 1] = flags.shard.split('/').map(Number);
const { rows, findings } = await injectFaults({
  every: Number(flags.every),
  seed: Number(flags.seed),
  jobs: Number(flags.jobs),
  shard: { k, n },
  only: flags.only,
  mode: flags.mode,
});
const scenarios = new Set(rows.map(({ scenario }) => scenario));
print(`${scenarios.size} ways of writing; every ${flags.every}. system call of each fails\n`);
print('| failure | runs | calls that failed | of them in threads | ended well | refused |');
print('| --- | ---: | ---: | ---: | ---: | ---: |');
for (const { name } of MODES) {
  const own = rows.filter(({ mode }) => mode === name);
  const sum = (field: 'runs' | 'faults' | 'inThreads' | 'passed' | 'refused'): number =>
    own.reduce((total, row) => total + row[field], 0);
  const cells = [name, sum('runs'), sum('faults'), sum('inThreads'), sum('passed'), sum('refused')];
  print(`| ${cells.join(' | ')} |`);
}

const kills = await killMany(Number(flags.kills), Number(flags.seed));
print('\n| kill -9 | with a temporary there | held old | held nothing | held new | next run resumed |');
print('| ---: | ---: | ---: | ---: | ---: | ---: |');
const { held } = kills;
print(
  `| ${[kills.kills - kills.late, kills.withTemporary, held.old, held.nothing, held.new, kills.resumed].join(' | ')} |`,
);

const all = [...findings, ...kills.findings];
print(`\n${all.length} findings`);
for (const finding of all) process.stderr.write(`${finding}\n`);
process.exit(all.length === 0 ? 0 : 1);
