import { terminalOf } from '../../src/cli/terminal.js';
import { equal, suite } from '../suite.js';

const TTY = { isTTY: true, columns: 120, rows: 40 };
const XTERM = { TERM: 'xterm-256color', LANG: 'en_US.UTF-8' };
const FULL = {
  isTty: true,
  columns: 120,
  colors: true,
  animates: true,
  unicode: true,
  has256Colors: true,
  isSmart: true,
};
/** Of what no cursor can be moved on. */
const PLAIN = { colors: false, animates: false, has256Colors: false, isSmart: false };

suite('terminal', ({ each }) => {
  each(
    [
      { what: 'a terminal', stream: TTY, env: XTERM, expected: FULL },
      {
        what: 'a pipe',
        stream: {},
        env: XTERM,
        expected: { ...FULL, ...PLAIN, isTty: false, columns: undefined },
      },
      {
        what: 'no size known yet',
        stream: { isTTY: true, columns: 0, rows: 0 },
        env: XTERM,
        expected: { ...FULL, columns: 80, animates: false },
      },
      {
        what: 'two rows',
        stream: { ...TTY, rows: 2 },
        env: XTERM,
        expected: { ...FULL, animates: false },
      },
      {
        what: 'ten columns',
        stream: { ...TTY, columns: 10 },
        env: XTERM,
        expected: { ...FULL, columns: 10, animates: false },
      },
      {
        what: 'NO_COLOR',
        stream: TTY,
        env: { ...XTERM, NO_COLOR: '1' },
        expected: { ...FULL, colors: false },
      },
      { what: 'an empty NO_COLOR', stream: TTY, env: { ...XTERM, NO_COLOR: '' }, expected: FULL },
      {
        what: 'TERM=dumb',
        stream: TTY,
        env: { ...XTERM, TERM: 'dumb' },
        expected: { ...FULL, ...PLAIN },
      },
      {
        what: 'no TERM',
        stream: TTY,
        env: { LANG: 'C.UTF-8' },
        expected: { ...FULL, ...PLAIN },
      },
      { what: 'CI=1', stream: TTY, env: { ...XTERM, CI: '1' }, expected: { ...FULL, animates: false } },
      { what: 'CI=true', stream: TTY, env: { ...XTERM, CI: 'true' }, expected: { ...FULL, animates: false } },
      { what: 'CI=false', stream: TTY, env: { ...XTERM, CI: 'false' }, expected: FULL },
      { what: 'LANG=C', stream: TTY, env: { ...XTERM, LANG: 'C' }, expected: { ...FULL, unicode: false } },
      {
        what: 'no locale',
        stream: TTY,
        env: { TERM: 'xterm' },
        expected: { ...FULL, unicode: false, has256Colors: false },
      },
      {
        what: 'LC_ALL over LANG',
        stream: TTY,
        env: { ...XTERM, LC_ALL: 'POSIX' },
        expected: { ...FULL, unicode: false },
      },
      {
        what: 'LC_CTYPE over LANG',
        stream: TTY,
        env: { TERM: 'xterm', LANG: 'C', LC_CTYPE: 'de_DE.utf8' },
        expected: { ...FULL, has256Colors: false },
      },
    ],
    row => row.what,
    row => equal(terminalOf(row.stream, row.env), row.expected),
  );
});
