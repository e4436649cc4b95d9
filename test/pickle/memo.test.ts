import { Memo, SlotSet } from '../../src/pickle/memo.js';
import { Random } from '../random.js';
import { is, suite, throws } from '../suite.js';

suite('SlotSet', ({ test }) => {
  test('knows its members and numbers them from 0', () => {
    const random = new Random(1);
    const slots = new Set(Array.from({ length: 500 }, () => random.int(0, 5000)));
    for (const edge of [0, 31, 32, 63, 64, 4095]) slots.add(edge);
    const set = new SlotSet(10_000);
    for (const slot of slots) set.add(slot);
    let rank = 0;
    for (let slot = 0; slot <= 6000; slot++) {
      is(set.has(slot), slots.has(slot));
      if (slots.has(slot)) is(set.rank(slot), rank++);
    }
    is(set.has(2 ** 32 - 1), false);
  });
  test('refuses numbers beyond its limit', () => {
    const set = new SlotSet(100);
    set.add(99);
    throws(() => set.add(100), { code: 'limit', message: /memo slot.*less than 100, found 100/ });
  });
});

suite('Memo', ({ test }) => {
  test('keeps the fetched slots only, and what was put last', () => {
    const fetched = new SlotSet(1000);
    for (const slot of [3, 700]) fetched.add(slot);
    const memo = new Memo(fetched);
    is(memo.keeps(4), false);
    is(memo.get(3), undefined);
    memo.put(700, 'b');
    memo.put(3, 'a');
    memo.put(3, null);
    is(memo.get(3), null);
    is(memo.get(700), 'b');
    is(memo.get(4), undefined);
  });
});
