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
  2: "67d90db78423ce1309dba484a0407e2107eb6d09bd508fa34931d4dbca457544",
  3: "6470f523e45e228412c675e47c488166ca676a2e7a9100f59d93665577a44bda",
  4: "addabee9ed1d44e455ae46b3089ac6ad2c427899eb5edae82a86b08a2675437f",
  5: "be4ab5d1f802127c6108ae3ce1b7ae1ab0576b50265334f65ecac0914e86a4c0",
  6: "8da47034f3204c840bef8861b1f19b6787ccba2ebc30e8e01dab14fc4d8ba1e2"
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

  /** A store as a program left it that knew so many migrations, with an event in it. */
  const makeAt = (url: string, last: number) =>
    Effect.scoped(
      Effect.gen(function*() {
        const sql = yield* PgClient.PgClient
        yield* sql.unsafe("CREATE SCHEMA varve")
        for (const { number, statements } of migrations) {
          if (number > last) break
          for (const statement of statements("\"varve\"")) yield* sql.unsafe(statement)
          yield* sql`UPDATE varve.meta SET schema = ${number}`
        }
        yield* sql`INSERT INTO varve.events SELECT 1, now(), now(), gen_random_uuid(), 1, 0, 1, '', 'Account', '1', 'Opened',
          '{"old": true}', '{}'`
      }).pipe(Effect.provide(pool(url)))
    )

  const withAdmin = <A, E>(
    url: string,
    options: Postgres.Options,
    use: (admin: StoreAdmin.StoreAdmin["Service"], store: EventStore.EventStore["Service"]) => Effect.Effect<A, E>
  ) =>
    Effect.gen(function*() {
      return yield* use(yield* StoreAdmin.StoreAdmin, yield* EventStore.EventStore)
    }).pipe(Effect.provide(Postgres.layerPool({ url: Redacted.make(url), maxConnections: 2, ...options })))

  const append = (store: EventStore.EventStore["Service"]) =>
    store.append({
      writes: [{
        stream: { tenant: "", category: "Account", id: "1" },
        expected: "any",
        events: [{ type: "Opened", revision: 1, payload: { old: false } }]
      }]
    })

  const left = migrations.slice(2).map(({ name, number }) => ({ name, number }))

  it.live("upgrades a store of schema 2, and programs of schema 2 go on", () =>
    Effect.scoped(Effect.gen(function*() {
      const url = yield* TestServer.database
      yield* makeAt(url, 2)
      const refused = yield* Effect.flip(open(url, { migrate: false }))
      expect(refused.message).toBe(
        `schema "varve": expected migration ${migrations.length}, got migration 2, and no leave to migrate`
      )
      yield* withAdmin(url, {}, (admin, store) =>
        Effect.gen(function*() {
          expect(yield* admin.status).toMatchObject({ schema: migrations.length, pending: [], head: 1 })
          yield* append(store)
          const { events } = yield* store.readPage({})
          expect(events.map(({ payload }) => payload)).toEqual([{ old: true }, { old: false }])
          expect(yield* admin.verify).toEqual([])
        }))
      const [row] = yield* PgClient.PgClient.use((sql) => sql`SELECT min_program FROM varve.meta`).pipe(
        Effect.provide(pool(url))
      )
      expect(row).toEqual({ min_program: 1 })
    })))

  it.live("opens a store that is behind as it is, to be migrated by hand", () =>
    Effect.scoped(Effect.gen(function*() {
      const url = yield* TestServer.database
      yield* makeAt(url, 2)
      yield* withAdmin(url, { migrate: "manual" }, (admin) =>
        Effect.gen(function*() {
          const before = yield* admin.status
          expect(before).toMatchObject({ schema: 2, programSchema: migrations.length, pending: left, head: 1 })
          expect(yield* admin.migrate).toEqual(left)
          expect(before.applied.map(({ number }) => number)).toEqual([1, 2])
          const applied = [...before.applied, ...left]
          expect(yield* admin.status).toEqual({ ...before, schema: migrations.length, applied, pending: [] })
          expect(yield* admin.migrate).toEqual([])
        }))
    })))

  it.live("opens a database without a store, to be migrated by hand", () =>
    Effect.scoped(Effect.gen(function*() {
      const url = yield* TestServer.database
      yield* withAdmin(url, { migrate: "manual" }, (admin, store) =>
        Effect.gen(function*() {
          const all = migrations.map(({ name, number }) => ({ name, number }))
          expect(yield* admin.status).toMatchObject({ storeId: "", schema: 0, pending: all, head: 0 })
          expect((yield* Effect.flip(append(store))).reason._tag).toBe("Refused")
          expect((yield* Effect.flip(admin.inventory)).reason._tag).toBe("Refused")
          expect(yield* admin.migrate).toEqual(all)
          const { storeId } = yield* admin.status
          expect(storeId).toMatch(/^[0-9a-f-]{36}$/)
          // What is there now is a store like any other.
          expect((yield* append(store)).storeId).toBe(storeId)
        }))
    })))

  it.live("refuses by hand, too, a database that asks for a newer program", () =>
    Effect.scoped(Effect.gen(function*() {
      const url = yield* TestServer.database
      yield* open(url)
      yield* alter(url, 99)
      const error = yield* Effect.flip(open(url, { migrate: "manual" }))
      expect(error.reason).toMatchObject({ _tag: "Refused", expected: "a program that knows migration 99" })
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
