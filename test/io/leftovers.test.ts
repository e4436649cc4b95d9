import { mkdirSync, readdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { findLeftovers, removeLeftover } from '../../src/io/leftovers.js';
import { OutputDirectory } from '../../src/io/output-directory.js';
import { OutputFile } from '../../src/io/output-file.js';
import { equal, is, ok, suite, throws } from '../suite.js';
import { bury } from './bury.js';
import { isChange, systemError, watchingCalls } from './faults.js';
import { checkRecovery, dcpNames, scenarios } from './scenarios.js';
import { bytesOf, readTree, scratch, writeTree } from './scratch.js';

const stops = scenarios.flatMap(scenario =>
  [true, false].flatMap(hardLinks => [true, false].map(undone => ({ scenario, hardLinks, undone }))),
);

suite('io/leftovers: a run that ended before its n-th change, for every n', ({ each }) => {
  each(
    stops,
    ({ scenario, hardLinks, undone }) =>
      `${scenario.name}${hardLinks ? '' : ' without hard links'}${undone ? ', while it undid all' : ''}`,
    async ({ scenario, hardLinks, undone }) => {
      const last = undone ? /\/(m\.pth|target|\.metadata|ckpt)$/ : /^$/;
      for (let n = 0; ; n++) {
        const root = scratch({ inMemory: true });
        scenario.prepare(root);
        const before = readTree(root);
        let changes = 0;
        await watchingCalls(
          call => {
            if (isChange(call) && changes++ >= n) throw systemError('STOP');
            if (call.name === 'link' && !hardLinks) throw systemError('EPERM');
            const isPlacing = call.name === 'link' || call.name === 'rename';
            // Giving back the old index is a renaming to the same name, from `.dcp-aside`.
            if (!isPlacing || /dcp-aside/.test(String(call.args[0]))) return;
            if (last.test(String(call.args[1])) && !/dcp-tmp/.test(String(call.args[1])))
              throw systemError('EIO');
          },
          async () => {
            let output: OutputFile | OutputDirectory | undefined;
            try {
              output = scenario.create(root);
              await scenario.fill(output);
            } catch {
              output?.discard();
            }
          },
        );
        bury(root);
        checkRecovery(scenario, root, before, `change ${n}`, { hardLinks });
        if (changes <= n) return;
      }
    },
  );
});

suite('io/leftovers', ({ test }) => {
  test('finds what stands beside and inside, each by its destination', () => {
    const root = scratch();
    writeTree(root, { 'ckpt/x': '' });
    const beside = OutputFile.create(join(root, 'm.pth'));
    const other = OutputFile.create(join(root, 'n.pth'));
    const inside = OutputDirectory.create(join(root, 'ckpt'), dcpNames);
    const absent = OutputDirectory.create(join(root, 'new'), dcpNames);
    const shown = (name: string) =>
      findLeftovers(join(root, name)).map(({ kind, place, state }) => [kind, place, state]);
    equal(shown('m.pth'), [['file', 'beside', 'live']]);
    equal(shown('ckpt'), [['directory', 'inside', 'live']]);
    equal(shown('new'), [['directory', 'beside', 'live']]);
    equal(shown('none'), []);
    equal(shown('none/below'), []);
    for (const output of [beside, other, inside, absent]) equal(output.discard(), []);
    equal(readTree(root), { ckpt: '<directory>', 'ckpt/x': '' });
  });

  test('finds what stands beside the target of a link', () => {
    const root = scratch();
    writeTree(root, { 'disk/target': '' });
    symlinkSync('disk/target', join(root, 'm.pth'));
    const output = OutputFile.create(join(root, 'm.pth'), { force: true });
    equal(
      findLeftovers(join(root, 'm.pth')).map(({ path }) => path),
      [output.temporaryPath],
    );
    output.discard();
  });

  test('a foreign file of a similar name is none of ours', () => {
    const root = scratch();
    writeTree(root, { '.m.pth.dcp-tmp-old': 'x', '.m.pth.dcp-tmp-host-1-2': 'x', 'm.pth.tmp': 'x' });
    equal(findLeftovers(join(root, 'm.pth')), []);
  });

  test('what a living run makes is not removed', () => {
    const root = scratch();
    const output = OutputFile.create(join(root, 'm.pth'));
    const [leftover] = findLeftovers(join(root, 'm.pth'));
    ok(leftover);
    throws(() => removeLeftover(leftover, dcpNames), {
      code: 'usage',
      message: /is alive.*found process \d+ on/,
    });
    throws(() => removeLeftover(leftover, dcpNames, { evenIfUnknown: true }), { code: 'usage' });
    output.discard();
  });

  test('what another machine made is removed only when the caller vouches for it', () => {
    const root = scratch();
    OutputFile.create(join(root, 'm.pth'));
    bury(root, '00000000');
    const [leftover] = findLeftovers(join(root, 'm.pth'));
    ok(leftover);
    is(leftover.state, 'unknown');
    throws(() => removeLeftover(leftover, dcpNames), { code: 'usage', message: /may still be alive/ });
    equal(removeLeftover(leftover, dcpNames, { evenIfUnknown: true }), []);
    equal(readTree(root), {});
  });

  test('two runs may clean up at a time', () => {
    const root = scratch();
    OutputFile.create(join(root, 'm.pth'));
    OutputDirectory.create(join(root, 'ckpt'), dcpNames).createFile('x');
    bury(root);
    const found = [...findLeftovers(join(root, 'm.pth')), ...findLeftovers(join(root, 'ckpt'))];
    is(found.length, 2);
    for (const leftover of [...found, ...found]) equal(removeLeftover(leftover, dcpNames), []);
    equal(readTree(root), {});
  });

  test('a directory with more in it than we made stays', () => {
    const root = scratch();
    OutputDirectory.create(join(root, 'ckpt'), dcpNames);
    bury(root);
    const [leftover] = findLeftovers(join(root, 'ckpt'));
    ok(leftover);
    mkdirSync(join(leftover.path, 'theirs'));
    const left = removeLeftover(leftover, dcpNames);
    is(left.length, 1);
    equal(readdirSync(left[0] ?? ''), ['theirs']);
    // It was made this run's first, so that no other run would clean up at the same time.
    is(findLeftovers(join(root, 'ckpt'))[0]?.state, 'live');
  });
});

suite('io/leftovers: a checkpoint that was moved aside', ({ test }) => {
  /** A run that replaces a checkpoint and ends when it wants to put its index in place. */
  async function stopped(): Promise<string> {
    const root = scratch();
    const scenario = scenarios.find(each => each.name === 'a checkpoint replaced');
    ok(scenario);
    scenario.prepare(root);
    await watchingCalls(
      call => {
        if (call.name === 'link' && String(call.args[1]).endsWith('ckpt/.metadata'))
          throw systemError('STOP');
      },
      async () => {
        await scenario.fill(scenario.create(root)).catch(() => {});
      },
    );
    bury(root);
    return join(root, 'ckpt');
  }

  test('is reported', async () => {
    const [leftover] = findLeftovers(await stopped());
    equal([leftover?.state, leftover?.holdsReplaced], ['dead', true]);
  });

  test('keeps others from writing there until it is given back', async () => {
    const path = await stopped();
    for (const force of [false, true]) {
      throws(() => OutputDirectory.create(path, { ...dcpNames, force }), {
        code: 'usage',
        message: /was killed here has left files of the old checkpoint aside/,
      });
    }
    is(findLeftovers(path).length, 1);
  });

  test('stays aside, and all else as it is, where another has made a new index since then', async () => {
    const path = await stopped();
    writeFileSync(join(path, '.metadata'), 'theirs');
    const visible = () => Object.entries(readTree(path)).filter(([name]) => !name.startsWith('.dcp-tmp-'));
    const before = visible();
    const [leftover] = findLeftovers(path);
    ok(leftover);
    is(removeLeftover(leftover, dcpNames).length, 1);
    equal(visible(), before);
    is(findLeftovers(path)[0]?.holdsReplaced, true);
  });

  test('never replaces a file that another has put in its place', async () => {
    const path = await stopped();
    writeFileSync(join(path, '__7_0.distcp'), 'theirs');
    const [leftover] = findLeftovers(path);
    ok(leftover);
    is(removeLeftover(leftover, dcpNames).length, 1);
    is(readTree(path)['__7_0.distcp'], 'theirs');
    is(readTree(path)['.metadata'], undefined);
  });
});

suite('io/leftovers: times', ({ test }) => {
  test('tell when a temporary was written last', () => {
    const root = scratch();
    const output = OutputFile.create(join(root, 'm.pth'));
    output.write(bytesOf('x'), 0);
    utimesSync(output.temporaryPath, 1_000, 2_000);
    is(findLeftovers(join(root, 'm.pth'))[0]?.mtimeNs, 2_000_000_000_000n);
    is(dirname(output.temporaryPath), root);
    output.discard();
  });
});
