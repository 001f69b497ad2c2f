import { PgClient } from "@effect/sql-pg"
import { describe, expect, it } from "@effect/vitest"
import { EventStore, StoreAdmin, StreamName } from "@varve/core"
import { Effect } from "effect"
import * as TestServer from "../support/TestServer.ts"

const stream = StreamName.make("Account", "1")
const events = [
  { type: "Opened", revision: 1, payload: { owner: "Ada" } },
  { type: "Closed", revision: 1, payload: { why: "moved" } }
] as const

const written = EventStore.EventStore.use((store) => store.append({ writes: [{ stream, expected: 0, events }] }))

/** The table without its protection, as somebody with the rights to it can have it. */
const unprotected = <A, E, R>(change: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const sql = yield* PgClient.PgClient
    yield* sql`ALTER TABLE varve.events DISABLE TRIGGER USER`
    yield* change
    yield* sql`ALTER TABLE varve.events ENABLE ALWAYS TRIGGER events_protect_rows`
    yield* sql`ALTER TABLE varve.events ENABLE ALWAYS TRIGGER events_protect_table`
  })

const suite = (provide: <A, E>(self: Effect.Effect<A, E, TestServer.Provides>) => Effect.Effect<A, E>) => {
  const forbidden: Readonly<Record<string, string>> = {
    "an update": "UPDATE varve.events SET type = 'Other'",
    "an update of the payload": "UPDATE varve.events SET payload = '{}'",
    "an erasure without leave": "UPDATE varve.events SET payload = NULL",
    "a delete": "DELETE FROM varve.events",
    "a truncate": "TRUNCATE varve.events",
    "a delete by a session that calls itself a replica":
      "SET LOCAL session_replication_role = replica; DELETE FROM varve.events",
    "an update of the payload with leave to erase":
      "SET LOCAL varve.erase = 'on'; UPDATE varve.events SET payload = '{}'",
    "an erasure that changes the metadata":
      "SET LOCAL varve.erase = 'on'; UPDATE varve.events SET payload = NULL, metadata = '{\"a\": 1}'",
    "an erasure that changes the spaces of the metadata":
      "SET LOCAL varve.erase = 'on'; UPDATE varve.events SET payload = NULL, metadata = '{ }'",
    "an erasure that moves the event":
      "SET LOCAL varve.erase = 'on'; UPDATE varve.events SET payload = NULL, position = position + 10",
    "a delete with leave to erase": "SET LOCAL varve.erase = 'on'; DELETE FROM varve.events"
  }

  it.effect("the database refuses to change events", () =>
    provide(Effect.gen(function*() {
      const sql = yield* PgClient.PgClient
      const store = yield* EventStore.EventStore
      yield* written
      const before = yield* store.readPage({})
      for (const [what, statements] of Object.entries(forbidden)) {
        const attempt = sql.withTransaction(
          Effect.forEach(statements.split("; "), (statement) => sql.unsafe(statement), { discard: true })
        )
        const error = yield* Effect.flip(attempt).pipe(
          Effect.catch(() => Effect.die(new Error(`${what} went through`)))
        )
        expect([what, error.reason._tag]).toEqual([what, "AuthorizationError"])
      }
      expect(yield* store.readPage({})).toEqual(before)
    })))

  it.effect("erases payloads, and nothing else of an event", () =>
    provide(Effect.gen(function*() {
      const store = yield* EventStore.EventStore
      const admin = yield* StoreAdmin.StoreAdmin
      yield* written
      const before = yield* store.readPage({})
      expect(yield* admin.erase({ stream, from: 2, to: 10 })).toBe(1)
      expect(yield* admin.erase({ stream, from: 2, to: 10 })).toBe(0)
      expect((yield* store.readPage({})).events).toEqual([before.events[0], { ...before.events[1], payload: null }])
      expect(yield* admin.verify).toEqual([])
      // The leave to erase ends with the call.
      const sql = yield* PgClient.PgClient
      const error = yield* Effect.flip(sql`UPDATE varve.events SET payload = NULL`)
      expect(error.reason._tag).toBe("AuthorizationError")
    })))

  it.effect("verification finds what is wrong", () =>
    provide(Effect.gen(function*() {
      const sql = yield* PgClient.PgClient
      const { verify } = yield* StoreAdmin.StoreAdmin
      const store = yield* EventStore.EventStore
      yield* written
      for (let i = 0; i < 4; i++) yield* store.append({ writes: [{ stream, expected: "exists", events }] })
      expect(yield* verify).toEqual([])
      yield* sql`ALTER TABLE varve.events DISABLE TRIGGER events_protect_rows`
      yield* sql`DROP TRIGGER events_protect_table ON varve.events`
      expect(yield* verify).toEqual([
        { what: "trigger events_protect_rows on the events", expected: "enabled always", actual: "disabled" },
        { what: "trigger events_protect_table on the events", expected: "enabled always", actual: "missing" }
      ])
      yield* sql`CREATE TRIGGER events_protect_table BEFORE TRUNCATE ON varve.events FOR EACH STATEMENT EXECUTE FUNCTION varve.protect_1()`
      yield* unprotected(
        sql`UPDATE varve.events SET recorded_at = recorded_at - interval '1 day' WHERE position IN (5, 6)`
      )
      const times = yield* verify
      expect(times.map(({ what }) => what)).toEqual(["recordedAt of the event at position 5"])
      yield* unprotected(
        sql`UPDATE varve.events SET recorded_at = recorded_at + interval '1 day' WHERE position IN (5, 6)`
      )
      expect(yield* verify).toEqual([])
      yield* unprotected(sql`DELETE FROM varve.events WHERE position = 3`)
      expect(yield* verify).toEqual([
        { what: "position after 2", expected: "3", actual: "4" },
        { what: "place in its commit of the event at position 4", expected: "0", actual: "1" },
        { what: "version after 2 of Account/1", expected: "3", actual: "4" }
      ])
      yield* unprotected(
        sql`UPDATE varve.events SET recorded_at = recorded_at + interval '1 second' WHERE position = 10`
      )
      expect(yield* verify).toContainEqual({
        what: "recordedAt of the event at position 10",
        expected: expect.stringMatching(/^that of its commit, /),
        actual: expect.any(String)
      })
      yield* unprotected(
        sql`UPDATE varve.events SET recorded_at = recorded_at - interval '1 second' WHERE position = 10`
      )
      yield* unprotected(sql`UPDATE varve.events SET version = version + 1000 WHERE position > 4`)
      expect((yield* verify).at(-1)).toEqual({ what: "version after 4 of Account/1", expected: "5", actual: "1005" })
    })))

  it.effect("verification finds order that is wrong, and indexes that are gone", () =>
    provide(Effect.gen(function*() {
      const sql = yield* PgClient.PgClient
      const { verify } = yield* StoreAdmin.StoreAdmin
      const store = yield* EventStore.EventStore
      const tenants = { ...stream, tenant: "acme" }
      yield* written
      yield* store.append({ writes: [{ stream: tenants, expected: 0, events }] })
      // Versions 1 and 2 change places.
      yield* unprotected(Effect.gen(function*() {
        yield* sql`UPDATE varve.events SET version = 9 WHERE position = 3`
        yield* sql`UPDATE varve.events SET version = 1 WHERE position = 4`
        yield* sql`UPDATE varve.events SET version = 2 WHERE position = 3`
      }))
      expect(yield* verify).toEqual([
        { what: "position of version 2 of Account/1@acme", expected: "above 4", actual: "3" }
      ])
      yield* unprotected(sql`UPDATE varve.events SET payload = 'null' WHERE position = 1`)
      expect((yield* verify).slice(1)).toEqual([
        {
          what: "payload of the event at position 1",
          expected: "an object, or nothing where it was erased",
          actual: "null"
        }
      ])
      yield* sql`DROP INDEX varve.events_commit`
      yield* sql`ALTER TABLE varve.events DROP CONSTRAINT events_stream`
      expect((yield* verify).slice(2)).toEqual([
        { what: "index events_commit on the events", expected: "unique and valid", actual: "missing" },
        { what: "index events_stream on the events", expected: "unique and valid", actual: "missing" }
      ])
    })))

  it.effect("verification ends after a hundred findings", () =>
    provide(Effect.gen(function*() {
      const sql = yield* PgClient.PgClient
      const { verify } = yield* StoreAdmin.StoreAdmin
      yield* written
      yield* unprotected(
        sql`INSERT INTO varve.events SELECT g * 2 + 10, now(), now(), gen_random_uuid(), 1, 0, 1, '', 'Account',
          'many' || g, 'Opened', '{}', '{}' FROM generate_series(1, 300) g`
      )
      expect(yield* verify).toHaveLength(100)
    })))
}

describe.skipIf(TestServer.skipped !== undefined)(
  "on a server",
  () => suite((self) => Effect.scoped(Effect.provide(self, TestServer.layer())))
)

describe("embedded", () => {
  const embedded = TestServer.sharedEmbedded()
  suite((self) => Effect.scoped(Effect.provide(self, embedded)))
})
