/**
 * Names that moved between Python 2 and 3. Under protocols 0 to 2 CPython's pickler writes the old name of a
 * class or function and its unpickler maps it back (`fix_imports`, on by default, also in torch.save); under
 * protocol 3 and above names are left alone. The facts are those of CPython's module `_compat_pickle`: first
 * a pair of module and name is looked up, then the module alone.
 */

type Name = readonly [module: string, name: string];

/** Modules that were renamed: old, new. Both directions. */
const RENAMED_MODULES: readonly Name[] = [
  ['__builtin__', 'builtins'],
  ['copy_reg', 'copyreg'],
  ['Queue', 'queue'],
  ['SocketServer', 'socketserver'],
  ['ConfigParser', 'configparser'],
  ['repr', 'reprlib'],
  ['tkFileDialog', 'tkinter.filedialog'],
  ['tkSimpleDialog', 'tkinter.simpledialog'],
  ['tkColorChooser', 'tkinter.colorchooser'],
  ['tkCommonDialog', 'tkinter.commondialog'],
  ['Dialog', 'tkinter.dialog'],
  ['Tkdnd', 'tkinter.dnd'],
  ['tkFont', 'tkinter.font'],
  ['tkMessageBox', 'tkinter.messagebox'],
  ['ScrolledText', 'tkinter.scrolledtext'],
  ['Tkconstants', 'tkinter.constants'],
  ['Tix', 'tkinter.tix'],
  ['ttk', 'tkinter.ttk'],
  ['Tkinter', 'tkinter'],
  ['markupbase', '_markupbase'],
  ['_winreg', 'winreg'],
  ['thread', '_thread'],
  ['dummy_thread', '_dummy_thread'],
  ['dbhash', 'dbm.bsd'],
  ['dumbdbm', 'dbm.dumb'],
  ['dbm', 'dbm.ndbm'],
  ['gdbm', 'dbm.gnu'],
  ['xmlrpclib', 'xmlrpc.client'],
  ['SimpleXMLRPCServer', 'xmlrpc.server'],
  ['httplib', 'http.client'],
  ['htmlentitydefs', 'html.entities'],
  ['HTMLParser', 'html.parser'],
  ['Cookie', 'http.cookies'],
  ['cookielib', 'http.cookiejar'],
  ['BaseHTTPServer', 'http.server'],
  ['test.test_support', 'test.support'],
  ['commands', 'subprocess'],
  ['urlparse', 'urllib.parse'],
  ['robotparser', 'urllib.robotparser'],
  ['urllib2', 'urllib.request'],
  ['anydbm', 'dbm'],
  ['_abcoll', 'collections.abc'],
];

/** Modules that are mapped when read only: old, new. Several old ones became one. */
const READ_MODULES: readonly Name[] = [
  ['cPickle', 'pickle'],
  ['_elementtree', 'xml.etree.ElementTree'],
  ['FileDialog', 'tkinter.filedialog'],
  ['SimpleDialog', 'tkinter.simpledialog'],
  ['DocXMLRPCServer', 'xmlrpc.server'],
  ['SimpleHTTPServer', 'http.server'],
  ['CGIHTTPServer', 'http.server'],
  ['UserDict', 'collections'],
  ['UserList', 'collections'],
  ['UserString', 'collections'],
  ['whichdb', 'dbm'],
  ['StringIO', 'io'],
  ['cStringIO', 'io'],
];

/** Modules that are mapped when written only: old, new. */
const WRITTEN_MODULES: readonly Name[] = [
  ['bz2', '_bz2'],
  ['dbm', '_dbm'],
  ['functools', '_functools'],
  ['gdbm', '_gdbm'],
  ['pickle', '_pickle'],
];

type Move = readonly [oldModule: string, oldName: string, newModule: string, newName: string];

/** Names that keep their spelling and change their module: `a b` names two. */
function moved(oldModule: string, newModule: string, names: string): Move[] {
  return names.split(' ').map(name => [oldModule, name, newModule, name]);
}

