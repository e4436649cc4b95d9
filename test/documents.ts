/** The documents as data (fenced blocks, sections, tables), and a place to run what they say. */
import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fixtureCases } from './fixtures.js';
import { scratch } from './io/scratch.js';

export const repository = fileURLToPath(new URL('../../', import.meta.url));

export function readDocument(path: string): string {
  return readFileSync(join(repository, path), 'utf8');
}

/** A fenced block. The first word after the fence is the language, as Markdown has it; ours follow it. */
export interface Block {
  language: string;
  /** What follows the language: what the tests do with the block. Empty where it is only to be read. */
  purpose: string;
  text: string;
}

export function blocksOf(document: string): Block[] {
  return [...document.matchAll(/^```(\w+) ?(.*)\n([\s\S]*?)^```$/gm)].map(
    ([, language = '', purpose = '', text = '']) => ({ language, purpose, text }),
  );
}

export function blockOf(document: string, purpose: string): Block {
  const found = blocksOf(document).filter(block => block.purpose === purpose);
  if (found.length !== 1) throw new Error(`${found.length} blocks for ${purpose}`);
  return found[0]!;
}

/** What stands under a heading, up to the next one of its level or above. */
export function sectionOf(document: string, heading: string): string {
  const level = /^#+/.exec(heading)![0].length;
  const lines = document.split('\n');
  const start = lines.indexOf(heading);
  if (start === -1) throw new Error(`no heading ${heading}`);
  let isFenced = false;
  const end = lines.findIndex((line, i) => {
    if (line.startsWith('```')) isFenced = !isFenced;
    return i > start && !isFenced && new RegExp(`^#{1,${level}} `).test(line);
  });
  return lines.slice(start + 1, end === -1 ? undefined : end).join('\n');
}

/** Rows of all tables, as cells without blanks around them; heads and rules are left out. */
export function tableRows(section: string): string[][] {
  const rows: string[][] = [];
  const lines = section.split('\n');
  for (const [i, line] of lines.entries()) {
    if (!line.startsWith('|') || /^\|[ |:-]+\|$/.test(line) || /^\|[ |:-]+\|$/.test(lines[i + 1] ?? ''))
      continue;
    rows.push(
      line
        .slice(1, -1)
        .split('|')
        .map(cell => cell.trim()),
    );
  }
  return rows;
}

/** First cells of the table whose head begins with `head`. */
export function firstCells(section: string, head: string): string[] {
  const lines = section.split('\n');
  const start = lines.findIndex(
    (line, i) => line.startsWith(`| ${head} |`) && lines[i + 1]!.startsWith('| ---'),
  );
  const end = lines.findIndex((line, i) => i > start && !line.startsWith('|'));
  const rows = tableRows(lines.slice(start, end === -1 ? undefined : end).join('\n'));
  if (start === -1 || rows.length === 0) throw new Error(`no table with the head ${head}`);
  return rows.map(row => row[0]!);
}

/** Texts in backticks. */
export function codesOf(text: string): string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map(match => match[1]!);
}

export interface Ended {
  code: number | null;
  /** stdout and stderr, in the order of writing. */
  output: string;
}

/** A directory with fixtures in it, where `dcp` is the program of this repository. */
export class Sandbox {
  readonly path = scratch({ inMemory: true });
  /** Where commands run. */
  readonly directory = join(this.path, 'work');
  private readonly bin = join(this.path, 'bin');

  constructor() {
    mkdirSync(this.directory);
    mkdirSync(this.bin);
    // A link would not do: replacing the command would write into the repository.
    const program = `'${process.execPath}' '${join(repository, 'bin/dcp.js')}'`;
    for (const name of ['dcp', 'torch-dcp']) this.addCommand(name, `exec ${program} "$@"`);
    this.addCommand('npx', 'exec "$@"');
  }

  /** Makes a command, or replaces one. */
  addCommand(name: string, script: string): void {
    writeFileSync(join(this.bin, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }

  /** Copies the fixtures that a text names, to the paths that it names. */
  addFixtures(text: string): void {
    for (const { path, kind } of fixtureCases) {
      if (new RegExp(`fixtures/${path}(?![\\w.])`).test(text)) this.addFixture(path, join('fixtures', path));
      else if (kind === 'dcp' && /fixtures\/torch-[\d.]+(?![\w./])/.test(text)) {
        mkdirSync(join(this.directory, 'fixtures', dirname(path)), { recursive: true });
      }
    }
  }

  /** Copies a case, with times as after a save. Every copy has the same ones, so that messages can be compared. */
  addFixture(casePath: string, to: string): void {
    const { newer_than_metadata, files, path } = fixtureCases.find(entry => entry.path === casePath)!;
    const copy = join(this.directory, to);
    cpSync(join(repository, 'fixtures', path), copy, { recursive: true });
    for (const file of files) {
      const at = statSync(copy).isDirectory() ? join(copy, file.path) : copy;
      const seconds = Date.UTC(2026, 10, 21, 12) / 1000 + (newer_than_metadata?.includes(file.path) ? 60 : 0);
      utimesSync(at, seconds, seconds);
    }
  }

  bash(script: string, env: Record<string, string> = {}): Promise<Ended> {
    const path = [this.bin, dirname(process.execPath), process.env.PATH].join(delimiter);
    const child = spawn('bash', ['-c', `exec 2>&1\n${script}`], {
      cwd: this.directory,
      env: { HOME: this.path, LANG: 'C.UTF-8', PATH: path, ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', text => (output += text));
    return new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', code => resolve({ code, output }));
    });
  }
}

/** A session is what a terminal shows: lines with `$ ` are commands, the others what they print. */
export function stepsOf(session: string): { command: string; output: string }[] {
  return session
    .split(/^\$ /m)
    .slice(1)
    .map(step => {
      const end = step.indexOf('\n');
      return { command: step.slice(0, end), output: step.slice(end + 1) };
    });
}

/** Runs the commands in one shell and tells what each printed. */
export async function runSession(sandbox: Sandbox, commands: readonly string[]): Promise<string[]> {
  const mark = '\u001e';
  const { output } = await sandbox.bash(commands.join(`\nprintf '${mark}'\n`));
  return output.split(mark);
}

/** Only how long it took is not the same twice. */
export function withoutTime(text: string): string {
  return text.replace(/^( *time +)\d+\.\d+ s$/gm, '$10.10 s');
}
