import {
  type LeafOptions,
  leafLiteral,
  literalWithin,
  MAX_LITERAL_DEPTH,
  toPythonLiteral,
} from './literal.js';
import { type DictItems, type LiteralPart, literalShapeOf } from './literal-shape.js';
import { PyByteArray, type PyValue, textOf } from './values.js';

export interface PrettyOptions extends LeafOptions {
  /** Characters that a line should have at most; default 80. What cannot be broken is longer. */
  width?: number;
  /** Lines that there may be, but for closing brackets; what is left out is shown as `...`. Default: all. */
  maxLines?: number;
  /** Of longer str and bytes the rest is shown as `...`. Default: nothing is. */
  maxTextLength?: number;
}

const INDENT = 2;
const UNLIMITED = Number.POSITIVE_INFINITY;

/**
 * A value as Python code, broken into lines as people do: what fits stays on one line, else each part has lines of
 * its own, closed by a comma. Short leaves in a row share lines. Where nothing is left out, Python reads the lines as
 * it reads the text of {@link toPythonLiteral}.
 */
export function toPythonLines(value: PyValue, options: PrettyOptions = {}): string[] {
  const printer = new PrettyPrinter(options);
  printer.print(value, { indent: 0, before: '', after: '' });
  return printer.lines;
}

/** Where a value goes: what stands on its first line before it, and on its last line behind it. */
interface Place {
  indent: number;
  before: string;
  after: string;
}

class PrettyPrinter {
  readonly lines: string[] = [];
  private readonly open = new Set<PyValue | DictItems>();
  private readonly width: number;
  private readonly maxLines: number;

  constructor(private readonly options: PrettyOptions) {
    this.width = options.width ?? 80;
    this.maxLines = options.maxLines ?? UNLIMITED;
  }

  print(value: PyValue | DictItems, { indent, before, after }: Place): void {
    const room = this.width - indent - before.length - after.length;
    const flat = literalWithin(value, Math.max(0, room), this.options);
    const replaced = flat ?? this.options.replace?.(value as PyValue);
    const shape = replaced === undefined ? literalShapeOf(value) : undefined;
    if (shape === undefined) {
      this.line(indent, before + (replaced ?? this.leaf(value)) + after);
      return;
    }
    if (this.open.has(value) || this.open.size >= MAX_LITERAL_DEPTH) {
      this.line(
        indent,
        `${before}${shape.head === undefined ? `${shape.open}...${shape.close}` : '...'}${after}`,
      );
      return;
    }
    this.open.add(value);
    this.line(indent, before + (shape.head === undefined ? '' : this.flat(shape.head)) + shape.open);
    this.parts(shape.parts, indent + INDENT);
    this.line(indent, shape.close + after);
    this.open.delete(value);
  }

  private parts(parts: Iterable<LiteralPart>, indent: number): void {
    let row = '';
    const endRow = (): void => {
      if (row !== '') this.line(indent, row);
      row = '';
    };
    for (const { key, name, value } of parts) {
      if (this.lines.length + (row === '' ? 0 : 1) >= this.maxLines) {
        endRow();
        this.line(indent, '...');
        return;
      }
      const short = key === undefined && name === undefined ? this.shortLeaf(value) : undefined;
      if (short !== undefined) {
        if (row !== '' && indent + row.length + short.length + 2 > this.width) endRow();
        row += `${row === '' ? '' : ' '}${short},`;
        continue;
      }
      endRow();
      const before = name !== undefined ? `${name}=` : key === undefined ? '' : `${this.flat(key)}: `;
      this.print(value, { indent, before, after: ',' });
    }
    endRow();
  }

  /** Text of a leaf that may share its line. */
  private shortLeaf(value: PyValue | DictItems): string | undefined {
    if (literalShapeOf(value) !== undefined) return undefined;
    return literalWithin(value, Math.floor(this.width / 3), this.options);
  }

  /** A leaf that is longer than its line. */
  private leaf(value: PyValue | DictItems): string {
    const { maxTextLength = UNLIMITED } = this.options;
    const isCut = textLengthOf(value) > maxTextLength;
    return `${leafLiteral(value, maxTextLength, this.options)!}${isCut ? '...' : ''}`;
  }

  /** A key, or what is called: on one line whatever its length. */
  private flat(value: PyValue): string {
    return toPythonLiteral(value, { ...this.options, maxLength: this.options.maxTextLength ?? UNLIMITED });
  }

  private line(indent: number, text: string): void {
    this.lines.push(' '.repeat(indent) + text);
  }
}

function textLengthOf(value: PyValue | DictItems): number {
  if (value instanceof Uint8Array) return value.length;
  if (value instanceof PyByteArray) return value.bytes.length;
  return textOf(value as PyValue)?.length ?? 0;
}
