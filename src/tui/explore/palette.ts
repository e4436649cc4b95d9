import type { Line, Tone } from './line.js';

/** How many colours a terminal has. `none` leaves bold, dim and reversed text. */
export type ColorDepth = 'none' | '16' | '256';

const ESC = '\u001b[';
const RESET = `${ESC}0m`;

const WITHOUT_COLORS: Record<string, string> = {
  dim: '2',
  strong: '1',
  accent: '1',
  good: '',
  warn: '1',
  error: '1',
  match: '1;4',
  cursor: '7',
  'cursor-away': '4',
  bar: '',
};

/** The terminal's own colours: they suit light and dark grounds. */
const COLORS: Record<string, string> = {
  ...WITHOUT_COLORS,
  accent: '36',
  good: '32',
  warn: '33',
  error: '31',
  match: '33;1',
  bar: '34',
};

/** Calm, and far enough apart that neighbours are told apart; numbers of xterm's 256. Text on them is dark. */
const RANK_COLORS = [110, 150, 180, 139, 109, 174, 144, 103];
const RANK_COLORS_16 = [44, 42, 43, 45, 46, 41];

/** The codes that give a tone its look, between `ESC[` and `m`; '' for plain text. */
export function codesOf(tone: Tone, depth: ColorDepth): string {
  if (tone === 'plain') return '';
  if (tone.startsWith('rank')) {
    const rank = Number(tone.slice(4));
    if (depth === '256') return `30;48;5;${RANK_COLORS[rank % RANK_COLORS.length]}`;
    return depth === '16' ? `30;${RANK_COLORS_16[rank % RANK_COLORS_16.length]}` : '7';
  }
  return (depth === 'none' ? WITHOUT_COLORS : COLORS)[tone] ?? '';
}

/** A line as text with the codes of its looks. */
export function paint(spans: Line, depth: ColorDepth): string {
  let text = '';
  for (const { text: part, tone } of spans) {
    const codes = codesOf(tone, depth);
    text += codes === '' ? part : `${ESC}${codes}m${part}${RESET}`;
  }
  return text;
}
