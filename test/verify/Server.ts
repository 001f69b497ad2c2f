/**
 * What a server says of itself, as far as it matters to a store of events, and what can keep a run from starting.
 */
import { PgClient } from "@effect/sql-pg"
import { Effect, Redacted, type Scope } from "effect"
import { Reactivity } from "effect/reactivity"
import { isSqlError, type SqlError } from "effect/sql/SqlError"
import { toStoreError } from "../../packages/postgres/src/internal/sqlError.ts"
import { CannotRun } from "./Options.ts"
import type { Target } from "./Target.ts"

export interface Setting {
  readonly name: string
  readonly value: string
  /** What it means for a store, where that is not good, or not as usual. */
  readonly remark: string
}

export interface Facts {
  readonly version: string
  /** Name and place, without user and password. */
  readonly database: string
  readonly settings: ReadonlyArray<Setting>
  readonly pooler: string
}

const form = "postgres://user:password@host:port/database"

/** The URL, if it is one. What stands there instead may hold a password, so it is not repeated. */
export const parseUrl = (text: string): URL | CannotRun => {
  const wrong = new CannotRun({ message: `DATABASE_URL: expected ${form}, got something else` })
  if (!URL.canParse(text)) return wrong
  const url = new URL(text)
  return /^postgres(ql)?:$/.test(url.protocol) && url.hostname !== "" ? url : wrong
}

const nameOf = (url: URL): string =>
  `database ${decodeURIComponent(url.pathname.slice(1)) || "of the user"} at ${url.hostname}:${url.port || 5432}`

const connect = ({ application, prepare, url }: Target) =>
  PgClient.makeClient({
    url: Redacted.make(url),
    applicationName: application,
    prepare,
    connectTimeout: "5 seconds"
  }).pipe(Effect.provide(Reactivity.layer))

/** An error of the database in the words of the store, which are nobody's driver's. */
const cannot = (url: URL) => (error: SqlError): CannotRun =>
  new CannotRun({ message: toStoreError("open", nameOf(url))(error).message })

/** Names of settings, and what is to be said of a value. */
const remarks: Readonly<Record<string, (value: string) => string>> = {
  fsync: (value) => value === "on" ? "" : "what was acknowledged does not survive a power cut",
  synchronous_commit: (value) =>
    value === "off" ? "the last moments before a crash of the server are lost, though acknowledged" : "",
  full_page_writes: (value) => value === "on" ? "" : "a power cut can damage pages",
  default_transaction_isolation: (value) =>
    value === "read committed" ? "" : "appends are refused: a store needs read committed",
  default_transaction_read_only: (value) => value === "off" ? "" : "nothing can be written",
  max_connections: () => "",
  lock_timeout: () => "",
  statement_timeout: (value) => value === "0" ? "" : "ends appends and pages that take longer",
  idle_in_transaction_session_timeout: (value) => value === "0" ? "" : "ends transactions that wait for their program",
  transaction_timeout: (value) => value === "0" ? "" : "ends transactions that take longer",
  synchronous_standby_names: (value) => value === "" ? "" : "a commit waits for a standby",
  wal_level: () => "",
  server_encoding: (value) => value === "UTF8" ? "" : "not every text can be stored"
}

const readSettings = (sql: PgClient.PgClient): Effect.Effect<ReadonlyArray<Setting>, SqlError> =>
  Effect.map(
    sql<{ name: string; value: string }>`SELECT s.name, current_setting(s.name) AS value FROM pg_settings s
      WHERE s.name IN ${sql.in(Object.keys(remarks))} ORDER BY s.name`,
    (rows) => rows.map(({ name, value }) => ({ name, value, remark: remarks[name]!(value) }))
  )

/**
 * Signs of a pooler between here and the server. Two clients that are served by one session tell of one that pools
 * transactions: a client has its session only while it is in a transaction.
 */
const readPooler = (target: Target, url: URL): Effect.Effect<string, SqlError, Scope.Scope> =>
  Effect.gen(function*() {
    const [one, other] = [yield* connect(target), yield* connect(target)]
    const ask = `SELECT pg_backend_pid() AS pid, coalesce(inet_server_port(), 0) AS port`
    const session = (sql: PgClient.PgClient) =>
      Effect.map(sql.unsafe<{ pid: number; port: number }>(ask), ([row]) => row!)
    const first = yield* session(one)
    const second = yield* other.withTransaction(session(other))
    const third = yield* session(one)
    const port = Number(url.port || 5432)
    const signs = [
      first.pid === second.pid && "two clients were served by one session",
      first.pid !== third.pid && "one client was served by two sessions",
      first.port !== 0 && first.port !== port && `the server listens on port ${first.port}, not on ${port}`,
      (port === 6432 || port === 6543) && `port ${port} is usually that of a pooler`,
      /pooler|bouncer/.test(url.hostname) && "the name of the host speaks of one"
    ].filter((sign) => sign !== false)
    return signs.length === 0 ? "no sign of one" : signs.join("; ")
  })

const checkPermission = (sql: PgClient.PgClient): Effect.Effect<void, SqlError | CannotRun> =>
  Effect.gen(function*() {
    const [row] = yield* sql<{ allowed: boolean; recovery: boolean; role: string; name: string }>`
      SELECT has_database_privilege(current_database(), 'CREATE') AS allowed, pg_is_in_recovery() AS recovery,
        current_user::text AS role, current_database()::text AS name`
    const { allowed, name, recovery, role } = row!
    if (recovery) {
      return yield* new CannotRun({ message: `database ${name}: expected a server that takes writes, got a standby` })
    }
    if (allowed) return
    return yield* new CannotRun({
      message: `database ${name}: expected a user that may create a schema, got ${role}, who may not `
        + `(GRANT CREATE ON DATABASE "${name}" TO "${role}")`
    })
  })

/** Reaches the server, looks whether a schema can be made there, and reads what it says of itself. */
export const examine = (target: Target, url: URL): Effect.Effect<Facts, CannotRun> =>
  Effect.scoped(Effect.gen(function*() {
    const sql = yield* connect(target)
    yield* checkPermission(sql)
    const [row] = yield* sql<{ version: string }>`SELECT version() AS version`
    return {
      version: row!.version,
      database: nameOf(url),
      settings: yield* readSettings(sql),
      pooler: yield* readPooler(target, url)
    }
  })).pipe(
    Effect.timeoutOrElse({
      duration: "30 seconds",
      orElse: () =>
        Effect.fail(
          new CannotRun({ message: `${nameOf(url)}: expected an answer within 30 seconds, got none` })
        )
    }),
    Effect.mapError((error) => isSqlError(error) ? cannot(url)(error) : error)
  )

/** Ends the sessions of a run, which hold locks when a process was stopped, and removes its schema. */
export const clear = (target: Target, url: URL): Effect.Effect<void, CannotRun> =>
  Effect.scoped(Effect.gen(function*() {
    const sql = yield* connect(target)
    const left = sql`SELECT pg_terminate_backend(a.pid) FROM pg_stat_activity a
      WHERE a.application_name = ${target.application} AND a.pid <> pg_backend_pid()`
    yield* Effect.ignore(left)
    yield* sql.unsafe(`DROP SCHEMA IF EXISTS "${target.schema}" CASCADE`)
  })).pipe(
    Effect.timeoutOrElse({
      duration: "30 seconds",
      orElse: () => Effect.fail(new CannotRun({ message: `${nameOf(url)}: no answer within 30 seconds` }))
    }),
    Effect.mapError((error) => isSqlError(error) ? cannot(url)(error) : error)
  )
