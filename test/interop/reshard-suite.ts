import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { convert, type ReshardOptions } from '../../src/index.js';
import { type FixtureCase, fixturePath } from '../fixtures.js';
import { scratch } from '../io/scratch.js';
import { equal, fail, ok, suite } from '../suite.js';
import { python } from './judge.js';

const script = fileURLToPath(new URL('../../../test/interop/save_ranks.py', import.meta.url));

/** One way to spread all tensors over a mesh. */
export interface LayoutCase {
  placements: string;
  /** Glob and placements; of several that match the last one counts. */
  rules: readonly (readonly [glob: string, placements: string])[];
}

interface Answer {
  name: string;
  error?: string;
  layouts: { differences: unknown[]; sharded: number }[];
}

/** Fixtures that cannot be compared so, and why. */
const NOT_COMPARED: Readonly<Record<string, string>> = {
  dtensor_of_rank_0: 'torch writes one shard as if it were all; refused by us',
  big_endian_untyped: 'torch takes what these storages hold for bytes, and swaps none',
  calls_os_system: 'names os.system; refused by us, see the tests of the command line',
  calls_os_system_dcp: 'names os.system; refused by us, see the tests of the command line',
  legacy_module: 'a save on several ranks asks a module for its state dict; we carry the module',
  module_in_dict: 'the same',
  python_objects: 'functools.partial changes each time that Python loads and saves it',
};

const label = ({ name, torch }: FixtureCase): string => `${name} of torch ${torch}`;

const define = ({ name }: FixtureCase): string[] =>
  name.startsWith('vanished_class') ? ['vanished_package.models.Config'] : [];

function optionsOf(mesh: string, { placements, rules }: LayoutCase): ReshardOptions {
  const texts = rules.map(([glob, list]) => `${glob}=${list}`);
  if (mesh.includes('x')) return { mesh, placements: [placements, ...texts] };
  const dim = Number(/^Shard\((\d+)\)$/.exec(placements)?.[1] ?? fail(`no --ranks for ${placements}`));
  return {
    ranks: Number(mesh),
    ...(dim === 0 ? {} : { dim }),
    ...(rules.length === 0 ? {} : { placements: texts }),
  };
}

/** Every layout of every fixture, made here, against what as many ranks of torch save: files, index, items, bytes. */
export async function suiteOfReshards(
  mesh: string,
  all: readonly FixtureCase[],
  layouts: readonly LayoutCase[],
): Promise<void> {
  const fixtures = all.filter(({ name }) => !(name in NOT_COMPARED));
  const directory = scratch();
  const refused = new Map<string, string>();
  const cases: unknown[] = [];
  for (const [number, entry] of fixtures.entries()) {
    const made: (LayoutCase & { directory: string })[] = [];
    for (const [i, layout] of layouts.entries()) {
      const ours = join(directory, `${number}-${i}`);
      const reshard = async (rules: LayoutCase['rules']): Promise<void> => {
        const options = optionsOf(mesh, { ...layout, rules });
        await convert(fixturePath(entry.name, entry.torch), ours, { ...options, to: 'dcp', sync: false });
        made.push({ placements: layout.placements, rules, directory: ours });
      };
      try {
        // A rule that matches nothing is refused: such fixtures go without.
        await reshard(layout.rules).catch(error => {
          if (error.code !== 'usage' || layout.rules.length === 0) throw error;
          return reshard([]);
        });
      } catch (error) {
        refused.set(label(entry), (error as Error).message);
        break;
      }
    }
    cases.push({
      name: label(entry),
      path: fixturePath(entry.name, entry.torch),
      kind: entry.kind,
      define: define(entry),
      layouts: made,
    });
  }
  const answers = await ask(mesh, cases);
  suite(`interop: reshard to mesh ${mesh}`, ({ test, skip }) => {
    let sharded = 0;
    for (const { name } of all) if (name in NOT_COMPARED) skip(name, NOT_COMPARED[name]!);
    for (const entry of fixtures) {
      const name = label(entry);
      const answer = answers.get(name) ?? fail(`no answer for ${name}`);
      if (answer.error !== undefined) {
        skip(name, answer.error);
        continue;
      }
      test(name, () => {
        if (refused.has(name)) fail(refused.get(name)!);
        ok(answer.layouts.length > 0);
        for (const { differences } of answer.layouts) equal(differences, []);
        sharded += answer.layouts.reduce((sum, layout) => sum + layout.sharded, 0);
      });
    }
    test('among them were sharded tensors', () => ok(sharded > fixtures.length, `${sharded}`));
  });
}

async function ask(mesh: string, cases: readonly unknown[]): Promise<Map<string, Answer>> {
  const out = join(scratch(), 'answers.json');
  const child = spawn(python(), [script, mesh, out], { stdio: ['pipe', 'ignore', 'pipe'] });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', text => (stderr += text));
  child.stdin.end(JSON.stringify(cases));
  const code = await new Promise(resolve => child.on('close', resolve));
  if (code !== 0) throw new Error(`the ranks of mesh ${mesh} ended with ${code}: ${stderr.slice(-3000)}`);
  const answers = JSON.parse(readFileSync(out, 'utf8')) as Answer[];
  return new Map(answers.map(answer => [answer.name, answer]));
}
