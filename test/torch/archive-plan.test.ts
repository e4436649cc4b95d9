import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runCopy } from '../../src/copy/copy.js';
import { CopyPlanBuilder } from '../../src/copy/plan.js';
import { addTorchArchive, archiveRootOf } from '../../src/torch/archive-plan.js';
import { fixtureCases, fixturePath } from '../fixtures.js';
import { unzipArchive } from '../goldens/torch-archive.js';
import { scratch } from '../io/scratch.js';
import { is, ok, suite, throws } from '../suite.js';

suite('the root directory of an archive', ({ each }) => {
  // What torch.save of 2.13 made of these paths.
  each(
    [
      ['model.pth', 'model'],
      ['my.model.v1.ckpt', 'my.model.v1'],
      ['noext', 'noext'],
      ['dir.x/noext', 'noext'],
      ['dir.x/m.pt', 'm'],
      ['modèle.pth', 'archive'],
      ['dïr/model.pth', 'archive'],
      ['ü', 'archive'],
      ['emoji🔑.pt', 'archive'],
      ['./a.pth', 'a'],
      ['../roots/b.pth', 'b'],
      ['/tmp/roots/abs.pth', 'abs'],
      ['x.', 'x'],
      ['trailing.pth.', 'trailing.pth'],
      ['a.pth.tmp', 'a.pth'],
      ['sp ace.v 2.pth', 'sp ace.v 2'],
      ['-dash.pth', '-dash'],
      ['quote\'".pth', 'quote\'"'],
      ['tab\tx.pth', 'tab\tx'],
      ['dir.x/..pth', '.'],
      ['dir.x/...', '..'],
    ] as const,
    ([path]) => path,
    ([path, root]) => is(archiveRootOf(path), root),
  );

  // `invalid file name` in torch.
  each(
    ['.hidden', 'dir.x/.hidden', 'dir.x/a\\', '', 'dir/'],
    path => `refuses ${JSON.stringify(path)}`,
    path => throws(() => archiveRootOf(path), { code: 'usage', message: /cannot be only an extension/ }),
  );
});

/** Files of torch 2.7 and newer as torch left them. */
const NOT_AS_SAVED =
  /^(rezipped_.*|big_endian.*|alignment_1|numpy_1_objects|gzipped_.*|torch_script.*|legacy_.*|.*\.legacy)$/;
const AS_SAVED = fixtureCases.filter(
  ({ kind, torch, name }) =>
    kind === 'torch' && ['2.13.0', '2.14.1'].includes(torch) && !NOT_AS_SAVED.test(name),
);

suite('archives of torch 2.7 and newer', ({ each }) => {
  each(
    AS_SAVED,
    ({ name, torch }) => `${name} of torch ${torch} comes out byte for byte from its records`,
    async ({ name, torch }) => {
      const file = readFileSync(fixturePath(name, torch));
      const { root, records } = unzipArchive(file);
      const directory = scratch({ inMemory: true });
      const withCrc = name !== 'crc_off';
      const plan = new CopyPlanBuilder();
      const output = plan.addOutput({ name: 'out', byteLength: 0 });
      const storages = [...records].filter(([record]) => record.startsWith('data/'));
      const source = join(directory, 'storages');
      writeFileSync(source, Buffer.concat(storages.map(([, bytes]) => bytes)));
      let end = 0;
      const byteLength = addTorchArchive(plan, output, 100, {
        root,
        pickle: records.get('data.pkl')!,
        storages: storages.map(([record, bytes]) => {
          const byteOffset = end;
          end += bytes.length;
          return {
            byteLength: bytes.length,
            addPieces: () => {
              const place = { byteOffset, byteLength: bytes.length, crc32: undefined, label: record };
              plan.addPiece(
                plan.addStorage({ source: plan.addSource(source), ...place }),
                0,
                0,
                bytes.length,
              );
            },
          };
        }),
        withCrc,
      });
      is(byteLength, file.length);
      plan.setOutputByteLength(output, 100 + byteLength);
      const target = join(directory, 'out');
      writeFileSync(target, '');
      await runCopy(plan.build(), [target], { workers: 0, crc: withCrc });
      // Where an archive begins in its file does not matter to it.
      ok(Buffer.compare(readFileSync(target).subarray(100), file) === 0);
    },
  );
});
