import type { PickleOddity } from '../pickle/trace.js';

const ODDITIES: Record<PickleOddity['kind'], (detail: string) => string> = {
  computed_global: detail => `A global is looked up, and ${detail}`,
  computed_attribute: detail => `An attribute is looked up: ${detail}`,
  extension: detail =>
    `A global is named by a number (extension ${detail}), which means what the loading program has registered`,
  split_frame: detail => `The pickle can be read in two ways: ${detail}`,
  alters_global: detail => `${detail} itself gets new attributes, for all who use it`,
};

/** What is odd about a pickle, as a sentence without its end. */
export function oddityText({ kind, detail }: Pick<PickleOddity, 'kind' | 'detail'>): string {
  return ODDITIES[kind](detail);
}
