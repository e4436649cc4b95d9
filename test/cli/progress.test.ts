import { PassThrough } from 'node:stream';
import { setTimeout } from 'node:timers/promises';
import { openProgress } from '../../src/cli/progress.js';
import { terminalOf } from '../../src/cli/terminal.js';
import type { ProgressEvent } from '../../src/tui/progress-event.js';
import { equal, is, match, ok, suite } from '../suite.js';

const FAST = { screenAfter: 1, screenInterval: 5, lineInterval: 20, eventInterval: 20 };

const TERMINAL = terminalOf({ isTTY: true, columns: 80, rows: 25 }, { TERM: 'xterm', LANG: 'C.UTF-8' });

function fakeStderr() {
  const stream = new PassThrough() as unknown as NodeJS.WriteStream;
  stream.columns = 80;
  let text = '';
  stream.on('data', chunk => (text += chunk));
  return { stream, text: () => text };
}

const MIB = 1 << 20;

suite('progress', ({ test }) => {
  test('lines, one an interval', async () => {
    const { stream, text } = fakeStderr();
    const progress = openProgress('lines', stream, TERMINAL, FAST);
    progress.onProgress({ phase: 'copy', byteCount: MIB, byteTotal: 4 * MIB });
    is(text(), '', 'nothing at once');
    await setTimeout(50);
    progress.onInterrupt();
    await setTimeout(30);
    progress.close();
    match(text(), /^dcp: copying: 25 %, 1\.00 MiB of 4\.00 MiB\n/);
    match(text(), /\ndcp: interrupted, cleaning up\n(dcp: interrupted, cleaning up: \S+ s so far\n)+$/);
  });

  test('a conversion that is over soon prints nothing', async () => {
    const { stream, text } = fakeStderr();
    const progress = openProgress('screen', stream, TERMINAL);
    progress.onProgress({ phase: 'copy', byteCount: MIB, byteTotal: 4 * MIB });
    progress.close();
    await setTimeout(10);
    is(text(), '');
  });

  test('a screen, which is gone after closing', async () => {
    const { stream, text } = fakeStderr();
    const progress = openProgress('screen', stream, TERMINAL, FAST);
    progress.onProgress({ phase: 'copy', byteCount: MIB, byteTotal: 4 * MIB });
    for (let i = 0; i < 200 && !text().includes('25 %'); i++) await setTimeout(10);
    progress.close();
    const drawn = text();
    match(drawn, /copying {2}[█░]+ {3}25 %/);
    await setTimeout(30);
    is(text(), drawn, 'nothing is drawn after closing');
    ok(drawn.lastIndexOf('\u001b[2K') > drawn.lastIndexOf('25 %'), 'the line is erased');
  });

  test('events: each phase, its end, and one an interval between', async () => {
    const { stream, text } = fakeStderr();
    const progress = openProgress('events', stream, TERMINAL, { ...FAST, eventInterval: 1e6 });
    const bytes = (byteCount: number) => ({ phase: 'copy', byteCount, byteTotal: 100 }) as const;
    progress.onProgress({ phase: 'open' });
    progress.onProgress({ phase: 'plan' });
    for (let byteCount = 0; byteCount <= 100; byteCount += 10) progress.onProgress(bytes(byteCount));
    progress.onProgress({ phase: 'finish' });
    progress.onInterrupt();
    progress.close();
    const events = text()
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line) as ProgressEvent)
      .map(({ phase, byte_count, interrupted }) => [phase, byte_count, interrupted]);
    equal(events, [
      ['open', undefined, undefined],
      ['plan', undefined, undefined],
      ['copy', 0, undefined],
      ['copy', 100, undefined],
      ['finish', undefined, undefined],
      ['finish', undefined, true],
    ]);
  });

  test('events between', async () => {
    const { stream, text } = fakeStderr();
    const progress = openProgress('events', stream, TERMINAL, { ...FAST, eventInterval: 5 });
    for (let i = 0; i < 200 && text().split('\n').length < 5; i++) await setTimeout(5);
    progress.close();
    ok(text().split('\n').length >= 5);
    const written = text();
    await setTimeout(20);
    is(text(), written, 'nothing after closing');
  });

  test('none', async () => {
    const { stream, text } = fakeStderr();
    const progress = openProgress('none', stream, TERMINAL, FAST);
    progress.onProgress({ phase: 'plan' });
    progress.onInterrupt();
    await setTimeout(30);
    progress.close();
    is(text(), '');
  });
});
