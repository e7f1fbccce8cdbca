/**
 * A WebAssembly module: imports, functions, tables, element segments, encoded as a binary (Core Specification 5.5).
 *
 * @module
 */
import { ByteWriter } from "./bytes.ts";
import { Code, type HintPosition } from "./code.ts";
import { FunctionBuilder } from "./function_builder.ts";
import type { FunctionReference, Signature, TableReference } from "./references.ts";
import { Opcode, VALUE_TYPE_CODE, type ValueType } from "./opcodes.ts";

const FUNCTION_KIND = 0;
const TABLE_KIND = 1;
const MEMORY_KIND = 2;
const FUNCREF = 0x70;
const FUNCTION_TYPE = 0x60;

/** Section ids (Core Specification 5.5.2); sections must come in this order, custom ones anywhere. */
const Section = { custom: 0, type: 1, import: 2, function: 3, table: 4, export: 7, element: 9, code: 10 } as const;

/** How a function enters a module. */
export interface FunctionOptions {
  /** Whether the function is exported under its name (default false). */
  export?: boolean;
}

/** Buffers to use again: a new one costs more than what most functions and modules write into it. */
class BufferPool<Buffer extends ByteWriter> {
  readonly #free: Buffer[] = [];
  readonly #make: () => Buffer;

  constructor(make: () => Buffer) {
    this.#make = make;
  }

  take(): Buffer {
    return this.#free.pop() ?? this.#make();
  }

  give(buffer: Buffer): void {
    buffer.clear();
    this.#free.push(buffer);
  }
}

const BUFFERS = new BufferPool(() => new ByteWriter(16384));
const CODE_BUFFERS = new BufferPool(() => new Code(16384));

interface Body {
  readonly reference: FunctionReference;
  readonly signature: Signature;
  /** Where declaration of locals and instructions are among the module's bodies; absent until the function is defined. */
  range?: { readonly start: number; readonly end: number };
  hints: readonly HintPosition[];
}

/** Collects the parts of a module and encodes them. */
export class ModuleBuilder {
  readonly #signatures = new Map<string, Signature>();
  readonly #imports = new ByteWriter();
  readonly #exports = new ByteWriter();
  readonly #tables = new ByteWriter();
  readonly #elements = new ByteWriter();
  readonly #bodies: Body[] = [];
  readonly #bodyBytes = BUFFERS.take();
  readonly #importedNames: string[] = [];
  #isBuilt = false;
  readonly #counts = { imports: 0, exports: 0, importedTables: 0, tables: 0, elements: 0 };

  /** Imports the memory, `pages` of 64 KiB as minimum and maximum: then accesses at constant addresses need no bounds check. */
  importMemory(module: string, name: string, pages: number, shared: boolean): void {
    this.#import(module, name, MEMORY_KIND);
    this.#imports.byte(shared ? 3 : 1);
    this.#imports.u32(pages);
    this.#imports.u32(pages);
  }

