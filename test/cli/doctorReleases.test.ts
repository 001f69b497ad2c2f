/** `varve doctor` on a store that five releases of one code base have written, as the doctor of each of them sees it. */
import { assert, it } from "@effect/vitest"
import { EventStore } from "@varve/core"
import { Effect, Logger } from "effect"
import { join } from "node:path"
import { everything, told } from "../evolution/Story.ts"
import * as Checkup from "./checkup/Checkup.ts"

/** A revision that serves is told. */
const quiet = Logger.layer([])

it.live("the newest program reads all that the others have written, and each of them tells what it cannot read", () =>
  Effect.scoped(Effect.gen(function*() {
    yield* told(everything)
    const head = yield* EventStore.EventStore.use((store) => store.head)
    const unreadable: Array<number> = []
    for (const number of [1, 2, 3, 4, 5]) {
      const folder = yield* Checkup.project(join(import.meta.dirname, "checkup", "releases.ts"), `release${number}`)
      const { code, decoded, inventory, unreadable: cases } = yield* folder.json("--all")
      assert.strictEqual(decoded.events, head)
      assert.deepStrictEqual(decoded.unreadable, cases.length)
      assert.strictEqual(code, cases.length === 0 ? 0 : 1)
      // What the table says of a type and revision is what becomes of each of its events.
      for (const { readable, revision, type } of inventory) {
        const ofType = cases.filter((one) => one.type === type && one.revision === revision)
        assert.strictEqual(ofType.length > 0, !readable, `${type}, revision ${revision}, of release ${number}`)
      }
      unreadable.push(cases.length)
    }
    assert.strictEqual(unreadable.at(-1), 0)
    assert.isTrue(unreadable.slice(0, -1).every((count) => count > 0), unreadable.join(", "))
    assert.deepStrictEqual(unreadable, unreadable.toSorted((a, b) => b - a))
    const folder = yield* Checkup.project(join(import.meta.dirname, "checkup", "releases.ts"), "release5")
    const { stdout } = yield* folder.doctor()
    for (
      const line of [
        /\nParcel +LabelPrinted +1 +\d+ +0 {2}dropped\n/,
        /\nParcel +ParcelHandedOver +1 +\d+ +0 {2}split into ParcelDelivered, ChargeCollected\n/,
        /\nParcel +ParcelRegistered +1 +\d+ +0 {2}through \d upcasts\n/,
        /\nParcel +ParcelScanned +1 +\d+ +0 {2}renamed to ParcelSeen, through 1 upcast\n/
      ]
    ) assert.match(stdout, line)
  })).pipe(Effect.provide([EventStore.layerMemory, quiet])))
