import type { DirectoryEntry } from '../io/listing.js';

/** What a directory is recognised by: names, and of nothing more than it itself. */
export interface DirectoryProbe {
  path: string;
  entries: readonly DirectoryEntry[];
}

/** A kind of directory that is no checkpoint of a format known here: what it is, and what to do. */
export interface DirectoryForm {
  readonly name: string;
  test(directory: DirectoryProbe): boolean;
  /** Why it is not opened. */
  readonly what: string;
  /** The command to run, or what to give instead. */
  hint(directory: DirectoryProbe): string;
}

const fileNames = ({ entries }: DirectoryProbe): string[] =>
  entries.filter(({ kind }) => kind === 'file').map(({ name }) => name);
const directoryNames = ({ entries }: DirectoryProbe): string[] =>
  entries.filter(({ kind }) => kind === 'directory').map(({ name }) => name);
const hasFile =
  (pattern: RegExp) =>
  (directory: DirectoryProbe): boolean =>
    fileNames(directory).some(name => pattern.test(name));
const hasDirectory =
  (pattern: RegExp) =>
  (directory: DirectoryProbe): boolean =>
    directoryNames(directory).some(name => pattern.test(name));

const VERL_FILE = /^(model|optim|extra_state)_world_size_(\d+)_rank_(\d+)\.pt$/;
const ZERO_FILE = /_optim_states\.pt$|^zero_pp_rank_\d+_mp_rank_\d+_/;
const HUGGING_FACE_FILE = /^pytorch_model(-\d{5}-of-\d{5})?\.bin$/;

/** The first row that fits is taken. */
const DIRECTORY_FORMS: readonly DirectoryForm[] = [
  {
    name: 'verl',
    test: hasFile(VERL_FILE),
    what: 'This is a checkpoint of verl with FSDP: a torch.save file a rank, each with its shards of DTensors',
    hint: ({ path }) =>
      `Join it with verl: python -m verl.model_merger merge --backend fsdp --local_dir ${path} --target_dir OUT. dcp inspect shows one of its files.`,
  },
  {
    name: 'DeepSpeed ZeRO',
    test: directory =>
      hasFile(ZERO_FILE)(directory) ||
      (hasFile(/^zero_to_fp32\.py$/)(directory) && hasFile(/^latest$/)(directory)),
    what: 'This is a checkpoint of DeepSpeed ZeRO: each rank has a flat piece of all parameters',
    hint: ({ path, entries }) => {
      const isTop = entries.some(({ name }) => name === 'zero_to_fp32.py');
      const top = isTop ? path : `${path}/..`;
      return `Join it with the script that DeepSpeed has put there: python ${top}/zero_to_fp32.py ${top} OUT. dcp inspect and convert read what it makes.`;
    },
  },
  {
    name: 'Megatron-LM, a file a rank',
    test: hasDirectory(/^mp_rank_\d+(_\d+)*$/),
    what: 'This is a checkpoint of Megatron-LM in its older form: a torch.save file for each part of the model',
    hint: ({ path, entries }) => {
      const part = entries.find(({ name }) => name.startsWith('mp_rank_'))!.name;
      return `Save it with --ckpt-format torch_dist, which is DCP, or join it with Megatron-LM's tools/checkpoint/convert.py. One part: dcp inspect ${path}/${part}/model_optim_rng.pt.`;
    },
  },
  {
    name: 'Megatron-core, not torch_dist',
    test: directory =>
      hasFile(/^common\.pt$/)(directory) &&
      hasFile(/^metadata\.json$/)(directory) &&
      directoryNames(directory).length > 0,
    what: 'This is a checkpoint of Megatron-core whose tensors are not in DCP files (--dist-ckpt-format zarr)',
    hint: () => 'Load it in Megatron-LM and save it with --ckpt-format torch_dist.',
  },
  {
    name: 'Orbax',
    test: directory =>
      hasFile(/^(_CHECKPOINT_METADATA|manifest\.ocdbt|_METADATA|_sharding)$/)(directory) ||
      hasDirectory(/^ocdbt\.process_\d+$/)(directory),
    what: 'This is an Orbax checkpoint of JAX, which torch does not read',
    hint: () => 'Load it with orbax.checkpoint and save its arrays with safetensors.numpy.save_file.',
  },
  {
    name: 'TensorFlow',
    test: hasFile(/^saved_model\.pb$|\.data-\d{5}-of-\d{5}$/),
    what: 'This is a checkpoint of TensorFlow, which torch does not read',
    hint: () => 'Load it in TensorFlow and save its arrays with safetensors.tensorflow.save_file.',
  },
  {
    name: 'Hugging Face, torch.save files',
    test: directory => fileNames(directory).filter(name => HUGGING_FACE_FILE.test(name)).length > 1,
    what: 'This is a Hugging Face model in several torch.save files',
    hint: ({ path, entries }) => {
      const first = entries.find(({ name }) => HUGGING_FACE_FILE.test(name))!.name;
      return `Save it as safetensors: save_pretrained(…, safe_serialization=True). One file: dcp inspect ${path}/${first}.`;
    },
  },
  {
    name: 'data files of another save',
    test: hasFile(/\.distcp$/),
    what: 'The directory holds data files of a DCP checkpoint without its index',
    hint: () =>
      'Rank 0 wrote the index, .metadata: look on the node that ran it, and copy all files together.',
  },
];

/** The row that fits the directory, if there is one. */
export function findDirectoryForm(directory: DirectoryProbe): DirectoryForm | undefined {
  return DIRECTORY_FORMS.find(form => form.test(directory));
}
