import { join } from 'node:path';
import {
  type CheckpointFormat,
  type ConvertMode,
  type ConvertResult,
  convert,
  openCheckpoint,
} from '../../src/index.js';
import { type FixtureCase, fixtureCases, fixturePath, golden } from '../fixtures.js';
import { scratch } from '../io/scratch.js';
import { type ExpectedError, equal, is, rejects, suite } from '../suite.js';
import { goldenOfCheckpoint } from './golden-of-checkpoint.js';
import { expectedLosses, PAIR_LOSSES } from './pair-losses.js';
import { REFUSED, REFUSED_UNLESS_ALLOWED } from './refused.js';

/**
 * Every format to every format, over the whole corpus: each tensor comes out under its FQN with its bytes, type and
 * shape as the golden has them, and what does not is in the losses. Safetensors come from the first conversion.
 */
const FORMATS: readonly CheckpointFormat[] = ['torch', 'dcp', 'safetensors'];
const OPTIONS = { allowUnsafeGlobals: true, check: true };

/** What only DCP cannot hold: leaves that are tensors and not strided. A state file and a torch file hold them. */
const REFUSED_BY_DCP =
  /^(sparse_leaf|sparse_compressed_leaves|nested_tensor_leaf|quantized_leaf|meta_tensor|dtensor_of_rank_0)$/;
/** What has no names: a torch.save file needs none. */
const TAKEN_BY_TORCH = /^(colliding_keys|top_level_)/;

const NAMELESS: ExpectedError = { code: 'unsupported', message: /A safetensors checkpoint needs names/ };

function refusal({ name }: FixtureCase, to: CheckpointFormat): ExpectedError | undefined {
  const expected = REFUSED_UNLESS_ALLOWED.has(name) ? undefined : REFUSED[name];
  if (expected === undefined || to === 'dcp') return expected;
  if (REFUSED_BY_DCP.test(name) || (to === 'torch' && TAKEN_BY_TORCH.test(name))) return undefined;
  return name.startsWith('top_level_') ? NAMELESS : expected;
}

interface TensorFacts {
  dtype: string;
  shape: readonly number[] | undefined;
  sha256: string | undefined;
}

function requireLosses(result: ConvertResult, { name, torch }: FixtureCase, mode: ConvertMode): void {
  is(result.mode, mode);
  // Those two have a table of their own.
  if (mode === 'torch_to_dcp' || mode === 'dcp_to_torch') return;
  equal(
    result.losses.map(({ kind, count, first }) => [kind, count, first]),
    expectedLosses(mode, name, torch),
    mode,
  );
}

/** Strided tensors in places of their own, by FQN. */
function factsOf(
  rows: readonly {
    path: readonly (string | number)[];
    inside_object?: boolean;
    dtype: string;
    sha256?: string;
    shape?: readonly number[];
  }[],
  { name, withBytes }: { name: string; withBytes: boolean },
): Map<string, TensorFacts> {
  return new Map(
    rows
      .filter(row => row.inside_object !== true && row.sha256 !== undefined)
      .map(({ path, dtype, shape, sha256 }): [string, TensorFacts] => [
        // Neither golden nor helper spells keys such as 2**70 and None as Python does.
        name === 'odd_keys' ? sha256! : path.join('.'),
        { dtype, shape, sha256: withBytes ? sha256 : undefined },
      ])
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}

suite('every pair of formats', ({ each, test }) => {
  each(
    fixtureCases,
    ({ name, torch }) => `${name} of torch ${torch}`,
    async entry => {
      const source = fixturePath(entry.name, entry.torch);
      // Bytes of a torn save are of two steps.
      const withBytes =
        entry.newer_than_metadata === undefined && entry.golden_differs_from_load === undefined;
      const facts = { name: entry.name, withBytes };
      const expected = factsOf(golden(entry.name, entry.torch).tensors as never, facts);
      const directory = scratch({ inMemory: true });
      const path = (name: string, to: CheckpointFormat): string =>
        join(directory, to === 'torch' ? `${name}.pth` : `${name}_${to}`);

      const requireTensors = async (
        output: string,
        dropped: ReadonlySet<string>,
        mode: string,
      ): Promise<void> => {
        const checkpoint = await openCheckpoint(output);
        try {
          const { tensors } = await goldenOfCheckpoint(checkpoint);
          const left = new Map([...expected].filter(([fqn]) => !dropped.has(fqn)));
          equal(factsOf(tensors as never, facts), left, mode);
        } finally {
          checkpoint.close();
        }
      };

      let safetensors: ConvertResult | undefined;
      for (const to of FORMATS) {
        const output = path('first', to);
        const refused = refusal(entry, to);
        if (refused !== undefined) {
          await rejects(() => convert(source, output, { ...OPTIONS, to }), refused);
          continue;
        }
        const result = await convert(source, output, { ...OPTIONS, to });
        const mode: ConvertMode = `${entry.kind}_to_${to}`;
        requireLosses(result, entry, mode);
        if (to === 'safetensors') safetensors = result;
        await requireTensors(output, droppedBy(result), mode);
      }
      if (safetensors === undefined) return;

      for (const to of FORMATS) {
        const output = path('second', to);
        if (to === 'dcp' && REFUSED_BY_DCP.test(entry.name)) continue;
        const result = await convert(path('first', 'safetensors'), output, { ...OPTIONS, to });
        requireLosses(result, entry, `safetensors_to_${to}`);
        equal(result.ties, []);
        await requireTensors(output, droppedBy(safetensors), `safetensors_to_${to}`);
      }
    },
  );

  test('every row of the table names a case', () => {
    const names = new Set(fixtureCases.map(({ name }) => name.replace('.legacy', '')));
    const rows = Object.values(PAIR_LOSSES).flatMap(table => Object.keys(table));
    equal(
      rows.filter(name => !names.has(name)),
      [],
    );
  });
});

function droppedBy({ ties }: ConvertResult): Set<string> {
  return new Set(ties.flatMap(({ dropped }) => dropped));
}
