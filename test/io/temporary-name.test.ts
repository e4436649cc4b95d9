import { spawnSync } from 'node:child_process';
import { hostname } from 'node:os';
import { ownerState, parseTemporaryName, temporaryName, temporaryStem } from '../../src/io/temporary-name.js';
import { equal, is, ok, suite } from '../suite.js';

const byteLengthOf = (text: string): number => Buffer.byteLength(text);

suite('io/temporary-name', ({ test, each }) => {
  test('tells its owner and its destination', () => {
    const parsed = parseTemporaryName(temporaryName('model.dcp-tmp-x.pth'));
    is(parsed?.stem, 'model.dcp-tmp-x.pth');
    is(parsed?.owner.pid, process.pid);
    is(
      parsed?.owner.host,
      hostname()
        .slice(0, 24)
        .replace(/[^A-Za-z0-9_.]/g, '_'),
    );
    is('stem' in (parseTemporaryName(temporaryName()) ?? { stem: '' }), false);
  });

  test('is hidden, and another each time', () => {
    ok(temporaryName('m.pth').startsWith('.m.pth.dcp-tmp-'));
    ok(temporaryName().startsWith('.dcp-tmp-'));
    is(new Set(Array.from({ length: 100 }, () => temporaryName('m'))).size, 100);
  });

  each(
    ['x'.repeat(255), 'é'.repeat(127), '🔥'.repeat(63), 'x'.repeat(60), '.', 'a\nb'],
    name => `fits and comes back: ${byteLengthOf(name)} bytes of ${JSON.stringify(name.slice(0, 2))}…`,
    name => {
      const made = temporaryName(name);
      ok(byteLengthOf(made) <= 143, `${byteLengthOf(made)} bytes`);
      is(parseTemporaryName(made)?.stem, temporaryStem(name));
      is(temporaryStem(temporaryStem(name)), temporaryStem(name));
    },
  );

  test('long names that begin alike do not meet', () => {
    ok(temporaryStem(`${'x'.repeat(200)}1`) !== temporaryStem(`${'x'.repeat(200)}2`));
  });

  each(
    [
      'm.pth',
      '.m.pth.tmp',
      '.m.pth.dcp-tmp-',
      '.dcp-tmp-host-0123abcd-12-34',
      '.dcp-tmp-host-0123abcd-12-34-0123abc',
      '.dcp-tmp-host-0123abcd-12-34-0123abcd.bak',
      '.dcp-tmp-host-0123abcd-pid-34-0123abcd',
      'dcp-tmp-host-0123abcd-12-34-0123abcd',
    ],
    name => `not ours: ${name}`,
    name => is(parseTemporaryName(name), undefined),
  );

  test('reads a name made by hand', () => {
    equal(parseTemporaryName('.m.pth.dcp-tmp-node_7.local-0123abcd-12-3456-89abcdef'), {
      stem: 'm.pth',
      owner: { host: 'node_7.local', session: '0123abcd', pid: 12, startTime: '3456' },
    });
  });
});

suite('io/temporary-name: the owner', ({ test, each }) => {
  const own = () => {
    const parsed = parseTemporaryName(temporaryName());
    ok(parsed);
    return parsed.owner;
  };

  test('this process lives', () => is(ownerState(own()), 'live'));

  test('a process that has ended is dead', () => {
    const { pid } = spawnSync(process.execPath, ['-e', '']);
    is(ownerState({ ...own(), pid }), 'dead');
  });

  if (process.platform === 'linux') {
    test('a process id that another process got is dead', () => {
      is(ownerState({ ...own(), startTime: '1' }), 'dead');
    });
    test('process 1 started at another time', () => is(ownerState({ ...own(), pid: 1 }), 'dead'));
  }

  test('a process of another user lives', () => {
    // Process 1 belongs to root: whether it may be signalled or not, it is there.
    is(ownerState({ ...own(), pid: 1, startTime: '0' }), 'live');
  });

  each(
    ['0', '00000000'],
    session => `nothing is known of session ${session}`,
    session => is(ownerState({ ...own(), session }), 'unknown'),
  );
});
