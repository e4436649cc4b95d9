import { decodeLatin1, decodeUtf8, readInt32LE, readUint32LE } from '../bytes.js';
import { DcpError } from '../errors.js';
import { FIXED_BYTE_LENGTH } from './argument-extent.js';
import { OpcodeReader, type PickleBytes } from './opcode-reader.js';
import { OPCODE_BY_CODE, opcodeName } from './opcodes.js';
import { toPython3Name } from './python2.js';
import { decodeStringLine, decodeUnicodeLine } from './text-arguments.js';
import type { GlobalMention, PickleOddity, PickleTrace } from './trace-report.js';
import { type Traced, TraceMemo, TraceStack } from './trace-stack.js';

export type { GlobalMention, PickleOddity, PickleTrace };

/** A pickle of more opcodes is not followed: it would take minutes. */
const MAX_OPCODES = 2 ** 30;
const MAX_ODDITIES = 1000;
const OPCODES_OF_A_TURN = 1 << 20;

/**
 * Follows a pickle without building or calling anything, and lists what it names. More is followed than an unpickler
 * does: what makes it stop (a slot that was never filled, an operand of another kind, too few values) is passed over, so
 * that nothing can hide behind it; only bytes that are no opcode, or end too early, end it.
 *
 * On the stack are kept texts, globals and small tuples: names may be put together with the memo.
 */
export function tracePickle(source: PickleBytes, start = 0): PickleTrace {
  const turns = traceInTurns(source, start);
  for (;;) {
    const turn = turns.next();
    if (turn.done === true) return turn.value;
  }
}

/** As {@link tracePickle}, and yields now and then: a long pickle takes a minute. */
export function* traceInTurns(source: PickleBytes, start = 0): Generator<void, PickleTrace> {
  const reader = new OpcodeReader(source, start);
  const flat = yield* new Tracer(reader).run();
  if (!reader.crossesFrame) return flat;
  const framed = yield* new Tracer(new OpcodeReader(source, start, 'framed')).run();
  const isNew = ({ module, name }: GlobalMention): boolean =>
    !flat.mentions.some(one => one.module === module && one.name === name);
  const detail = 'a frame ends inside an opcode, and unpicklers differ in what comes next';
  return {
    ...flat,
    mentions: [...flat.mentions, ...framed.mentions.filter(isNew)],
    oddities: [{ kind: 'split_frame', detail, byteOffset: start }, ...flat.oddities, ...framed.oddities],
    acts: flat.acts || framed.acts,
  };
}

class Tracer {
  private readonly stack = new TraceStack();
  private readonly memo = new TraceMemo();
  private readonly mentions = new Map<string, GlobalMention>();
  private readonly oddities: PickleOddity[] = [];
  private protocol = 0;
  private opcodeOffset = 0;
  private acts = false;
  /** How often `getattr` lies on the stack, less the calls of it that are harmless. */
  private looseGetattrs = 0;

  constructor(private readonly reader: OpcodeReader) {}

  *run(): Generator<void, PickleTrace> {
    const { reader } = this;
    let broken: PickleTrace['broken'];
    let end: number | undefined;
    for (let count = 0; ; count++) {
      this.opcodeOffset = reader.at;
      const what = count < MAX_OPCODES ? this.step() : 'The pickle has more opcodes than are followed';
      if (what === undefined) {
        if (count % OPCODES_OF_A_TURN === OPCODES_OF_A_TURN - 1) yield;
        continue;
      }
      if (what === STOPPED) end = reader.at;
      else broken = { what, byteOffset: this.opcodeOffset };
      break;
    }
    const { oddities, protocol, acts } = this;
    // Where each is called at once, and with a name that stands there, what it gives has been noted instead.
    const isHarmless = (mention: GlobalMention): boolean => isGetattr(mention) && this.looseGetattrs === 0;
    const mentions = [...this.mentions.values()].filter(mention => !isHarmless(mention));
    return { mentions, oddities, protocol, end, broken, acts };
  }

