import type * as PgClient from "@effect/sql-pg/PgClient"
import {
  Commit,
  CommitId,
  EventStore,
  EventStoreError,
  Page,
  RowStore,
  StoreAdmin,
  type StoredEvent,
  type StreamName
} from "@varve/core"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as PubSub from "effect/PubSub"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as AppendQueue from "./appendQueue.ts"
import { Attached } from "./attached.ts"
import { currentTransaction, query } from "./connection.ts"
import * as Enlist from "./enlist.ts"
import { mapSqlError, migrate, programSchema, readMeta } from "./migrate.ts"
import * as Notifications from "./notifications.ts"
import * as Pages from "./pages.ts"
import * as parameters from "./parameters.ts"
import * as RowBatches from "./rowBatches.ts"
import * as RowEntries from "./rowEntries.ts"
import * as RowReads from "./rowReads.ts"
import * as Sender from "./sender.ts"
import type { Settings } from "./settings.ts"
import { toStoreError } from "./sqlError.ts"
import { differs, findSql, readCommits } from "./storedCommits.ts"
import * as StreamPages from "./streamPages.ts"
import { readFindings, verifySql } from "./verify.ts"

/** How long reading the whole store may take. */
const verifyTimeout = Duration.hours(1)

const refuse = (
  operation: EventStoreError.EventStoreError["operation"],
  reason: EventStoreError.Refused
): Effect.Effect<never, EventStoreError.EventStoreError> =>
  Effect.fail(new EventStoreError.EventStoreError({ operation, reason }))

/** `PostgreSQL 18.4`, or `PGlite 0.5.16 (PostgreSQL 18.6)`, from what the server says of itself. */
const engineOf = (version: string): string => {
  const postgres = /^PostgreSQL \S+/.exec(version)?.[0] ?? "PostgreSQL"
  const pglite = /PGlite \S+?(?=\))/.exec(version)?.[0]
  return pglite === undefined ? postgres : `${pglite} (${postgres})`
}

const makeStore = (client: PgClient.PgClient, settings: Settings) =>
  Effect.gen(function*() {
    const { schema, storeId, timeout } = settings
    const wakeUps = yield* PubSub.sliding<void>(1)
    const moves = yield* PubSub.sliding<void>(1)
    const publish = (signals: PubSub.PubSub<void>) =>
      Effect.sync(() => {
        PubSub.publishUnsafe(signals, undefined)
      })
    const signals = { written: publish(wakeUps), moved: publish(moves) }
    const { moved, written } = settings.listen ? yield* Notifications.make(client, schema, signals) : signals
    const attached = new Attached(timeout)
    const sender = Sender.make(client, settings, attached)
    const enqueue = yield* AppendQueue.make(client, settings, sender, written, attached, moved)
    const enlist = Enlist.make(client, sender, written, moved)
    const find = findSql(schema)

    const append = (input: Commit.Commit): Effect.Effect<Commit.Receipt, EventStoreError.EventStoreError> =>
      Effect.withFiber((fiber) => {
        const commit = Commit.encode(input)
        if (commit instanceof EventStoreError.Refused) return refuse("append", commit)
        return currentTransaction(client, fiber.context) === undefined ? enqueue(commit) : enlist(commit)
      })

    const findCommit = Effect.fnUntraced(function*(id: CommitId.CommitId, fingerprint?: string) {
      // From a program without types. PostgreSQL takes other spellings of a UUID as well, and fails on the rest.
      if (!CommitId.is(id)) {
        const actual = JSON.stringify(id)?.slice(0, 100) ?? "undefined"
        return yield* refuse(
          "findCommit",
          new EventStoreError.Refused({ what: "commit id", expected: "a UUID in lower case", actual })
        )
      }
      const params = [parameters.uuids([id]), parameters.bool(false)]
      const stored = readCommits(storeId, yield* query(client, "findCommit", timeout, find, params)).get(id)
      if (stored === undefined) return Option.none<Commit.Receipt>()
      if (fingerprint !== undefined && stored.fingerprint !== fingerprint) {
        return yield* refuse("findCommit", differs(id))
      }
      return Option.some(stored.receipt)
    })

    const headSql = `SELECT coalesce((SELECT e.position FROM ${schema}.events e ORDER BY e.position DESC LIMIT 1), 0)`
    const head = (operation: "head" | "admin") =>
      Effect.map(
        query(client, operation, timeout, headSql, []),
        // A position of the store, or 0 before the first.
        ([row]) => Number(row![0]) as StoredEvent.Position
      )

    const rows = RowStore.RowStore.of({
      ...RowEntries.make(client, settings, moved),
      ...RowBatches.make(client, settings, moved),
      ...RowReads.make(client, settings),
      attach: (inline) => attached.attach(inline),
      moves: Stream.fromPubSub(moves)
    })

    const store = EventStore.EventStore.of({
      append,
      readPage: Pages.make(client, settings),
      readStreamPage: StreamPages.make(client, settings),
      head: head("head"),
      findCommit,
      enlisted: Effect.withFiber((fiber) => Effect.succeed(currentTransaction(client, fiber.context) !== undefined)),
      wakeUps: Stream.fromPubSub(wakeUps)
    })
    return { store, rows }
  })

