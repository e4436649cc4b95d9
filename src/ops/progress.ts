/** How far an operation is: which phase, and in the phase that takes long, how many bytes. */
export type Progress =
  | { phase: 'wait' | 'open' | 'plan' | 'finish' }
  | { phase: BytePhase; byteCount: number; byteTotal: number };

/** What is done with the bytes. */
export type BytePhase = 'copy' | 'count' | 'compare' | 'verify';
