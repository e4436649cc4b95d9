import { failureDocument, snakeCaseKeys, successDocument } from '../../src/cli/json-document.js';
import { FormatError } from '../../src/errors.js';
import { equal, is, ok, suite } from '../suite.js';

suite('JSON documents', ({ test }) => {
  test('success: one line, head first, keys in snake_case, data as it is', () => {
    const report = {
      byteLength: 1,
      loadsWithWeightsOnly: null,
      crc: { partlyRead: 0 },
      entries: [{ fqn: 'camelCase.keepMe', path: ['camelCase', 0] }],
    };
    is(
      successDocument('inspect', report),
      '{"ok":true,"schema":1,"command":"inspect","byte_length":1,"loads_with_weights_only":null,' +
        '"crc":{"partly_read":0},"entries":[{"fqn":"camelCase.keepMe","path":["camelCase",0]}]}\n',
    );
  });

  test('failure: every field is there', () => {
    const error = new FormatError('Wrong', {
      expected: 1,
      found: 'two',
      hint: 'Look.',
      path: 'p',
      fqn: 'w',
      entry: 'e',
      byteOffset: 9,
    });
    equal(JSON.parse(failureDocument('convert', error)), {
      ok: false,
      schema: 1,
      command: 'convert',
      error: {
        code: 'format',
        message: 'Wrong (expected 1, found two) [at w, in p, record e, byte 9]',
        expected: 1,
        found: 'two',
        hint: 'Look.',
        path: 'p',
        fqn: 'w',
        entry: 'e',
        byte_offset: 9,
      },
    });
  });

  test('failure: what is not known is null, and a bug carries no stack', () => {
    equal(JSON.parse(failureDocument(null, new TypeError('x'))), {
      ok: false,
      schema: 1,
      command: null,
      error: {
        code: 'internal',
        message: 'TypeError: x',
        expected: null,
        found: null,
        hint: null,
        path: null,
        fqn: null,
        entry: null,
        byte_offset: null,
      },
    });
  });

  test('names that could steer a terminal are the same data in safe characters', () => {
    const text = successDocument('inspect', { fqn: 'a\u001b[2J\u009b\u202e' });
    ok(/^[ -~]*\n$/.test(text), text);
    is((JSON.parse(text) as { fqn: string }).fqn, 'a\u001b[2J\u009b\u202e');
  });

  test('snake_case leaves what is no plain key', () => {
    equal(snakeCaseKeys({ aB: [{ cDe: 1 }, 'xY', null, 2] }), { a_b: [{ c_de: 1 }, 'xY', null, 2] });
  });
});
