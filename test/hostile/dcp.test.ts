/** Tricks with an index: torch loads the bytes that it names, wherever they begin. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DcpError } from '../../src/errors.js';
import { convert, inspectCheckpoint, scan, verify } from '../../src/index.js';
import { encodePickle } from '../../src/pickle/encode.js';
import type { PyValue } from '../../src/pickle/values.js';
import { dict, instance, metadataIndex, object, storageInfo } from '../dcp/hand-made.js';
import { craftArchive } from '../faults/craft.js';
import { scratch } from '../io/scratch.js';
import { equal, is, ok, suite } from '../suite.js';
import { bytes, HARMLESS, MALICIOUS, op, SYSTEM_CALL, torchZip, zip } from './assembler.js';

/** A checkpoint of one object, whose item is said to be `[offset, offset + length)` of the data file. */
function checkpoint(data: Uint8Array, offset: number, length: number): string {
  const path = join(scratch({ inMemory: true }), 'checkpoint');
  mkdirSync(path);
  writeFileSync(join(path, '__0_0.distcp'), data);
  writeFileSync(join(path, '.metadata'), encodePickle(index(offset, length)));
  return path;
}

function index(offset: number, length: number): PyValue {
  const storageData = dict({});
  storageData.set(metadataIndex({ fqn: 'w', offset: null, index: null }), storageInfo({ offset, length }));
  return instance(
    'torch.distributed.checkpoint.metadata',
    'Metadata',
    dict({
      state_dict_metadata: dict({ w: object() }),
      planner_data: dict({}),
      storage_data: storageData,
    }),
  );
}

/** A harmless archive that has bytes of another thing as the data of a tensor. */
function hiding(inner: Uint8Array): { data: Buffer; offset: number } {
  const data = zip([
    { name: 'archive/data.pkl', data: HARMLESS },
    { name: 'archive/data/0', data: inner },
    { name: 'archive/version', data: bytes('3\n') },
  ]);
  return { data, offset: data.indexOf(inner) };
}

suite('hostile DCP directories', ({ each, test }) => {
  const cases: readonly (readonly [name: string, path: () => string])[] = [
    ['an item', () => checkpoint(torchZip(MALICIOUS), 0, torchZip(MALICIOUS).length)],
    [
      'the second item of a file',
      () => {
        const first = torchZip(HARMLESS);
        return checkpoint(bytes(first, torchZip(MALICIOUS)), 0, first.length);
      },
    ],
    [
      'an archive among the bytes of a tensor, which the index names',
      () => {
        const { data, offset } = hiding(torchZip(MALICIOUS));
        return checkpoint(data, offset, torchZip(MALICIOUS).length);
      },
    ],
    [
      'a bare pickle among the bytes of a tensor, which the index names',
      () => {
        const { data, offset } = hiding(MALICIOUS);
        return checkpoint(data, offset, MALICIOUS.length);
      },
    ],
    [
      'the index itself',
      () => {
        const path = checkpoint(torchZip(HARMLESS), 0, torchZip(HARMLESS).length);
        const whole = encodePickle(index(0, 10));
        writeFileSync(
          join(path, '.metadata'),
          bytes(whole.subarray(0, 2), SYSTEM_CALL, op.pop, whole.subarray(2)),
        );
        return path;
      },
    ],
    [
      'a data file that no index names',
      () => {
        const path = checkpoint(torchZip(HARMLESS), 0, torchZip(HARMLESS).length);
        writeFileSync(join(path, '__1_0.distcp'), bytes(torchZip(HARMLESS), torchZip(MALICIOUS)));
        return path;
      },
    ],
    [
      'no index at all',
      () => {
        const path = scratch({ inMemory: true });
        writeFileSync(join(path, '__0_0.distcp'), bytes(torchZip(HARMLESS), torchZip(MALICIOUS)));
        return path;
      },
    ],
  ];
  each(
    cases,
    ([name]) => name,
    async ([, make]) => {
      const path = make();
      const { findings } = await scan(path);
      ok(
        findings.some(({ name, verdict }) => name === 'os.system' && verdict === 'dangerous'),
        JSON.stringify(findings),
      );
      for (const use of [
        () => inspectCheckpoint(path),
        () => verify(path, { crc: true }),
        () => convert(path, `${path}.pth`, { sync: false, workers: 0 }),
      ]) {
        try {
          await use();
        } catch (error) {
          ok(error instanceof DcpError, String(error));
        }
      }
    },
  );

  test("bytes of a tensor in an archive as torch writes it are nobody's pickle", async () => {
    const data = craftArchive(HARMLESS, [torchZip(MALICIOUS)]);
    equal((await scan(checkpoint(data, 0, data.length))).findings, []);
  });

  test('in any other archive they are looked at too', async () => {
    const { data } = hiding(torchZip(MALICIOUS));
    const { findings } = await scan(checkpoint(data, 0, data.length));
    equal(
      findings.map(({ rule, name }) => [rule, name]),
      [['global', 'os.system']],
    );
  });

  test('a harmless one is clean', async () => {
    const { length } = torchZip(HARMLESS);
    is((await scan(checkpoint(bytes(torchZip(HARMLESS), torchZip(HARMLESS)), length, length))).clean, true);
  });
});
