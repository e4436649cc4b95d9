import { openTensorflowDevice } from '../../src/device/tensorflow/driver.js';
import { loadTensorflow, type Tf } from '../../src/device/tensorflow/load.js';
import { is, match, rejects, suite } from '../suite.js';
import { deviceContract, recordsOf } from './contract.js';
import { statsFixtures } from './stats-golden.js';

/**
 * The real thing, if this names a folder in whose node_modules is @tensorflow/tfjs-node with its binding (see
 * build-tfjs-node.sh); else the backend that TensorFlow.js has in JavaScript. Both in one process would mix: backends
 * are registered globally.
 */
const folder = process.env.DCP_TEST_TFJS_NODE ?? '';
const isReal = folder !== '';

async function load(): Promise<Tf> {
  if (isReal) return loadTensorflow(`${folder}/package.json`);
  const tf = await import('@tensorflow/tfjs-core');
  // Without an advert on stderr.
  tf.env().set('IS_TEST', true);
  await import('@tensorflow/tfjs-backend-cpu');
  await tf.setBackend('cpu');
  return tf;
}

const name = isReal ? 'tensorflow' : "tensorflow with TensorFlow.js's own backend";

deviceContract(name, async () => openTensorflowDevice(await load()));

suite(name, ({ test }) => {
  test('it says which backend it uses', async () => {
    const device = await openTensorflowDevice(await load());
    match(device.describe().label, isReal ? /backend tensorflow/ : /backend cpu/);
    is(device.describe().isGpu, false);
  });

  test('no tensor is left behind', async () => {
    const tf = await load();
    const device = await openTensorflowDevice(tf);
    const { records } = await recordsOf(`${statsFixtures}a.pth`);
    const { records: other } = await recordsOf(`${statsFixtures}b.pth`);
    const before = tf.memory().numTensors;
    await device.stats(records);
    await device.compare(records, other);
    const gone = { ...records, plan: { ...records.plan, sources: ['/nowhere'] } };
    await rejects(() => device.compare(records, gone), { code: 'file' });
    await rejects(() => device.compare(gone, records), { code: 'file' });
    is(tf.memory().numTensors, before);
    const { results } = await device.rebuild(records);
    is(tf.memory().numTensors, before + results.length);
    results[0]!.release();
    await device.close();
    is(tf.memory().numTensors, before);
  });
});
