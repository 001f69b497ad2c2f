/**
 * Stores that are wrong on purpose about erasure, copies, and what they say of themselves.
 */
import { CommitId, EventStoreError, type StoreAdmin, StoredEvent, StreamName } from "@varve/core"
import { Array as Arr, DateTime, Effect, Stream } from "effect"
import { met, versionOf, wrong, wrongOut, wrongPage, type WrongStore } from "./wrongStore.ts"

type Event = StoredEvent.StoredEvent
type Events = Arr.NonEmptyReadonlyArray<Event>
type Admin = StoreAdmin.StoreAdmin["Service"]

/** Changes events on their way into a copy. */
const wrongRestore = (name: string, change: (event: Event, i: number, all: Events) => Event): WrongStore =>
  wrong(name, (_, admin) => ({
    admin: { restore: (events) => admin.restore(Arr.map(events, (event, i) => change(event, i, events))) }
  }))

/** Makes of events that are refused others, which are not. */
const lenient = (name: string, change: (events: Events, head: number) => Events): WrongStore =>
  wrong(name, (store, admin) => ({
    admin: {
      restore: (events) =>
        Effect.catch(admin.restore(events), (error) =>
          Effect.flatMap(store.head, (head) => {
            // A program without types comes with no event at all.
            if (events.length === 0) return Effect.fail(error)
            return Effect.mapError(admin.restore(change(events, head)), () => error)
          }))
    }
  }))

const wrongInventory = (
  name: string,
  change: (inventory: ReadonlyArray<StoreAdmin.Inventory>) => ReadonlyArray<StoreAdmin.Inventory>
): WrongStore => wrong(name, (_, admin) => ({ admin: { inventory: Effect.map(admin.inventory, change) } }))

const byText =
  (compare: (a: string, b: string) => number) =>
  (inventory: ReadonlyArray<StoreAdmin.Inventory>): ReadonlyArray<StoreAdmin.Inventory> => {
    const textOf = ({ category, revision, type }: StoreAdmin.Inventory) => `${category} ${type} ${revision}`
    return inventory.toSorted((a, b) => compare(textOf(a), textOf(b)))
  }

