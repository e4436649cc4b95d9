/** Archives of torch.save under a microscope, for those above who know no zip. */
export { type ArchiveFault, type ArchiveVisitor, type AuditedArchive, auditArchive } from '../zip/audit.js';
export { MAX_TAIL_BYTE_LENGTH } from '../zip/end-record.js';
export type { ArchiveLayout } from '../zip/layout.js';
export { ArchivePattern } from '../zip/pattern.js';
export { streamRecord } from '../zip/reader.js';
