import { PgClient } from "@effect/sql-pg"
import { describe, expect, it } from "@effect/vitest"
import { EventStoreError } from "@varve/core"
import { Postgres } from "@varve/postgres"
import { Effect, Layer, Redacted, type Scope } from "effect"
import * as net from "node:net"
import * as TestServer from "../support/TestServer.ts"

const password = "s3cret-of-the-test"

const open = (config: Postgres.PoolConfig) => Layer.build(Postgres.layerPool(config)).pipe(Effect.scoped, Effect.flip)

/** What the error says: complete, and without what the driver says or what nobody may read. */
const reasonOf = (error: unknown): EventStoreError.Unavailable | EventStoreError.Refused => {
  if (!(error instanceof EventStoreError.EventStoreError)) throw new Error("no EventStoreError")
  expect(error.operation).toBe("open")
  const text = JSON.stringify(error) + error.message + String(error.cause ?? "")
  expect(text).not.toContain(password)
  expect(text).not.toMatch(/PgConnection|ECONN|ENOTFOUND|authentication failed|does not exist/)
  const { reason } = error
  if (reason._tag !== "Unavailable" && reason._tag !== "Refused") throw new Error(reason._tag)
  return reason
}

/** A port where nothing listens. */
const closedPort = Effect.callback<number>((resume) => {
  const server = net.createServer().listen(0, "127.0.0.1", () => {
    const { port } = server.address() as net.AddressInfo
    server.close(() => resume(Effect.succeed(port)))
  })
})

/** A port where somebody listens who never says a word. */
const silentPort: Effect.Effect<number, never, Scope.Scope> = Effect.acquireRelease(
  Effect.callback<{ readonly port: number; readonly stop: () => void }>((resume) => {
    const sockets = new Set<net.Socket>()
    const server = net.createServer((socket) => void sockets.add(socket.on("error", () => {})))
    const stop = () => {
      server.close()
      for (const socket of sockets) socket.destroy()
    }
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as net.AddressInfo
      resume(Effect.succeed({ port, stop }))
    })
  }),
  ({ stop }) => Effect.sync(stop)
).pipe(Effect.map(({ port }) => port))

const user = { username: "ada", database: "books", password: Redacted.make(password) }

it.live("a server that cannot be reached", () =>
  Effect.gen(function*() {
    const port = yield* closedPort
    expect(reasonOf(yield* open({ ...user, host: "127.0.0.1", port }))).toMatchObject({
      _tag: "Unavailable",
      what: `database books at 127.0.0.1:${port} for user ada`,
      expected: "a server that listens",
      actual: "connection refused"
    })
    const url = Redacted.make(`postgres://ada:${password}@127.0.0.1:${port}/books`)
    expect(reasonOf(yield* open({ url })).what).toBe(`database books at 127.0.0.1:${port} for user ada`)
  }))

it.live("a server that does not answer", () =>
  Effect.scoped(Effect.gen(function*() {
    const port = yield* silentPort
    const reason = reasonOf(yield* open({ ...user, host: "127.0.0.1", port, connectTimeout: "200 millis" }))
    expect(reason).toMatchObject({ _tag: "Unavailable", expected: "a connection in time", actual: "none" })
  })))

it.live("a host that has no address", () =>
  Effect.gen(function*() {
    const reason = reasonOf(yield* open({ ...user, host: "varve.invalid" }))
    expect(reason).toMatchObject({ _tag: "Unavailable", expected: "a host with an address", actual: "host not found" })
  }))

it.live("a URL that is none", () =>
  Effect.gen(function*() {
    const reason = reasonOf(yield* open({ url: Redacted.make(`no url, but the ${password}`) }))
    expect(reason).toMatchObject({ _tag: "Refused", what: "URL of the database", actual: "something else" })
  }))

it.live("a schema that is no name", () =>
  Effect.gen(function*() {
    for (const schema of ["", "Varve", "1st", "a-b", "a\"; DROP TABLE x; --", "ä", "a".repeat(64), "a\n"]) {
      const reason = reasonOf(yield* open({ ...user, host: "127.0.0.1", port: 1, schema }))
      expect(reason).toMatchObject({
        _tag: "Refused",
        what: "name of the schema",
        actual: JSON.stringify(schema).slice(0, 100)
      })
    }
  }))

