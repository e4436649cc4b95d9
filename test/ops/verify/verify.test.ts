import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  dcpToTorchSave,
  FINDING_RULES,
  type Finding,
  type FindingRule,
  openCheckpoint,
  type SaveState,
  type VerifyOptions,
  verify,
} from '../../../src/index.js';
import { PyTuple } from '../../../src/pickle/values.js';
import { editIndex, setField } from '../../faults/craft.js';
import { fixturePath } from '../../fixtures.js';
import { scratch } from '../../io/scratch.js';
import { equal, is, match, ok, rejects, suite } from '../../suite.js';
import { copyOf, edit, flip, flipTensor, placeOf, setAge } from './damage.js';

const SHARDED = 'sharded4';
const TORCH = '2.6.0';
const WEIGHT = 'app.model.net2.weight';

interface Row {
  what: string;
  fixture: [name: string, torch?: string];
  damage: (path: string) => unknown;
  options?: VerifyOptions;
  state?: SaveState;
  /** Of the first finding. */
  finds: Partial<Omit<Finding, 'message'>> & { message?: RegExp };
  count?: number;
}

const ROWS: readonly Row[] = [
  {
    what: 'a data file is missing: whose it is',
    fixture: ['fsdp2_adam'],
    damage: path => rmSync(join(path, '__1_0.distcp')),
    state: 'partly_copied',
    finds: { rule: 'missing_file', relativePath: '__1_0.distcp', rank: 1, message: /of rank 1 is missing/ },
    count: 1,
  },
  {
    what: 'a data file is cut short',
    fixture: ['fsdp2_adam'],
    damage: path => edit(join(path, '__0_0.distcp'), bytes => bytes.subarray(0, -1)),
    state: 'partly_copied',
    finds: { rule: 'short_file', relativePath: '__0_0.distcp', rank: 0 },
  },
  {
    what: 'a data file of a save by more ranks',
    fixture: ['fsdp2_adam'],
    damage: path => copyFileSync(join(path, '__1_0.distcp'), join(path, '__7_0.distcp')),
    state: 'complete',
    finds: { rule: 'orphan_file', relativePath: '__7_0.distcp', rank: 7 },
  },
  {
    what: 'data newer than the index, long ago',
    fixture: ['fsdp2_adam'],
    damage: path => {
      setAge(join(path, '.metadata'), 5000);
      setAge(join(path, '__0_0.distcp'), 6000);
      setAge(join(path, '__1_0.distcp'), 4000);
      setAge(join(path, '__2_0.distcp'), 6000);
      setAge(join(path, '__3_0.distcp'), 6000);
    },
    state: 'torn',
    finds: { rule: 'newer_data', relativePath: '__1_0.distcp', rank: 1 },
    count: 1,
  },
  {
    what: 'data newer than the index, just now',
    fixture: ['fsdp2_adam'],
    damage: path => {
      setAge(join(path, '.metadata'), 5000);
      for (const rank of [0, 2, 3]) setAge(join(path, `__${rank}_0.distcp`), 6000);
      setAge(join(path, '__1_0.distcp'), 1);
    },
    state: 'saving',
    finds: { rule: 'newer_data', relativePath: '__1_0.distcp' },
  },
  {
    what: 'no index, and nothing happens any more',
    fixture: ['fsdp2_adam'],
    damage: path => {
      rmSync(join(path, '.metadata'));
      for (const rank of [0, 1, 2, 3]) setAge(join(path, `__${rank}_0.distcp`), 6000);
    },
    state: 'dead',
    finds: { rule: 'no_index', relativePath: '.metadata', message: /died/ },
  },
  {
    what: 'no index yet',
    fixture: ['fsdp2_adam'],
    damage: path => {
      rmSync(join(path, '.metadata'));
      setAge(join(path, '__0_0.distcp'), 1);
    },
    state: 'saving',
    finds: { rule: 'no_index', message: /in progress/ },
  },
  {
    what: 'an index that is no pickle',
    fixture: ['fsdp2_adam'],
    damage: path => edit(join(path, '.metadata'), () => Buffer.from('nothing')),
    state: 'unreadable',
    finds: { rule: 'index', relativePath: '.metadata' },
  },
  {
    what: 'the index of a rank is missing',
    fixture: ['rank_metadata', '2.14.1'],
    damage: path => rmSync(join(path, '__2.metadata')),
    state: 'partly_copied',
    finds: { rule: 'missing_rank_index', relativePath: '__2.metadata', rank: 2 },
  },
  {
    what: 'a part of a tensor is stored nowhere',
    fixture: [SHARDED, TORCH],
    damage: path => editIndex(path, index => void index.chunks('model.rows.weight').items.shift()),
    finds: { rule: 'coverage', fqn: 'model.rows.weight', message: /stored nowhere/ },
  },
  {
    what: 'an item of another length',
    fixture: [SHARDED, TORCH],
    damage: path =>
      editIndex(path, index => {
        const [info] = index.storageInfos('model.rows.weight');
        setField(info!, 'length', 3000);
      }),
    finds: { rule: 'tensor', fqn: 'model.rows.weight' },
  },
  {
    what: 'an item that overlaps another',
    fixture: [SHARDED, TORCH],
    damage: path =>
      editIndex(path, index => {
        const [info] = index.storageInfos('model.cols.weight');
        setField(info!, 'offset', 1000);
      }),
    finds: { rule: 'tensor', fqn: 'model.cols.weight' },
  },
  {
    what: 'a byte of a tensor',
    fixture: ['fsdp2_adam'],
    damage: path => flipTensor(path, WEIGHT),
    options: { crc: true },
    state: 'complete',
    finds: { rule: 'crc', fqn: WEIGHT, entry: 'archive/data/0', rank: 0 },
    count: 1,
  },
  {
    what: 'a byte of a tensor, and checksums are not compared',
    fixture: ['fsdp2_adam'],
    damage: path => flipTensor(path, WEIGHT),
    finds: {},
    count: 0,
  },
  {
    what: 'a byte of a header',
    fixture: ['all_dtypes'],
    damage: path => flip(path, 10),
    finds: { rule: 'archive', relativePath: 'all_dtypes.pth', byteOffset: 10 },
    count: 1,
  },
  {
    what: 'a byte of a tensor in a torch.save file',
    fixture: ['all_dtypes'],
    damage: path => flipTensor(path, 'float32'),
    options: { crc: true },
    finds: { rule: 'crc', fqn: 'float32' },
    count: 1,
  },
  {
    what: 'a torch.save file that is cut short',
    fixture: ['all_dtypes'],
    damage: path => edit(path, bytes => bytes.subarray(0, 3000)),
    state: 'unreadable',
    finds: { rule: 'archive', message: /cut short/ },
  },
  {
    what: 'an empty file',
    fixture: ['all_dtypes'],
    damage: path => truncateSync(path),
    state: 'unreadable',
    finds: { rule: 'index', found: 'an empty file' },
  },
  {
    what: 'a legacy file that is cut short',
    fixture: ['legacy_training_run'],
    damage: path => edit(path, bytes => bytes.subarray(0, -1)),
    state: 'unreadable',
    finds: { rule: 'index', message: /ends inside its storages/ },
  },
  {
    what: 'a byte inside gzip',
    fixture: ['gzipped_zip'],
    damage: path => flip(path, 700),
    state: 'unreadable',
    finds: { rule: 'index', message: /gzip/ },
  },
  {
    what: 'a byte of deflated data',
    fixture: ['rezipped_deflated'],
    damage: async path => flip(path, await placeOfRecord(path)),
    options: { crc: true },
    finds: { rule: 'crc' },
  },
  {
    what: 'a safetensors header',
    fixture: ['hf_sharded', '2.14.1'],
    damage: path => flip(join(path, 'shard-00002-model-00001-of-00001.safetensors'), 0),
    state: 'unreadable',
    finds: { rule: 'index', relativePath: 'shard-00002-model-00001-of-00001.safetensors' },
  },
];

