import { actionOf, type InkKey, KEY_GROUPS, keysOf } from '../../../src/tui/explore/keys.js';
import { equal, is, ok, suite } from '../../suite.js';

const NONE: InkKey = {
  upArrow: false,
  downArrow: false,
  leftArrow: false,
  rightArrow: false,
  pageDown: false,
  pageUp: false,
  home: false,
  end: false,
  return: false,
  escape: false,
  ctrl: false,
  shift: false,
  tab: false,
  backspace: false,
  delete: false,
  meta: false,
};

suite('explorer: keys', ({ test, each }) => {
  each<readonly [input: string, key: Partial<InkKey>, keys: string[]]>(
    [
      ['', { upArrow: true }, ['up']],
      ['', { pageDown: true }, ['pagedown']],
      ['', { escape: true, meta: true }, ['escape']],
      ['', { delete: true }, ['backspace']],
      ['', { tab: true, shift: true }, ['shift-tab']],
      ['c', { ctrl: true }, ['ctrl-c']],
      ['j', {}, ['j']],
      ['G', { shift: true }, ['G']],
      ['jjk', {}, ['j', 'j', 'k']],
      ['ab\r', {}, ['a', 'b', 'return']],
      ['a\u0003', {}, ['a', 'ctrl-c']],
      ['a\u007f', {}, ['a', 'backspace']],
      ['層é', {}, ['層', 'é']],
      ['x', { meta: true }, []],
      ['[200~', { meta: true }, []],
    ],
    ([input, key]) => JSON.stringify([input, key]),
    ([input, key, keys]) => equal(keysOf(input, { ...NONE, ...key }), keys),
  );

  test('no key means two things', () => {
    const keys = KEY_GROUPS.flatMap(({ rows }) => rows.flatMap(row => row.keys));
    is(new Set(keys).size, keys.length);
    ok(keys.length > 30);
  });

  each<readonly [key: string, action: unknown]>(
    [
      ['q', { type: 'text', text: 'q' }],
      [' ', { type: 'text', text: ' ' }],
      ['層', { type: 'text', text: '層' }],
      ['return', { type: 'accept' }],
      ['ctrl-c', { type: 'cancel' }],
      ['backspace', { type: 'erase' }],
      ['up', undefined],
      ['tab', undefined],
    ],
    ([key]) => `while typing: ${key}`,
    ([key, action]) => equal(actionOf(key, true), action),
  );
});