const copies: ReadonlyArray<WrongStore> = [
  wrong("restores nothing", () => ({
    admin: { restore: (events) => Effect.succeed(events.at(-1)!.position) }
  })),
  wrong("tells the head before what it restored", (store, admin) => ({
    admin: { restore: (events) => Effect.flatMap(store.head, (head) => Effect.as(admin.restore(events), head)) }
  })),
  wrong("restores events as if they were recorded now", (_, admin) => ({
    admin: {
      restore: (events) => {
        const recordedAt = DateTime.nowUnsafe()
        return admin.restore(events.length === 0 ? events : Arr.map(events, (event) => ({ ...event, recordedAt })))
      }
    }
  })),
  wrongRestore(
    "restores an empty payload where one was erased",
    (event) => ({ ...event, payload: event.payload ?? {} })
  ),
  wrongRestore("forgets fingerprints in a copy", ({ metadata: { fingerprint: _, ...metadata }, ...event }) => ({
    ...event,
    metadata
  })),
  wrongRestore("restores only who did it", ({ metadata, ...event }) => ({
    ...event,
    metadata: metadata.actor === undefined ? {} : { actor: metadata.actor }
  })),
  wrongRestore(
    "takes the time of recording for when it happened",
    (event) => ({ ...event, occurredAt: event.recordedAt })
  ),
  wrongRestore("restores first revisions", (event) => ({ ...event, revision: Math.min(event.revision, 1) })),
  wrongRestore("restores every event as a commit", (event) => ({
    ...event,
    commitId: event.commitIndex === 0 ? event.commitId : CommitId.generateUnsafe(),
    commitIndex: 0
  })),
  wrongRestore(
    "restores every commit under an id of its own",
    (() => {
      const ids = new Map<string, CommitId.CommitId>()
      return (event) => {
        const id = ids.get(event.commitId) ?? CommitId.generateUnsafe()
        ids.set(event.commitId, id)
        return CommitId.is(event.commitId) ? { ...event, commitId: id } : event
      }
    })()
  ),
  lenient("restores behind its head whatever position it is given", ([first, ...others], head) => {
    const moved = (event: Event) => ({
      ...event,
      position: StoredEvent.position(head + 1 + Math.max(event.position - first.position, 0))
    })
    return [moved(first), ...others.map(moved)]
  }),
  lenient("puts positions in order", (events) => {
    const [first, ...others] = events.toSorted((a, b) => a.position - b.position)
    return [first!, ...others]
  }),
  lenient(
    "closes gaps between positions",
    (events) => Arr.map(events, (event, i) => ({ ...event, position: StoredEvent.position(events[0].position + i) }))
  ),
  lenient("takes the tail of a commit for a commit", (events) => {
    const [{ commitId, commitIndex }] = events
    return Arr.map(
      events,
      (event) => event.commitId === commitId ? { ...event, commitIndex: event.commitIndex - commitIndex } : event
    )
  }),
  lenient("closes gaps within commits", (events) => {
    let index = -1
    return Arr.map(events, (event, i) => {
      index = event.commitId === events[i - 1]?.commitId ? index + 1 : 0
      return { ...event, commitIndex: index }
    })
  }),
  lenient("moves times that go back", (events) => {
    let last = 0
    return Arr.map(events, (event) => {
      last = Math.max(last, event.recordedAt.epochMilliseconds)
      return { ...event, recordedAt: DateTime.makeUnsafe(last) }
    })
  }),
  wrong("restores times before the last of the store as that", (store, admin) => ({
    admin: {
      restore: (events) =>
        Effect.gen(function*() {
          const [last] = (yield* store.readPage({ direction: "backward", limit: 1 })).events
          const least = last?.recordedAt.epochMilliseconds ?? 0
          const moved = ({ recordedAt, ...event }: Event) => ({
            ...event,
            recordedAt: DateTime.makeUnsafe(Math.max(recordedAt.epochMilliseconds, least))
          })
          return yield* admin.restore(events.length === 0 ? events : Arr.map(events, moved))
        })
    }
  })),
  lenient("gives all events of a commit the metadata of its first", (events) => {
    const firsts = new Map(events.toReversed().map((event) => [event.commitId, event.metadata]))
    return Arr.map(events, (event) => ({ ...event, metadata: firsts.get(event.commitId) ?? event.metadata }))
  }),
  wrong("numbers versions of a copy by itself", (store, admin) => ({
    admin: {
      restore: (events) =>
        Effect.gen(function*() {
          if (events.length === 0) return yield* admin.restore(events)
          const lengths = new Map<string, number>()
          for (const { stream } of events) {
            const known = Effect.orElseSucceed(versionOf(store, stream), () => 0)
            lengths.set(StreamName.format(stream), yield* known)
          }
          const numbered = (event: Event) => {
            const key = StreamName.format(event.stream)
            lengths.set(key, lengths.get(key)! + 1)
            return { ...event, version: lengths.get(key)! }
          }
          return yield* admin.restore(Arr.map(events, numbered))
        })
    }
  })),
  lenient("restores the commits before the one that is refused", (events) => {
    const [first, ...others] = events.filter(({ commitId }) => commitId === events[0].commitId)
    return [first!, ...others]
  }),
  lenient("gives a commit that it knows another id", (events) => {
    const id = CommitId.generateUnsafe()
    const { commitId } = events.at(-1)!
    return Arr.map(events, (event) => event.commitId === commitId ? { ...event, commitId: id } : event)
  }),
  lenient("cuts off what is beyond the limit of a restore", (events) => {
    const [first, ...others] = events.slice(0, 11_000)
    return [first!, ...others]
  }),
  wrong("restores a hundred events at the most", (_, admin) => ({
    admin: {
      restore: (events) =>
        events.length <= 100 ? admin.restore(events) : Effect.fail(
          new EventStoreError.EventStoreError({
            operation: "admin",
            reason: new EventStoreError.Refused({ what: "events", expected: "at most 100", actual: "more" })
          })
        )
    }
  })),
  lenient("makes an object of a payload that is none", (events) =>
    Arr.map(events, (event) => ({
      ...event,
      payload: typeof event.payload === "object" && !Array.isArray(event.payload) ? event.payload : {}
    }))),
  wrong("does not wake readers of what it restores", (store, admin) => {
    let restored = false
    return {
      store: { wakeUps: Stream.filter(store.wakeUps, () => !restored) },
      admin: {
        restore: (events) =>
          Effect.andThen(
            Effect.sync(() => {
              restored = true
            }),
            admin.restore(events)
          )
      }
    }
  })
]

