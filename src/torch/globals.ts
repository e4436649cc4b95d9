import { DTYPES } from '../dtype.js';

/**
 * What `torch.load(weights_only=True)` lets a pickle name without being asked (`torch/_weights_only_unpickler.py`,
 * torch 2.14): rebuild functions and types of torch, element types, storage and tensor classes, a few plain
 * Python types.
 */
const WEIGHTS_ONLY: ReadonlySet<string> = new Set([
  ...[
    '_rebuild_device_tensor_from_cpu_tensor',
    '_rebuild_device_tensor_from_numpy',
    '_rebuild_meta_tensor_no_storage',
    '_rebuild_nested_tensor',
    '_rebuild_parameter',
    '_rebuild_parameter_with_state',
    '_rebuild_qtensor',
    '_rebuild_sparse_tensor',
    '_rebuild_tensor',
    '_rebuild_tensor_v2',
    '_rebuild_tensor_v3',
    '_rebuild_wrapper_subclass',
  ].map(name => `torch._utils.${name}`),
  'torch._tensor._rebuild_from_type_v2',
  'torch.serialization._get_layout',
  '_codecs.encode',
  'collections.OrderedDict',
  'collections.Counter',
  'torch.nn.parameter.Parameter',
  'torch.Size',
  'torch.Tensor',
  'torch.device',
  'builtins.bytearray',
  'builtins.set',
  'builtins.complex',
  ...['per_tensor_affine', 'per_tensor_symmetric', 'per_channel_affine', 'per_channel_symmetric'].map(
    name => `torch.${name}`,
  ),
  'torch.per_channel_affine_float_qparams',
  'torch.storage.TypedStorage',
  'torch.storage.UntypedStorage',
  ...DTYPES.map(dtype => `torch.${dtype.name}`),
  ...Array.from({ length: 7 }, (_, i) => [`torch.int${i + 1}`, `torch.uint${i + 1}`]).flat(),
]);

const STORAGE_OR_TENSOR_CLASS = new RegExp(
  `^torch\\.(${[
    '(cuda\\.)?(BFloat16|Bool|Byte|Char|ComplexDouble|ComplexFloat|Double|Float|Half|Int|Long|Short)Storage',
    '(QInt8|QInt32|QUInt8|QUInt4x2|QUInt2x4)Storage',
    '(cuda\\.)?(sparse\\.)?(BFloat16|Byte|Char|Double|Float|Half|Int|Long|Short)Tensor',
    '(cuda\\.)?BoolTensor',
  ].join('|')})$`,
);

/** Whether `torch.load(weights_only=True)` accepts this global (`module.name`, Python 3 names). */
export function loadsWithWeightsOnly(path: string): boolean {
  return WEIGHTS_ONLY.has(path) || STORAGE_OR_TENSOR_CLASS.test(path);
}

/** Modules that run commands, load code or reach the system, with all below them: no checkpoint has a use for them. */
const DANGEROUS_MODULES: readonly string[] = [
  ...['os', 'posix', 'nt', 'sys', 'subprocess', '_posixsubprocess', 'shutil', 'pty', 'commands', 'signal'],
  ...['socket', '_socket', 'ssl', 'socketserver', 'requests', 'httplib', 'aiohttp', 'urllib2'],
  ...[
    'urllib.request',
    'http.client',
    'http.server',
    'ftplib',
    'smtplib',
    'telnetlib',
    'xmlrpc',
    'webbrowser',
  ],
  ...['runpy', 'importlib', 'imp', 'pkgutil', 'zipimport', 'site', 'pip', 'ensurepip', 'venv', 'distutils'],
  ...[
    'setuptools',
    'code',
    'codeop',
    'pdb',
    'bdb',
    'timeit',
    'trace',
    'profile',
    'cProfile',
    'doctest',
    'pydoc',
  ],
  ...['ctypes', '_ctypes', 'cffi', 'mmap', 'multiprocessing', '_multiprocessing', 'concurrent', 'threading'],
  ...[
    '_thread',
    'asyncio',
    'sched',
    'pickle',
    '_pickle',
    'dill',
    'cloudpickle',
    'shelve',
    'marshal',
    'joblib',
  ],
  ...[
    'idlelib',
    'lib2to3',
    'turtledemo',
    'logging.config',
    'torch.hub',
    'torch.package',
    'torch.utils.cpp_extension',
  ],
  ...['torch.utils.bottleneck', 'torch.utils._config_module'],
  ...['numpy.testing', 'numpy.f2py', 'numpy.distutils', 'numpy.ctypeslib', 'numpy._pytesttester'],
];