/** Where the data of the second record begin. */
async function placeOfRecord(path: string): Promise<number> {
  const bytes = readFileSync(path);
  const header = bytes.indexOf('PK\u0003\u0004', 4, 'latin1');
  return header + 30 + bytes.readUInt16LE(header + 26) + bytes.readUInt16LE(header + 28);
}

suite('verify: what is wrong, and where', ({ each }) => {
  each(
    ROWS,
    ({ what }) => what,
    async ({ fixture, damage, options, state, finds, count }) => {
      const path = copyOf(...fixture);
      await damage(path);
      const report = await verify(path, { workers: 0, ...options });
      const texts = report.findings.map(({ rule, message }) => `${rule}: ${message}`).join('\n');
      if (state !== undefined) is(report.state, state, texts);
      if (count !== undefined) is(report.findings.length, count, texts);
      is(report.sound, report.findings.length === 0);
      const [first] = report.findings;
      for (const [field, wanted] of Object.entries(finds)) {
        const found = first?.[field as keyof Finding];
        if (wanted instanceof RegExp) match(String(found), wanted);
        else equal(found, wanted, `${field}: ${texts}`);
      }
    },
  );
});

suite('verify: all that is wrong', ({ test }) => {
  test('not the first only: a missing rank, an orphan and two damaged bytes', async () => {
    const path = copyOf('fsdp2_adam');
    copyFileSync(join(path, '__3_0.distcp'), join(path, '__9_0.distcp'));
    const bias = await flipTensor(path, 'app.model.net2.bias', 0);
    await flipTensor(path, WEIGHT, 0);
    rmSync(join(path, '__3_0.distcp'));
    const { findings } = await verify(path, { crc: true, workers: 0 });
    const rules = findings.map(({ rule }) => rule).sort();
    equal(rules, ['crc', 'crc', 'missing_file', 'orphan_file']);
    const damaged = findings.find(({ fqn, rule }) => rule === 'crc' && fqn === 'app.model.net2.bias')!;
    equal([damaged.relativePath, damaged.byteOffset], [bias.file, bias.byteOffset]);
  });

  test('rules that are ignored are left out, and named', async () => {
    const path = copyOf('fsdp2_adam');
    copyFileSync(join(path, '__3_0.distcp'), join(path, '__9_0.distcp'));
    const report = await verify(path, { ignore: ['orphan_file'] });
    equal([report.sound, report.findings, report.ignored], [true, [], ['orphan_file']]);
  });

  test('all bytes are spoken for: proved, checked, not provable', async () => {
    const { bytes, files, crc } = await verify(fixturePath('fsdp2_adam'), { crc: true, workers: 0 });
    is(bytes.proved + bytes.structure + bytes.unprovable, bytes.byteLength);
    ok(crc!.compared > 100 && crc!.damaged === 0);
    for (const { relativePath, unprovable, byteLength } of files)
      is(unprovable, relativePath === '.metadata' ? byteLength : 0, relativePath);
  });

  test('without --crc what has a checksum counts as not read', async () => {
    const { bytes, crc } = await verify(fixturePath('fsdp2_adam'));
    equal([crc, bytes.proved], [null, 0]);
    ok(bytes.unread > 0);
  });
});

