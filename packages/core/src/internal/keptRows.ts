import type { RowKey } from "../RowStore.ts"
import type { Kept } from "./fold.ts"
import { nameOf } from "./partition.ts"

/** Most rows that a partition keeps, and most UTF-16 units of their texts together: so memory is bounded. */
const mostRows = 20_000
const mostUnits = 16_777_216

/**
 * Rows of a partition as its last batches left them, so that the next batch need not load them. Right while every batch is
 * committed under one lease: nobody else writes them then. The oldest go first.
 */
export class KeptRows {
  private readonly rows = new Map<string, Kept>()
  private units = 0

  get(key: RowKey): Kept | undefined {
    return this.rows.get(nameOf(key))
  }

  set(key: RowKey, kept: Kept): void {
    this.delete(key)
    this.rows.set(nameOf(key), kept)
    this.units += kept.units
    for (const [name, { units }] of this.rows) {
      if (this.rows.size <= mostRows && this.units <= mostUnits) return
      this.rows.delete(name)
      this.units -= units
    }
  }

  delete(key: RowKey): void {
    const known = this.rows.get(nameOf(key))
    if (known === undefined) return
    this.rows.delete(nameOf(key))
    this.units -= known.units
  }

  clear(): void {
    this.rows.clear()
    this.units = 0
  }
}
