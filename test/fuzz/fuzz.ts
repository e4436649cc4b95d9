/**
 * `npm run fuzz -- [--mutants 10000] [--seed N] [--first N] [--format NAME …]`: changed files of every format, and
 * what becomes of them. Prints a row a format, and each finding; ends with 1 if there is one.
 */
import { parseArgs } from 'node:util';
import { runFuzz } from './run-fuzz.js';
import { FUZZ_FORMATS } from './seeds.js';

const { values: flags } = parseArgs({
  options: {
    mutants: { type: 'string', default: '10000' },
    seed: { type: 'string', default: '1' },
    first: { type: 'string', default: '0' },
    format: { type: 'string', multiple: true, default: [...FUZZ_FORMATS] },
  },
});

let findings = 0;
process.stdout.write(
  '| format | seed | mutants | refused | converted, right | slowest, ms | peak memory, MiB | findings |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n',
);
for (const format of FUZZ_FORMATS.filter(each => flags.format.includes(each))) {
  const report = await runFuzz({
    format,
    seed: Number(flags.seed),
    first: Number(flags.first),
    mutants: Number(flags.mutants),
  });
  const { seed, mutants, refused, right, slowestMs, maxRss } = report;
  const total = Object.values(refused).reduce((sum, count) => sum + count, 0);
  const cells = [
    format,
    seed,
    mutants,
    total,
    right,
    Math.round(slowestMs),
    Math.round(maxRss / 2 ** 20),
    report.findings.length,
  ];
  process.stdout.write(`| ${cells.join(' | ')} |\n`);
  for (const finding of report.findings) process.stderr.write(`${finding}\n`);
  findings += report.findings.length;
}
process.exit(findings === 0 ? 0 : 1);
