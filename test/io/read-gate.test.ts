import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { FileError } from '../../src/errors.js';
import { ReadGate, type ReadGateSpec, readGateSpec } from '../../src/io/read-gate.js';
import { is, ok, suite, throws } from '../suite.js';

/** Three counters that all threads see: readers inside, the most there were, all that came through. */
interface ThreadTask {
  gate: ReadGateSpec;
  counters: SharedArrayBuffer;
  reads: number;
}

function readManyTimes({ gate, counters, reads }: ThreadTask): void {
  const counts = new Int32Array(counters);
  const passed = new ReadGate(gate);
  for (let i = 0; i < reads; i++) {
    passed.pass(() => {
      const inside = Atomics.add(counts, 0, 1) + 1;
      for (let most = Atomics.load(counts, 1); inside > most; most = Atomics.load(counts, 1)) {
        Atomics.compareExchange(counts, 1, most, inside);
      }
      Atomics.add(counts, 2, 1);
      Atomics.sub(counts, 0, 1);
    });
  }
}

if (!isMainThread && (workerData as { isReader?: boolean }).isReader === true) {
  readManyTimes(workerData as ThreadTask);
  parentPort!.close();
} else {
  suite('read gate', ({ each, test }) => {
    each(
      [1, 2, 3],
      width => `lets ${width} of six threads read at a time, and all of them in the end`,
      async width => {
        const counters = new SharedArrayBuffer(12);
        const task = { isReader: true, gate: readGateSpec(width, 0.2), counters, reads: 50 };
        const ended = Array.from({ length: 6 }, () => {
          const worker = new Worker(fileURLToPath(import.meta.url), { workerData: task });
          return new Promise<void>((resolve, reject) =>
            worker.on('error', reject).on('exit', () => resolve()),
          );
        });
        await Promise.all(ended);
        const [inside, most, all] = new Int32Array(counters);
        is(inside, 0);
        is(all, 300);
        ok(most! <= width, `${most} at a time`);
      },
    );

    test('a read that fails gives its place back', () => {
      const gate = new ReadGate(readGateSpec(1));
      for (let i = 0; i < 3; i++) {
        throws(
          () =>
            gate.pass(() => {
              throw new FileError('It is not there');
            }),
          { code: 'file', message: /not there/ },
        );
      }
      let passed = false;
      gate.pass(() => {
        passed = true;
      });
      ok(passed);
    });
  });
}
