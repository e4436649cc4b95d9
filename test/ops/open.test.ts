import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { convert, openCheckpoint, torchSaveToDcp } from '../../src/index.js';
import { fixturePath } from '../fixtures.js';
import { scratch } from '../io/scratch.js';
import { type ExpectedError, is, rejects, suite } from '../suite.js';

/** The header of a tar archive's first member, as Python 2 wrote it. */
function tarHeader(member: string): Uint8Array {
  const header = Buffer.alloc(1024);
  header.write(member, 'latin1');
  header.write('ustar  ', 257, 'latin1');
  return header;
}

/** What makes the thing at the path, and what is said of it. */
const REFUSED: [
  name: string,
  make: (path: string) => void,
  file: string,
  expected: ExpectedError,
  hint?: RegExp,
][] = [
  ['nothing', () => {}, 'x', { code: 'file', message: /nothing at this path/ }],
  [
    'a link to nothing',
    path => symlinkSync('nowhere', path),
    'x',
    { code: 'file', message: /nothing at this path/ },
  ],
  [
    'an empty file',
    path => writeFileSync(path, ''),
    'x.pth',
    { code: 'format', message: /no checkpoint.*an empty file/ },
  ],
  ['one byte', path => writeFileSync(path, 'P'), 'x.pth', { code: 'format', message: /begins with 50\)/ }],
  [
    'text',
    path => writeFileSync(path, 'hello world'),
    'x',
    { code: 'format', message: /begins with 68 65 6c 6c 6f 20 77 6f\)/ },
  ],
  [
    'a plain pickle',
    path => writeFileSync(path, '80027d2e', 'hex'),
    'x.pkl',
    { code: 'unsupported', message: /plain pickle/ },
  ],
  [
    'a tar archive of torch',
    path => writeFileSync(path, tarHeader('storages')),
    'x.pth',
    { code: 'unsupported', message: /tar archive, the container of 2016 and 2017/ },
    /torch\.save\(torch\.load/,
  ],
  [
    'another tar archive',
    path => writeFileSync(path, tarHeader('model.pth')),
    'x.tar',
    { code: 'unsupported', message: /is a tar archive/ },
    /Unpack it/,
  ],
  [
    'a gzip file of something else',
    path => writeFileSync(path, gzipSync('hello world')),
    'x.pth.gz',
    { code: 'format', message: /gzip file holds no torch\.save file.*begin with 68 65 6c 6c/ },
    /gunzip/,
  ],
  [
    'a gzip file of nothing',
    path => writeFileSync(path, gzipSync('')),
    'x.pth.gz',
    { code: 'format', message: /gzip file holds no torch\.save file \(found nothing\)/ },
  ],
  [
    'the start of a gzip file',
    path => writeFileSync(path, '1f8b0800', 'hex'),
    'x.pth.gz',
    { code: 'corrupt', message: /gzip data are damaged.*end of file/ },
  ],
  [
    'gzip inside gzip',
    path => writeFileSync(path, gzipSync(gzipSync(readFileSync(fixturePath('tied'))))),
    'x.pth.gz',
    { code: 'format', message: /holds no torch\.save file.*1f 8b/ },
  ],
  [
    'a data file of several items',
    path => copyFileSync(join(fixturePath('small_transformer_dcp'), '__0_0.distcp'), path),
    '__0_0.distcp',
    { code: 'unsupported', message: /data file of a DCP checkpoint/ },
    /directory that holds it/,
  ],
  [
    'a data file of one item',
    path => copyFileSync(join(fixturePath('file_per_item'), '__0_1.distcp'), path),
    '__0_1.distcp',
    { code: 'unsupported', message: /data file of a DCP checkpoint/ },
  ],
  [
    'a data file without items',
    path => writeFileSync(path, ''),
    '__0_0.distcp',
    { code: 'unsupported', message: /data file/ },
  ],
  [
    'a torch file with bytes in front',
    path => writeFileSync(path, `junk${'\0'.repeat(100)}`),
    'x.pth',
    { code: 'format', message: /begins with 6a 75 6e 6b/ },
  ],
  [
    'the start of a zip archive',
    path => writeFileSync(path, '504b0304', 'hex'),
    'x.pth',
    { code: 'format', message: /no end record/ },
  ],
  [
    'an index by its name only',
    path => writeFileSync(path, 'hello'),
    '.metadata',
    { code: 'format', message: /no checkpoint/ },
  ],
  ['a FIFO', path => void execFileSync('mkfifo', [path]), 'x', { code: 'file', message: /a fifo/ }],
];