/** Classes and functions that were renamed or moved. Both directions. */
const RENAMED: readonly Move[] = [
  ['__builtin__', 'xrange', 'builtins', 'range'],
  ['__builtin__', 'unichr', 'builtins', 'chr'],
  ['__builtin__', 'unicode', 'builtins', 'str'],
  ['__builtin__', 'long', 'builtins', 'int'],
  ['itertools', 'izip', 'builtins', 'zip'],
  ['itertools', 'imap', 'builtins', 'map'],
  ['itertools', 'ifilter', 'builtins', 'filter'],
  ['itertools', 'ifilterfalse', 'itertools', 'filterfalse'],
  ['itertools', 'izip_longest', 'itertools', 'zip_longest'],
  ['UserDict', 'IterableUserDict', 'collections', 'UserDict'],
  ...moved('__builtin__', 'functools', 'reduce'),
  ...moved('__builtin__', 'sys', 'intern'),
  ...moved('UserList', 'collections', 'UserList'),
  ...moved('UserString', 'collections', 'UserString'),
  ...moved('whichdb', 'dbm', 'whichdb'),
  ...moved('_socket', 'socket', 'fromfd'),
  ...moved('_multiprocessing', 'multiprocessing.connection', 'Connection'),
  ...moved('multiprocessing.process', 'multiprocessing.context', 'Process'),
  ...moved('multiprocessing.forking', 'multiprocessing.popen_fork', 'Popen'),
  ...moved('urllib', 'urllib.error', 'ContentTooShortError'),
  ...moved('urllib', 'urllib.parse', 'quote quote_plus unquote unquote_plus urlencode'),
  ...moved('urllib', 'urllib.request', 'getproxies pathname2url url2pathname urlcleanup urlopen urlretrieve'),
  ...moved('urllib2', 'urllib.error', 'HTTPError URLError'),
  ...moved(
    'multiprocessing',
    'multiprocessing.context',
    'AuthenticationError BufferTooShort ProcessError TimeoutError',
  ),
  ...moved(
    'exceptions',
    'builtins',
    'ArithmeticError AssertionError AttributeError BaseException BufferError BytesWarning DeprecationWarning ' +
      'EOFError EnvironmentError Exception FloatingPointError FutureWarning GeneratorExit IOError ' +
      'ImportError ImportWarning IndentationError IndexError KeyError KeyboardInterrupt LookupError ' +
      'MemoryError NameError NotImplementedError OSError OverflowError PendingDeprecationWarning ' +
      'ReferenceError RuntimeError RuntimeWarning StopIteration SyntaxError SyntaxWarning SystemError ' +
      'SystemExit TabError TypeError UnboundLocalError UnicodeDecodeError UnicodeEncodeError UnicodeError ' +
      'UnicodeTranslateError UnicodeWarning UserWarning ValueError Warning ZeroDivisionError',
  ),
];

/** Mapped when read only. */
const READ: readonly Move[] = [
  ['__builtin__', 'basestring', 'builtins', 'str'],
  ['exceptions', 'StandardError', 'builtins', 'Exception'],
  ['socket', '_socketobject', 'socket', 'SocketType'],
  ...moved('UserDict', 'collections', 'UserDict'),
];

/** Exceptions that Python 2 had under a wider name. Mapped when written only, as the next table. */
const NARROWER_OS_ERRORS =
  'BrokenPipeError ChildProcessError ConnectionAbortedError ConnectionError ConnectionRefusedError ' +
  'ConnectionResetError FileExistsError FileNotFoundError InterruptedError IsADirectoryError ' +
  'NotADirectoryError PermissionError ProcessLookupError TimeoutError';

const WRITTEN: readonly Move[] = [
  ['exceptions', 'ImportError', 'builtins', 'ModuleNotFoundError'],
  ['socket', '_socketobject', '_socket', 'socket'],
  ...NARROWER_OS_ERRORS.split(' ').map((name): Move => ['exceptions', 'OSError', 'builtins', name]),
  ...moved('__builtin__', '_functools', 'reduce'),
  ...moved('FileDialog', 'tkinter.filedialog', 'FileDialog LoadFileDialog SaveFileDialog'),
  ...moved('SimpleDialog', 'tkinter.simpledialog', 'SimpleDialog'),
  ...moved(
    'DocXMLRPCServer',
    'xmlrpc.server',
    'ServerHTMLDoc XMLRPCDocGenerator DocXMLRPCRequestHandler DocXMLRPCServer DocCGIXMLRPCRequestHandler',
  ),
  ...moved('SimpleHTTPServer', 'http.server', 'SimpleHTTPRequestHandler'),
  ...moved('CGIHTTPServer', 'http.server', 'CGIHTTPRequestHandler'),
];

const key = (module: string, name: string): string => `${module}\n${name}`;

const MODULE_TO_3 = new Map([...RENAMED_MODULES, ...READ_MODULES]);
const MODULE_TO_2 = new Map([...RENAMED_MODULES, ...WRITTEN_MODULES].map(([old, current]) => [current, old]));
const NAME_TO_3 = new Map(
  [...RENAMED, ...READ].map(([module, name, ...current]) => [key(module, name), current as Name]),
);
const NAME_TO_2 = new Map(
  [...RENAMED, ...WRITTEN].map(([oldModule, oldName, ...current]) => [
    key(...current),
    [oldModule, oldName] as Name,
  ]),
);

/** What a global of a pickle below protocol 3 is called in Python 3. */
export function toPython3Name(module: string, name: string): Name {
  return NAME_TO_3.get(key(module, name)) ?? [MODULE_TO_3.get(module) ?? module, name];
}

/** What CPython writes for a global below protocol 3. */
export function toPython2Name(module: string, name: string): Name {
  return NAME_TO_2.get(key(module, name)) ?? [MODULE_TO_2.get(module) ?? module, name];
}
