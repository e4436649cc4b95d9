/** Command lines whose documents, together, have every field of every schema. */

const F = 'fixtures/torch-2.13.0';
const RENAMED = '--rename s/exp_avg_sq$/x/ --rename s/exp_avg$/exp_avg_sq/';

export interface DocumentCase {
  line: string;
  /** What a shell runs first. */
  before?: string;
  /** Exit code; 0 unless told otherwise. */
  code?: number;
}

export const DOCUMENT_CASES: Readonly<Record<string, readonly DocumentCase[]>> = {
  convert: [
    { line: `convert dcp_to_torch ${F}/strides_dcp out.pth` },
    { line: `convert dcp_to_torch ${F}/torn_overwrite out.pth --resume` },
    { line: `convert dcp_to_torch ${F}/tied_dcp out.pth --check` },
    { line: `convert dcp_to_torch ${F}/vanished_class_dcp out.pth` },
    { line: `convert torch_to_dcp ${F}/int_keys.pth out --workers 1` },
    { line: `convert ${F}/tied.pth out.safetensors` },
    { line: `convert torch_to_safetensors ${F}/training_run.pth hf` },
    { line: `convert torch_to_safetensors ${F}/all_dtypes.pth hf --dtype fp16` },
    { line: `convert dcp_to_dcp ${F}/fsdp2_adam two --ranks 2 --part model --no-crc` },
    { line: `convert dcp_to_torch ${F}/fsdp2_adam out.pth --dry-run` },
    {
      before: `dcp convert dcp_to_torch ${F}/tied_dcp out.pth --quiet`,
      line: `convert dcp_to_torch ${F}/tied_dcp out.pth --skip-existing`,
    },
    {
      before: `rm ${F}/fsdp2_adam/__2_0.distcp`,
      line: `convert dcp_to_torch ${F}/fsdp2_adam out.pth --salvage`,
      code: 1,
    },
    { line: `convert dcp_to_torch ${F}/torn_overwrite out.pth --strict`, code: 2 },
    { line: `convert dcp_to_torch nothing out.pth`, code: 2 },
    { before: 'touch out.pth', line: `convert dcp_to_torch ${F}/tied_dcp out.pth`, code: 2 },
    { line: `convert torch_to_dcp ${F}/calls_os_system.pth out`, code: 2 },
    { line: 'convert dcp_to_numpy a b', code: 2 },
  ],
  inspect: [
    { line: `inspect ${F}/fsdp2_adam --keys *net2.bias --keys *.lr --chunks` },
    { line: `inspect ${F}/torn_overwrite` },
    { line: `inspect ${F}/fsdp2_adam app.model.net1.weight --slice 5` },
    { line: `inspect ${F}/fsdp2_adam app.optim.param_groups.0.lr` },
    { line: `inspect ${F}/fsdp2_adam --objects` },
    { line: `inspect ${F}/fsdp2_adam/.metadata` },
    { line: `inspect ${F}/tied_dcp --html report.html` },
    { line: `inspect ${F}/calls_os_system.pth --pickle` },
    { line: `inspect ${F}/fsdp2_adam --pickle` },
    { line: `inspect ${F}/python_objects_dcp --pickle` },
    {
      before: `head -c 100 ${F}/tied_dcp/.metadata > cut && mv cut ${F}/tied_dcp/.metadata`,
      line: `inspect ${F}/tied_dcp --pickle`,
    },
    { line: `inspect ${F}/fsdp2_adam --keys *net2.bias --mesh 2 --placements Shard(0)` },
    { line: `inspect ${F}/vanished_class_dcp` },
    { line: `inspect ${F}/torch_script.pt` },
    { line: `inspect ${F}/safetensors_image` },
    { line: 'inspect fixtures/torch-2.14.1/rank_metadata' },
    {
      before: 'rm fixtures/torch-2.14.1/rank_metadata/__0.metadata',
      line: 'inspect fixtures/torch-2.14.1/rank_metadata',
    },
    { before: `echo x > ${F}/fsdp2_adam/__2_0.distcp`, line: `inspect ${F}/fsdp2_adam` },
    { before: `rm ${F}/fsdp2_adam/__2_0.distcp`, line: `inspect ${F}/fsdp2_adam` },
    {
      before: `mkdir run && cp -r ${F}/tied_dcp run/step-1 && cp -r ${F}/tied_dcp run/step-2 && rm run/step-2/.metadata`,
      line: 'inspect run',
    },
    { line: `inspect ${F}/cyclic.pth`, code: 2 },
    { line: `inspect nothing`, code: 2 },
    { line: 'inspect --frobnicate', code: 2 },
  ],
  stats: [
    { line: `stats ${F}/all_dtypes.pth --fail-on nan --histogram`, code: 1 },
    { line: `stats ${F}/fsdp2_adam --keys *net2.bias --device cpu --workers 0` },
    { line: `stats ${F}/safetensors_image --no-crc` },
    { line: `stats ${F}/scalars.pth --device cpu` },
    { line: `stats ${F}/fsdp2_adam --keys nothing*`, code: 2 },
    { line: `stats nothing`, code: 2 },
  ],
  diff: [
    {
      line: `diff ${F}/fsdp2_adam ${F}/fsdp2_adam ${RENAMED} --keys *net2.bias.exp_avg_sq --workers 0`,
      code: 1,
    },
    { line: `diff ${F}/fsdp2_adam ${F}/fsdp2_adam ${RENAMED} --keys *exp_avg_sq --atol 100` },
    {
      line: `diff ${F}/grid_shards ${F}/grid_shards --rename s/rows_twice/x/ --rename s/rows_replicated/rows_twice/ --rename s/x/rows_replicated/`,
      code: 1,
    },
    {
      line: `diff ${F}/all_dtypes.pth ${F}/all_dtypes.pth --rename s/^float32$/x/ --rename s/^int32$/float32/`,
      code: 1,
    },
    { line: `diff ${F}/scalars.pth ${F}/all_dtypes.pth`, code: 1 },
    { line: `diff ${F}/python_objects.pth ${F}/python_objects_dcp`, code: 1 },
    { line: `diff ${F}/int_keys.pth ${F}/int_keys_dcp` },
    { line: `diff ${F}/int_keys.pth nothing`, code: 2 },
  ],
  verify: [
    { line: `verify ${F}/scalars.pth --crc` },
    { line: `verify ${F}/torn_overwrite --ignore orphan_file`, code: 1 },
    { line: `verify ${F}/tied_dcp --crc --replicas --against ${F}/tied_dcp` },
    { line: `verify ${F}/scalars_dcp --sha256 --write` },
    { line: `verify ${F}/safetensors_image` },
    {
      before: `echo x > ${F}/fsdp2_adam/__2_0.distcp`,
      line: `verify ${F}/fsdp2_adam --crc --replicas`,
      code: 1,
    },
    { before: `rm ${F}/tied_dcp/.metadata`, line: `verify ${F}/tied_dcp`, code: 1 },
    { before: `echo x > ${F}/tied_dcp/.metadata`, line: `verify ${F}/tied_dcp --crc`, code: 1 },
    { line: `verify ${F}/tied_dcp --against ${F}/scalars_dcp`, code: 1 },
    { line: `verify nothing`, code: 2 },
  ],
  scan: [
    { line: `scan ${F}/calls_os_system.pth --allow my.*`, code: 1 },
    { line: `scan ${F}/tied_dcp` },
    { before: 'echo x > page.html', line: 'scan page.html' },
    { before: `head -c 300 ${F}/tied.pth > cut.pth`, line: 'scan cut.pth', code: 1 },
    { line: `scan ${F}/python_objects_dcp`, code: 1 },
    { line: `scan nothing`, code: 2 },
  ],
  extract: [
    { line: `extract ${F}/all_dtypes_dcp bfloat16 -o weight.npy` },
    { line: `extract ${F}/all_dtypes.pth float32 int64 -o all.npz --workers 1` },
    { line: `extract ${F}/fsdp2_adam app.model.net1.weight --slice 0:2 -o rows.bin --format raw` },
    { line: `extract ${F}/all_dtypes_dcp bfloat61 -o weight.npy`, code: 2 },
    { before: 'touch w.npy', line: `extract ${F}/all_dtypes_dcp bfloat16 -o w.npy`, code: 2 },
  ],
  devices: [{ line: 'devices' }, { line: 'devices --frobnicate', code: 2 }],
};