  /** Imports a function. All imports must come before the first function of the module's own. */
  importFunction(module: string, name: string, params: ValueType[], results: ValueType[]): FunctionReference {
    if (this.#bodies.length > 0) throw new TypeError(`Cannot import '${name}': functions are already defined`);
    const index = this.#importedNames.push(name) - 1;
    this.#import(module, name, FUNCTION_KIND);
    this.#imports.u32(this.signature(params, results).index);
    return { index, name, params, results };
  }

  /** Imports a table of functions with at least `minimum` entries. Must come before the module's own tables. */
  importTable(module: string, name: string, minimum: number, maximum?: number): TableReference {
    if (this.#counts.tables > 0) throw new TypeError(`Cannot import table '${name}': tables are already defined`);
    this.#import(module, name, TABLE_KIND);
    writeTableType(this.#imports, minimum, maximum);
    return { index: this.#counts.importedTables++ };
  }

  /** Makes a table of `minimum` empty entries, exported under `exportName` if that is given. */
  defineTable(minimum: number, maximum?: number, exportName?: string): TableReference {
    writeTableType(this.#tables, minimum, maximum);
    const index = this.#counts.importedTables + this.#counts.tables++;
    if (exportName !== undefined) this.#export(exportName, TABLE_KIND, index);
    return { index };
  }

  /** Puts functions into a table from entry `offset` on, when the module is instantiated. */
  elements(table: TableReference, offset: number, functions: readonly FunctionReference[]): void {
    const segment = this.#elements;
    this.#counts.elements++;
    segment.u32(2); // active, with an explicit table index
    segment.u32(table.index);
    segment.byte(Opcode.i32Const);
    segment.s32(offset);
    segment.byte(Opcode.end);
    segment.byte(0); // element kind: function references
    segment.u32(functions.length);
    for (const { index } of functions) segment.u32(index);
  }

  /** The function type with these parameters and results, for indirect calls. */
  signature(params: readonly ValueType[], results: readonly ValueType[]): Signature {
    const key = `${params.join()}>${results.join()}`;
    let signature = this.#signatures.get(key);
    if (signature === undefined) {
      signature = { index: this.#signatures.size, params, results };
      this.#signatures.set(key, signature);
    }
    return signature;
  }

  /** Adds a function. `build` may call any function that is declared, itself only through {@link declareFunction}. */
  function(
    name: string,
    params: ValueType[],
    results: ValueType[],
    build: (f: FunctionBuilder) => void,
    options: FunctionOptions = {},
  ): FunctionReference {
    const reference = this.declareFunction(name, params, results, options);
    this.defineFunction(reference, build);
    return reference;
  }

  /** Adds a function whose body follows by {@link defineFunction}, so that others can call it already. */
  declareFunction(
    name: string,
    params: ValueType[],
    results: ValueType[],
    options: FunctionOptions = {},
  ): FunctionReference {
    const index = this.#importedNames.length + this.#bodies.length;
    const reference = { index, name, params, results };
    this.#bodies.push({ reference, signature: this.signature(params, results), hints: [] });
    if (options.export) this.#export(name, FUNCTION_KIND, index);
    return reference;
  }

  /** Gives a declared function its body. */
  defineFunction(reference: FunctionReference, build: (f: FunctionBuilder) => void): void {
    const body = this.#bodies[reference.index - this.#importedNames.length];
    if (body?.reference !== reference) throw new TypeError(`Cannot define '${reference.name}': not declared here`);
    if (body.range !== undefined) throw new TypeError(`Cannot define '${reference.name}' twice`);
    const code = CODE_BUFFERS.take();
    const f = new FunctionBuilder(body.signature, code);
    build(f);
    f.finish();
    const start = this.#bodyBytes.length;
    writeLocals(this.#bodyBytes, f.localTypes);
    const header = this.#bodyBytes.length - start;
    this.#bodyBytes.bytes(code.view());
    body.range = { start, end: this.#bodyBytes.length };
    body.hints = code.hints.map(({ offset, likely }) => ({ offset: offset + header, likely }));
    CODE_BUFFERS.give(code);
  }

  /** Exports a function of the module under its name. */
  export(reference: FunctionReference): void {
    this.#export(reference.name, FUNCTION_KIND, reference.index);
  }

  /** Encodes the module, once. Throws a `TypeError` if a declared function was never defined. */
  build(): Uint8Array<ArrayBuffer> {
    if (this.#isBuilt) throw new TypeError("Cannot build the module twice");
    this.#isBuilt = true;
    const out = BUFFERS.take();
    out.bytes([0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00]);
    writeSection(out, Section.type, this.#signatures.size, (body) => {
      for (const { params, results } of this.#signatures.values()) {
        body.byte(FUNCTION_TYPE);
        writeTypes(body, params);
        writeTypes(body, results);
      }
    });
    writeSection(out, Section.import, this.#counts.imports, (body) => body.bytes(this.#imports.view()));
    writeSection(out, Section.function, this.#bodies.length, (body) => {
      for (const { signature } of this.#bodies) body.u32(signature.index);
    });
    writeSection(out, Section.table, this.#counts.tables, (body) => body.bytes(this.#tables.view()));
    writeSection(out, Section.export, this.#counts.exports, (body) => body.bytes(this.#exports.view()));
    writeSection(out, Section.element, this.#counts.elements, (body) => body.bytes(this.#elements.view()));
    this.#writeHints(out);
    writeSection(out, Section.code, this.#bodies.length, (body) => {
      const bytes = this.#bodyBytes.view();
      for (const { range, reference } of this.#bodies) {
        if (range === undefined) throw new TypeError(`Cannot build the module: '${reference.name}' is not defined`);
        body.u32(range.end - range.start);
        body.bytes(bytes.subarray(range.start, range.end));
      }
    });
    this.#writeNames(out);
    const module = out.copy();
    BUFFERS.give(out);
    BUFFERS.give(this.#bodyBytes);
    return module;
  }

  /** Branch Hinting proposal: per function, offsets from the start of its body. */
  #writeHints(out: ByteWriter): void {
    const hinted = this.#bodies.filter(({ hints }) => hints.length > 0);
    if (hinted.length === 0) return;
    writeCustomSection(out, "metadata.code.branch_hint", (body) => {
      body.u32(hinted.length);
      for (const { reference, hints } of hinted) {
        body.u32(reference.index);
        body.u32(hints.length);
        for (const { offset, likely } of hints) {
          body.u32(offset);
          body.u32(1);
          body.byte(likely ? 1 : 0);
        }
      }
    });
  }

  /** Function names (Core Specification 7.4), so that profiles and stack traces can be read. */
  #writeNames(out: ByteWriter): void {
    const names = [...this.#importedNames, ...this.#bodies.map(({ reference }) => reference.name)];
    const map = BUFFERS.take();
    map.u32(names.length);
    names.forEach((name, index) => {
      map.u32(index);
      map.name(name);
    });
    writeCustomSection(out, "name", (body) => {
      body.byte(1);
      body.sized(map);
    });
    BUFFERS.give(map);
  }

  #import(module: string, name: string, kind: number): void {
    this.#counts.imports++;
    this.#imports.name(module);
    this.#imports.name(name);
    this.#imports.byte(kind);
  }

  #export(name: string, kind: number, index: number): void {
    this.#counts.exports++;
    this.#exports.name(name);
    this.#exports.byte(kind);
    this.#exports.u32(index);
  }
}

function writeSection(out: ByteWriter, id: number, count: number, write: (body: ByteWriter) => void): void {
  if (count === 0) return;
  const body = BUFFERS.take();
  body.u32(count);
  write(body);
  out.byte(id);
  out.sized(body);
  BUFFERS.give(body);
}

function writeCustomSection(out: ByteWriter, name: string, write: (body: ByteWriter) => void): void {
  const body = BUFFERS.take();
  body.name(name);
  write(body);
  out.byte(Section.custom);
  out.sized(body);
  BUFFERS.give(body);
}

function writeTypes(out: ByteWriter, types: readonly ValueType[]): void {
  out.u32(types.length);
  for (const type of types) out.byte(VALUE_TYPE_CODE[type]);
}

function writeTableType(out: ByteWriter, minimum: number, maximum: number | undefined): void {
  out.byte(FUNCREF);
  out.byte(maximum === undefined ? 0 : 1);
  out.u32(minimum);
  if (maximum !== undefined) out.u32(maximum);
}

/** Declares locals as runs of one type. */
function writeLocals(out: ByteWriter, types: readonly ValueType[]): void {
  const runs: { type: ValueType; count: number }[] = [];
  for (const type of types) {
    const last = runs.at(-1);
    if (last?.type === type) last.count++;
    else runs.push({ type, count: 1 });
  }
  out.u32(runs.length);
  for (const { type, count } of runs) {
    out.u32(count);
    out.byte(VALUE_TYPE_CODE[type]);
  }
}
