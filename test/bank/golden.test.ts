/**
 * Payloads of the bank as they lie in stores, kept in its catalogue: added, never edited. A store keeps what was written
 * for ever, so what the catalogue holds must be readable for ever.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Catalog from "@varve/cli/Catalog"
import { Event } from "@varve/core"
import { Bank } from "@varve/example-bank/Bank"
import { MoneyDeposited } from "@varve/example-bank/BankAccount"
import { Result } from "effect"
import { readFileSync } from "node:fs"
import { join } from "node:path"

const file = join(import.meta.dirname, "../../examples/bank/varve.catalog.json")
const catalog = Result.getOrThrow(Catalog.parse(readFileSync(file, "utf8")))
const goldenOf = (tag: string, revision: number) => catalog.events[tag]!.revisions[revision - 1]!.golden

const revisions = Bank.events.flatMap((event) => event.revisions.map(({ revision }) => ({ event, revision })))

describe("golden payloads", () => {
  it("are read, and written as what they are", () => {
    assert.deepStrictEqual(Catalog.check(catalog, { domains: [Bank], upcaster: {} }), [])
  })

  it.each(revisions)("$event.tag, revision $revision", ({ event, revision }) => {
    const { byHand, generated } = goldenOf(event.tag, revision)
    assert.isNotEmpty(byHand)
    assert.isNotEmpty(generated)
    for (const payload of [...byHand, ...generated]) {
      const decoded = Result.getOrThrow(Event.decode(event, { revision, payload }))
      if (revision === event.revision) {
        assert.deepStrictEqual(Result.getOrThrow(Event.encode(event, decoded as never)), payload)
      }
    }
  })

  it("deposits in euros are read as cents", () => {
    const cents = goldenOf("MoneyDeposited", 1).byHand.map((payload) =>
      Result.getOrThrow(Event.decode(MoneyDeposited, { revision: 1, payload }))
    )
    assert.deepStrictEqual(
      cents,
      [1_234, 1, 100_000_000, 10, 3_333].map((cents) => MoneyDeposited.make({ cents, currency: "EUR" }))
    )
  })
})
