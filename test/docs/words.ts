/** Every member of a union type of the sources: one more, or one less, does not compile. Documents must name them. */
import type { LossKind, SaveState } from '../../src/index.js';

export const LOSS_KINDS: Record<LossKind, true> = {
  object: true,
  element_type: true,
  cast: true,
  tied: true,
  shared_storage: true,
  tensor_type: true,
  nesting: true,
  mapping_type: true,
  key_type: true,
  empty_mapping: true,
  strides: true,
  requires_grad: true,
  device: true,
  list_gap: true,
  header_text: true,
  dropped: true,
  unnamed: true,
};

export const SAVE_STATES: Record<SaveState, true> = {
  complete: true,
  saving: true,
  dead: true,
  torn: true,
  partly_copied: true,
  unreadable: true,
};
