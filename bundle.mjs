// Puts the command line into few files in dist/cli, so that it starts fast. bin/dcp.js runs those.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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
await makePage();
await build({
  entryPoints: {
    main: 'src/cli/main.ts',
    worker: 'src/copy/worker.ts',
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

/**
 * The page of `dcp inspect --html`, with all in it but its data: for the command line, and for the library. Its policy
 * lets only this script run, and nothing be loaded.
 */
async function makePage() {
  const common = {
    bundle: true,
    write: false,
    minify: true,
    target: ['chrome111', 'firefox115', 'safari16.4'],
    charset: 'utf8',
  };
  const script = await build({ ...common, entryPoints: ['src/page/dom/main.ts'], format: 'iife' });
  const style = await build({ ...common, entryPoints: ['src/page/page.css'] });
  const texts = { script: script.outputFiles[0].text.trim(), style: style.outputFiles[0].text.trim() };
  if (/<\/(script|style)|<!--/i.test(texts.script + texts.style))
    throw new Error('The page would end too early');
  const hashOf = text => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
  texts.policy = `default-src 'none'; script-src ${hashOf(texts.script)}; style-src ${hashOf(texts.style)}`;
  const page = readFileSync('src/page/page.html', 'utf8').replace(/{{(\w+)}}/g, (_, name) => texts[name]);
  for (const folder of [OUTPUT, 'dist/src/ops']) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(`${folder}/report-page.html`, page);
  }
}
