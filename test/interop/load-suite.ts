import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { localShardOf } from '../../src/checkpoint/local-shard.js';
import { parseMesh } from '../../src/checkpoint/mesh.js';
import { parsePlacements } from '../../src/checkpoint/placements.js';
import { dtensor, loadStateDict, type Tensor, tensor } from '../../src/index.js';
import { type FixtureCase, fixtureCases, fixturePath } from '../fixtures.js';
import { scratch } from '../io/scratch.js';
import { equal, fail, is, ok, suite } from '../suite.js';
import { python } from './judge.js';

/** What torch gave the ranks: see load_ranks.py. */
interface RankedCase {
  name: string;
  error?: string;
  tensors: RankedTensor[];
}

interface RankedTensor {
  key: string;
  dtype: string;
  local_dtype: string;
  shape: number[];
  placements?: string;
  from?: 'distribute_tensor';
  ranks: { shape: number[]; offsets?: number[]; sha256: string }[];
}

const script = fileURLToPath(new URL('../../../test/interop/load_ranks.py', import.meta.url));

/** Cases that cannot be compared with torch, and why. */
const NOT_COMPARED: Readonly<Record<string, string>> = {
  big_endian_untyped: 'torch takes what these storages hold for bytes, and swaps none',
  dtensor_of_rank_0: 'torch writes one shard as if it were all: the rest comes back as uninitialised memory',
};

const label = ({ name, torch }: FixtureCase): string => `${name} of torch ${torch}`;

/** Torch's answers for all fixtures on one mesh: one launch of as many ranks. */
async function askRanks(mesh: string, cases: readonly FixtureCase[]): Promise<Map<string, RankedCase>> {
  const out = join(scratch(), 'ranks.json');
  const child = spawn(python(), [script, mesh, out], { stdio: ['pipe', 'ignore', 'pipe'] });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', text => (stderr += text));
  child.stdin.end(
    JSON.stringify(
      cases.map(entry => ({
        name: label(entry),
        path: fixturePath(entry.name, entry.torch),
        kind: entry.kind,
        define: entry.name.startsWith('vanished_class') ? ['vanished_package.models.Config'] : [],
      })),
    ),
  );
  const code = await new Promise(resolve => child.on('close', resolve));
  if (code !== 0) throw new Error(`the ranks of mesh ${mesh} ended with ${code}: ${stderr.slice(-3000)}`);
  const answers = JSON.parse(readFileSync(out, 'utf8')) as RankedCase[];
  return new Map(answers.map(answer => [answer.name, answer]));
}

/** The rank's targets, filled with ones so that what is not loaded shows. */
function targetsOf(tensors: readonly RankedTensor[], mesh: string, rank: number): Map<string, Tensor> {
  return new Map(
    tensors.map(({ key, local_dtype: dtype, shape, placements }) => {
      const target =
        placements === undefined
          ? tensor({ dtype, shape })
          : dtensor({ dtype, shape, mesh: parseMesh(mesh), placements: parsePlacements(placements), rank });
      target.bytes.fill(1);
      return [key, target];
    }),
  );
}

/** Every rank of the mesh loads every fixture, with torch and here: the same elements must come out. */
export async function suiteOfMesh(mesh: string): Promise<void> {
  const cases = fixtureCases.filter(
    ({ kind, name }) => ['dcp', 'torch'].includes(kind) && !(name in NOT_COMPARED),
  );
  const answers = await askRanks(mesh, cases);
  const seen = { sharded: 0, empty: 0, severalBoxes: 0, cast: 0 };

  suite(`interop: load on mesh ${mesh}`, ({ test, skip }) => {
    for (const [name, reason] of Object.entries(NOT_COMPARED)) skip(name, reason);
    for (const entry of cases) {
      const { error, tensors } = answers.get(label(entry)) ?? fail(`no answer for ${label(entry)}`);
      if (error !== undefined) {
        skip(label(entry), error);
        continue;
      }
      test(`${label(entry)}: ${tensors.length} tensors`, async () => {
        for (let rank = 0; rank < parseMesh(mesh).size; rank++) {
          const targets = targetsOf(tensors, mesh, rank);
          const memory = new Map([...targets].map(([key, { data }]) => [key, data.buffer]));
          const result = await loadStateDict(targets, fixturePath(entry.name, entry.torch));
          is(result.tensors, tensors.length);
          for (const { key, placements, shape, ranks, from, dtype, local_dtype } of tensors) {
            const target = targets.get(key)!;
            const expected = ranks[rank]!;
            const where = `${key} ${placements ?? 'whole'} as ${local_dtype}, rank ${rank}`;
            equal(target.localShape, expected.shape, where);
            is(createHash('sha256').update(target.bytes).digest('hex'), expected.sha256, where);
            is(target.data.buffer, memory.get(key), 'the same memory');
            if (placements !== undefined) {
              const shard = localShardOf(shape, target.sharding!);
              if (expected.offsets !== undefined) equal(shard.offsets, expected.offsets, where);
              seen.sharded++;
              if (from !== undefined) seen.severalBoxes++;
              if (expected.shape.includes(0) && !shape.includes(0)) seen.empty++;
            }
            if (dtype !== local_dtype) seen.cast++;
          }
        }
      });
    }

    test('among them were sharded and converted tensors, empty parts, and parts of several pieces', () => {
      ok(seen.sharded > 300, `${seen.sharded} sharded parts`);
      ok(seen.cast > 20, `${seen.cast} converted`);
      if (parseMesh(mesh).size === 1) return;
      ok(seen.empty > 0 && seen.severalBoxes > 0, JSON.stringify(seen));
    });
  });
}
