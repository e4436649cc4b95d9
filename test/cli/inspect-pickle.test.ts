import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fixturePath } from '../fixtures.js';
import { scratch } from '../io/scratch.js';
import { equal, is, match, ok, suite } from '../suite.js';
import { dcp, documentOf, FSDP2, shell } from './run-dcp.js';

interface Document {
  pickles: {
    name: string;
    byte_length: number;
    protocol: number;
    globals: { name: string; dangerous: boolean; on_torch_list: boolean }[];
    error?: string;
  }[];
}

suite('dcp inspect --pickle', ({ test }) => {
  test('what a file names, and its opcodes', async () => {
    const { code, stdout, stderr } = await dcp(['inspect', fixturePath('calls_os_system'), '--pickle']);
    is(code, 0, stderr);
    match(stdout, /^pickle {3}data\.pkl, \d+ bytes, protocol 2\nglobals {2}4, some dangerous\n/);
    match(stdout, /\n {9}posix\.system {2}\(DANGEROUS\)\n/);
    match(stdout, /\n {4}0: \\x80 PROTO {6}2\n/);
    match(stdout, /\nhighest protocol among opcodes = 2\n$/);
  });

  test('the index of a directory, and an object of it', async () => {
    const { pickles } = documentOf<Document>(await dcp(['inspect', FSDP2, '--pickle', '--json']));
    equal(
      pickles.map(({ name }) => name),
      ['.metadata'],
    );
    ok(pickles[0]!.globals.some(({ name }) => name === 'torch.distributed.checkpoint.metadata.Metadata'));
    const fqn = 'app.optim.param_groups.0.betas';
    const one = documentOf<Document>(await dcp(['inspect', FSDP2, fqn, '--pickle', '--json']));
    equal(one.pickles, [{ name: `${fqn}: data.pkl`, byte_length: 24, protocol: 2, globals: [] }]);
    const { code, stderr } = await dcp(['inspect', FSDP2, 'app.model.net1.weight', '--pickle']);
    is(code, 2);
    match(stderr, /^dcp: It has no pickle of its own/);
  });

  test('an object that zstd compressed', async () => {
    const { code, stdout } = await dcp(['inspect', fixturePath('zstd', '2.14.1'), 'epoch', '--pickle']);
    is(code, 0);
    match(stdout, /^pickle {3}epoch: data\.pkl, 5 bytes, protocol 2\n/);
    match(stdout, /\n {4}2: K {4}BININT1 {4}2\n/);
  });

  test('files that cannot be opened can be looked at', async () => {
    const { code, stdout } = await dcp(['inspect', fixturePath('cyclic'), '--pickle']);
    is(code, 0);
    match(stdout, /STOP\nhighest/);
    const index = join(scratch(), '.metadata');
    writeFileSync(index, Buffer.from('\x80\x02cposix\nsystem\nX\x05\0\0\0echo', 'latin1'));
    const cut = await dcp(['inspect', index, '--pickle']);
    is(cut.code, 0, cut.stderr);
    match(cut.stdout, /posix\.system {2}\(DANGEROUS\)/);
    match(cut.stdout, /GLOBAL {5}'posix system'\nThe pickle ends inside the data of BINUNICODE/);
    const { pickles } = documentOf<Document>(await dcp(['inspect', index, '--pickle', '--json']));
    match(pickles[0]!.error!, /ends inside/);
  });

  test('five pickles of a file from before torch 1.6', async () => {
    const { pickles } = documentOf<Document>(
      await dcp(['inspect', fixturePath('legacy_protocol_0'), '--pickle', '--json']),
    );
    equal(
      pickles.map(({ name }) => name),
      ['magic number', 'version', 'system', 'object', 'storage keys'],
    );
  });

  test('who reads only the beginning ends it', async () => {
    const { code, stdout, stderr } = await shell(
      `set -o pipefail; $DCP inspect '${FSDP2}' --pickle | head -1`,
    );
    equal([code, stderr], [0, '']);
    match(stdout, /^pickle/);
  });

  test('one name that is not ASCII does not let others through as they are', async () => {
    const file = join(scratch(), 'names.pkl');
    writeFileSync(file, Buffer.from('\x80\x02X\x02\0\0\0\xc3\xa90p\x1b[2J\n.', 'latin1'));
    const { stdout } = await dcp(['inspect', file, '--pickle']);
    ok(!stdout.includes('\u001b'), JSON.stringify(stdout));
  });

  test('safetensors have none', async () => {
    const directory = fixturePath('hugging_face_kinds');
    const { stdout } = await dcp(['inspect', directory, '--pickle']);
    ok(/^(There are no pickles in it\.|pickle )/.test(stdout), stdout);
  });
});
