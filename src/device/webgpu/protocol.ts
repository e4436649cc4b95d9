import type { CopyPlan } from '../../copy/plan.js';
import type { PlainError } from '../../errors.js';
import type { Tolerance } from '../compare-numbers.js';
import type { Comparison, TensorStats } from '../device.js';
import type { TensorRecords } from '../records.js';
import type { EngineSettings } from './engine.js';
import type { GpuInfo } from './gpu.js';

/** What the process that has the GPU can be asked, and what it answers. */
export interface Calls {
  /** To be called first. */
  open: { arguments: { settings: EngineSettings }; result: GpuInfo };
  stats: { arguments: { records: TensorRecords; histogram: boolean }; result: TensorStats[] };
  compare: {
    arguments: { a: TensorRecords; b: TensorRecords; tolerance: Tolerance };
    result: Comparison[];
  };
  /** A number for each tensor. */
  rebuild: { arguments: { records: TensorRecords }; result: number[] };
  /** The bytes come in `bytes` messages. */
  read: { arguments: { tensor: number }; result: null };
  release: { arguments: { tensors: readonly number[] }; result: null };
}

export type CallName = keyof Calls;

/** A message to the process. `abort` ends the call of that number, `close` the process. */
export type Request =
  | { [Name in CallName]: { kind: Name; id: number; arguments: Calls[Name]['arguments'] } }[CallName]
  | { kind: 'abort'; id: number }
  | { kind: 'close' };

export type CallRequest = Exclude<Request, { kind: 'abort' | 'close' }>;

/** A message from the process, about the call of that number. */
export type Reply =
  | { kind: 'done'; id: number; result: unknown }
  | { kind: 'failed'; id: number; error: PlainError }
  | { kind: 'progress'; id: number; byteCount: number; byteTotal: number }
  | { kind: 'bytes'; id: number; bytes: Uint8Array };

/**
 * Records as another process can be sent them: columns copied out of shared memory, which does not travel, and
 * without what only writers need.
 */
export function recordsToSend({ plan, tensors }: TensorRecords): TensorRecords {
  const sent: CopyPlan = {
    ...plan,
    sources: plan.sources.map(source =>
      typeof source === 'string' ? source : { label: source.label, bytes: source.bytes.slice() },
    ),
    storages: copied(plan.storages),
    records: copied(plan.records),
    pieces: copied(plan.pieces),
    storageLabels: [],
    literals: [],
    deferred: [],
  };
  return { plan: sent, tensors };
}

function copied<Columns extends object>(columns: Columns): Columns {
  return Object.fromEntries(
    Object.entries(columns).map(([name, column]) => [
      name,
      ArrayBuffer.isView(column) ? (column as Uint8Array).slice() : column,
    ]),
  ) as Columns;
}