  /** Follows one opcode. Returns why it ends there, if it does. */
  private step(): string | undefined {
    const { reader, stack } = this;
    const code = reader.takeByte();
    if (code === undefined) return 'The pickle ends without STOP';
    const opcode = OPCODE_BY_CODE[code];
    if (opcode === undefined) return `${opcodeName(code)} is not a pickle opcode`;
    if (stack.isTooLarge) return 'The pickle keeps more values on its stack than are followed';
    switch (opcode.name) {
      case 'STOP':
        return STOPPED;
      case 'GLOBAL':
      case 'INST': {
        const module = reader.line();
        const name = module && reader.line();
        if (module === undefined || name === undefined) break;
        const global = this.mention(textOf(module), textOf(name));
        if (opcode.name === 'GLOBAL') this.push({ global });
        else {
          stack.dropToMark();
          this.call(global);
          stack.push(undefined);
        }
        return undefined;
      }
      // The opcodes that there are most of.
      case 'MEMOIZE':
        this.memo.append(stack.top);
        return undefined;
      case 'BINGET': {
        const slot = reader.takeByte();
        if (slot === undefined) break;
        this.push(this.memo.get(slot));
        return undefined;
      }
      case 'BININT':
      case 'BININT1':
      case 'BININT2':
        if (!reader.skip(FIXED_BYTE_LENGTH[opcode.argument]!, false)) break;
        stack.push(undefined);
        return undefined;
      case 'FRAME': {
        const length = reader.length(8);
        return length !== undefined && reader.enterFrame(length) ? undefined : cutShort(opcode.name);
      }
    }
    switch (opcode.argument) {
      case 'none':
        this.operate(opcode.name);
        return undefined;
      case 'line': {
        const line = reader.line();
        if (line === undefined) break;
        this.operateOnLine(opcode.name, line);
        return undefined;
      }
      case 'bytes8':
      case 'bytes32':
      case 'signed32':
      case 'bytes64': {
        const length = reader.length(
          opcode.argument === 'bytes8' ? 1 : opcode.argument === 'bytes64' ? 8 : 4,
        );
        if (length === undefined) break;
        const text = isText(opcode.name) && length <= MAX_TEXT_BYTE_LENGTH ? reader.take(length) : undefined;
        if (text === undefined && !reader.skip(length, /BYTE/.test(opcode.name))) break;
        stack.push(text && { text: textOf(text) });
        return undefined;
      }
      case 'float64':
        if (!reader.skip(8, false)) break;
        stack.push(undefined);
        return undefined;
      default: {
        const bytes = reader.take(FIXED_BYTE_LENGTH[opcode.argument] ?? 4);
        if (bytes === undefined) break;
        this.operateOnNumber(opcode.name, bytes);
        return undefined;
      }
    }
    return cutShort(opcode.name);
  }

  private operateOnNumber(name: string, bytes: Uint8Array): void {
    const { stack, memo } = this;
    const number = bytes.length === 1 ? bytes[0]! : bytes.length === 4 ? readUint32LE(bytes, 0) : 0;
    switch (name) {
      case 'PROTO':
        this.protocol = number;
        return;
      case 'BINPUT':
      case 'LONG_BINPUT':
        memo.put(number, stack.top);
        return;
      case 'LONG_BINGET':
        this.push(memo.get(number));
        return;
      case 'EXT1':
      case 'EXT2':
      case 'EXT4': {
        const extension =
          bytes.length === 4
            ? readInt32LE(bytes, 0)
            : bytes.length === 2
              ? bytes[0]! + 256 * bytes[1]!
              : number;
        this.note('extension', `code ${extension}`);
        this.acts = true;
        stack.push(undefined);
        return;
      }
      default:
        stack.push(undefined);
    }
  }

  private operateOnLine(name: string, line: Uint8Array): void {
    const { stack, memo } = this;
    switch (name) {
      case 'PUT':
        memo.put(slotOf(line), stack.top);
        return;
      case 'GET':
        this.push(memo.get(slotOf(line)));
        return;
      case 'STRING':
        stack.push(literalOf(() => decodeLatin1(decodeStringLine(line))));
        return;
      case 'UNICODE':
        stack.push(literalOf(() => String(decodeUnicodeLine(line))));
        return;
      default:
        stack.push(undefined);
    }
  }

  /** Opcodes without an argument. */
  private operate(name: string): void {
    const { stack } = this;
    switch (name) {
      case 'MARK':
        stack.mark();
        return;
      case 'POP':
        stack.drop();
        return;
      case 'POP_MARK':
        stack.dropToMark();
        return;
      case 'DUP':
        this.push(stack.top);
        return;
      case 'STACK_GLOBAL': {
        const [attribute, module] = [stack.pop(), stack.pop()];
        if (attribute?.text === undefined || module?.text === undefined) {
          this.note('computed_global', 'its name is made while the pickle is loaded');
          this.acts = true;
          stack.push(undefined);
        } else this.push({ global: this.mention(module.text, attribute.text) });
        return;
      }
      case 'REDUCE':
      case 'NEWOBJ': {
        const [args, callable] = [stack.pop(), stack.pop()];
        stack.push(this.callWith(callable, args));
        return;
      }
      case 'NEWOBJ_EX': {
        stack.pop();
        stack.pop();
        stack.push(this.callWith(stack.pop(), undefined));
        return;
      }
      case 'OBJ':
        stack.push(this.callWith(stack.takeToMark()[0], undefined));
        return;
      case 'BUILD': {
        stack.pop();
        this.acts = true;
        const target = stack.top?.global;
        // Only instances have a state: a class or function gets attributes, for all who use it.
        if (target !== undefined) this.note('alters_global', `${target.module}.${target.name}`);
        return;
      }
      case 'TUPLE':
        stack.push(tupleOf(stack.takeToMark()));
        return;
      case 'TUPLE1':
        stack.pop();
        stack.push(undefined);
        return;
      case 'TUPLE2': {
        const [second, first] = [stack.pop(), stack.pop()];
        stack.push(first?.global === undefined ? undefined : tupleOf([first, second]));
        return;
      }
      case 'TUPLE3':
        for (let i = 0; i < 3; i++) stack.pop();
        stack.push(undefined);
        return;
      case 'LIST':
      case 'DICT':
      case 'FROZENSET':
        stack.dropToMark();
        stack.push(undefined);
        return;
      case 'APPENDS':
      case 'SETITEMS':
      case 'ADDITEMS':
        stack.dropToMark();
        return;
      case 'APPEND':
        stack.pop();
        return;
      case 'SETITEM':
        stack.pop();
        stack.pop();
        return;
      case 'BINPERSID':
        stack.pop();
        stack.push(undefined);
        return;
      case 'READONLY_BUFFER':
        return;
      default:
        stack.push(undefined);
    }
  }

