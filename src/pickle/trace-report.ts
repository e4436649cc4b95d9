/** A class or function that a pickle names. */
export interface GlobalMention {
  /** As the unpickler of Python 3 looks it up. */
  module: string;
  name: string;
  /** As it is written, where that is another name: pickles below protocol 3 have those of Python 2. */
  written?: { module: string; name: string };
  /** Of the first opcode that names it. */
  byteOffset: number;
  count: number;
  /** Whether it is called anywhere, or an instance of it made. */
  called: boolean;
}

/** Something that no pickler of data writes. */
export interface PickleOddity {
  kind: 'computed_global' | 'computed_attribute' | 'extension' | 'alters_global' | 'split_frame';
  /** What it is about: a global, a code. */
  detail: string;
  byteOffset: number;
}

export interface PickleTrace {
  mentions: GlobalMention[];
  oddities: PickleOddity[];
  protocol: number;
  /** Behind STOP; undefined where the pickle could not be followed so far. */
  end: number | undefined;
  /** Why it could not. An unpickler has done by then what stands before. */
  broken: { what: string; byteOffset: number } | undefined;
  /** Whether it calls, or builds, anything. */
  acts: boolean;
}
