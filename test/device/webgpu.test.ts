import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { openWebGpuDevice, webgpuDriver } from '../../src/device/webgpu/driver.js';
import { is, match, suite } from '../suite.js';
import { deviceContract } from './contract.js';

const probe = await webgpuDriver.probe();
if (probe.available) {
  deviceContract('webgpu', () => openWebGpuDevice());
  // Many tiles of each tensor, and kernels for the smallest ones.
  const small = { tileByteLength: 1 << 16, laneCount: 3, returnSmallData: false };
  deviceContract('webgpu in small tiles', () => openWebGpuDevice(small));

  suite('webgpu: work that the GPU refuses is an error, never a result', ({ test }) => {
    test('validation errors, inside and outside of scopes', () => {
      const script = fileURLToPath(new URL('./webgpu/refused-work.js', import.meta.url));
      const { stdout } = spawnSync(process.execPath, [script], { encoding: 'utf8' });
      const outcomes = JSON.parse(stdout.trim().split('\n').at(-1)!) as Record<string, string>;
      is(outcomes['copy within bounds'], 'accepted');
      const others = Object.entries(outcomes).filter(([name]) => name !== 'copy within bounds');
      is(others.length, 3);
      for (const [name, outcome] of others)
        match(`${name}: ${outcome}`, /UnsupportedError: The GPU refused the work/);
    });
  });
} else {
  suite('device contract: webgpu', ({ skip }) => {
    skip('everything', probe.missing);
  });
}
