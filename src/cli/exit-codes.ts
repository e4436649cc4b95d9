/**
 * | Code | Meaning                                                                       |
 * | ---- | ----------------------------------------------------------------------------- |
 * | 0    | done, and nothing wrong; also where the reader of stdout closed it            |
 * | 1    | a check found problems                                                        |
 * | 2    | the job could not be done: wrong usage, missing or damaged input, a full disk |
 * | 129  | ended by SIGHUP: the terminal is gone                                         |
 * | 130  | ended by SIGINT: Ctrl-C                                                       |
 * | 143  | ended by SIGTERM                                                              |
 */
export const EXIT_DONE = 0;
export const EXIT_PROBLEMS = 1;
export const EXIT_FAILED = 2;

/** 128 and the number of the signal, as shells have it. */
export const EXIT_OF_SIGNAL = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

export type EndingSignal = keyof typeof EXIT_OF_SIGNAL;
