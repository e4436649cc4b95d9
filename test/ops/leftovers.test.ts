import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryName } from '../../src/io/temporary-name.js';
import { clearDeadRuns } from '../../src/ops/leftovers.js';
import { scratch } from '../io/scratch.js';
import { equal, suite, throws } from '../suite.js';

const INDEX = { indexName: '.metadata', isIndex: (name: string) => name === '.metadata' };

/** This process's temporary for `out`, with parts of its name changed. */
function nameOf(change: { session?: string; startTime?: string }): string {
  const match = /^(.*-)([0-9a-f]+)-(\d+)-(\d+)(-[0-9a-f]{8})$/.exec(temporaryName('out'))!;
  const [, head, session, pid, startTime, tail] = match;
  return `${head}${change.session ?? session}-${pid}-${change.startTime ?? startTime}${tail}`;
}

const ELSEWHERE = { session: '00000000' };
const DEAD = { startTime: '1' };

suite('ops/leftovers', ({ test }) => {
  test('what a dead run has left goes, file or directory', () => {
    const directory = scratch();
    writeFileSync(join(directory, nameOf(DEAD)), 'half');
    const temporary = join(directory, nameOf(DEAD));
    mkdirSync(temporary);
    writeFileSync(join(temporary, '__0_0.distcp'), 'half');
    equal(clearDeadRuns(join(directory, 'out'), INDEX, {}), { warnings: [] });
    equal(readdirSync(directory), []);
  });

  test('what may be of a run elsewhere stays, with a warning that names it', () => {
    const directory = scratch();
    const name = nameOf(ELSEWHERE);
    writeFileSync(join(directory, name), 'half');
    const { warnings } = clearDeadRuns(join(directory, 'out'), INDEX, {});
    equal(
      warnings.map(({ kind, message }) => [
        kind,
        message.startsWith(`${join(directory, name)} is of process `),
      ]),
      [['leftover', true]],
    );
    equal(readdirSync(directory), [name]);
  });

  test('a run that lives is in the way', () => {
    const directory = scratch();
    writeFileSync(join(directory, nameOf({})), 'half');
    throws(() => clearDeadRuns(join(directory, 'out'), INDEX, {}), {
      code: 'usage',
      message: /Another conversion is making this output .*process \d+/,
    });
  });

  test('what belongs to another destination is left alone', () => {
    const directory = scratch();
    writeFileSync(join(directory, temporaryName('other')), 'half');
    equal(clearDeadRuns(join(directory, 'out'), INDEX, {}), { warnings: [] });
    equal(readdirSync(directory).length, 1);
  });
});
