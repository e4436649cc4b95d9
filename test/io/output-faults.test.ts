import { DcpError } from '../../src/errors.js';
import { equal, is, ok, suite } from '../suite.js';
import { systemError, type Watcher, watchingCalls, withoutLinks } from './faults.js';
import { type Scenario, scenarios, verdict } from './scenarios.js';
import { readTree, scratch, type Tree } from './scratch.js';

const plain: Watcher = () => undefined;
const fileSystems = [
  { name: '', watcher: plain },
  { name: ' without hard links', watcher: withoutLinks },
];

const rows = scenarios.flatMap(scenario =>
  fileSystems.flatMap(system =>
    ['ENOSPC', 'EIO', 'EACCES', 'EPERM'].map(code => ({ scenario, system, code })),
  ),
);

interface Outcome {
  calls: number;
  error?: unknown;
  leftBehind: string[];
  /** Calls `discard` and returns what it could not remove. */
  discard(): string[];
}

/** Runs a scenario in which the calls chosen by `fails` (counted from 0) fail with `code`. */
async function runFailing(
  { create, fill }: Scenario,
  root: string,
  base: Watcher,
  code: string,
  fails: (call: number) => boolean,
): Promise<Outcome> {
  const outcome: Outcome = { calls: 0, leftBehind: [], discard: () => [] };
  const watcher: Watcher = call => {
    if (fails(outcome.calls++)) throw systemError(code);
    return base(call);
  };
  await watchingCalls(watcher, async () => {
    try {
      const output = create(root);
      outcome.discard = () => output.discard();
      outcome.leftBehind = (await fill(output)).leftBehind;
    } catch (error) {
      outcome.error = error;
    }
    outcome.discard();
  });
  return outcome;
}

function prepared(scenario: Scenario): { root: string; before: Tree } {
  const root = scratch({ inMemory: true });
  scenario.prepare(root);
  return { root, before: readTree(root) };
}

suite('io/output: no failure', ({ each }) => {
  each(
    scenarios.flatMap(scenario => fileSystems.map(system => ({ scenario, system }))),
    ({ scenario, system }) => `${scenario.name}${system.name}`,
    async ({ scenario, system }) => {
      const { root } = prepared(scenario);
      const outcome = await runFailing(scenario, root, system.watcher, '', () => false);
      is(outcome.error, undefined);
      equal(outcome.leftBehind, []);
      const sorted = Object.entries(scenario.after).sort(([a], [b]) => (a < b ? -1 : 1));
      equal(
        Object.entries(readTree(root)).sort(([a], [b]) => (a < b ? -1 : 1)),
        sorted,
      );
    },
  );
});

suite('io/output: the n-th call fails, for every n', ({ each }) => {
  each(
    rows,
    ({ scenario, system, code }) => `${scenario.name}${system.name}: ${code}`,
    async ({ scenario, system, code }) => {
      for (let n = 0; ; n++) {
        const { root, before } = prepared(scenario);
        const outcome = await runFailing(scenario, root, system.watcher, code, call => call === n);
        if (outcome.calls <= n) {
          ok(n > 10, `only ${n} calls`);
          return;
        }
        const where = `call ${n}`;
        outcome.discard();
        if (outcome.error === undefined || isInPlace(outcome.error)) {
          is(verdict(scenario, root), 'new', where);
          ok(
            Object.keys(readTree(root)).every(path => !path.includes('dcp-')),
            where,
          );
        } else {
          ok(outcome.error instanceof DcpError, `${where}: ${outcome.error}`);
          equal(readTree(root), before, where);
        }
      }
    },
  );
});

suite('io/output: every call fails from the n-th on, for every n', ({ each }) => {
  each(
    rows,
    ({ scenario, system, code }) => `${scenario.name}${system.name}: ${code}`,
    async ({ scenario, system, code }) => {
      for (let n = 0; ; n++) {
        const { root, before } = prepared(scenario);
        const outcome = await runFailing(scenario, root, system.watcher, code, call => call >= n);
        if (outcome.calls <= n) return;
        const where = `call ${n}`;
        // Does not throw: no mixture. With the device back, another discard ends it.
        verdict(scenario, root);
        equal(outcome.discard(), [], where);
        if (outcome.error === undefined || isInPlace(outcome.error)) {
          is(verdict(scenario, root), 'new', where);
        } else {
          ok(outcome.error instanceof DcpError, `${where}: ${outcome.error}`);
          equal(withoutEmpty(readTree(root)), before, where);
        }
      }
    },
  );
});

function isInPlace(error: unknown): boolean {
  return error instanceof DcpError && /is whole and in place/.test(error.message);
}

/** Where `create` fails and cannot clean up, something empty may stay: the temporary, or parents. */
function withoutEmpty(tree: Tree): Tree {
  const isOurs = (path: string): boolean => path === 'a' || path === 'a/b' || path.includes('dcp-tmp-');
  return Object.fromEntries(
    Object.entries(tree).filter(([path, what]) => !isOurs(path) || (what !== '' && what !== '<directory>')),
  );
}
