import {
  fractionOf,
  initialProgress,
  type ProgressAction,
  type ProgressState,
  progressReducer,
  rateOf,
  remainingSecondsOf,
} from '../../src/tui/progress-state.js';
import { equal, is, ok, suite } from '../suite.js';

const MIB = 1 << 20;

const phase = (name: 'open' | 'plan' | 'finish', at: number): ProgressAction => ({
  type: 'progress',
  progress: { phase: name },
  at,
});
const copy = (byteCount: number, byteTotal: number, at: number): ProgressAction => ({
  type: 'progress',
  progress: { phase: 'copy', byteCount, byteTotal },
  at,
});
const tick = (at: number): ProgressAction => ({ type: 'tick', at });

const after = (...actions: ProgressAction[]): ProgressState =>
  actions.reduce(progressReducer, initialProgress(0));

interface Row {
  what: string;
  actions: ProgressAction[];
  phase: ProgressState['phase'];
  fraction: number | undefined;
  /** MiB a second. */
  rate: number | undefined;
  remaining: number | undefined;
}

const ROWS: Row[] = [
  {
    what: 'nothing yet',
    actions: [],
    phase: 'open',
    fraction: undefined,
    rate: undefined,
    remaining: undefined,
  },
  {
    what: 'planning',
    actions: [phase('plan', 10)],
    phase: 'plan',
    fraction: undefined,
    rate: undefined,
    remaining: undefined,
  },
  {
    what: 'a copy that has just begun has no rate',
    actions: [copy(0, 100 * MIB, 0), copy(10 * MIB, 100 * MIB, 300)],
    phase: 'copy',
    fraction: 0.1,
    rate: undefined,
    remaining: undefined,
  },
  {
    what: 'a steady copy',
    actions: [copy(0, 100 * MIB, 0), copy(10 * MIB, 100 * MIB, 1000), copy(20 * MIB, 100 * MIB, 2000)],
    phase: 'copy',
    fraction: 0.2,
    rate: 10,
    remaining: 8,
  },
  {
    what: 'time before the copy does not count',
    actions: [phase('plan', 60_000), copy(0, 100 * MIB, 60_000), copy(50 * MIB, 100 * MIB, 61_000)],
    phase: 'copy',
    fraction: 0.5,
    rate: 50,
    remaining: 1,
  },
  {
    what: 'a copy that stalls gets slower with each tick',
    actions: [copy(0, 100 * MIB, 0), copy(10 * MIB, 100 * MIB, 1000), tick(4000)],
    phase: 'copy',
    fraction: 0.1,
    rate: 2.5,
    remaining: 36,
  },
  {
    what: 'a rate of nothing gives no time left',
    actions: [copy(0, 100 * MIB, 0), tick(4000)],
    phase: 'copy',
    fraction: 0,
    rate: 0,
    remaining: undefined,
  },
  {
    what: 'nothing to copy',
    actions: [copy(0, 0, 0), copy(0, 0, 1000)],
    phase: 'copy',
    fraction: undefined,
    rate: 0,
    remaining: undefined,
  },
  {
    what: 'flushing shows no share of the copy',
    actions: [copy(0, MIB, 0), copy(MIB, MIB, 1000), phase('finish', 1100)],
    phase: 'finish',
    fraction: undefined,
    rate: undefined,
    remaining: undefined,
  },
];

suite('progress state', ({ each, test }) => {
  each(
    ROWS,
    row => row.what,
    row => {
      const state = after(...row.actions);
      const rate = rateOf(state);
      equal(
        {
          phase: state.phase,
          fraction: fractionOf(state),
          rate: rate === undefined ? undefined : rate / MIB,
          remaining: remainingSecondsOf(state),
        },
        { phase: row.phase, fraction: row.fraction, rate: row.rate, remaining: row.remaining },
      );
    },
  );

  test('the rate is that of the last seconds, not of the whole copy', () => {
    const actions: ProgressAction[] = [];
    for (let second = 0; second <= 20; second++) actions.push(copy(second * MIB, 1000 * MIB, second * 1000));
    for (let second = 21; second <= 40; second++) {
      actions.push(copy((20 + (second - 20) * 10) * MIB, 1000 * MIB, second * 1000));
    }
    is(rateOf(after(...actions)), 10 * MIB);
  });

  test('a thousand reports a second keep few samples', () => {
    const actions = Array.from({ length: 20_000 }, (_, i) => copy(i, 20_000, i));
    const { samples } = after(...actions);
    ok(samples.length <= 21, `${samples.length} samples`);
  });

  test('time never runs backwards', () => {
    is(after(tick(1000), tick(500)).at, 1000);
  });

  test('an interruption stays, whatever is reported after it', () => {
    const state = after({ type: 'interrupt', at: 5 }, copy(1, 2, 6), phase('finish', 7));
    is(state.interrupted, true);
  });

  test('a state is never changed in place', () => {
    const before = after(copy(0, MIB, 0));
    const frozen = JSON.stringify(before);
    progressReducer(before, copy(10, MIB, 1000));
    is(JSON.stringify(before), frozen);
  });
});
