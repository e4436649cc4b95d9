/** `npm run verify:corruptions [COUNT [SEED]]`: so many single bytes of checkpoints of all kinds are changed. */

import { scratch } from '../io/scratch.js';
import { Random } from '../random.js';
import { CORRUPTION_TARGETS, CorruptibleCheckpoint, isAsPromised } from './corruptions.js';

const [count = '2000', seed = String(Date.now() % 2 ** 31)] = process.argv.slice(2);
const random = new Random(Number(seed));
const total = { proved: [0, 0], structure: [0, 0], unprovable: [0, 0], harmless: 0, broken: 0 };
const targets = await Promise.all(
  CORRUPTION_TARGETS.map(target => CorruptibleCheckpoint.prepare(target, scratch({ inMemory: true }))),
);
for (let i = 0; i < Number(count); i++) {
  const checkpoint = targets[i % targets.length]!;
  const corruption = await checkpoint.corrupt(random);
  const { proof, outcome } = corruption;
  if (proof === 'proved' || proof === 'structure' || proof === 'unprovable') {
    total[proof][0]!++;
    if (outcome === 'found') total[proof][1]!++;
  }
  if (outcome === 'harmless') total.harmless++;
  if (isAsPromised(corruption)) continue;
  total.broken++;
  process.stdout.write(`NOT FOUND: ${checkpoint.target.name} ${JSON.stringify(corruption)}\n`);
}
const line = (name: string, [all, found]: number[]): string => `${name}: ${all} changed, ${found} found\n`;
process.stdout.write(
  `seed ${seed}, ${count} changes in ${targets.length} checkpoints\n` +
    line('proved by a checksum', total.proved) +
    line('checked', total.structure) +
    line('not provable', total.unprovable) +
    `in bits of compressed data that mean nothing: ${total.harmless}\n` +
    `promises broken: ${total.broken}\n`,
);
process.exitCode = total.broken === 0 ? 0 : 1;
