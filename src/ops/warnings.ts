import type { Checkpoint } from '../checkpoint/checkpoint.js';
import { DcpCheckpoint } from '../dcp/reader.js';
import { CorruptDataError } from '../errors.js';
import { tornOverwriteOf } from './save-state.js';

export type WarningKind = 'torn_overwrite' | 'leftover' | 'descended' | 'other_type' | 'reshaped';

export interface Warning {
  kind: WarningKind;
  message: string;
}

/**
 * Warns of data files that are newer than the index.
 * @throws CorruptDataError with `strict`.
 */
export function tornWarning(checkpoint: DcpCheckpoint, strict: boolean): Warning[] {
  const files = checkpoint.fileSnapshots.filter(snapshot => snapshot !== undefined);
  const torn = tornOverwriteOf(checkpoint);
  if (torn === undefined) return [];
  const newest = torn.newer[0]!;
  const times = `${newest.name} is of ${newest.time.toISOString()}, .metadata of ${torn.indexTime.toISOString()}`;
  if (strict) {
    throw new CorruptDataError(
      'Data files are newer than the index: a later save into this directory may have died',
      {
        expected: 'data written before .metadata, as torch does',
        found: `${torn.newer.length} of ${files.length} data files are newer: ${times}`,
        path: checkpoint.path,
        hint: 'If the directory was copied without its times (cp -r), convert without --strict.',
      },
    );
  }
  return [
    {
      kind: 'torn_overwrite',
      message:
        `${torn.newer.length} of ${files.length} data files are newer than .metadata, which torch writes last ` +
        `(${times}). Either a later save into this directory died half way, and the weights are of two steps, ` +
        'or the directory was copied without its times (cp -r does that, cp -a does not).',
    },
  ];
}

/** Says which tensors were converted because their items have another type than the index. After resolving. */
export function otherTypeWarning(checkpoint: Checkpoint): Warning[] {
  const found = checkpoint instanceof DcpCheckpoint ? [...checkpoint.castEntries] : [];
  const first = found[0];
  if (first === undefined) return [];
  const [{ fqn, dtype }, stored] = first;
  return [
    {
      kind: 'other_type',
      message:
        `${found.length} tensors are stored in another element type than the index says, and were converted as torch ` +
        `does; the first is ${fqn}: ${stored.name} to ${dtype.name}`,
    },
  ];
}

/** Says which tensors Megatron-core stored in another shape than they have. */
export function reshapedWarning(checkpoint: Checkpoint): Warning[] {
  const reshaped = checkpoint instanceof DcpCheckpoint ? checkpoint.reshaped : [];
  if (reshaped.length === 0) return [];
  return [
    {
      kind: 'reshaped',
      message:
        `${reshaped.length} tensors have the shape in which Megatron-core's distributed optimizer stored them, not their ` +
        `own (--use-distributed-optimizer of Megatron-core up to 0.13); the first is ${reshaped[0]}`,
    },
  ];
}
