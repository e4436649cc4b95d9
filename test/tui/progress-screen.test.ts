import { PassThrough } from 'node:stream';
import { setTimeout } from 'node:timers/promises';
import { openProgressScreen } from '../../src/tui/progress-screen.js';
import { initialProgress } from '../../src/tui/progress-state.js';
import { is, ok, suite } from '../suite.js';

function fakeTerminal(columns: number) {
  const stream = new PassThrough() as unknown as NodeJS.WriteStream;
  stream.columns = columns;
  let text = '';
  stream.on('data', chunk => (text += chunk));
  return { stream, text: () => text };
}

const ERASE_LINE = '\u001b[2K';

suite('progress screen', ({ test }) => {
  test('draws in place, and leaves nothing behind', async () => {
    const { stream, text } = fakeTerminal(80);
    const screen = openProgressScreen(stream, { unicode: true, colors: false });
    screen.draw(initialProgress(0));
    screen.draw({ ...initialProgress(0), phase: 'plan' });
    await setTimeout(60);
    ok(text().includes('reading the index'), text());
    screen.close();
    const drawn = text();
    ok(drawn.includes(ERASE_LINE), 'the line is erased');
    ok(drawn.lastIndexOf(ERASE_LINE) > drawn.lastIndexOf('planning'), JSON.stringify(drawn));
    ok(drawn.endsWith('\u001b[G\n\u001b[1A'), `the cursor is not where it was: ${JSON.stringify(drawn)}`);
  });

  test('closing twice, or without having drawn, does nothing', () => {
    const { stream, text } = fakeTerminal(80);
    const screen = openProgressScreen(stream, { unicode: true, colors: false });
    screen.close();
    screen.close();
    is(text(), '');
  });
});
