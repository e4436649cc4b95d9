import { execFile } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { equal, is, ok, suite } from '../suite.js';
import { checkRecovery, type Scenario, scenarios, verdict, verdictBefore } from './scenarios.js';
import { readTree, scratch } from './scratch.js';

const child = fileURLToPath(new URL('kill-child.js', import.meta.url));
const PARALLEL = 3;

interface Ending {
  signal: string | null;
  stdout: string;
}

function runChild(scenario: Scenario, root: string, n: number): Promise<Ending> {
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [child, scenario.name, root, String(n)], (error, stdout, stderr) => {
      const signal = error?.signal ?? null;
      if (error !== null && signal === null) reject(new Error(stderr));
      else resolve({ signal, stdout });
    });
  });
}

suite('io/output: killed before the n-th change of the disk, for every n', ({ each }) => {
  each(
    scenarios,
    scenario => scenario.name,
    async scenario => {
      const top = scratch({ inMemory: true });
      const prepare = (name: string): string => {
        const root = join(top, name);
        mkdirSync(root);
        scenario.prepare(root);
        return root;
      };
      const before = readTree(prepare('before'));
      const changeCount = Number((await runChild(scenario, prepare('whole'), -1)).stdout);
      ok(changeCount >= 7, `only ${changeCount} changes`);

      const found = new Set<string>();
      const killAt = async (n: number): Promise<void> => {
        const root = prepare(String(n));
        is((await runChild(scenario, root, n)).signal, 'SIGKILL', `change ${n}`);
        found.add(verdict(scenario, root));
        checkRecovery(scenario, root, before, `change ${n}`);
      };
      const numbers = Array.from({ length: changeCount }, (_, n) => n);
      while (numbers.length > 0) await Promise.all(numbers.splice(0, PARALLEL).map(killAt));

      const expected = new Set(['new', verdictBefore(before, scenario)]);
      if (scenario.name === 'a checkpoint replaced') expected.add('nothing');
      equal([...found].sort(), [...expected].sort());
    },
  );
});