suite('opening: what is no checkpoint', ({ each, test }) => {
  each(
    [
      ...REFUSED,
      [
        'an empty directory',
        mkdirSync,
        'd',
        { code: 'file', message: /holds no checkpoint/ },
      ] as (typeof REFUSED)[number],
    ],
    ([name]) => name,
    async ([, make, file, expected, hint]) => {
      const path = join(scratch(), file);
      make(path);
      const error = await rejects(() => openCheckpoint(path), expected);
      is(error.context.path, path);
      if (hint !== undefined) is(hint.test(error.hint ?? ''), true, error.hint);
    },
  );

  each(
    REFUSED,
    ([name]) => `torch_to_dcp says the same of ${name}`,
    async ([, make, file, expected]) => {
      const directory = scratch();
      make(join(directory, file));
      await rejects(() => torchSaveToDcp(join(directory, file), join(directory, 'out')), expected);
    },
  );

  each(
    [
      ['a DCP directory', () => fixturePath('tied_dcp'), /source is a DCP checkpoint/],
      ['the index of one', () => join(fixturePath('tied_dcp'), '.metadata'), /source is a DCP checkpoint/],
    ] as const,
    ([name]) => `torch_to_dcp names the other direction for ${name}`,
    async ([, path, message]) => {
      const error = await rejects(() => torchSaveToDcp(path(), join(scratch(), 'out')), {
        code: 'file',
        message,
      });
      is(error.hint, 'To convert a DCP checkpoint: dcp convert dcp_to_torch.');
    },
  );

  each(
    [
      [
        'dcp',
        'torch',
        () => fixturePath('hf_sharded', '2.14.1'),
        'safetensors: dcp convert safetensors_to_torch.',
      ],
      [
        'dcp',
        'safetensors',
        () => fixturePath('hf_sharded', '2.14.1'),
        'safetensors: dcp convert safetensors_to_dcp.',
      ],
      ['dcp', 'torch', () => fixturePath('tied'), 'a torch.save file: dcp convert torch_to_dcp.'],
      [
        'dcp',
        'safetensors',
        () => fixturePath('tied'),
        'a torch.save file: dcp convert torch_to_safetensors.',
      ],
      ['safetensors', 'torch', () => fixturePath('tied_dcp'), 'a DCP checkpoint: dcp convert dcp_to_torch.'],
    ] as const,
    ([from, to, , hint]) => `${from}_to_${to} names the mode for ${hint}`,
    async ([from, to, path, hint]) => {
      const error = await rejects(() => convert(path(), join(scratch(), 'out'), { from, to }), {
        code: 'file',
      });
      is(error.hint, `To convert ${hint}`);
    },
  );

  test('a socket or device', async () => {
    await rejects(() => openCheckpoint('/dev/null'), { code: 'file', message: /a device/ });
  });
});

suite('opening: what is one', ({ each }) => {
  each(
    [
      [() => fixturePath('tied'), 'torch'],
      [() => fixturePath('model.v1.ckpt'), 'torch'],
      [() => fixturePath('train_state.legacy', '1.7.1'), 'torch'],
      [() => fixturePath('legacy_protocol_0'), 'torch'],
      [() => fixturePath('legacy_protocol_5'), 'torch'],
      [() => fixturePath('gzipped_legacy'), 'torch'],
      [() => fixturePath('torch_script'), 'torchscript'],
      [() => fixturePath('tied_dcp'), 'dcp'],
      [() => `${fixturePath('tied_dcp')}/`, 'dcp'],
      [() => join(fixturePath('tied_dcp'), '.metadata'), 'dcp'],
      [
        () => {
          const link = join(scratch(), 'link');
          symlinkSync(fixturePath('tied_dcp'), link);
          return link;
        },
        'dcp',
      ],
    ] as const,
    ([path]) => path().replace(/.*\//, '…/'),
    async ([makePath, format]) => {
      const path = makePath();
      const checkpoint = await openCheckpoint(path);
      is(checkpoint.format, format);
      is(checkpoint.path, path);
      checkpoint.close();
    },
  );
});
