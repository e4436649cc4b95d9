import { type EndingSignal, EXIT_OF_SIGNAL } from './exit-codes.js';

/**
 * Endings from outside. The first signal asks the work to stop and clean up; the second does not wait for it: a
 * temporary may stay, which a later run removes.
 */
export interface Interruption {
  readonly signal: AbortSignal;
  /** Exit code of the signal that came, if one did. */
  readonly exitCode: number | undefined;
  /** Resolves with the exit code at the second signal. */
  readonly atOnce: Promise<number>;
  /** Gives the signals their usual effect back. */
  dispose(): void;
}

type SignalSource = Pick<NodeJS.Process, 'on' | 'off'>;

/** @param onFirst called at the first signal, before the work is asked to stop */
export function listenForEnding(source: SignalSource, onFirst: () => void): Interruption {
  const controller = new AbortController();
  let exitCode: number | undefined;
  let endNow: (code: number) => void = () => {};
  const atOnce = new Promise<number>(resolve => (endNow = resolve));
  const onSignal = (name: NodeJS.Signals): void => {
    const code = EXIT_OF_SIGNAL[name as EndingSignal];
    if (exitCode !== undefined) {
      endNow(code);
      return;
    }
    exitCode = code;
    onFirst();
    controller.abort();
  };
  const names = Object.keys(EXIT_OF_SIGNAL) as EndingSignal[];
  for (const name of names) source.on(name, onSignal);
  return {
    signal: controller.signal,
    get exitCode() {
      return exitCode;
    },
    atOnce,
    dispose: () => {
      for (const name of names) source.off(name, onSignal);
    },
  };
}
