import { describe, expect, it } from "@effect/vitest"
import { EventStore, StoreAdmin, Upcaster } from "@varve/core"
import { Context, Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Board, Depots, options, Post, Shipment } from "../evolution/releases/release5.ts"
import { everything, told } from "../evolution/Story.ts"
import * as History from "./copying/History.ts"
import * as Run from "./copying/Run.ts"

/** A store that five releases have written. */
const written = Effect.gen(function*() {
  const services = yield* Run.memory
  // Time goes on by itself: projections wait.
  yield* Effect.forkScoped(Effect.forever(TestClock.adjust("5 millis")))
  yield* Effect.provide(told(everything), services)
  return services
}).pipe(Effect.scoped)

const exported = (services: Effect.Success<typeof Run.memory>) =>
  Effect.map(Run.varve(services, "post", ["export"]), ({ out }) => out)

/** All that the newest release tells of a store. */
const reading = (services: Effect.Success<typeof Run.memory>, upcaster: Layer.Layer<Upcaster.Upcaster>) =>
  Effect.gen(function*() {
    const parcels = yield* Effect.forEach(["p1", "p2", "p3", "p4"], (id) => Shipment.load(id))
    return { states: parcels.map(({ state }) => state), board: yield* Board.list(), depots: yield* Depots.list() }
  }).pipe(Effect.provide(Post.layer().pipe(Layer.provide([upcaster, Layer.succeedContext(services)]))))

describe("a copy of a store that five releases have written", () => {
  it.effect("tells the newest release the same, which needs no upcaster any more", () =>
    Effect.gen(function*() {
      const old = yield* written
      const file = join(Run.directory(), "events.ndjson")
      writeFileSync(file, yield* exported(old))
      const copy = yield* Run.memory
      const { code, out } = yield* Run.varve(copy, "post", ["import", "--upcast", "--json", file])
      expect(code).toBe(0)
      expect(JSON.parse(out)).toMatchObject({
        equalStates: 4,
        categories: { Parcel: "Shipment" },
        merged: 0,
        unreadable: 0
      })

      expect(yield* reading(copy, Upcaster.layer())).toEqual(yield* reading(old, Upcaster.layer(options)))
      expect(yield* Context.get(copy, StoreAdmin.StoreAdmin).verify).toEqual([])
      const inventory = yield* Context.get(copy, StoreAdmin.StoreAdmin).inventory
      expect(inventory.map(({ category, revision, type }) => `${category} ${type} ${revision}`)).toEqual([
        "Shipment ChargeCollected 2",
        "Shipment ParcelDelivered 1",
        "Shipment ParcelRegistered 5",
        "Shipment ParcelReturned 1",
        "Shipment ParcelSeen 2"
      ])
    }))

  it.effect("is mapped from old to new positions, event for event", () =>
    Effect.gen(function*() {
      const old = yield* exported(yield* written)
      const map = join(Run.directory(), "map")
      const copy = yield* Run.memory
      expect((yield* Run.varve(copy, "post", ["import", "--upcast", "--map", map], old)).code).toBe(0)
      const copied = History.lines(yield* exported(copy))
      const lines: ReadonlyArray<{ from: number; to: ReadonlyArray<number> }> = readFileSync(map, "utf8").split("\n")
        .slice(0, -1)
        .map((line) => JSON.parse(line))
      expect(lines.map(({ from }) => from)).toEqual(History.lines(old).map(({ position }) => position))
      expect(lines.flatMap(({ to }) => to)).toEqual(copied.map(({ position }) => position))
      for (const { from, to } of lines) {
        const before = History.lines(old)[from - 1]!
        const types = to.map((position) => copied[position - 1]!).map(({ commitId, id, type }) => {
          expect({ commitId, id }).toEqual({ commitId: before.commitId, id: before.id })
          return type
        })
        const expected: { readonly [type: string]: ReadonlyArray<string> } = {
          LabelPrinted: [],
          ParcelScanned: ["ParcelSeen"],
          ParcelHandedOver: before.payload?.["euros"] === 0
            ? ["ParcelDelivered"]
            : ["ParcelDelivered", "ChargeCollected"]
        }
        expect(types).toEqual(expected[before.type] ?? [before.type])
      }
    }))

  it.effect("ends the same when it was interrupted", () =>
    Effect.gen(function*() {
      const old = yield* exported(yield* written)
      const map = join(Run.directory(), "map")
      const whole = yield* Run.memory
      yield* Run.varve(whole, "post", ["import", "--upcast", "--map", map], old)
      const text = yield* exported(whole)
      const lines = History.lines(text)
      const ends = lines.filter(({ commitId }, i) => lines[i + 1]?.commitId !== commitId).map(({ position }) =>
        position
      )
      for (const end of ends) {
        const copy = yield* Run.memory
        yield* Run.varve(copy, "post", ["import"], text.split("\n").slice(0, end).map((line) => `${line}\n`).join(""))
        expect(yield* Context.get(copy, EventStore.EventStore).head).toBe(end)
        expect((yield* Run.varve(copy, "post", ["import", "--upcast", "--map", map], old)).code).toBe(0)
        expect(yield* exported(copy)).toBe(text)
      }
    }))
})
