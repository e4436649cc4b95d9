import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { dcpToTorchSave } from '../../src/index.js';
import { copyFixture } from '../fixtures.js';
import { scratch } from '../io/scratch.js';
import { type ExpectedError, rejects, suite } from '../suite.js';
import { type AlteredIndex, alteredFixture } from './altered.js';
import { torchSize } from './hand-made.js';

const target = (): string => join(scratch({ inMemory: true }), 'out.pth');
const FILE = '__0_0.distcp';

/** A copy of `safetensors_image_alone` whose data file has one text replaced by another of the same length. */
function withText(from: string, to: string): string {
  const path = copyFixture('safetensors_image_alone', scratch({ inMemory: true }));
  const bytes = readFileSync(join(path, FILE), 'latin1');
  if (!bytes.includes(from) || from.length !== to.length) throw new Error(`${from} is not there`);
  writeFileSync(join(path, FILE), bytes.replace(from, to), 'latin1');
  return path;
}

const withIndex = (change: (index: AlteredIndex) => void): string =>
  alteredFixture('safetensors_image_alone', change);

suite('tensors in a safetensors image', ({ each }) => {
  const rows: [name: string, make: () => string, expected: ExpectedError][] = [
    [
      'a tensor that is not in it',
      () => withText('"w":{"dtype"', '"v":{"dtype"'),
      { code: 'format', message: /does not fit a tensor.*\[at v/ },
    ],
    [
      'another box of the tensor: torch keeps one a file',
      () => withText('{\\"w\\": {\\"saved_offsets\\": [0, 0]}', '{\\"w\\": {\\"saved_offsets\\": [3, 0]}'),
      { code: 'format', message: /another part of the tensor.*at \[0, 0\], found \[3, 0\].*\[at / },
    ],
    [
      'another shape',
      () => withText('"shape":[3,4]', '"shape":[4,3]'),
      { code: 'format', message: /another shape.*expected \[3, 4\], found \[4, 3\].*\[at w/ },
    ],
    [
      'a place where no image begins',
      () => withIndex(index => index.places('w')[0]!.info.set('offset', 8)),
      { code: 'limit' },
    ],
    [
      'a tensor that the index has under another name',
      () =>
        withIndex(index => {
          index.places('w')[0]!.index.set('fqn', 'x');
          index.places('half')[0]!.index.set('fqn', 'w');
          index.places('w')[0]!.index.set('offset', torchSize(0, 0));
        }),
      { code: 'format' },
    ],
    [
      'an image that is cut off',
      () => {
        const path = copyFixture('safetensors_image_alone', scratch({ inMemory: true }));
        truncateSync(join(path, FILE), readFileSync(join(path, FILE)).length - 1);
        return path;
      },
      { code: 'format', message: /w|data/ },
    ],
  ];
  each(
    rows,
    ([name]) => `refuses ${name}`,
    ([, make, expected]) => rejects(() => dcpToTorchSave(make(), target()), expected),
  );
});