  private callWith(callable: Traced, args: Traced): Traced {
    this.acts = true;
    const global = callable?.global;
    if (global === undefined) return undefined;
    if (isGetattr(global)) return this.attributeOf(global, args);
    this.call(global);
    return undefined;
  }

  /** `getattr` of a class by a name that stands there is that name; any other may lead from anywhere to anywhere. */
  private attributeOf(getattr: GlobalMention, args: Traced): Traced {
    const [owner, name] = args?.items ?? [];
    if (owner?.global === undefined || name?.text === undefined) {
      this.call(getattr);
      this.note('computed_attribute', 'getattr of a value that is made while the pickle is loaded');
      return undefined;
    }
    this.looseGetattrs--;
    const { module, name: path } = owner.global;
    return { global: this.mention(module, `${path}.${name.text}`, false) };
  }

  private push(value: Traced): void {
    if (value?.global !== undefined && isGetattr(value.global)) this.looseGetattrs++;
    this.stack.push(value);
  }

  private call(global: GlobalMention): void {
    this.acts = true;
    global.called = true;
  }

  private mention(written: string, writtenName: string, isWritten = true): GlobalMention {
    const isOld = isWritten && this.protocol < 3;
    const [module, name] = isOld ? toPython3Name(written, writtenName) : [written, writtenName];
    const key = `${module}\n${name}\n${written}`;
    const known = this.mentions.get(key);
    if (known !== undefined) {
      known.count++;
      return known;
    }
    const isRenamed = module !== written || name !== writtenName;
    const mention: GlobalMention = {
      module,
      name,
      ...(isRenamed ? { written: { module: written, name: writtenName } } : {}),
      byteOffset: this.opcodeOffset,
      count: 1,
      called: false,
    };
    this.mentions.set(key, mention);
    return mention;
  }

  private note(kind: PickleOddity['kind'], detail: string): void {
    if (this.oddities.length >= MAX_ODDITIES) return;
    this.oddities.push({ kind, detail, byteOffset: this.opcodeOffset });
  }
}

function isGetattr({ module, name }: GlobalMention): boolean {
  return module === 'builtins' && name === 'getattr';
}

/** In the place of a reason to end. */
const STOPPED = 'STOP';
/** Longer texts are no names. */
const MAX_TEXT_BYTE_LENGTH = 4096;
/** Only arguments of `getattr` matter: a global, and a text. */
function tupleOf(items: readonly Traced[]): Traced {
  return items.length === 2 && items[0]?.global !== undefined ? { items } : undefined;
}

function isText(name: string): boolean {
  return /UNICODE|STRING/.test(name);
}

function cutShort(name: string): string {
  return `The pickle ends inside the argument of ${name}`;
}

/** Names of modules are UTF-8. What is not cannot be imported: it is shown all the same. */
function textOf(bytes: Uint8Array): string {
  try {
    return decodeUtf8(bytes);
  } catch (error) {
    if (error instanceof DcpError) return decodeLatin1(bytes);
    throw error;
  }
}

function literalOf(decode: () => string): Traced {
  try {
    return { text: decode() };
  } catch (error) {
    if (error instanceof DcpError) return undefined;
    throw error;
  }
}

/** Python takes blanks around, a sign and underscores within. */
function slotOf(line: Uint8Array): number | string {
  const text = decodeLatin1(line).trim();
  const digits = text.replace(/^\+/, '').replace(/(?<=\d)_(?=\d)/g, '');
  return /^\d{1,15}$/.test(digits) ? Number(digits) : text;
}
