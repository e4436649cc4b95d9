import { PassThrough } from 'node:stream';
import { FrameStream, frameUpdate } from '../../../src/tui/explore/frame-stream.js';
import { equal, is, suite } from '../../suite.js';

const E = '\u001b[';
const whole = (inside: string): string => `${E}?2026h${inside}${E}?2026l`;

suite('explorer: frames', ({ test, each }) => {
  each<readonly [name: string, previous: string[] | undefined, next: string[], update: string]>(
    [
      ['the first', undefined, ['a', 'b'], whole(`${E}0m${E}2J${E}1;1Ha${E}0m${E}K${E}2;1Hb${E}0m${E}K`)],
      ['the same again', ['a', 'b'], ['a', 'b'], ''],
      ['one line', ['a', 'b', 'c'], ['a', 'x', 'c'], whole(`${E}2;1Hx${E}0m${E}K`)],
      ['fewer lines', ['a', 'b'], ['a'], whole(`${E}2;1H${E}K`)],
    ],
    ([name]) => name,
    ([, previous, next, update]) => is(frameUpdate(previous, next), update),
  );

  test('nothing after it was closed; all anew after what was shown is forgotten', () => {
    const terminal = new PassThrough() as unknown as NodeJS.WriteStream;
    const written: string[] = [];
    terminal.on('data', chunk => written.push(String(chunk)));
    const frames = new FrameStream(terminal);
    frames.write('a\nb');
    frames.write('a\nb');
    frames.forget();
    frames.write('a\nb');
    frames.close();
    frames.write('c');
    equal(
      written.map(text => text.includes('2J')),
      [true, true],
    );
  });

  test('a terminal without a size is 80 × 24', () => {
    const frames = new FrameStream(new PassThrough() as unknown as NodeJS.WriteStream);
    equal([frames.columns, frames.rows], [80, 24]);
  });
});
