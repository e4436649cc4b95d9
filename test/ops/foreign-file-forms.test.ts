import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { openCheckpoint } from '../../src/index.js';
import { fixturePath } from '../fixtures.js';
import { scratch } from '../io/scratch.js';
import { match, rejects, suite } from '../suite.js';

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');

suite('files of other programs', ({ each, test }) => {
  // First bytes as the programs' own documents give them.
  const rows: [name: string, file: string, bytes: Buffer, what: RegExp, hint: RegExp][] = [
    ['GGUF', 'llama.gguf', latin1('GGUF\x03\0\0\0'), /GGUF file of llama\.cpp/, /made from/],
    [
      'a Git LFS pointer',
      'model.pth',
      latin1('version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n'),
      /pointer of Git LFS/,
      /git lfs pull/,
    ],
    ['a web page', 'model.pt', latin1('<!DOCTYPE html>\n<html>'), /web page/, /again/],
    ['HDF5', 'model.h5', latin1('\x89HDF\r\n\x1a\n'), /HDF5/, /h5py/],
    ['NumPy', 'w.npy', latin1('\x93NUMPY\x01\0'), /NumPy array/, /numpy\.load/],
    ['zstd', 'model.pth.zst', latin1('\x28\xb5\x2f\xfd\0\0'), /compressed with zstd/, /unzstd/],
    ['xz', 'model.pth.xz', latin1('\xfd7zXZ\0'), /compressed with xz/, /unxz/],
    ['bzip2', 'model.pth.bz2', latin1('BZh91AY&SY'), /compressed with bzip2/, /bunzip2/],
    // pickle.dumps({'a': 1}, protocol=4)
    [
      'a plain pickle',
      'model.pkl',
      Buffer.from('80049507000000000000007d948c01619448'.concat('4b01732e'), 'hex'),
      /plain pickle/,
      /^First dcp scan PATH: .*torch\.save\(pickle\.load/,
    ],
  ];
  each(
    rows,
    ([name]) => name,
    async ([, name, bytes, what, hint]) => {
      const path = join(scratch(), name);
      writeFileSync(path, bytes);
      const error = await rejects(() => openCheckpoint(path), { code: 'unsupported', message: what });
      match(error.hint!, hint);
    },
  );

  test('a data file of a checkpoint: what to give depends on whether its index is beside it', async () => {
    const beside = await rejects(() => openCheckpoint(join(fixturePath('fsdp2_adam'), '__0_0.distcp')), {
      code: 'unsupported',
    });
    match(beside.hint!, /directory/);
    const alone = join(scratch(), 'a');
    mkdirSync(alone);
    writeFileSync(join(alone, '__0_0.distcp'), gzipSync('x'));
    await rejects(() => openCheckpoint(join(alone, '__0_0.distcp')), {
      code: 'unsupported',
      message: /without its index/,
    });
  });
});