it.live("a pool that is too small to listen", () =>
  Effect.gen(function*() {
    const reason = reasonOf(yield* open({ ...user, host: "127.0.0.1", port: 1, listen: true, maxConnections: 1 }))
    expect(reason).toMatchObject({ _tag: "Refused", what: "connections of the pool", actual: "1" })
  }))

describe.skipIf(TestServer.skipped !== undefined)("on a server", () => {
  it.live("a schema with the longest name", () =>
    Effect.scoped(Effect.gen(function*() {
      const url = Redacted.make(yield* TestServer.database)
      yield* Effect.scoped(Layer.build(Postgres.layerPool({ url, schema: "a".repeat(63) })))
      yield* Effect.scoped(Layer.build(Postgres.layerPool({ url, schema: "a".repeat(63), migrate: false })))
    })))

  it.live("a database that does not exist", () =>
    Effect.gen(function*() {
      const url = new URL(TestServer.serverUrl)
      url.pathname = "/varve_no_such_database"
      const reason = reasonOf(yield* open({ url: Redacted.make(url.href) }))
      expect(reason).toMatchObject({ _tag: "Refused", expected: "an existing database" })
      expect(reason.what).toContain("database varve_no_such_database at")
    }))

  // The role has this name because the server of the test run asks it, and only it, for a password.
  const withRole = <A, E>(body: (url: URL) => Effect.Effect<A, E, Scope.Scope>) =>
    Effect.scoped(Effect.gen(function*() {
      const url = new URL(yield* TestServer.database)
      const run = (...statements: ReadonlyArray<string>) =>
        PgClient.PgClient.use((sql) => Effect.forEach(statements, (statement) => sql.unsafe(statement))).pipe(
          Effect.provide(PgClient.layer({ url: Redacted.make(TestServer.serverUrl), maxConnections: 1 })),
          Effect.orDie
        )
      yield* Effect.acquireRelease(
        run("DROP ROLE IF EXISTS varve_secured", `CREATE ROLE varve_secured LOGIN PASSWORD '${password}'`),
        () => run("DROP ROLE varve_secured")
      )
      url.username = "varve_secured"
      return yield* body(url)
    }))

  it.live.skipIf(process.env.DATABASE_URL !== undefined)(
    "a wrong password, none, and a user without permission",
    () =>
      withRole((url) =>
        Effect.gen(function*() {
          url.password = ""
          const none = reasonOf(yield* open({ url: Redacted.make(url.href) }))
          url.password = `not-${password}`
          const wrong = reasonOf(yield* open({ url: Redacted.make(url.href) }))
          for (const reason of [none, wrong]) {
            expect(reason).toMatchObject({
              _tag: "Refused",
              expected: "a login that it accepts",
              actual: "wrong user or password"
            })
            expect(reason.what).toContain("for user varve_secured")
          }
          url.password = password
          const denied = reasonOf(yield* open({ url: Redacted.make(url.href) }))
          expect(denied).toMatchObject({
            _tag: "Refused",
            expected: "a user with the permission",
            actual: "permission denied"
          })
        })
      )
  )
})

it.live("a time that no timer can hold is refused, and so is a schema that PostgreSQL keeps for itself", () =>
  Effect.gen(function*() {
    const wrong: ReadonlyArray<readonly [string, Postgres.Options]> = [
      ["lockTimeout", { lockTimeout: "0 millis" }],
      ["lockTimeout", { lockTimeout: "Infinity" }],
      ["timeout", { timeout: "60 days" }],
      ["openTimeout", { openTimeout: "100 micros" }],
      ["name of the schema", { schema: "pg_varve" }],
      ["name of the schema", { schema: "information_schema" }]
    ]
    for (const [what, options] of wrong) {
      // Refused before anybody is asked: no server listens there.
      const reason = reasonOf(yield* open({ host: "127.0.0.1", port: 1, ...options }))
      expect([reason._tag, reason.what]).toEqual(["Refused", what])
    }
  }))
