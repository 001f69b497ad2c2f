/**
 * Stores that are wrong on purpose about what is written.
 */
import { Commit, CommitId, EventStoreError, type Page, StreamName } from "@varve/core"
import { Deferred, Effect, Option } from "effect"
import {
  conflictsAs,
  type Failed,
  met,
  versionOf,
  wrong,
  wrongExpected,
  wrongIn,
  wrongName,
  wrongRequest,
  type WrongStore,
  wrongStreamRequest,
  yields
} from "./wrongStore.ts"

const expectations: ReadonlyArray<WrongStore> = [
  wrongExpected("takes 0 for \"any\"", (expected) => expected === 0 ? "any" : expected),
  met(
    "Marten #2864",
    wrongExpected("takes every version for \"any\"", (expected) => typeof expected === "number" ? "any" : expected)
  ),
  wrongExpected("takes \"exists\" for \"any\"", (expected) => expected === "exists" ? "any" : expected),
  wrongExpected(
    "takes an expected commit for its version",
    (expected) => typeof expected === "object" ? expected.version : expected
  ),
  wrongExpected(
    "takes an expected commit for \"exists\"",
    (expected) => typeof expected === "object" ? "exists" : expected
  ),
  wrongIn("ignores checks", (commit) => ({ ...commit, checks: [] })),
  wrongIn("ignores checks of streams that the commit writes", (commit) => ({
    ...commit,
    checks: (commit.checks ?? []).filter(({ stream }) =>
      !commit.writes.some((write) => StreamName.format(write.stream) === StreamName.format(stream))
    )
  })),
  conflictsAs(
    "lies about the actual version",
    (conflict) => new EventStoreError.Conflict({ ...conflict, actual: Math.max(conflict.actual - 1, 0) })
  ),
  conflictsAs(
    "lies about the expected version",
    (conflict) => new EventStoreError.Conflict({ ...conflict, expected: conflict.actual })
  ),
  conflictsAs(
    "names another stream in a conflict",
    (conflict) => new EventStoreError.Conflict({ ...conflict, stream: { ...conflict.stream, tenant: "other" } })
  ),
  conflictsAs(
    "calls a conflict unavailable",
    ({ message }) => new EventStoreError.Unavailable({ what: "append", expected: "no conflict", actual: message })
  ),
  met(
    "commanded/eventstore #201",
    wrong("looks first and writes later", (store) => ({
      store: {
        append: (commit) =>
          Effect.gen(function*() {
            const [only] = commit.writes
            if (commit.writes.length > 1 || typeof only.expected !== "number") return yield* store.append(commit)
            if ((yield* versionOf(store, only.stream)) !== only.expected) return yield* store.append(commit)
            yield* Effect.yieldNow
            return yield* store.append({ ...commit, writes: [{ ...only, expected: "any" }] })
          })
      }
    }))
  ),
  wrong("judges checks before the commit has its turn", (store) => ({
    store: {
      append: (commit) =>
        Effect.gen(function*() {
          for (const { expected, stream } of commit.checks ?? []) {
            if (typeof expected === "number" && (yield* versionOf(store, stream)) !== expected) {
              return yield* store.append(commit)
            }
          }
          yield* yields(2)
          return yield* store.append({
            ...commit,
            checks: commit.checks?.filter(({ expected }) => typeof expected !== "number")
          })
        })
    }
  })),
  wrong("judges commits in any order", (store) => {
    let turn = 0
    return { store: { append: (commit) => Effect.andThen(yields(turn++ * 7 % 5), store.append(commit)) } }
  })
]

const sharing: ReadonlyArray<WrongStore> = [
  wrong("conflicts when anybody else has written", (store) => ({
    store: {
      append: (commit) =>
        Effect.gen(function*() {
          const before = yield* store.head
          yield* Effect.yieldNow
          const [{ expected, stream }] = commit.writes
          if (typeof expected !== "number" || before === (yield* store.head)) return yield* store.append(commit)
          const reason = new EventStoreError.Conflict({ stream, expected, actual: yield* versionOf(store, stream) })
          return yield* new EventStoreError.EventStoreError({ operation: "append", reason })
        })
    }
  })),
  wrong("reads streams together by the bounds of the first", (store) => {
    let first: Page.StreamRequest | undefined
    return {
      store: {
        readStreamPage: (request) =>
          Effect.gen(function*() {
            const { stream: _, ...bounds } = first ??= request
            yield* Effect.yieldNow
            first = undefined
            return yield* store.readStreamPage({ ...bounds, stream: request.stream })
          })
      }
    }
  }),
  wrong("lets all who read together depend on the first", (store) => {
    let shared: Deferred.Deferred<Page.StreamPage, Failed> | undefined
    return {
      store: {
        readStreamPage: (request) =>
          Effect.suspend(() => {
            if (shared !== undefined) return Deferred.await(shared)
            const deferred = shared = Deferred.makeUnsafe<Page.StreamPage, Failed>()
            return Effect.andThen(Effect.yieldNow, store.readStreamPage(request)).pipe(
              Effect.onExit((exit) =>
                Effect.sync(() => {
                  shared = undefined
                  Deferred.doneUnsafe(deferred, exit)
                })
              )
            )
          })
      }
    }
  })
]