const makeAdmin = (client: PgClient.PgClient, settings: Settings, store: EventStore.EventStore["Service"]) => {
  const { schema, storeId, timeout } = settings
  const failed = toStoreError("admin")

  const status = Effect.gen(function*() {
    const [row] = yield* query(client, "admin", timeout, "SELECT version()", [])
    const meta = yield* Effect.mapError(readMeta(client, schema), failed)
    const head = yield* store.head
    return { storeId, engine: engineOf(String(row![0])), schema: meta?.schema ?? 0, programSchema, head }
  })

  const eraseSql = `SELECT ${schema}.erase_1($1, $2, $3, $4, $5)`
  const erase = Effect.fnUntraced(function*({ from, stream, to }: {
    readonly stream: StreamName.StreamName
    readonly from: number
    readonly to: number
  }) {
    const range = Page.streamRange({ stream })
    if (range instanceof EventStoreError.Refused) return yield* refuse("admin", range)
    for (const [what, version, least] of [["first", from, 1], ["last", to, 0]] as const) {
      if (Number.isSafeInteger(version) && version >= least) continue
      const expected = `a whole number from ${least} to ${Number.MAX_SAFE_INTEGER}`
      return yield* refuse(
        "admin",
        new EventStoreError.Refused({ what: `${what} version to erase`, expected, actual: `${version}` })
      )
    }
    const { int, text, version } = parameters
    const params = [
      text(stream.tenant),
      text(stream.category),
      text(stream.id),
      int(version(from)),
      int(version(to))
    ]
    const [row] = yield* query(client, "admin", timeout, eraseSql, params)
    return Number(row![0])
  })

  return StoreAdmin.StoreAdmin.of({
    status,
    migrate: Effect.mapError(migrate(client, schema), mapSqlError(failed)),
    verify: Effect.map(query(client, "admin", verifyTimeout, verifySql(schema), []), readFindings),
    erase
  })
}

/** What a store provides. */
export type Services = EventStore.EventStore | StoreAdmin.StoreAdmin | RowStore.RowStore

/** The services of a store that is open. */
export const make = (
  client: PgClient.PgClient,
  settings: Settings
): Effect.Effect<Context.Context<Services>, never, Scope.Scope> =>
  Effect.map(makeStore(client, settings), ({ rows, store }) =>
    Context.make(EventStore.EventStore, store).pipe(
      Context.add(StoreAdmin.StoreAdmin, makeAdmin(client, settings, store)),
      Context.add(RowStore.RowStore, rows)
    ))
