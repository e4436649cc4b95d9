import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DcpError } from '../../src/errors.js';
import { decodeKeyMap } from '../../src/mapping/decode-key-map.js';
import { reverseKeyMap } from '../../src/mapping/reverse.js';
import { blockOf, readDocument, repository } from '../documents.js';
import { equal, is, match, ok, suite } from '../suite.js';

const maps = join(repository, 'src/maps');

suite('maps that are valid', ({ each, test }) => {
  each(
    readdirSync(maps).filter(name => !name.includes('schema')),
    name => `${name}, and its reverse`,
    name => {
      const { map, isReversed } = decodeKeyMap(readFileSync(join(maps, name), 'utf8'));
      is(isReversed, false);
      const twice = reverseKeyMap(reverseKeyMap(map));
      equal(
        twice.rules,
        map.rules.filter(({ to }) => to.length > 0),
      );
    },
  );

  test('the schema knows the fields and steps that the decoder knows', () => {
    const schema = JSON.parse(readFileSync(join(maps, 'key-map.schema.json'), 'utf8'));
    const known = (map: object): string[] => {
      try {
        decodeKeyMap(JSON.stringify(map));
      } catch (error) {
        return String((error as DcpError).expected).split(', ');
      }
      throw new Error('no error');
    };
    const none = { none: 1 };
    equal(Object.keys(schema.properties).sort(), known({ version: 1, rules: [], ...none }).sort());
    equal(
      Object.keys(schema.$defs.rule.oneOf[0].properties).sort(),
      known({ version: 1, rules: [none] }).sort(),
    );
    equal(
      schema.$defs.step.oneOf.flatMap((step: { properties: object }) => Object.keys(step.properties)),
      known({ version: 1, rules: [{ from: 'a', to: 'b', steps: [none] }] }),
    );
  });

  test('the example of the document', () => {
    const { map } = decodeKeyMap(blockOf(readDocument('docs/formats/maps.md'), 'map').text);
    equal(
      map.rules.map(({ steps }) => steps.length),
      [0, 3, 1, 0],
    );
  });
});

suite('maps that are not valid', ({ each }) => {
  const rule = (fields: object) => ({ version: 1, rules: [{ from: 'a', to: 'b', ...fields }] });
  const steps = (...list: object[]) => rule({ steps: list });
  const rows: readonly (readonly [map: unknown, message: RegExp])[] = [
    ['{', /no JSON/],
    [[], /the document .*an object/],
    [{ rules: [] }, /version .*expected 1/],
    [{ version: 2, rules: [] }, /version .*found 2/],
    [{ version: 1 }, /rules .*a list of rules/],
    [{ version: 1, rules: [], rule: [] }, /rule is not known/],
    [{ version: 1, rules: [], else: 'ignore' }, /else .*"error" or "keep" or "drop"/],
    [{ version: 1, rules: [], reverse: 'yes' }, /reverse .*true or false/],
    [{ version: 1, rules: [], parameters: { config: 1 } }, /parameters\.config/],
    [{ version: 1, rules: [], parameters: { n: [] } }, /parameters\.n/],
    [{ version: 1, rules: [], parameters: { n: -1 } }, /parameters\.n .*0 or more/],
    [{ version: 1, rules: [], parameters: { n: 'm + 1' } }, /parameters\.n uses m/],
    [{ version: 1, rules: [], parameters: { n: '1 +' } }, /expression .*parameters\.n/],
    [{ version: 1, rules: [{ to: 'b' }] }, /rules\[0\]\.from/],
    [{ version: 1, rules: [{ from: 'a' }] }, /rules\[0\]\.to/],
    [rule({ from: [] }), /rules\[0\]\.from .*a name/],
    [rule({ from: 'a.{i', to: 'b' }), /pattern .*rules\[0\]\.from/],
    [rule({ from: 'a.{i}.{i}', to: 'b' }), /stands twice/],
    [rule({ from: 'a.{i}', to: 'b' }), /rules\[0\]\.to has other holes .*\{i\}.*no hole/],
    [rule({ from: ['a.{i}', 'c'], to: 'b' }), /rules\[0\]\.from have different holes/],
    [rule({ to: ['b', 'c'] }), /another number of names .*one tensor.*found 2/],
    [rule({ drop: true }), /rules\[0\]\.to .*"drop"/],
    [rule({ optional: 1 }), /rules\[0\]\.optional/],
    [rule({ rename: 1 }), /rules\[0\]\.rename is not known .*from, to/],
    [steps({}), /steps\[0\] .*one of view/],
    [steps({ view: [1], permute: [0] }), /steps\[0\] .*one of view/],
    [steps({ reshape: [1] }), /steps\[0\]\.reshape is not known/],
    [steps({ view: [-1, -1] }), /steps\[0\]\.view .*one −1/],
    [steps({ view: [1.5] }), /view\[0\] .*a whole number/],
    [steps({ view: ['n'] }), /steps\[0\]\.view uses n/],
    [steps({ view: { dim: 0, to: [1] } }), /"from" beside "dim"/],
    [steps({ permute: [0, 2] }), /each dimension once/],
    [steps({ transpose: [0] }), /two dimensions/],
    [steps({ narrow: { dim: 0 } }), /"length"/],
    [steps({ pad: { to: 3 } }), /"dim"/],
    [steps({ concat: 0 }), /steps\[0\]\.concat has one tensor to join/],
    [steps({ stack: { dim: 0, over: 'e' } }), /goes over \{e\}/],
    [steps({ split: { dim: 0 } }), /"sizes"/],
    [steps({ split: { dim: 0, sizes: [1, 1] } }), /another number of sizes than "to" has names/],
    [rule({ from: ['a', 'c'], steps: [{ concat: { dim: 0, sizes: [1] } }] }), /sizes than of tensors/],
    [
      rule({ from: 'a.{e:word}', steps: [{ stack: { dim: 0, over: 'e' } }] }),
      /goes over \{e\} .*a hole for numbers/,
    ],
    [rule({ from: ['a', 'c'], to: ['b', 'd'], steps: [{ split: { dim: 0, sizes: 'equal' } }] }), /several/],
  ];
  each(
    rows,
    ([map]) => (typeof map === 'string' ? map : JSON.stringify(map)),
    ([map, message]) => {
      let caught: unknown;
      try {
        decodeKeyMap(typeof map === 'string' ? map : JSON.stringify(map));
      } catch (error) {
        caught = error;
      }
      ok(caught instanceof DcpError, String(caught));
      is(caught.code, 'format');
      match(caught.message, message);
    },
  );
});
