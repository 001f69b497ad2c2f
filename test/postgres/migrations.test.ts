import { PgClient } from "@effect/sql-pg"
import { describe, expect, it } from "@effect/vitest"
import { EventStore, StoreAdmin } from "@varve/core"
import { Postgres } from "@varve/postgres"
import { Effect, Layer, Redacted } from "effect"
import { createHash } from "node:crypto"
import { migrations } from "../../packages/postgres/src/internal/migrate.ts"
import * as TestServer from "../support/TestServer.ts"

/** Never changed, only added to: what is released has run on somebody's database. */
const frozen: Readonly<Record<number, string>> = {
  1: "ca61d805d6e644b3a7dfecd4f5631c9e02e1f1642d153f12d9c2c1754bc227b7",
  2: "67d90db78423ce1309dba484a0407e2107eb6d09bd508fa34931d4dbca457544"
}

const pool = (url: string) => PgClient.layer({ url: Redacted.make(url), maxConnections: 2 })

const open = (url: string, options?: Postgres.Options) =>
  Layer.build(Postgres.layer(options).pipe(Layer.provide(pool(url)))).pipe(Effect.scoped, Effect.asVoid)

it("migrations are frozen", () => {
  const hashes = migrations.map(({ minProgram, name, number, statements }) => {
    const text = JSON.stringify([number, name, minProgram, statements("\"varve\"")])
    return [number, createHash("sha256").update(text).digest("hex")]
  })
  expect(Object.fromEntries(hashes)).toEqual(frozen)
})

it("migrations are numbered without a gap", () => {
  expect(migrations.map(({ number }) => number)).toEqual(migrations.map((_, i) => i + 1))
})

describe.skipIf(TestServer.skipped !== undefined)("migrating", () => {
  it.live("programs that start at once all find one store", () =>
    Effect.scoped(Effect.gen(function*() {
      const url = yield* TestServer.database
      const storeId = Effect.flatMap(StoreAdmin.StoreAdmin, (admin) => admin.status).pipe(
        Effect.map((status) => status.storeId),
        Effect.provide(Postgres.layerPool({ url: Redacted.make(url), maxConnections: 1 }))
      )
      const ids = yield* Effect.all(Array.from({ length: 8 }, () => storeId), { concurrency: "unbounded" })
      expect(new Set(ids).size).toBe(1)
    })))

  it.live("two schemas of one database are two stores", () =>
    Effect.scoped(Effect.gen(function*() {
      const url = yield* TestServer.database
      const append = (schema: string) =>
        EventStore.EventStore.use((store) =>
          store.append({
            writes: [{
              stream: { tenant: "", category: "Account", id: "1" },
              expected: 0,
              events: [{ type: "Opened", revision: 1, payload: {} }]
            }]
          })
        ).pipe(Effect.provide(Postgres.layerPool({ url: Redacted.make(url), schema })))
      const [one, two] = [yield* append("one"), yield* append("_two2")]
      expect(one.first).toBe(1)
      expect(two.first).toBe(1)
      expect(one.storeId).not.toBe(two.storeId)
    })))

  it.live("migrates when it is opened, unless told otherwise", () =>
    Effect.scoped(Effect.gen(function*() {
      const url = yield* TestServer.database
      const error = yield* Effect.flip(open(url, { migrate: false }))
      expect(error.reason).toMatchObject({
        _tag: "Refused",
        what: "schema \"varve\"",
        expected: `migration ${migrations.length}`,
        actual: "migration 0, and no leave to migrate"
      })
      yield* open(url)
      yield* open(url, { migrate: false })
      const admin = yield* StoreAdmin.StoreAdmin.pipe(
        Effect.provide(Postgres.layerPool({ url: Redacted.make(url) })),
        Effect.option
      )
      expect(admin._tag).toBe("Some")
      const again = yield* StoreAdmin.StoreAdmin.use((admin) => admin.migrate).pipe(
        Effect.provide(Postgres.layerPool({ url: Redacted.make(url) }))
      )
      expect(again).toEqual([])
    })))

  const alter = (url: string, minProgram: number) =>
    Effect.scoped(
      Effect.flatMap(PgClient.PgClient, (sql) => sql`UPDATE varve.meta SET schema = 99, min_program = ${minProgram}`)
        .pipe(
          Effect.provide(pool(url))
        )
    )

  it.live("goes on after an additive migration of a newer program", () =>
    Effect.scoped(Effect.gen(function*() {
      const url = yield* TestServer.database
      yield* open(url)
      yield* alter(url, migrations.length)
      yield* open(url)
      const status = yield* StoreAdmin.StoreAdmin.use((admin) => admin.status).pipe(
        Effect.provide(Postgres.layerPool({ url: Redacted.make(url) }))
      )
      expect(status).toMatchObject({ schema: 99, programSchema: migrations.length })
    })))

  it.live("refuses a database that asks for a newer program", () =>
    Effect.scoped(Effect.gen(function*() {
      const url = yield* TestServer.database
      yield* open(url)
      yield* alter(url, 99)
      const error = yield* Effect.flip(open(url))
      expect(error).toMatchObject({
        operation: "open",
        reason: {
          _tag: "Refused",
          what: "schema \"varve\"",
          expected: "a program that knows migration 99",
          actual: `one that knows migration ${migrations.length}`
        }
      })
    })))
})
