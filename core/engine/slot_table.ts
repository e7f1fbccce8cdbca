/**
 * The table through which regions are called: a slot for each place where one starts, none of them ever empty.
 *
 * A slot belongs to its place for as long as the table is not cleared, whether or not a region is there at the moment: code that was
 * translated with a slot's number never meets the region of another place.
 *
 * @module
 */
import { ModuleBuilder, type ValueType } from "../wasm/mod.ts";

/** Slots of a new table; it grows by doubling. */
const FIRST_SLOTS = 1024;

/** Tables as the JavaScript interface has them (WebAssembly JavaScript Interface 5.4): with a value for new entries. */
interface FilledTable extends WebAssembly.Table {
  grow(count: number, value?: unknown): number;
}

const FilledTable = WebAssembly.Table as unknown as new (
  type: WebAssembly.TableDescriptor,
  value: unknown,
) => FilledTable;

/** A function that a table can hold. */
export type TableFunction = (...args: never[]) => unknown;

/**
 * Makes the function for slots without a region: it returns its first parameter, as a region does that was left at once. Whoever
 * called it finds the guest where it was, and no region there.
 *
 * @param params Types of a region's parameters, the first of which is also its result
 */
export function makeVacancy(params: readonly ValueType[]): TableFunction {
  const module = new ModuleBuilder();
  module.function("vacancy", [...params], [params[0]], (f) => f.return(f.param(0)), { export: true });
  return new WebAssembly.Instance(new WebAssembly.Module(module.build())).exports.vacancy as TableFunction;
}

/** Functions by slot, slots by place. */
export class SlotTable {
  /** For import by generated code. */
  readonly table: WebAssembly.Table;
  readonly #table: FilledTable;
  readonly #vacancy: TableFunction;
  readonly #most: number;
  readonly #slots = new Map<number, number>();

  /**
   * @param vacancy What {@link makeVacancy} made
   * @param most Slots at most
   */
  constructor(vacancy: TableFunction, most: number) {
    this.#vacancy = vacancy;
    this.#most = most;
    const initial = Math.min(FIRST_SLOTS, most);
    this.table = this.#table = new FilledTable({ initial, maximum: most, element: "anyfunc" }, vacancy);
  }

  /** Slots at most. */
  get most(): number {
    return this.#most;
  }

  /** Whether there is a slot for each of these places. */
  hasRoom(places: readonly number[]): boolean {
    const missing = places.reduce((count, place) => this.#slots.has(place) ? count : count + 1, 0);
    return this.#slots.size + missing <= this.#most;
  }

  /** The slot of a place, a new one if it has none; there must be room. */
  slotOf(place: number): number {
    let slot = this.#slots.get(place);
    if (slot !== undefined) return slot;
    slot = this.#slots.size;
    this.#slots.set(place, slot);
    const { length } = this.table;
    if (slot === length) this.#table.grow(Math.min(length, this.#most - length), this.#vacancy);
    return slot;
  }

  /** Puts a region into a slot. */
  fill(slot: number, region: TableFunction): void {
    this.table.set(slot, region);
  }

  /** Takes the region out of a slot. */
  vacate(slot: number): void {
    this.table.set(slot, this.#vacancy);
  }

  /** Forgets whose slots they are. All must be vacant, and no code may be left that names one. */
  clear(): void {
    this.#slots.clear();
  }
}
