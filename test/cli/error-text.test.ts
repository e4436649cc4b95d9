import { errorText, internalMessage } from '../../src/cli/error-text.js';
import { styleFor } from '../../src/cli/style.js';
import { CorruptDataError, FileError, UsageError } from '../../src/errors.js';
import { is, ok, suite } from '../suite.js';

const plain = styleFor(false);

suite('error text', ({ each, test }) => {
  each(
    [
      [new UsageError('No'), 'dcp: No\n'],
      [
        new FileError('There is nothing at this path', { path: 'x', hint: 'Look again.' }),
        'dcp: There is nothing at this path [in x]\nhint: Look again.\n',
      ],
      [
        new CorruptDataError('Damaged', { expected: 'aa', found: 'bb', fqn: 'w', path: 'f', byteOffset: 7 }),
        'dcp: Damaged (expected aa, found bb) [at w, in f, byte 7]\n',
      ],
      [
        new FileError('Gone', { path: 'a\nb\u001b[2J', hint: 'c\u0007' }),
        'dcp: Gone [in a\\nb\\x1b[2J]\nhint: c\\x07\n',
      ],
      [
        new TypeError('x is not a function\nmore'),
        'dcp: This is a bug in dcp: TypeError: x is not a function\n' +
          'hint: Please report it, with what the same command prints with DCP_DEBUG=1 set.\n',
      ],
      [
        'just text',
        'dcp: This is a bug in dcp: just text\nhint: Please report it, with what the same command prints with DCP_DEBUG=1 set.\n',
      ],
    ] as const,
    ([, text]) => text.split('\n')[0]!,
    ([error, text]) => is(errorText(error, plain), text),
  );

  test('the stack of a bug is printed only when asked for', () => {
    const error = new TypeError('x');
    ok(!errorText(error, plain).includes('error-text.test'));
    ok(errorText(error, plain, { withStack: true }).includes('error-text.test'));
    is(errorText(new UsageError('No'), plain, { withStack: true }), 'dcp: No\n');
  });

  test('an error that came from a worker as text is told without its stack', () => {
    is(internalMessage(new Error('TypeError: x\n    at y (z.js:1:2)')), 'TypeError: x');
  });

  test('colours only where they are wanted', () => {
    const text = errorText(new UsageError('No', { hint: 'Yes' }), styleFor(true));
    is(text, '\u001b[31mdcp:\u001b[39m No\n\u001b[2mhint:\u001b[22m Yes\n');
  });
});
