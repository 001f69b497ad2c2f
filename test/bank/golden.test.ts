/**
 * Payloads as they lie in stores, one file for each revision of each event: files are added, never edited. A store
 * keeps what was written for ever, so what these files hold must be readable for ever.
 */
import { assert, describe, it } from "@effect/vitest"
import { Event } from "@varve/core"
import { Bank } from "@varve/example-bank/Bank"
import { MoneyDeposited } from "@varve/example-bank/BankAccount"
import { Result } from "effect"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"

const folder = join(import.meta.dirname, "../golden/bank")
const fileOf = (tag: string, revision: number) => `${tag}.${revision}.json`
const payloadsOf = (file: string): ReadonlyArray<unknown> => JSON.parse(readFileSync(join(folder, file), "utf8"))

const revisions = Bank.events.flatMap((event) => event.revisions.map(({ revision }) => ({ event, revision })))

describe("golden payloads", () => {
  it.each(revisions)("$event.tag, revision $revision", ({ event, revision }) => {
    const file = fileOf(event.tag, revision)
    assert.isTrue(existsSync(join(folder, file)), `add test/golden/bank/${file} with payloads of this revision`)
    const payloads = payloadsOf(file)
    assert.isNotEmpty(payloads)
    for (const payload of payloads) {
      const decoded = Event.decode(event, { revision, payload })
      if (Result.isFailure(decoded)) throw new Error(`${file}: ${JSON.stringify(payload)}: ${decoded.failure.why}`)
      // What is written today is what lies there: no schema has silently changed under its revision.
      if (revision === event.revision) {
        assert.deepStrictEqual(Result.getOrThrow(Event.encode(event, decoded.success as never)), payload)
      }
    }
  })

  it("belong to revisions that exist", () => {
    const known = new Set(revisions.map(({ event, revision }) => fileOf(event.tag, revision)))
    assert.deepStrictEqual(readdirSync(folder).filter((file) => !known.has(file)), [])
  })

  it("deposits in euros are read as cents", () => {
    const cents = payloadsOf(fileOf("MoneyDeposited", 1)).map((payload) =>
      Result.getOrThrow(Event.decode(MoneyDeposited, { revision: 1, payload }))
    )
    assert.deepStrictEqual(
      cents,
      [1_234, 1, 100_000_000, 10, 3_333].map((cents) => MoneyDeposited.make({ cents, currency: "EUR" }))
    )
  })
})
