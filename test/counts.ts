/** What ran, for the closing line of `run.ts`. Apart from `suite.ts`, so that uvu is loaded only by its runner. */
export const counts = { passed: 0, failed: 0, skipped: 0 };
