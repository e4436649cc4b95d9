/**
 * torch-dcp as a library: PyTorch Distributed Checkpoints and torch.save files as data, without Python.
 *
 * Nothing here prints, exits or installs signal handlers; long work takes an `AbortSignal` and `onProgress`; what
 * is thrown is a {@link DcpError}.
 */

export type { Box } from './checkpoint/box.js';
export type {
  Checkpoint,
  CheckpointFormat,
  Entry,
  EntryPath,
  Provenance,
  SourceFile,
} from './checkpoint/checkpoint.js';
export { ObjectEntry, TensorEntry } from './checkpoint/checkpoint.js';
export {
  type LocalBox,
  type LocalShard,
  localShardOf,
  type Sharding,
  wholeTensor,
} from './checkpoint/local-shard.js';
export { DeviceMesh, parseMesh } from './checkpoint/mesh.js';
export {
  type Placement,
  parsePlacements,
  placementText,
  Replicate,
  Shard,
  StridedShard,
} from './checkpoint/placements.js';
export type { ByteSink } from './copy/stream.js';
export type { DTypeInfo } from './dtype.js';
export {
  CorruptDataError,
  DcpError,
  type ErrorCode,
  type ErrorContext,
  FileError,
  FormatError,
  InterruptedError,
  LimitError,
  UnsupportedError,
  UsageError,
} from './errors.js';
export {
  type ConvertFormats,
  type ConvertMode,
  type ConvertOptions,
  type ConvertProgress,
  type ConvertResult,
  convert,
  convertToStream,
  dcpToTorchSave,
  dcpToTorchStream,
  torchSaveToDcp,
} from './ops/convert.js';
export {
  type Completeness,
  type InspectedChunk,
  type InspectedEntry,
  type InspectedFile,
  type InspectOptions,
  type InspectReport,
  inspectCheckpoint,
} from './ops/inspect.js';
export {
  type CheckpointList,
  type ListedCheckpoint,
  type ListedState,
  listCheckpoints,
} from './ops/list-checkpoints.js';
export type { Loss, LossKind } from './ops/losses.js';
export { openCheckpoint } from './ops/open.js';
export type { Part } from './ops/parts.js';
export type { DroppedTie, TiePolicy } from './ops/safetensors-save.js';
export type { NamedGlobal } from './ops/safety.js';
export type { LostEntry } from './ops/salvage.js';
export { type WaitOptions, waitForCheckpoint } from './ops/wait.js';
export type { Warning, WarningKind } from './ops/warnings.js';
export { PyDict } from './pickle/dict.js';
export * from './pickle/values.js';