/** How `getattr` of a value, or of a private name, is listed: it can lead from a harmless function to any other. */
export const COMPUTED_GETATTR = 'builtins.getattr of a value';

/** Functions of other modules that do the same, or that hand out any attribute. */
const DANGEROUS_GLOBALS: ReadonlySet<string> = new Set([
  COMPUTED_GETATTR,
  ...[
    'eval',
    'exec',
    'compile',
    'open',
    '__import__',
    'input',
    'execfile',
    'breakpoint',
    'globals',
    'locals',
    'vars',
    'setattr',
    'delattr',
    '__build_class__',
  ].map(name => `builtins.${name}`),
  ...['CodeType', 'FunctionType', 'MethodType'].map(name => `types.${name}`),
  ...['attrgetter', 'methodcaller', 'call'].flatMap(name => [`operator.${name}`, `_operator.${name}`]),
  'io.open',
  '_io.open',
  'io.FileIO',
  '_io.FileIO',
  'io.open_code',
  '_io.open_code',
  'codecs.open',
  'torch.load',
  'torch.serialization.load',
  'torch.storage._load_from_bytes',
  'torch.jit.load',
  'numpy.load',
  'numpy.lib.npyio.load',
  'numpy.lib._npyio_impl.load',
  'numpy.fromfile',
  'pandas.read_pickle',
  'pandas.io.pickle.read_pickle',
  'pandas.eval',
  'pandas.core.computation.eval.eval',
]);

const MODULES_THAT_LEAD_ON =
  'os|sys|posix|nt|subprocess|builtins|importlib|shutil|socket|ctypes|pty|runpy|pickle';

/**
 * Attributes on the way to others: modules that a module has imported (`os.system` of `torch`), and what leads from any
 * value to all of Python (`print.__class__.__base__` of `builtins`). Since protocol 4 names with dots are followed.
 */
const LEADS_ON = new RegExp(`(^|\\.)(${MODULES_THAT_LEAD_ON}|__(?!newobj(_ex)?__$)\\w+__)(\\.|$)`);

/** The same in modules that are known not to have such a submodule. */
const KNOWN_TO_LEAD_ON = new RegExp(
  `^(torch|numpy|builtins|collections|functools|random|json|logging|pathlib|types|copyreg)\\.(.*\\.)?(${MODULES_THAT_LEAD_ON})(\\.|$)`,
);
const SPECIAL_ATTRIBUTE = /\.__(?!newobj(_ex)?__$)\w+__(\.|$)/;

/** Whether a name inside a module is a way out of it. */
export function leadsAstray(name: string): boolean {
  return LEADS_ON.test(name);
}

/** Whether unpickling this global elsewhere could run commands or code. We never run it ourselves. */
export function isDangerousGlobal(path: string): boolean {
  return (
    DANGEROUS_GLOBALS.has(path) ||
    KNOWN_TO_LEAD_ON.test(path) ||
    SPECIAL_ATTRIBUTE.test(path) ||
    DANGEROUS_MODULES.some(module => path.startsWith(`${module}.`))
  );
}

/** The globals, sorted, that `weights_only` does not accept. */
export function globalsBeyondTorch(paths: Iterable<string>): string[] {
  return [...paths].filter(path => !loadsWithWeightsOnly(path)).sort();
}
