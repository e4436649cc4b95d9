import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ConvertOptions, dcpToTorchSave, torchSaveToDcp } from '../../src/ops/convert.js';
import { fixtureCases, fixturePath } from '../fixtures.js';
import { readTree, scratch } from '../io/scratch.js';
import { equal, is, ok, rejects, suite } from '../suite.js';

/** Files below a directory whose name has this part, temporaries among them. */
function filesIn(directory: string, part: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter(name => name.includes(part))
    .map(name => join(directory, name))
    .filter(path => statSync(path).isFile());
}

/** Options that change the finished temporary before it is read back: what is opened second is the output. */
function corrupting(change: () => void): ConvertOptions {
  let opened = 0;
  return {
    check: true,
    onProgress: ({ phase }) => {
      if (phase === 'open' && ++opened === 2) change();
    },
  };
}

function changeByte(path: string, position: (bytes: Buffer) => number): void {
  const bytes = readFileSync(path);
  const at = position(bytes);
  ok(at > 0 && at < bytes.length);
  bytes[at]! ^= 0x40;
  writeFileSync(path, bytes);
}

/** In the first storage of an archive: its record is aligned to 64 bytes. */
const inStorage = (bytes: Buffer): number => (Math.ceil(bytes.indexOf('data/0') / 64) + 1) * 64;

const ok213 = fixtureCases.filter(
  ({ torch, torch_converts: converts, unsafe }) =>
    torch === '2.13.0' && converts.dcp_to_torch === true && unsafe !== true,
);

suite('convert --check', ({ each, test }) => {
  each(
    ok213.filter(({ kind }) => kind === 'dcp'),
    ({ name }) => `${name} reads back equal, both ways`,
    async ({ name }) => {
      const directory = scratch();
      const file = join(directory, 'a.pth');
      const { checked } = await dcpToTorchSave(fixturePath(name), file, { check: true });
      is(checked?.device, 'cpu');
      await torchSaveToDcp(file, join(directory, 'back'), { check: true });
    },
  );

  test('a changed byte of a tensor: an error, and no output', async () => {
    const directory = scratch();
    const options = corrupting(() => changeByte(filesIn(directory, 'a.pth')[0]!, inStorage));
    const error = await rejects(
      () => dcpToTorchSave(fixturePath('column_shards'), join(directory, 'a.pth'), options),
      { code: 'check', message: /does not read back.*1 differences; 1 of its \d+ elements differ/ },
    );
    is(error.context.path, join(directory, 'a.pth'));
    equal(readTree(directory), {});
  });

  test('a changed byte of a directory, and what was there stays', async () => {
    const directory = scratch();
    const destination = join(directory, 'ckpt');
    await torchSaveToDcp(fixturePath('scalars'), destination);
    const before = readTree(directory);
    const options = {
      ...corrupting(() => {
        const path = filesIn(directory, '__0_0.distcp').find(each => each.includes('.dcp-'))!;
        changeByte(path, inStorage);
      }),
      force: true,
    };
    await rejects(() => torchSaveToDcp(fixturePath('strides'), destination, options), { code: 'check' });
    equal(readTree(directory), before);
  });

  test('an output that cannot be opened', async () => {
    const directory = scratch();
    const options = corrupting(() => writeFileSync(filesIn(directory, '.metadata')[0]!, 'no pickle'));
    await rejects(() => torchSaveToDcp(fixturePath('strides'), join(directory, 'ckpt'), options), {
      code: 'check',
    });
    equal(readTree(directory), {});
  });
});
