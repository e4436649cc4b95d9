import type { FileForm, FileProbe } from './file-forms.js';

/** What people take for a checkpoint of torch, or get in its place: told by name, with what to do. */

const startsWith =
  (...magic: number[]) =>
  ({ head }: FileProbe): boolean =>
    magic.every((byte, i) => head[i] === byte);

const startsWithText =
  (pattern: RegExp) =>
  ({ head }: FileProbe): boolean =>
    pattern.test(Buffer.from(head.buffer, head.byteOffset, head.length).toString('latin1'));

const refused = (name: string, test: FileForm['test'], what: string, hint: string): FileForm => ({
  name,
  test,
  refusal: { what, hint },
});

const STOP = '.'.charCodeAt(0);

/** Of these compressors torch reads none; gzip has a row of its own. */
const COMPRESSORS: readonly (readonly [name: string, command: string, magic: readonly number[]])[] = [
  ['zstd', 'unzstd', [0x28, 0xb5, 0x2f, 0xfd]],
  ['xz', 'unxz', [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
  ['bzip2', 'bunzip2', [0x42, 0x5a, 0x68]],
  ['LZ4', 'unlz4', [0x04, 0x22, 0x4d, 0x18]],
];

export const FOREIGN_FILE_FORMS: readonly FileForm[] = [
  refused(
    'GGUF file',
    startsWithText(/^GGUF/),
    'This is a GGUF file of llama.cpp: its tensors are quantized in ways that torch has no types for',
    'Use the checkpoint that it was made from.',
  ),
  refused(
    'Git LFS pointer',
    startsWithText(/^version https:\/\/git-lfs\.github\.com\/spec\//),
    'This is a pointer of Git LFS, not the file that it stands for',
    'Fetch the file itself: git lfs pull.',
  ),
  refused(
    'web page',
    startsWithText(/^\s*<(!doctype html|html)/i),
    'This is a web page: a download that needed a login, or failed',
    'Download the file again.',
  ),
  refused(
    'HDF5 file',
    startsWith(0x89, 0x48, 0x44, 0x46),
    'This is an HDF5 file, as Keras writes weights',
    'Load it with h5py, and save its arrays with safetensors.numpy.save_file.',
  ),
  refused(
    'NumPy file',
    startsWith(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59),
    'This is a NumPy array (.npy)',
    'Load it with numpy.load, and save it with safetensors.numpy.save_file.',
  ),
  ...COMPRESSORS.map(([name, command, magic]) =>
    refused(
      `${name} file`,
      startsWith(...magic),
      `The file is compressed with ${name}`,
      `Uncompress it first: ${command}.`,
    ),
  ),
  refused(
    'plain pickle',
    ({ head, tail }) => head[0] === 0x80 && head[1]! >= 2 && head[1]! <= 5 && tail.at(-1) === STOP,
    'This is a plain pickle, not made by torch.save',
    'First dcp scan PATH: loading a pickle in Python runs what it names. If nothing is found, and torch can use what is in it: torch.save(pickle.load(open(PATH, "rb")), NEW_PATH).',
  ),
];
