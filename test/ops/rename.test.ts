import { parseRenames } from '../../src/ops/rename.js';
import { is, suite, throws } from '../suite.js';

suite('renaming', ({ each }) => {
  /** Rules, name, result: what GNU sed 4.9 gives with -E. */
  each(
    [
      [['s/^module\\.//'], 'module.a.module.b', 'a.module.b'],
      [['s/module\\.//g'], 'module.a.module.b', 'a.b'],
      [['s/A/x/'], 'abA', 'abx'],
      [['s/A/x/i'], 'abA', 'xbA'],
      [['s/A/x/gi'], 'abA', 'xbx'],
      [['s/(\\w+)\\.(\\d+)/\\2.\\1/'], 'layers.12.w', '12.layers.w'],
      [['s/b/[&]/'], 'abc', 'a[b]c'],
      [['s/b/\\&/'], 'abc', 'a&c'],
      [['s|a/b|c|'], 'a/b', 'c'],
      [['s/a\\/b/c/'], 'a/b', 'c'],
      [['s/x/$1/'], 'x', '$1'],
      [['s/^/model./'], 'w', 'model.w'],
      [['s/a/b/', 's/b/c/'], 'ab', 'cb'],
      [['s/(a)|(b)/<\\2>/'], 'a', '<>'],
      [['s/(?<name>a)(b)/\\2\\1/'], 'ab', 'ba'],
      [['s/(a)/\\9&/'], 'a', 'a'],
      [[], 'w', 'w'],
    ] as const,
    ([rules, name]) => `${rules.join(' ')} of ${name}`,
    ([rules, name, expected]) => is(parseRenames(rules)(name), expected),
  );

  each(
    ['', 's', 'a/b/c', 's/a/b', 's/a/b/c/d', 's//b/', 's/a/b/x'],
    rule => `refuses ${JSON.stringify(rule)}`,
    rule => throws(() => parseRenames([rule]), { code: 'usage', message: /no substitution/ }),
  );

  each(
    ['s/(/b/', 's/[/b/'],
    rule => `refuses ${rule}`,
    rule => throws(() => parseRenames([rule]), { code: 'usage', message: /no regular expression/ }),
  );
});
