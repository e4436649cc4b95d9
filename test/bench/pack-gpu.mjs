// Packs the GPU benchmark for a host that has torch and a GPU, but neither Node nor a network:
// `node test/bench/pack-gpu.mjs [FOLDER]`, after `npm run build`. Default: .device/gpu. About 30 MB; Linux on x86-64.
// There: `bash FOLDER/run.sh [options of test/bench/gpu.ts]`.
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { bundleCommandLine } from '../../bundle.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = resolve(process.argv[2] ?? join(root, '.device/gpu'));
mkdirSync(folder, { recursive: true });
const scratch = mkdtempSync(join(tmpdir(), 'dcp-pack-'));
const place = (...parts) => join(folder, ...parts);

/** A stripped, compressed copy; made once, because compressing takes a minute. */
function packBinary(source, target) {
  if (existsSync(target)) return;
  const stripped = join(scratch, 'binary');
  execFileSync('strip', ['-o', stripped, source]);
  execFileSync('bash', ['-c', 'xz --threads=0 --stdout -- "$1" > "$2"', 'bash', stripped, target]);
}

try {
  packBinary(process.execPath, place('node.xz'));
  const webgpu = join(root, 'node_modules/webgpu');
  packBinary(join(webgpu, 'dist/linux-x64/dawn.node'), place('dawn.xz'));
  for (const name of ['package.json', 'index.js', 'LICENSE.md'])
    cpSync(join(webgpu, name), place('webgpu', name));
  if (!existsSync(place('libvulkan.so.1'))) {
    execFileSync('apt-get', ['download', 'libvulkan1'], { cwd: scratch, stdio: 'inherit' });
    const archive = readdirSync(scratch).find(name => name.startsWith('libvulkan1_'));
    execFileSync('dpkg', ['-x', join(scratch, archive), join(scratch, 'vulkan')]);
    const library = join(scratch, 'vulkan/usr/lib/x86_64-linux-gnu/libvulkan.so.1');
    execFileSync('cp', ['-L', library, place('libvulkan.so.1')]);
  }
  rmSync(place('dcp'), { recursive: true, force: true });
  await bundleCommandLine(place('dcp/dist/cli'));
  // The benchmark uses the library, and starts its threads.
  await build({
    entryPoints: {
      gpu: join(root, 'test/bench/gpu.ts'),
      worker: join(root, 'src/copy/worker.ts'),
      'cpu-worker': join(root, 'src/device/cpu-worker.ts'),
      'webgpu-child': join(root, 'src/device/webgpu/webgpu-child.ts'),
    },
    outdir: place('dcp/dist/bench'),
    bundle: true,
    splitting: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    external: ['webgpu'],
    logLevel: 'warning',
    banner: {
      js: "import{createRequire as requireFor}from'node:module';const require=requireFor(import.meta.url);",
    },
  });
  for (const name of ['package.json', 'bin'])
    cpSync(join(root, name), place('dcp', name), { recursive: true });
  cpSync(join(root, 'test/bench/torch_cuda.py'), place('torch_cuda.py'));
  writeFileSync(
    place('run.sh'),
    `#!/usr/bin/env bash
# Unpacks what is beside it into a scratch folder, and measures. Arguments are those of the benchmark.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
unpack() { python3 -c 'import lzma, shutil, sys; shutil.copyfileobj(lzma.open(sys.argv[1]), open(sys.argv[2], "wb"), 1 << 20)' "$1" "$2"; }
cp -r "$here/dcp" "$scratch/dcp"
mkdir -p "$scratch/dcp/node_modules/webgpu/dist/linux-x64" "$scratch/lib"
cp "$here"/webgpu/* "$scratch/dcp/node_modules/webgpu/"
unpack "$here/dawn.xz" "$scratch/dcp/node_modules/webgpu/dist/linux-x64/dawn.node"
unpack "$here/node.xz" "$scratch/node"
chmod +x "$scratch/node"
cp "$here/libvulkan.so.1" "$scratch/lib/"
export LD_LIBRARY_PATH="$scratch/lib\${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
nvidia=/usr/local/nvidia/share/vulkan/icd.d/nvidia_icd.json
if [[ -z "\${VK_DRIVER_FILES:-}" && -e $nvidia ]]; then export VK_DRIVER_FILES=$nvidia; fi
"$scratch/node" "$scratch/dcp/bin/dcp.js" devices
"$scratch/node" "$scratch/dcp/dist/bench/gpu.js" --dcp "$scratch/dcp/bin/dcp.js" --torch-script "$here/torch_cuda.py" "$@"
`,
  );
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
