import { cpSync, mkdirSync, readdirSync, readFileSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { decodeMetadata } from '../../src/dcp/metadata.js';
import { dcpToTorchSave, torchSaveToDcp } from '../../src/index.js';
import { fixturePath } from '../fixtures.js';
import { scratch } from '../io/scratch.js';
import { equal, is, match, ok, suite } from '../suite.js';

/** A copy of a case at another path and of another time. */
function copyElsewhere(path: string, name: string): string {
  const copy = join(scratch({ inMemory: true }), 'else', 'where', name);
  mkdirSync(join(copy, '..'), { recursive: true });
  cpSync(path, copy, { recursive: true });
  const names = readdirSync(path, { withFileTypes: true, recursive: true }).map(({ name }) =>
    join(copy, name),
  );
  for (const file of names) utimesSync(file, 981_173_106, 981_173_106);
  return copy;
}

function filesOf(directory: string): Map<string, string> {
  return new Map(
    readdirSync(directory).map(name => [name, readFileSync(join(directory, name)).toString('base64')]),
  );
}

suite('goldens: equal input gives equal bytes', ({ each, test }) => {
  each(
    ['fsdp2_adam', 'scalars_dcp', 'tensors_in_objects_dcp'],
    name => `dcp_to_torch: ${name}`,
    async name => {
      const written: Buffer[] = [];
      for (const source of [fixturePath(name), fixturePath(name), copyElsewhere(fixturePath(name), 'copy')]) {
        const target = join(scratch({ inMemory: true }), 'x.pth');
        await dcpToTorchSave(source, target);
        written.push(readFileSync(target));
      }
      ok(written.every(bytes => Buffer.compare(bytes, written[0]!) === 0));
    },
  );

  each(
    ['training_run', 'strides', 'tensors_in_objects'],
    name => `torch_to_dcp: ${name}, .metadata too`,
    async name => {
      const file = fixturePath(name);
      const copied = join(scratch({ inMemory: true }), 'another name.pt');
      cpSync(file, copied);
      utimesSync(copied, 981_173_106, 981_173_106);
      const written: Map<string, string>[] = [];
      for (const source of [file, file, copied]) {
        const target = scratch({ inMemory: true });
        await torchSaveToDcp(source, target);
        written.push(filesOf(target));
      }
      equal([...written[0]!.keys()], ['.metadata', '__0_0.distcp']);
      equal(written[1], written[0]);
      equal(written[2], written[0]);
    },
  );

  test('the save id follows from the content: other bytes, another id', async () => {
    const ids = [];
    for (const name of ['small_transformer', 'strides', 'model.v1.ckpt', 'modèle']) {
      const target = scratch({ inMemory: true });
      await torchSaveToDcp(fixturePath(name), target);
      const { storageMeta } = decodeMetadata(readFileSync(join(target, '.metadata')));
      match(storageMeta!.saveId!, /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/);
      ids.push(storageMeta!.saveId!);
    }
    // The last two hold one tensor each, of equal bytes.
    is(ids[2], ids[3]);
    is(new Set(ids).size, 3);
  });
});
