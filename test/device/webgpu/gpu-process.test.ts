import { planTensorRecords } from '../../../src/device/records.js';
import { GpuProcess } from '../../../src/device/webgpu/gpu-process.js';
import { ok, rejects, suite } from '../../suite.js';

const script = new URL('./ending-child.js', import.meta.url);
const nothing = { records: planTensorRecords([]), histogram: false };

suite('GPU process', ({ each, test }) => {
  const endings = [
    { ending: 'segfault', message: /ended unexpectedly.*SIGSEGV, after it printed: validation layer/ },
    { ending: 'exit', message: /ended unexpectedly.*exit code 7, after it printed: validation layer/ },
  ];
  each(
    endings,
    ({ ending }) => `its end by ${ending} is an error of the call, and of those that follow`,
    async ({ ending, message }) => {
      const gpu = new GpuProcess(script, { ENDING: ending });
      const error = await rejects(() => gpu.call('stats', nothing), { code: 'unsupported', message });
      ok(error.hint?.includes('--device cpu'));
      await rejects(() => gpu.call('stats', nothing), { code: 'unsupported', message });
      await gpu.close();
    },
  );

  test('a script that is not there', async () => {
    const gpu = new GpuProcess(new URL('./nowhere.js', import.meta.url));
    await rejects(() => gpu.call('stats', nothing), { code: 'unsupported', message: /exit code 1/ });
    await gpu.close();
  });

  test('calls after closing', async () => {
    const gpu = new GpuProcess();
    await gpu.close();
    await gpu.close();
    await rejects(() => gpu.call('stats', nothing), { code: 'unsupported', message: /was closed/ });
  });
});
