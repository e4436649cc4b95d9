import { fittedText } from '../../src/page/fitted-text.js';
import { is, suite } from '../suite.js';

suite('report: names on tiles', ({ each }) => {
  each(
    [
      ['weight', 6, 'weight'],
      ['attn_norm.weight', 12, 'attn_n…eight'],
      ['exp_avg_sq', 8, 'exp_…_sq'],
      ['weight', 5, 'we…ht'],
      ['attn.weight', 4, ''],
      ['weight', 0, ''],
      ['wq', 1, ''],
      ['👩👩👩👩👩👩', 5, '👩👩…👩👩'],
    ] as const,
    ([text, room]) => `${text} in ${room}`,
    ([text, room, shown]) =>
      is(
        fittedText(text, room, each => [...each].length),
        shown,
      ),
  );
});