const atomicity: ReadonlyArray<WrongStore> = [
  met(
    "Akka #15377, Akka.Persistence.MongoDB #186",
    wrong("writes half commits when a later part does not fit", (store) => ({
      store: {
        append: (commit) =>
          Effect.catch(store.append(commit), (error) => {
            const [first, ...others] = commit.writes
            if (error.reason._tag !== "Conflict" || others.length === 0) return Effect.fail(error)
            return Effect.andThen(Effect.ignore(store.append({ writes: [first] })), Effect.fail(error))
          })
      }
    }))
  ),
  wrong("writes a commit in two steps that an interruption comes between", (store) => ({
    store: {
      append: (commit) =>
        Effect.gen(function*() {
          const [first, ...others] = commit.writes
          const fits = commit.writes.every(({ expected }) => expected === 0) && others.length === 1
          if (!fits || Option.isSome(yield* store.findCommit(commit.id ?? CommitId.generateUnsafe()))) {
            return yield* store.append(commit)
          }
          yield* store.append({ writes: [first] })
          yield* Effect.yieldNow
          return yield* store.append({ ...commit, writes: [others[0]!] })
        })
    }
  })),
  wrong("lets an interrupted append finish later", (store) => ({
    store: {
      append: (commit) =>
        Effect.onInterrupt(
          Effect.andThen(yields(3), store.append(commit)),
          () => Effect.asVoid(Effect.forkDetach(Effect.andThen(yields(3), Effect.ignore(store.append(commit)))))
        )
    }
  }))
]

const idempotence: ReadonlyArray<WrongStore> = [
  met(
    "KurrentDB #1949, #2274",
    wrong("appends again what is sent again", (store) => ({
      store: { append: (commit) => store.append({ ...commit, id: undefined }) }
    }))
  ),
  met(
    "KurrentDB #1949: the id alone was compared",
    wrong("takes whatever comes with a known id for the same", (store) => ({
      store: {
        append: (commit) =>
          Effect.gen(function*() {
            const known = commit.id === undefined ? Option.none() : yield* store.findCommit(commit.id)
            return Option.isSome(known) ? known.value : yield* store.append(commit)
          })
      }
    }))
  ),
  met(
    "KurrentDB #1970",
    wrong("judges expectations before it knows the commit", (store) => ({
      store: {
        append: (commit) =>
          Effect.gen(function*() {
            if (Commit.encode(commit) instanceof EventStoreError.Refused) return yield* store.append(commit)
            const [{ expected, stream }] = commit.writes
            const actual = yield* versionOf(store, stream)
            if (typeof expected !== "number" || expected === actual) return yield* store.append(commit)
            const reason = new EventStoreError.Conflict({ stream, expected, actual })
            return yield* new EventStoreError.EventStoreError({ operation: "append", reason })
          })
      }
    }))
  ),
  wrong("looks a commit up and appends it later", (store) => {
    const known = new Map<string, Commit.Receipt>()
    return {
      store: {
        append: (commit) =>
          Effect.gen(function*() {
            const first = known.get(commit.id ?? "")
            if (first !== undefined || commit.writes[0].expected !== "any") return yield* store.append(commit)
            yield* Effect.yieldNow
            const second = known.has(commit.id ?? "") ? { ...commit, id: undefined } : commit
            const receipt = yield* store.append(second)
            if (commit.id !== undefined) known.set(commit.id, receipt)
            return receipt
          })
      }
    }
  }),
  wrong("lets a decision rest on a commit with a fingerprint", (store) => {
    const settle = (write: Commit.Write): Effect.Effect<Commit.Write, Failed> => {
      const { expected } = write
      if (typeof expected !== "object") return Effect.succeed(write)
      return Effect.map(store.findCommit(expected.commitId), (found) => {
        const wrote = Option.isSome(found)
          && found.value.streams.some(({ stream, to }) =>
            StreamName.format(stream) === StreamName.format(write.stream) && to === expected.version
          )
        return wrote ? { ...write, expected: expected.version } : write
      })
    }
    return {
      store: {
        append: (commit) => {
          const [first, ...others] = commit.writes
          if (first === undefined) return store.append(commit)
          return Effect.gen(function*() {
            return yield* store.append({
              ...commit,
              writes: [yield* settle(first), ...(yield* Effect.forEach(others, settle))]
            })
          })
        }
      }
    }
  }),
  wrongIn("ignores fingerprints", (commit) => ({ ...commit, fingerprint: undefined })),
  wrong("ignores fingerprints when it looks for a commit", (store) => ({
    store: { findCommit: (id) => store.findCommit(id) }
  })),
  wrong("never finds a commit", (store) => ({
    store: { findCommit: (id) => Effect.as(store.head, id === "" ? Option.none() : Option.none()) }
  })),
  wrong("gives a commit that it finds for new", (store) => ({
    store: {
      findCommit: (id, fingerprint) =>
        Effect.map(store.findCommit(id, fingerprint), Option.map((receipt) => ({ ...receipt, replayed: false })))
    }
  })),
  wrong("compares times too", (store) => {
    const times = new Map<string, string>()
    const timesOf = ({ writes }: Commit.Commit) =>
      JSON.stringify(writes.map(({ events }) => events.map(({ occurredAt }) => occurredAt?.epochMilliseconds ?? 0)))
    return {
      store: {
        append: (commit) =>
          Effect.gen(function*() {
            if (commit.id === undefined) return yield* store.append(commit)
            const first = times.get(commit.id) ?? timesOf(commit)
            times.set(commit.id, first)
            return yield* store.append(first === timesOf(commit) ? commit : { ...commit, fingerprint: "other" })
          })
      }
    }
  })
]

