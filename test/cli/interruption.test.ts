import { EventEmitter } from 'node:events';
import { type EndingSignal, EXIT_OF_SIGNAL } from '../../src/cli/exit-codes.js';
import { listenForEnding } from '../../src/cli/interruption.js';
import { equal, is, suite } from '../suite.js';

suite('interruption', ({ each, test }) => {
  each(
    Object.entries(EXIT_OF_SIGNAL) as [EndingSignal, number][],
    ([name]) => `${name} asks the work to stop`,
    ([name, code]) => {
      const source = new EventEmitter();
      const order: string[] = [];
      const ending = listenForEnding(source as NodeJS.Process, () => order.push('told'));
      ending.signal.addEventListener('abort', () => order.push('aborted'));
      is(ending.exitCode, undefined);
      source.emit(name, name);
      equal(order, ['told', 'aborted']);
      is(ending.exitCode, code);
    },
  );

  test('the second signal does not wait for the work', async () => {
    const source = new EventEmitter();
    const ending = listenForEnding(source as NodeJS.Process, () => {});
    source.emit('SIGTERM', 'SIGTERM');
    source.emit('SIGINT', 'SIGINT');
    is(await ending.atOnce, 130);
    is(ending.exitCode, 143, 'the first one is the reason');
  });

  test('afterwards signals have their usual effect', () => {
    const source = new EventEmitter();
    listenForEnding(source as NodeJS.Process, () => {}).dispose();
    equal(source.eventNames(), []);
  });
});
