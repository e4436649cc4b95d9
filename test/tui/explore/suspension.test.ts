import { EventEmitter } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import { type Stoppable, Suspension } from '../../../src/tui/explore/suspension.js';
import { equal, is, suite } from '../../suite.js';

/** A process that cannot be stopped, and all that happened to it. */
class Fake extends EventEmitter {
  readonly happened: string[] = [];

  kill(pid: number, signal: string): true {
    this.happened.push(`kill ${pid} ${signal}, ${this.listenerCount(signal)} listeners`);
    return true;
  }

  readonly suspension = new Suspension(this as unknown as Stoppable, {
    leave: () => this.happened.push('leave'),
    enter: () => this.happened.push('enter'),
  });
}

const LEFT = ['leave', 'kill 0 SIGTSTP, 0 listeners'];

suite('explorer: suspended', ({ test }) => {
  test('the terminal is given back, then the group is stopped, as if nobody listened', () => {
    const fake = new Fake();
    fake.suspension.suspend();
    equal(fake.happened, LEFT);
    fake.suspension.dispose();
  });

  test('at SIGCONT the terminal is taken again, once', async () => {
    const fake = new Fake();
    fake.emit('SIGTSTP');
    fake.emit('SIGCONT');
    await setTimeout(200);
    equal(fake.happened, [...LEFT, 'enter']);
    fake.emit('SIGTSTP');
    equal(fake.happened, [...LEFT, 'enter', ...LEFT]);
    fake.suspension.dispose();
  });

  test('what is not stopped goes on', async () => {
    const fake = new Fake();
    fake.suspension.suspend();
    fake.suspension.suspend();
    await setTimeout(200);
    equal(fake.happened, [...LEFT, 'enter']);
    fake.suspension.dispose();
  });

  test('a stop that nobody told of (SIGSTOP) ends with taking the terminal again', () => {
    const fake = new Fake();
    fake.emit('SIGCONT');
    equal(fake.happened, ['enter']);
    fake.suspension.dispose();
  });

  test('it leaves no listeners', () => {
    const fake = new Fake();
    fake.suspension.suspend();
    fake.suspension.dispose();
    is(fake.listenerCount('SIGTSTP') + fake.listenerCount('SIGCONT'), 0);
  });
});