suite('verify: copies of one box', ({ test }) => {
  test('that differ, though each has the CRC-32 of its own', async () => {
    const path = copyOf('rank_metadata', '2.14.1');
    const whole = await verify(path, { replicas: true, workers: 0 });
    is(whole.sound, true);
    ok(whole.replicas!.compared > 0);
    const fqn = await replicatedTensor(path);
    const { file } = await flipTensor(path, fqn, 1);
    const report = await verify(path, { replicas: true, workers: 0 });
    equal(
      report.findings.map(({ rule, fqn: name, relativePath }) => [rule, name, relativePath]),
      [['replica', fqn, file]],
    );
    match(String(report.findings[0]!.found), /^1 of \d+ elements/);
  });
});

async function replicatedTensor(path: string): Promise<string> {
  const checkpoint = await openCheckpoint(path);
  try {
    for (const entry of checkpoint.entries) {
      if (entry.kind !== 'tensor' || entry.chunkCount < 2) continue;
      const [a, b] = [0, 1].map(i => JSON.stringify(checkpoint.chunks.boxOf(entry.firstChunk + i)));
      if (a === b && !checkpoint.chunks.isEmpty(entry.firstChunk)) return entry.fqn;
    }
    throw new Error('no replicas in the fixture');
  } finally {
    checkpoint.close();
  }
}

