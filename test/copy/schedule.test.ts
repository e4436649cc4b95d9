import { DrainingPool } from '../../src/copy/draining-pool.js';
import { runUnordered } from '../../src/copy/schedule.js';
import { FileError } from '../../src/errors.js';
import { equal, is, rejects, suite } from '../suite.js';

const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve));

/** Each request takes as many turns of the event loop as it says; a negative one then fails. */
class TurnPool extends DrainingPool<number, number> {
  readonly log: string[] = [];

  protected override async start(request: number): Promise<number> {
    this.log.push(`start ${request}`);
    for (let i = 0; i < Math.abs(request); i++) await turn();
    this.log.push(`end ${request}`);
    if (request < 0) throw new FileError('It is gone');
    return request;
  }

  protected override release(): void {
    this.log.push('release');
  }
}

suite('requests in any order', ({ test }) => {
  test('all are carried out, as many at a time as the pool takes', async () => {
    const pool = new TurnPool(2);
    const done: number[] = [];
    await runUnordered(pool, [5, 1, 1, 1], result => done.push(result), undefined);
    equal(done, [1, 1, 1, 5]);
    equal(pool.log.slice(0, 4), ['start 5', 'start 1', 'end 1', 'start 1']);
  });

  test('after a failure none is begun, and what was under way is not handed on', async () => {
    const pool = new TurnPool(3);
    const done: number[] = [];
    const work = async (): Promise<void> => {
      await runUnordered(pool, [-2, 1, 4, 4, 3, 3, 3], result => done.push(result), undefined);
    };
    await rejects(work, { code: 'file', message: /gone/ });
    const begun = pool.log.filter(line => line.startsWith('start')).length;
    await pool.close();
    is(pool.log.at(-1), 'release');
    equal(pool.log.filter(line => line.startsWith('end')).length, begun);
    is(begun, 4);
    equal(done, [1]);
    for (let i = 0; i < 10; i++) await turn();
    is(pool.log.at(-1), 'release');
    equal(done, [1]);
  });

  test('the same after a signal', async () => {
    const pool = new TurnPool(2);
    const done: number[] = [];
    const controller = new AbortController();
    const onDone = (result: number): void => {
      done.push(result);
      controller.abort();
    };
    await rejects(() => runUnordered(pool, [1, 6, 6, 6], onDone, controller.signal), { code: 'interrupted' });
    await pool.close();
    for (let i = 0; i < 10; i++) await turn();
    equal(done, [1]);
    is(pool.log.at(-1), 'release');
  });
});
