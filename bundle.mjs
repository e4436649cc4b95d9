// Puts the command line into few files in dist/cli, so that it starts fast. bin/dcp.js runs those. Programs are
// CommonJS, because a run should not wait for a loader of ES modules, each a file; screens are ES modules, because ink is.
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import v8 from 'node:v8';
import { build } from 'esbuild';
import { CACHE_SUFFIX, ID_LENGTH, loadScript } from './bin/load-script.js';

const root = fileURLToPath(new URL('.', import.meta.url));

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

/** Screens are files of their own, loaded when one is shown. */
const screensAreApart = {
  name: 'screens-are-apart',
  setup({ onResolve }) {
    onResolve({ filter: /\/tui\/.*-screen\.js$/ }, ({ path, kind }) =>
      kind === 'dynamic-import' ? { path: `./${basename(path)}`, external: true } : undefined,
    );
  },
};

const common = {
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  target: 'node20',
  keepNames: false,
  // Half as many characters to read; names stay, for the traces of bugs.
  minifyWhitespace: true,
  external: ['react-devtools-core', 'webgpu'],
  logOverride: { 'assign-to-define': 'silent' },
  logLevel: 'warning',
};

/** A module of Node.js that is loaded at the first use of something in it. */
const WHEN_USED =
  'const whenUsed=name=>{let m;return new Proxy({},{get:(_,key)=>(m??=require(name))[key]})};';
const MODULES_WHEN_USED =
  /\brequire\("(node:(?:child_process|crypto|module|os|stream|stream\/promises|timers\/promises|url|worker_threads|zlib))"\)/g;

/** Makes all that bin/dcp.js needs, but the cache and the page, in a folder. */
export async function bundleCommandLine(outdir) {
  const environment = { 'process.env.NODE_ENV': '"production"' };
  mkdirSync(outdir, { recursive: true });
  const { outputFiles } = await build({
    ...common,
    entryPoints: {
      main: 'src/cli/main.ts',
      worker: 'src/copy/worker.ts',
      'digest-worker': 'src/copy/digest-worker.ts',
      'cpu-worker': 'src/device/cpu-worker.ts',
      'webgpu-child': 'src/device/webgpu/webgpu-child.ts',
    },
    outdir,
    write: false,
    format: 'cjs',
    outExtension: { '.js': '.cjs' },
    define: { ...environment, 'import.meta.url': 'moduleUrl' },
    plugins: [yargsHasNoEffects, screensAreApart],
  });
  for (const { path, text } of outputFiles) {
    const isCached = basename(path) === 'main.cjs';
    const code = text
      .replace(MODULES_WHEN_USED, 'whenUsed("$1")')
      .replace(/\bimport\(/g, isCached ? 'importThere(' : '$&');
    const script = `"use strict";const moduleUrl=require('url').pathToFileURL(__filename).href;${WHEN_USED}${code}`;
    // The cache of what V8 has compiled of a script names the script.
    const id = createHash('sha256').update(script).digest('hex').slice(0, ID_LENGTH);
    writeFileSync(path, `//${id}\n${script}`);
  }
  await build({
    ...common,
    entryPoints: {
      'explorer-screen': 'src/tui/explore/explorer-screen.tsx',
      'progress-screen': 'src/tui/progress-screen.tsx',
    },
    outdir,
    format: 'esm',
    splitting: true,
    chunkNames: 'chunk-[hash]',
    define: environment,
    banner: {
      js: "import{createRequire as requireFor}from'node:module';const require=requireFor(import.meta.url);",
    },
  });
}

/**
 * The page of `dcp inspect --html`, with all in it but its data: for the command line, and for the library. Its policy
 * lets only this script run, and nothing be loaded.
 */
async function makePage(folders) {
  const common = {
    absWorkingDir: root,
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
  const template = readFileSync(join(root, 'src/page/page.html'), 'utf8');
  const page = template.replace(/{{(\w+)}}/g, (_, name) => texts[name]);
  for (const folder of folders) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'report-page.html'), page);
  }
}

/** Small runs, whose code V8 shall not have to compile again: bin/load-script.js takes the cache. */
async function makeCache(path) {
  if (/[^\0-\x7f]/.test(readFileSync(path, 'latin1'))) throw new Error('A script must be ASCII');
  // V8 takes a cache only where its flags are those with which it was made: those that a process starts with.
  v8.setFlagsFromString = () => {};
  const { exports: cli, makeCache: cacheOf } = loadScript(path);
  const scratch = mkdtempSync(join(tmpdir(), 'dcp-bundle-'));
  const dcp = join(root, 'fixtures/torch-2.13.0/fsdp2_adam');
  const runs = [
    ['--help'],
    ['inspect', dcp],
    ['inspect', dcp, '--json'],
    ['convert', 'dcp_to_torch', dcp, join(scratch, 'out.pth'), '--quiet'],
    ['convert', 'torch_to_dcp', join(scratch, 'out.pth'), join(scratch, 'out'), '--quiet'],
    ['inspect', join(scratch, 'out.pth'), '--json'],
  ];
  process.stdout.write = (_, done) => {
    done();
    return true;
  };
  try {
    for (const run of runs) {
      const code = await cli.main(run);
      if (code !== 0) throw new Error(`dcp ${run.join(' ')} ended with ${code}`);
    }
    writeFileSync(path + CACHE_SUFFIX, cacheOf());
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const output = join(root, 'dist/cli');
  rmSync(output, { recursive: true, force: true });
  await makePage([output, join(root, 'dist/src/ops')]);
  await bundleCommandLine(output);
  // The last thing that is done: nothing is printed after it.
  await makeCache(join(output, 'main.cjs'));
}
