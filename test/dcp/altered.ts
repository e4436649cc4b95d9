/** Copies of directories whose index was changed: what damage, or another program, may leave behind. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodePickle } from '../../src/pickle/decode.js';
import type { PyDict } from '../../src/pickle/dict.js';
import { encodePickle } from '../../src/pickle/encode.js';
import { PyList, type PyObject, type PyValue, textOf } from '../../src/pickle/values.js';
import { copyFixture } from '../fixtures.js';
import { scratch } from '../io/scratch.js';

/** The fields of the index of a copied checkpoint, to be changed in place. */
export class AlteredIndex {
  constructor(private readonly metadata: PyObject) {}

  /** Fields of what `state_dict_metadata` says of a tensor. */
  tensor(fqn: string): PyDict {
    return fieldsOf((fieldsOf(this.metadata).getText('state_dict_metadata') as PyDict).getText(fqn));
  }

  /** The boxes of a tensor: a list of ChunkStorageMetadata. */
  chunks(fqn: string): PyList {
    return this.tensor(fqn).getText('chunks') as PyList;
  }

  /** A Python list of texts. */
  listOf(...texts: string[]): PyList {
    return new PyList(texts);
  }

  /** Key and place of each stored item of a name, both as fields, in the order of the chunks. */
  places(fqn: string): { index: PyDict; info: PyDict }[] {
    const storageData = fieldsOf(this.metadata).getText('storage_data') as PyDict;
    return [...storageData.entries()]
      .map(([index, info]) => ({ index: fieldsOf(index), info: fieldsOf(info) }))
      .filter(({ index }) => textOf(index.getText('fqn')) === fqn)
      .sort((a, b) => Number(a.index.getText('index')) - Number(b.index.getText('index')));
  }
}

export function fieldsOf(object: PyValue | undefined): PyDict {
  return (object as PyObject).state as PyDict;
}

/** A copy of the fixture with a changed index. Returns its path. */
export function alteredFixture(name: string, change: (index: AlteredIndex) => void): string {
  const path = copyFixture(name, scratch({ inMemory: true }));
  const file = join(path, '.metadata');
  const { value } = decodePickle(readFileSync(file));
  change(new AlteredIndex(value as PyObject));
  writeFileSync(file, encodePickle(value));
  return path;
}
