/**
 * torch-dcp as a library: PyTorch Distributed Checkpoints, torch.save files and safetensors as data, without Python.
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
export type { Layout } from './checkpoint/rename.js';
export type { CrcReport } from './copy/ledger.js';
export type { ByteSink } from './copy/stream.js';
export type {
  Comparison,
  Device,
  DeviceDescription,
  DeviceName,
  DeviceRun,
  DeviceTensor,
  Histogram,
  NumberStats,
  TensorStats,
} from './device/device.js';
export {
  planTensorRecords,
  type RecordTensor,
  type TensorRecords,
  type WantedBox,
} from './device/records.js';
export { type DeviceChoice, type DeviceOptions, openDevice } from './device/registry.js';
export { type TensorMaker, toTensor } from './device/to-tensor.js';
export type { DTypeInfo } from './dtype.js';
export {
  CheckError,
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
export type { CastReport } from './ops/cast-report.js';
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
export { type DeviceRow, type DevicesReport, listDevices } from './ops/devices.js';
export { type DiffOptions, diffCheckpoints } from './ops/diff.js';
export type {
  ComparedCheckpoint,
  DiffDifference,
  DiffReport,
  OneSidedDifference,
  ValuesDifference,
} from './ops/diff-report.js';
export type { EntryOrder } from './ops/entry-order.js';
export {
  type ExtractedArray,
  type ExtractFormat,
  type ExtractOptions,
  type ExtractResult,
  extractTensors,
  extractText,
  extractToStream,
  type PartOptions,
} from './ops/extract.js';
export { type HtmlReport, type HtmlReportOptions, writeHtmlReport } from './ops/html-report.js';
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
  listCheckpoints,
} from './ops/list-checkpoints.js';
export { type LoadOptions, load } from './ops/load/load.js';
export { type LoadResult, type LoadStateDictOptions, loadStateDict } from './ops/load/load-state-dict.js';
export type { ReadOptions } from './ops/load/read-tensors.js';
export type { Loss, LossKind } from './ops/losses.js';
export type { MapOptions } from './ops/mapping.js';
export type { ObjectDetail } from './ops/object-text.js';
export { openCheckpoint } from './ops/open.js';
export type { EntryPart, Part } from './ops/parts.js';
export {
  type InspectedPickle,
  inspectPickle,
  type PickleGlobal,
  readPicklesOf,
  type StoredPickle,
} from './ops/pickles.js';
export type { BytePhase, Progress } from './ops/progress.js';
export type { LayoutReport, RankBox, RankTotal } from './ops/rank-boxes.js';
export type { DroppedTie, TiePolicy } from './ops/safetensors-save.js';
export type { NamedGlobal } from './ops/safety.js';
export type { LostEntry } from './ops/salvage.js';
export {
  AsyncSaver,
  type AsyncSaverOptions,
  asyncSave,
  type SaveOptions,
  type SaveResult,
  save,
} from './ops/save/save.js';
export type { SaveState } from './ops/save-state.js';
export { type ScanOptions, scan } from './ops/scan.js';
export type { SelectionOptions } from './ops/selection.js';
export type { MeshLayout, ReshardOptions } from './ops/sharding.js';
export type { FileShare, PartShare, RankShare } from './ops/shares.js';
export type { StateDict } from './ops/state-dict/leaves.js';
export type { Stateful } from './ops/state-dict/stateful.js';
export {
  dtensor,
  type ElementArray,
  Tensor,
  type TensorLike,
  type TensorOptions,
  tensor,
} from './ops/state-dict/tensor.js';
export {
  checkpointStats,
  type DTypeStats,
  type StatsEntry,
  type StatsOptions,
  type StatsProblem,
  type StatsProblemKind,
  type StatsReport,
} from './ops/stats.js';
export { type StatsOrder, sortStats } from './ops/stats-order.js';
export { problemCount } from './ops/stats-problems.js';
export type { StepOptions } from './ops/steps.js';
export type { TreeNote } from './ops/tree-notes.js';
export type {
  ByteCounts,
  ByteProof,
  VerifiedFile,
  VerifiedRange,
} from './ops/verify/byte-account.js';
export { FINDING_RULES, type Finding, type FindingRule } from './ops/verify/finding.js';
export { type VerifyOptions, type VerifyReport, verify } from './ops/verify/verify.js';
export { type WaitOptions, waitForCheckpoint } from './ops/wait.js';
export type { Warning, WarningKind } from './ops/warnings.js';
export { PyDict } from './pickle/dict.js';
export { type DisassembleOptions, type Disassembly, disassemble } from './pickle/disassemble.js';
export * from './pickle/values.js';
export {
  type GlobalVerdict,
  SCAN_RULES,
  type ScanFinding,
  type ScannedGlobal,
  type ScanPlace,
  type ScanReport,
  type ScanRule,
} from './scan/report.js';