const inventories: ReadonlyArray<WrongStore> = [
  wrongInventory("has nothing in its inventory", () => []),
  wrongInventory(
    "leaves what was erased out of its inventory",
    (all) => all.map((entry) => ({ ...entry, events: entry.events - entry.erased }))
  ),
  wrongInventory("does not count what was erased", (all) => all.map((entry) => ({ ...entry, erased: 0 }))),
  wrongInventory("counts all revisions as one", (all) => {
    const types = Map.groupBy(all, ({ category, type }) => `${category}/${type}`)
    return Array.from(types.values(), (entries) => ({
      ...entries[0]!,
      events: entries.reduce((sum, { events }) => sum + events, 0)
    }))
  }),
  wrongInventory("counts the same type of two categories as one", (all) => {
    const types = Map.groupBy(all, ({ revision, type }) => `${type}/${revision}`)
    return Array.from(types.values(), (entries) => ({
      ...entries[0]!,
      events: entries.reduce((sum, { events }) => sum + events, 0)
    }))
  }),
  wrongInventory("sorts its inventory by where it begins", (all) => all.toSorted((a, b) => a.first - b.first)),
  wrongInventory("sorts its inventory as people do", byText((a, b) => a.localeCompare(b, "en"))),
  wrongInventory("sorts revisions as texts", byText((a, b) => a < b ? -1 : 1)),
  wrongInventory(
    "tells where events begin, and not where they end",
    (all) => all.map((entry) => ({ ...entry, last: entry.first }))
  ),
  wrong("has an inventory of what was appended only", (_, admin: Admin) => {
    let restored = 0
    return {
      admin: {
        restore: (events) =>
          Effect.tap(admin.restore(events), () =>
            Effect.sync(() => {
              restored += events.length
            })),
        inventory: Effect.map(
          admin.inventory,
          (all) => all.map((entry) => ({ ...entry, events: Math.max(entry.events - restored, 0) }))
        )
      }
    }
  }),
  wrong("has migrations left that it does not apply", (_, admin) => ({
    admin: {
      status: Effect.map(admin.status, (status) => ({ ...status, pending: [{ number: 1, name: "events" }] }))
    }
  }))
]

/** All of them. */
export const wrongAdmins: ReadonlyArray<WrongStore> = [
  ...copies,
  ...inventories,
  wrong("erases nothing", (store, admin) => ({
    admin: {
      erase: ({ from, stream, to }) =>
        Effect.flatMap(
          versionOf(store, stream),
          (length) =>
            from < 1 ? admin.erase({ stream, from, to }) : Effect.succeed(Math.max(Math.min(to, length) - from + 1, 0))
        )
    }
  })),
  wrong("erases one event too many", (_, admin) => ({
    admin: { erase: ({ from, stream, to }) => admin.erase({ stream, from, to: to + 1 }) }
  })),
  met(
    "Marten #5234",
    wrong("erases in every tenant", (_, admin) => ({
      admin: {
        erase: (request) =>
          Effect.gen(function*() {
            const tenant = `acme-${request.stream.category.split("_").at(-1)}`
            yield* Effect.ignore(admin.erase({ ...request, stream: { ...request.stream, tenant } }))
            return yield* admin.erase(request)
          })
      }
    }))
  ),
  wrongOut("drops metadata of what was erased", (event) => event.payload === null ? { ...event, metadata: {} } : event),
  wrongPage("leaves out what was erased", (page) => ({
    ...page,
    events: page.events.filter(({ payload }) => payload !== null)
  })),
  wrong("does not know a commit again of which events were erased", (store, admin) => {
    const erased = new Set<string>()
    return {
      store: {
        append: (commit) => {
          const touched = commit.writes.some(({ stream }) => erased.has(StreamName.format(stream)))
          return store.append(touched && commit.id !== undefined ? { ...commit, fingerprint: "erased" } : commit)
        }
      },
      admin: {
        erase: (request) =>
          Effect.tap(admin.erase(request), () => Effect.sync(() => erased.add(StreamName.format(request.stream))))
      }
    }
  }),
  wrong("finds fault with itself", () => ({
    admin: { verify: Effect.succeed([{ what: "positions", expected: "no gap", actual: "a gap" }]) }
  })),
  wrong("has a status of another store", (_, admin) => ({
    admin: { status: Effect.map(admin.status, (status) => ({ ...status, storeId: "other" })) }
  }))
]
