/** The fixture corpus, typed: where each case lies and what its golden says. See fixtures/README.md. */
import { cpSync, readFileSync, statSync, utimesSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../fixtures/', import.meta.url));

/** One case of the manifest. Paths are relative to the fixtures directory. */
export interface FixtureCase {
  name: string;
  /** The release that wrote it, for example `2.13.0`. */
  torch: string;
  kind: 'dcp' | 'torch' | 'safetensors';
  path: string;
  golden: string;
  proves: string;
  state_dict_of_tensors: boolean;
  loads_in_torch: boolean;
  loads_in_torch_error?: string;
  loads_weights_only?: boolean;
  loads_weights_only_error?: string;
  torch_converts: { dcp_to_torch: boolean | null; torch_to_dcp: boolean | null };
  torch_convert_errors?: { dcp_to_torch?: string; torch_to_dcp?: string };
  unsafe?: boolean;
  newer_than_metadata?: string[];
  keys_are_addresses?: boolean;
  golden_differs_from_load?: string;
  files: { path: string; byte_length: number; sha256: string }[];
}

/** A Python value as goldens encode it: no two types look alike. */
export type GoldenValue =
  | null
  | boolean
  | number
  | string
  | { int: string }
  | { float: string; bits: string }
  | { bytes: string }
  | { bytearray: string }
  | { tuple: GoldenValue[] }
  | { list: GoldenValue[] }
  | { set: GoldenValue[] }
  | { frozenset: GoldenValue[] }
  | { dict: [GoldenValue, GoldenValue][] }
  | { global: [module: string, name: string] }
  | { object: GoldenObject }
  | { tensor: number }
  | { storage: { byte_length: number } }
  | { same_as: GoldenPath };

export interface GoldenObject {
  how: 'reduce' | 'newobj';
  callable: GoldenValue;
  args: GoldenValue;
  state?: GoldenValue;
  list_items?: GoldenValue[];
  dict_items?: [GoldenValue, GoldenValue][];
}

/** Dict keys and list positions; a key that is neither text nor an int is its `repr`. */
export type GoldenPath = (string | number)[];

export interface GoldenTensor {
  path: GoldenPath;
  dtype: string;
  /** Absent for nested tensors. */
  shape?: number[];
  /** Absent where the tensor is not strided. */
  stride?: number[];
  storage_offset?: number;
  /** Equal numbers share memory. Absent, with `sha256`, where the tensor has no elements of its own. */
  storage?: number;
  storage_byte_length?: number;
  requires_grad: boolean;
  type: string;
  layout?: string;
  device?: 'meta';
  conj?: true;
  neg?: true;
  inside_object?: true;
  attributes?: GoldenValue;
  /** Of the elements in row-major order, little-endian, lazy conjugation and negation done. */
  sha256?: string;
}

export type GoldenItem = {
  fqn: string;
  /** From `planner_data`: text is a mapping's key, a number a list position. Null if that is None. */
  path: GoldenPath | null;
} & (
  | { kind: 'tensor'; dtype: string; size: number[]; requires_grad: boolean; chunks: GoldenChunk[] }
  | ({ kind: 'object' } & GoldenPlace)
);

export interface GoldenPlace {
  relative_path: string;
  offset: number;
  length: number;
}

export type GoldenChunk = GoldenPlace & { offsets: number[]; sizes: number[] };

export interface Golden {
  torch: string;
  tensors: GoldenTensor[];
  objects: { path: GoldenPath; type: string; repr?: string; value: GoldenValue }[];
  tree: GoldenValue;
  /** Only for DCP directories: the index as torch reads it, and the nested state dict that it stands for. */
  dcp?: { version: string | null; items: GoldenItem[]; tree: GoldenValue };
}

export const fixtureCases: readonly FixtureCase[] = (readJson('manifest.json') as { cases: FixtureCase[] })
  .cases;

/** The case of that name; without a release, of the one release that is made here. */
export function fixtureCase(name: string, torch = '2.13.0'): FixtureCase {
  const found = fixtureCases.find(entry => entry.name === name && entry.torch === torch);
  if (found === undefined) throw new Error(`no fixture ${name} of torch ${torch}`);
  return found;
}

/** Absolute path of the case's file or directory. Tests read it and write elsewhere. */
export function fixturePath(name: string, torch?: string): string {
  return join(root, fixtureCase(name, torch).path);
}

export function golden(name: string, torch?: string): Golden {
  return readJson(fixtureCase(name, torch).golden) as Golden;
}

/** The golden of `torn_overwrite`'s second save, of which only one rank's file exists. */
export function goldenOfSecondSave(): Golden {
  return readJson('torch-2.13.0/torn_overwrite.second.golden.json') as Golden;
}

/**
 * Copies the case into `directory`, under its own name, and gives files that the manifest calls newer than
 * `.metadata` a later modification time. Returns the copy's path.
 */
export function copyFixture(name: string, directory: string, torch?: string): string {
  const entry = fixtureCase(name, torch);
  const copy = join(directory, basename(entry.path));
  cpSync(join(root, entry.path), copy, { recursive: true });
  if (entry.newer_than_metadata !== undefined) {
    const saved = statSync(join(copy, '.metadata')).mtimeMs / 1000;
    for (const file of entry.files) {
      const seconds = saved + (entry.newer_than_metadata.includes(file.path) ? 60 : 0);
      utimesSync(join(copy, file.path), seconds, seconds);
    }
  }
  return copy;
}

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(join(root, path), 'utf8'));
}