suite('verify: SHA-256 of files', ({ test, each }) => {
  test('written of a directory, in the form that Megatron-core reads, and compared', async () => {
    const path = copyOf('fsdp2_adam');
    const written = await verify(path, { crc: true, sha256: 'write' });
    equal(written.sha256, { path: join(path, 'integrity.json'), files: 5, written: true, leftBehind: [] });
    const document = JSON.parse(readFileSync(join(path, 'integrity.json'), 'utf8'));
    equal(document.algorithm, 'sha256');
    const digest = createHash('sha256')
      .update(readFileSync(join(path, '.metadata')))
      .digest('hex');
    is(document.files['.metadata'], digest);
    const report = await verify(path, { sha256: 'check' });
    equal([report.sound, report.bytes.proved], [true, report.bytes.byteLength]);
  });

  test('of one file they lie beside it', async () => {
    const path = copyOf('legacy_training_run');
    await verify(path, { sha256: 'write' });
    is((await verify(path, { sha256: 'check' })).sound, true);
    flip(path, 3300);
    const { findings } = await verify(path, { sha256: 'check' });
    ok(findings.some(({ rule }) => rule === 'sha256'));
  });

  const changes: readonly (readonly [string, (path: string) => void, FindingRule])[] = [
    ['a file has other bytes', path => flip(join(path, '.metadata'), 100), 'sha256'],
    ['a file is gone', path => rmSync(join(path, '__1_0.distcp')), 'missing_file'],
    [
      'a file has no digest',
      path => editDigests(path, files => delete files['__1_0.distcp']),
      'unlisted_file',
    ],
    [
      'a digest is of a file that is not there',
      path => editDigests(path, files => (files['gone.bin'] = files['.metadata']!)),
      'missing_file',
    ],
  ];
  each(
    changes,
    ([what]) => what,
    async ([, change, rule]) => {
      const path = copyOf('fsdp2_adam');
      await verify(path, { sha256: 'write' });
      change(path);
      const { findings } = await verify(path, { sha256: 'check' });
      ok(
        findings.some(finding => finding.rule === rule),
        JSON.stringify(findings),
      );
    },
  );

  const wrong: readonly (readonly [string, string])[] = [
    ['not JSON', 'nothing'],
    ['another form', '[]'],
    ['another algorithm', '{"algorithm": "md5", "files": {}}'],
    ['a digest of something else', '{"algorithm": "sha256", "files": {"a": "00"}}'],
    ['a file outside', `{"algorithm": "sha256", "files": {"../a": "${'0'.repeat(64)}"}}`],
  ];
  each(
    wrong,
    ([what]) => `integrity.json is ${what}: it is no check`,
    async ([, text]) => {
      const path = copyOf('fsdp2_adam');
      writeFileSync(join(path, 'integrity.json'), text);
      const code = text.includes('md5') ? 'unsupported' : 'format';
      await rejects(() => verify(path, { sha256: 'check' }), { code });
    },
  );

  test('none is there; one is there already; nothing is written of what is damaged', async () => {
    const path = copyOf('fsdp2_adam');
    await rejects(() => verify(path, { sha256: 'check' }), { code: 'file', message: /no file of SHA-256/ });
    await flipTensor(path, WEIGHT);
    const damaged = await verify(path, { crc: true, sha256: 'write' });
    equal([damaged.sound, damaged.sha256], [false, null]);
    await verify(path, { sha256: 'write' });
    await rejects(() => verify(path, { sha256: 'write' }), { code: 'usage', message: /already/ });
    is((await verify(path, { sha256: 'write', force: true })).sha256!.written, true);
  });
});

function editDigests(path: string, change: (files: Record<string, string>) => unknown): void {
  edit(join(path, 'integrity.json'), bytes => {
    const document = JSON.parse(bytes.toString());
    change(document.files);
    return Buffer.from(JSON.stringify(document));
  });
}

suite('verify: against another checkpoint', ({ test }) => {
  test('the same weights in another format, and others', async () => {
    const path = fixturePath('fsdp2_adam');
    const whole = join(scratch(), 'whole.pth');
    await dcpToTorchSave(path, whole, { sync: false });
    is((await verify(path, { against: whole })).sound, true);
    const place = await placeOf(whole, WEIGHT);
    flip(whole, place.byteOffset);
    const { findings } = await verify(path, { against: whole });
    equal(
      findings.map(({ rule, fqn }) => [rule, fqn]),
      [['differs', WEIGHT]],
    );
    match(String(findings[0]!.found), /^1 of \d+ elements differ/);
  });

  test('cannot be told where not all can be read', async () => {
    const path = copyOf('fsdp2_adam');
    rmSync(join(path, '__1_0.distcp'));
    const { findings } = await verify(path, { against: fixturePath('fsdp2_adam') });
    equal(
      findings.map(({ rule }) => rule),
      ['missing_file', 'differs'],
    );
  });
});

suite('verify: what cannot be verified', ({ test }) => {
  test('nothing there, nothing known there, only an index', async () => {
    await rejects(() => verify('/nothing/here'), { code: 'file' });
    const empty = scratch();
    mkdirSync(join(empty, 'other'));
    await rejects(() => verify(empty), { code: 'file', message: /no checkpoint/ });
    const index = join(empty, '.metadata');
    copyFileSync(join(fixturePath('fsdp2_adam'), '.metadata'), index);
    await rejects(() => verify(index), { code: 'usage', message: /Only the index/ });
  });

  test('well-formed, and not read here: told, and no damage', async () => {
    const { findings } = await verify(fixturePath('quantized_leaf_dcp'), { crc: true });
    equal(
      findings.map(({ rule }) => rule),
      ['unsupported'],
    );
  });

  test('an interruption ends it', async () => {
    const controller = new AbortController();
    controller.abort();
    await rejects(() => verify(fixturePath('fsdp2_adam'), { signal: controller.signal }), {
      code: 'interrupted',
    });
  });

  test('every rule is in the list once', () => {
    is(new Set(FINDING_RULES).size, FINDING_RULES.length);
  });

  test('a size that is not one is not compared', async () => {
    const path = copyOf(SHARDED, TORCH);
    editIndex(path, index =>
      setField(index.storageInfos('model.rows.weight')[0]!, 'offset', new PyTuple([])),
    );
    is((await verify(path)).state, 'unreadable');
  });
});
