import type { Checkpoint } from '../checkpoint/checkpoint.js';
import { METADATA_NAME } from '../dcp/directory.js';
import { openDcp } from '../dcp/reader.js';
import { PROTO_CODE } from '../pickle/opcodes.js';
import { isSafetensorsHead } from '../safetensors/header.js';
import { INDEX_PATTERN } from '../safetensors/index-file.js';
import { openSafetensors } from '../safetensors/reader.js';
import { isGzip, isLegacyTorch, isTar, isTorchTar, isZip } from '../torch/magic.js';
import { openTorchFile } from '../torch/reader.js';
import { FOREIGN_FILE_FORMS } from './foreign-file-forms.js';

/** What a file is recognised by. No more of it is read. */
export interface FileProbe {
  path: string;
  byteLength: number;
  /** The first bytes: {@link PROBED_BYTE_LENGTH}, or all. */
  head: Uint8Array;
  /** The last ones, likewise. */
  tail: Uint8Array;
}

export const PROBED_BYTE_LENGTH = 512;

/** A kind of file: how it is told from others, and what is done with it or why nothing is. */
export interface FileForm {
  /** What messages call it: `a …`. */
  readonly name: string;
  test(file: FileProbe): boolean;
  readonly opens?: {
    readonly as: 'torch' | 'dcp-index' | 'safetensors';
    open(path: string): Promise<Checkpoint>;
  };
  /** Why it is not opened, and what to do instead. */
  readonly refusal?: { readonly what: string; readonly hint: string };
}

const torchFile = { as: 'torch', open: openTorchFile } as const;

/** The first row that fits is taken: rows that look at names stand before those that look at bytes. */
const FILE_FORMS: readonly FileForm[] = [
  {
    name: 'data file of a DCP checkpoint',
    // Each of its items is a zip archive.
    test: ({ path }) => path.endsWith('.distcp'),
    refusal: {
      what: 'A data file of a DCP checkpoint cannot be read without its index',
      hint: 'Give the directory that holds it and .metadata.',
    },
  },
  {
    name: 'DCP index',
    test: ({ path, head }) => path.endsWith(METADATA_NAME) && head[0] === PROTO_CODE,
    opens: { as: 'dcp-index', open: openDcp },
  },
  { name: 'zip archive of torch.save', test: ({ head }) => isZip(head), opens: torchFile },
  {
    name: 'torch.save file in the container from before torch 1.6',
    test: ({ head }) => isLegacyTorch(head),
    opens: torchFile,
  },
  {
    name: 'safetensors file',
    // The name counts too: what is wrong in such a file is told by its reader.
    test: ({ path, head, byteLength }) =>
      isSafetensorsHead(head, byteLength) || path.endsWith('.safetensors') || INDEX_PATTERN.test(path),
    opens: { as: 'safetensors', open: openSafetensors },
  },
  { name: 'gzip file', test: ({ head }) => isGzip(head), opens: torchFile },
  {
    name: 'safetensors file',
    test: ({ path, head, byteLength }) =>
      isSafetensorsHead(head, byteLength) || path.endsWith('.safetensors') || INDEX_PATTERN.test(path),
    opens: { as: 'safetensors', open: openSafetensors },
  },
  {
    name: 'torch.save file of 2016 or 2017',
    test: ({ head }) => isTorchTar(head),
    refusal: {
      what: 'This torch.save file is a tar archive, the container of 2016 and 2017',
      hint: 'Convert it in Python: torch.save(torch.load(PATH, weights_only=False), NEW_PATH).',
    },
  },
  {
    name: 'tar archive',
    test: ({ head }) => isTar(head),
    refusal: {
      what: 'The file is a tar archive',
      hint: 'Unpack it, and give the checkpoint that is in it: tar -xf.',
    },
  },
  ...FOREIGN_FILE_FORMS,
];

/** The row that fits the file, if there is one. */
export function findFileForm(file: FileProbe): FileForm | undefined {
  return FILE_FORMS.find(form => form.test(file));
}
