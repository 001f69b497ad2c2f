import type * as PgClient from "@effect/sql-pg/PgClient"
import {
  Commit,
  CommitId,
  EventStore,
  EventStoreError,
  ProgramStore,
  RowStore,
  SnapshotStore,
  StoreAdmin,
  type StoredEvent
} from "@varve/core"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as PubSub from "effect/PubSub"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Admin from "./admin.ts"
import * as AppendQueue from "./appendQueue.ts"
import { Attached } from "./attached.ts"
import { currentTransaction, query } from "./connection.ts"
import * as Enlist from "./enlist.ts"
import * as Notifications from "./notifications.ts"
import * as Pages from "./pages.ts"
import * as parameters from "./parameters.ts"
import * as Programs from "./programs.ts"
import * as RowBatches from "./rowBatches.ts"
import * as RowEntries from "./rowEntries.ts"
import * as RowReads from "./rowReads.ts"
import * as Sender from "./sender.ts"
import type { Settings } from "./settings.ts"
import * as Snapshots from "./snapshots.ts"
import { differs, findSql, readCommits } from "./storedCommits.ts"
import * as StreamPages from "./streamPages.ts"

const refuse = (
  operation: EventStoreError.EventStoreError["operation"],
  reason: EventStoreError.Refused
): Effect.Effect<never, EventStoreError.EventStoreError> =>
  Effect.fail(new EventStoreError.EventStoreError({ operation, reason }))

const makeStore = (client: PgClient.PgClient, settings: Settings) =>
  Effect.gen(function*() {
    const { schema, timeout } = settings
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
      const stored = readCommits(settings.storeId, yield* query(client, "findCommit", timeout, find, params)).get(id)
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
    const admin = Admin.make(client, settings, head("admin"), (head) =>
      Effect.suspend(() => {
        attached.missed(head)
        return written
      }))
    return { store, rows, admin }
  })

/** What a store provides. */
export type Services =
  | EventStore.EventStore
  | StoreAdmin.StoreAdmin
  | RowStore.RowStore
  | ProgramStore.ProgramStore
  | SnapshotStore.SnapshotStore

/** The services of a store that is open. */
export const make = (
  client: PgClient.PgClient,
  settings: Settings
): Effect.Effect<Context.Context<Services>, never, Scope.Scope> =>
  Effect.map(makeStore(client, settings), ({ admin, rows, store }) =>
    Context.make(EventStore.EventStore, store).pipe(
      Context.add(StoreAdmin.StoreAdmin, admin),
      Context.add(RowStore.RowStore, rows),
      Context.add(ProgramStore.ProgramStore, Programs.make(client, settings)),
      Context.add(SnapshotStore.SnapshotStore, Snapshots.make(client, settings))
    ))
