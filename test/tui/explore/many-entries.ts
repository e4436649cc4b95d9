/** An index of a hundred thousand tensors, in the opcodes of pickle's protocol 2: made in a second. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const METADATA = 'torch.distributed.checkpoint.metadata';
const FILESYSTEM = 'torch.distributed.checkpoint.filesystem';

const int = (value: number): string =>
  `J${String.fromCharCode(value & 255, (value >> 8) & 255, (value >> 16) & 255, (value >> 24) & 255)}`;
const text = (value: string): string =>
  `X${String.fromCharCode(value.length & 255, value.length >> 8, 0, 0)}${value}`;
const global = (module: string, name: string): string => `c${module}\n${name}\n`;
const tuple = (...items: string[]): string => `(${items.join('')}t`;
const list = (...items: string[]): string => `](${items.join('')}e`;
const dict = (pairs: readonly (readonly [string, string])[]): string =>
  `}(${pairs.map(([key, value]) => key + value).join('')}u`;
const size = (...sizes: number[]): string => `${global('torch', 'Size')}${tuple(...sizes.map(int))}\u0085R`;
/** `cls.__new__(cls)`, then its state. */
const instance = (module: string, name: string, state: string): string =>
  `${global(module, name)})\u0081${state}b`;
const fields = (values: Readonly<Record<string, string>>): string =>
  dict(Object.entries(values).map(([name, value]) => [text(name), value]));

const PARTS = [
  'attn.wq',
  'attn.wk',
  'attn.wv',
  'attn.wo',
  'ffn.w1',
  'ffn.w2',
  'ffn.w3',
  'attn_norm',
  'ffn_norm',
];
const RANKS = 2;
const ROWS = 64;
const ITEM_BYTE_LENGTH = 9769;

const CONTIGUOUS = `${global(METADATA, '_MEM_FORMAT_ENCODING')}${tuple(int(0))}R`;
/** State of TensorProperties: dtype, layout, requires_grad, memory format, pin_memory. */
const PROPERTIES = instance(
  METADATA,
  'TensorProperties',
  tuple(global('torch', 'bfloat16'), global('torch', 'strided'), '\u0089', CONTIGUOUS, '\u0089'),
);

/** Writes `.metadata` of tensors [128, 32], each cut in halves of two ranks; one is larger than all others. */
export function makeManyEntries(directory: string, count: number): void {
  mkdirSync(directory, { recursive: true });
  const names = Array.from(
    { length: count },
    (_, i) => `layers.${Math.floor(i / PARTS.length)}.${PARTS[i % PARTS.length]}.weight`,
  );
  const largest = Math.floor(count * 0.7);
  const ranks = Array.from({ length: RANKS }, (_, rank) => rank);
  const tensors = names.map((name, i): [string, string] => {
    const columns = i === largest ? 4096 : 32;
    const chunks = ranks.map(rank =>
      instance(
        METADATA,
        'ChunkStorageMetadata',
        fields({ offsets: size(ROWS * rank, 0), sizes: size(ROWS, columns) }),
      ),
    );
    const state = { properties: PROPERTIES, size: size(ROWS * RANKS, columns), chunks: list(...chunks) };
    return [text(name), instance(METADATA, 'TensorStorageMetadata', fields(state))];
  });
  const places = names.flatMap((name, i) =>
    ranks.map((rank): [string, string] => [
      instance(
        METADATA,
        'MetadataIndex',
        fields({ fqn: text(name), offset: size(ROWS * rank, 0), index: int(rank) }),
      ),
      instance(
        FILESYSTEM,
        '_StorageInfo',
        fields({
          relative_path: text(`__${rank}_0.distcp`),
          offset: int(i * ITEM_BYTE_LENGTH),
          length: int(ITEM_BYTE_LENGTH),
        }),
      ),
    ]),
  );
  const state = {
    state_dict_metadata: dict(tensors),
    planner_data: dict(names.map(name => [text(name), tuple(text(name))])),
    storage_data: dict(places),
  };
  const pickle = `\u0080\u0002${instance(METADATA, 'Metadata', fields(state))}.`;
  writeFileSync(join(directory, '.metadata'), Buffer.from(pickle, 'latin1'));
}
