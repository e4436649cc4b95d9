import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import util from 'node:util';
import { UnsupportedError } from '../../errors.js';

/** The interface that all packages of TensorFlow.js have in common. */
export type Tf = typeof import('@tensorflow/tfjs-core');
export type Tensor = import('@tensorflow/tfjs-core').Tensor;

const PACKAGES = ['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node'] as const;

/**
 * Loads TensorFlow for Node: the package for GPUs if it is installed, else the one for CPUs.
 * @param near where to look for packages from: a file. Default: this package.
 * @throws UnsupportedError where neither is installed, or TensorFlow's library does not load.
 */
export async function loadTensorflow(near: string = import.meta.url): Promise<Tf> {
  const require = createRequire(near);
  for (const name of PACKAGES) {
    let path: string;
    try {
      path = require.resolve(name);
    } catch {
      continue;
    }
    mendUtil();
    // Otherwise TensorFlow reports on stderr what the processor can do, and that floats may round otherwise.
    process.env.TF_CPP_MIN_LOG_LEVEL ??= '2';
    process.env.TF_ENABLE_ONEDNN_OPTS ??= '0';
    try {
      const loaded = (await import(pathToFileURL(path).href)) as { default: Tf };
      await loaded.default.setBackend('tensorflow');
      return loaded.default;
    } catch (error) {
      throw new UnsupportedError(`The package ${name} does not load`, {
        found: (error instanceof Error ? error.message : String(error)).split('\n')[0]!,
        hint: 'Its install script downloads the TensorFlow library; where that failed, the package is of no use.',
      });
    }
  }
  throw new UnsupportedError('The package @tensorflow/tfjs-node-gpu is not installed', {
    hint: `npm install ${PACKAGES[0]}@4.22.0 installs it.`,
  });
}

/** Functions that tfjs-node 4.22.0 calls, and that Node 23 removed. */
function mendUtil(): void {
  const old = util as unknown as Record<string, unknown>;
  old.isNullOrUndefined ??= (value: unknown) => value === null || value === undefined;
  old.isArray ??= Array.isArray;
}

/** Reads and disposes. */
export async function readAll(tensors: readonly Tensor[]): Promise<Int32Array[]> {
  try {
    return await Promise.all(tensors.map(tensor => tensor.data() as Promise<Int32Array>));
  } finally {
    for (const tensor of tensors) tensor.dispose();
  }
}