const names: ReadonlyArray<WrongStore> = [
  met("Marten #2150", wrongName("ignores tenants", (stream) => ({ ...stream, tenant: "" }))),
  met(
    "actor-ts #707: collations that ignore case",
    wrongName("writes ids in lower case", (stream) => ({ ...stream, id: stream.id.toLowerCase() }))
  ),
  met(
    "actor-ts #707: collations that pad with spaces",
    wrongName("trims ids", (stream) => ({ ...stream, id: stream.id.trim() === "" ? stream.id : stream.id.trim() }))
  ),
  wrongName("normalises ids", (stream) => ({ ...stream, id: stream.id.normalize("NFC") })),
  wrongName("decodes ids", (stream) => ({ ...stream, id: stream.id.replaceAll("%40", "@") })),
  wrongName(
    "joins tenant and id",
    (stream) => stream.tenant === "" ? stream : { ...stream, tenant: "", id: `${stream.id}@${stream.tenant}` }
  )
]

const limits: ReadonlyArray<WrongStore> = [
  wrong("dies of what it should refuse", (store) => ({
    store: {
      append: (commit) =>
        Effect.catch(
          store.append(commit),
          (error) => error.reason._tag === "Refused" ? Effect.die(new TypeError("unexpected")) : Effect.fail(error)
        )
    }
  })),
  wrong("splits a commit that is too large", (store) => ({
    store: {
      append: (commit) => {
        const [{ events, expected, stream }] = commit.writes
        if (events.length <= 1_000) return store.append(commit)
        const [first, ...others] = events
        return Effect.andThen(
          store.append({ writes: [{ stream, expected, events: [first, ...others.slice(0, 999)] }] }),
          store.append({ writes: [{ stream, expected: "any", events: [others[999]!, ...others.slice(1_000)] }] })
        )
      }
    }
  })),
  wrong("refuses a commit of 1,000 events", (store) => ({
    store: {
      append: (commit) => {
        const count = commit.writes.reduce((sum, { events }) => sum + events.length, 0)
        if (count !== 1_000) return store.append(commit)
        const reason = new EventStoreError.Refused({ what: "events", expected: "at most 999", actual: "1000" })
        return Effect.fail(new EventStoreError.EventStoreError({ operation: "append", reason }))
      }
    }
  })),
  wrongRequest(
    "takes any size of a page",
    (request) =>
      request.limit === undefined
        ? request
        : { ...request, limit: Math.min(Math.max(Math.trunc(request.limit) || 1, 1), 10_000) }
  ),
  wrongStreamRequest(
    "takes any size of a page of a stream",
    (request) =>
      request.limit === undefined
        ? request
        : { ...request, limit: Math.min(Math.max(Math.trunc(request.limit) || 1, 1), 10_000) }
  )
]

/** All of them. */
export const wrongWriters: ReadonlyArray<WrongStore> = [
  ...expectations,
  ...sharing,
  ...atomicity,
  ...idempotence,
  ...names,
  ...limits
]
