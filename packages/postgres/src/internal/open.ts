import type * as PgClient from "@effect/sql-pg/PgClient"
import type { EventStoreError } from "@varve/core"
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { bounded } from "./connection.ts"
import { mapSqlError, open as openSchema } from "./migrate.ts"
import { refused } from "./openError.ts"
import { toStoreError } from "./sqlError.ts"
import * as Store from "./store.ts"

/** Documented at `Postgres.Options`. */
export interface Options {
  /** Schema that holds tables and functions: a letter or underscore in lower case, then up to 62 of those or digits. `varve` unless told. */
  readonly schema?: string | undefined
  /**
   * Whether to create and upgrade the schema when the layer is built. True unless told. `false`: a store that is missing
   * or behind is refused. `"manual"`: it is opened as it is, for `StoreAdmin.status` and `StoreAdmin.migrate`; until those
   * have brought it up to date, all else fails. One that asks for a newer program is refused in any case.
   */
  readonly migrate?: boolean | "manual" | undefined
  /**
   * Whether processes tell each other of new events and of checkpoints that move, over a connection that each keeps for
   * it. It makes `wakeUps` and `moves` emit for what other processes write; without it they poll. Not behind a
   * transaction-mode pooler. False unless told.
   */
  readonly listen?: boolean | undefined
  /** How long a batch of commits waits while another writer holds the lock. 5 seconds unless told; above `timeout`, that
   * is what ends the wait, and the outcome is unknown. */
  readonly lockTimeout?: Duration.Input | undefined
  /**
   * How long one call of the database may take, waiting for a connection included, or a batch of rows together with
   * what is done within it. 15 seconds unless told. Giving up on a connection that has fallen silent takes some seconds
   * more. Inside of a transaction of the program, a connection that falls silent is the program's: nothing bounds it here.
   */
  readonly timeout?: Duration.Input | undefined
  /** How long opening the store may take. 30 seconds unless told. */
  readonly openTimeout?: Duration.Input | undefined
}

/** What PostgreSQL keeps for itself is left to it. */
const schemaPattern = /^(?!pg_|information_schema$)[a-z_][a-z0-9_]{0,62}$/

/** Times that a timer and the server's settings can hold; 0 would mean for ever to the server. */
const checkTimes = ({ lockTimeout, openTimeout, timeout }: {
  readonly [name in "lockTimeout" | "openTimeout" | "timeout"]: Duration.Duration
}): EventStoreError.EventStoreError | undefined => {
  const most = Duration.hours(24)
  const least = Duration.millis(1)
  for (const [name, time] of Object.entries({ lockTimeout, openTimeout, timeout })) {
    if (Duration.isGreaterThanOrEqualTo(time, least) && Duration.isLessThanOrEqualTo(time, most)) continue
    return refused(name, `1 ms to ${Duration.format(most)}`, Duration.format(time))
  }
}

/** Where a database is, for errors: never its password. */
const nameOf = (config: PgClient.PgClientConfig): string | EventStoreError.EventStoreError => {
  if (config.stream !== undefined) return "embedded database"
  let url: URL | undefined
  if (config.url !== undefined) {
    try {
      url = new URL(Redacted.value(config.url))
    } catch {
      return refused("URL of the database", "postgres://user:password@host:port/database", "something else")
    }
  }
  const host = config.path ?? config.host ?? (url?.hostname || "localhost")
  const port = config.port ?? (url?.port || 5432)
  const user = config.username ?? decodeURIComponent(url?.username ?? "")
  const database = config.database ?? decodeURIComponent(url?.pathname.slice(1) ?? "")
  return `database ${database || user || "of the user"} at ${host}:${port}${user === "" ? "" : ` for user ${user}`}`
}

/** Opens the store in a schema of a client's database: checks, migrates, and starts its queue. */
export const open = (
  client: PgClient.PgClient,
  options: Options
): Effect.Effect<
  Context.Context<Store.Services>,
  EventStoreError.EventStoreError,
  Scope.Scope
> =>
  Effect.gen(function*() {
    const schema = options.schema ?? "varve"
    if (!schemaPattern.test(schema)) {
      return yield* refused(
        "name of the schema",
        `one like ${schemaPattern.source}`,
        JSON.stringify(schema).slice(0, 100)
      )
    }
    const { maxConnections }: PgClient.PgPoolConfig = client.config
    if (options.listen === true && maxConnections === 1) {
      // The one that listens is kept for good, and none would be left.
      return yield* refused("connections of the pool", "at least 2 where one listens", "1")
    }
    const times = {
      lockTimeout: Duration.fromInputUnsafe(options.lockTimeout ?? "5 seconds"),
      timeout: Duration.fromInputUnsafe(options.timeout ?? "15 seconds"),
      openTimeout: Duration.fromInputUnsafe(options.openTimeout ?? "30 seconds")
    }
    const wrong = checkTimes(times)
    if (wrong !== undefined) return yield* wrong
    const name = nameOf(client.config)
    if (typeof name !== "string") return yield* name
    const quoted = `"${schema}"`
    const inProcess = client.config.stream !== undefined
    const meta = yield* openSchema(client, quoted, options.migrate ?? true).pipe(
      Effect.mapError(mapSqlError(toStoreError("open", name))),
      (self) => bounded(self, "open", times.openTimeout)
    )
    return yield* Store.make(client, {
      schema: quoted,
      storeId: meta.storeId,
      lockTimeout: times.lockTimeout,
      timeout: times.timeout,
      // Nobody else has a database that runs in this process.
      listen: options.listen === true && !inProcess,
      yieldFirst: inProcess
    })
  })
