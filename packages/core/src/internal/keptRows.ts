import type { RowKey } from "../RowStore.ts"
import { BloomFilter } from "./bloomFilter.ts"
import type { Kept } from "./fold.ts"
import { nameOf } from "./partition.ts"

/** Most rows that a partition keeps, and most UTF-16 units of their texts together: so memory is bounded. */
const mostRows = 20_000
const mostUnits = 16_777_216

/**
 * Rows of a partition as its last batches left them, so that the next batch need not load them. Right while every batch is
 * committed under one lease: nobody else writes them then. Those that came first go first.
 */
export class KeptRows {
  private readonly rows = new Map<string, Kept>()
  private units = 0
  /** The keys that have been here, where nothing was stored when it began: nothing is stored under any other. */
  private had: BloomFilter | undefined

  constructor(isEmpty: boolean) {
    this.had = isEmpty ? new BloomFilter() : undefined
  }

  /** Whether nothing can be stored under a key, neither a row nor parked events. */
  isNew(key: RowKey): boolean {
    return this.had?.has(nameOf(key)) === false
  }

  get(key: RowKey): Kept | undefined {
    return this.rows.get(nameOf(key))
  }

  set(key: RowKey, kept: Kept): void {
    const name = nameOf(key)
    this.had?.add(name)
    this.units += kept.units - (this.rows.get(name)?.units ?? 0)
    this.rows.set(name, kept)
    if (this.rows.size > mostRows || this.units > mostUnits) this.shrink()
  }

  private shrink(): void {
    for (const [name, { units }] of this.rows) {
      if (this.rows.size <= mostRows && this.units <= mostUnits) break
      this.rows.delete(name)
      this.units -= units
    }
  }

  delete(key: RowKey): void {
    const name = nameOf(key)
    this.had?.add(name)
    this.units -= this.rows.get(name)?.units ?? 0
    this.rows.delete(name)
  }

  clear(): void {
    this.rows.clear()
    this.units = 0
    this.had = undefined
  }
}
