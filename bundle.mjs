// Puts the command line into few files in dist/cli, so that it starts fast. bin/dcp.js runs those.
import { rmSync } from 'node:fs';
import { build } from 'esbuild';

const OUTPUT = 'dist/cli';

/** Of yargs only the parser is imported. Its modules have effects when loaded, but none that the parser needs. */
const yargsHasNoEffects = {
  name: 'yargs-has-no-effects',
  setup({ onResolve, resolve }) {
    onResolve({ filter: /./, namespace: 'file' }, async ({ path, resolveDir, kind, pluginData }) => {
      if (pluginData === yargsHasNoEffects || !/node_modules\/yargs\//.test(`${resolveDir}/`))
        return undefined;
      const found = await resolve(path, { resolveDir, kind, pluginData: yargsHasNoEffects });
      return { ...found, sideEffects: false };
    });
  },
};

rmSync(OUTPUT, { recursive: true, force: true });
await build({
  entryPoints: {
    main: 'src/cli/main.ts',
    worker: 'src/copy/worker.ts',
    'digest-worker': 'src/copy/digest-worker.ts',
    'cpu-worker': 'src/device/cpu-worker.ts',
    'webgpu-child': 'src/device/webgpu/webgpu-child.ts',
  },
  outdir: OUTPUT,
  bundle: true,
  splitting: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  keepNames: true,
  // Half as many characters to read; names stay, for the traces of bugs.
  minifyWhitespace: true,
  chunkNames: 'chunk-[hash]',
  external: ['react-devtools-core', 'webgpu'],
  define: { 'process.env.NODE_ENV': '"production"' },
  logOverride: { 'assign-to-define': 'silent' },
  logLevel: 'warning',
  banner: {
    js: "import{createRequire as requireFor}from'node:module';const require=requireFor(import.meta.url);",
  },
  plugins: [yargsHasNoEffects],
});
