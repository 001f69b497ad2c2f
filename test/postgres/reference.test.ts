/**
 * The store in memory is the reference: random commits, in batches that arrive at once, and random requests get the same
 * answers from both.
 */
import { describe, expect, it } from "@effect/vitest"
import { Commit, CommitId, EventStore, type Page, StreamName } from "@varve/core"
import { DateTime, Effect, type Exit, Layer } from "effect"
import * as TestServer from "../support/TestServer.ts"

type Store = EventStore.EventStore["Service"]

/** Deterministic random numbers (mulberry32): a failure can be run again. */
const randomOf = (seed: number) => {
  let state = seed
  const next = () => {
    state = state + 0x6D2B79F5 | 0
    let t = Math.imul(state ^ state >>> 15, 1 | state)
    t = t + Math.imul(t ^ t >>> 7, 61 | t) ^ t
    return ((t ^ t >>> 14) >>> 0) / 4_294_967_296
  }
  const below = (n: number) => Math.floor(next() * n)
  return {
    below,
    pick: <A>(values: ReadonlyArray<A>): A => values[below(values.length)]!,
    chance: (p: number) => next() < p
  }
}
type Random = ReturnType<typeof randomOf>

const categories = ["Account", "Order", "Cart"]
const types = ["Opened", "Changed", "Closed"]
const streams = categories.flatMap((category) =>
  ["1", "2", "ä@ö"].flatMap((id) => [StreamName.make(category, id), StreamName.make(category, id, "acme")])
)

/** What a writer might believe: often right, sometimes wrong, in all the forms there are. */
const expectation = (random: Random, version: number, recent: ReadonlyArray<CommitId.CommitId>): Commit.Expected => {
  const number = Math.max(0, version + random.pick([0, 0, 0, 0, 0, 0, 1, -1]))
  if (random.chance(0.25)) return "any"
  if (random.chance(0.1)) return "exists"
  return number > 0 && recent.length > 0 && random.chance(0.4)
    ? { version: number, commitId: random.pick(recent.slice(-3)) }
    : number
}

/** Commits that arrive at once. `believed` guesses along, so that many of them chain. */
const batchOf = (
  random: Random,
  believed: Map<StreamName.StreamName, number>,
  earlier: Array<Commit.Commit>
): ReadonlyArray<Commit.Commit> =>
  Array.from({ length: 1 + random.below(12) }, (): Commit.Commit => {
    if (earlier.length > 0 && random.chance(0.1)) {
      const again = random.pick(earlier)
      return random.chance(0.7)
        ? again
        : { ...again, writes: [{ ...again.writes[0], events: [{ type: "Other", revision: 1, payload: {} }] }] }
    }
    const recent = earlier.map(({ id }) => id!)
    const write = (stream: StreamName.StreamName): Commit.Write => {
      const version = believed.get(stream) ?? 0
      const event = (): Commit.NewEvent => ({
        type: random.pick(types),
        revision: 1 + random.below(3),
        payload: { n: random.below(1_000), text: "ü\u2028" },
        occurredAt: random.chance(0.5)
          ? DateTime.makeUnsafe(random.below(4_000_000) * 1_000_003 - 1_000_000_000_000)
          : undefined
      })
      const events: Commit.Write["events"] = [event(), ...Array.from({ length: random.below(3) }, event)]
      believed.set(stream, version + events.length)
      return { stream, expected: expectation(random, version, recent), events }
    }
    const checks = random.chance(0.3)
      ? [random.pick(streams), random.pick(streams)].map((stream) => {
        const expected = expectation(random, believed.get(stream) ?? 0, recent)
        return { _tag: "Stream" as const, stream, expected }
      })
      : undefined
    const writes: Commit.Commit["writes"] = [
      write(random.pick(streams)),
      ...Array.from({ length: random.below(3) }, () => write(random.pick(streams)))
    ]
    const commit: Commit.Commit = {
      id: CommitId.generateUnsafe(),
      writes,
      checks,
      metadata: { actor: "test" },
      fingerprint: random.chance(0.2) ? `f${random.below(3)}` : undefined
    }
    earlier.push(commit)
    return commit
  })

/** An answer without what differs between stores: their ids and their clocks. */
const plain = (exit: Exit.Exit<Commit.Receipt, unknown>): unknown =>
  exit._tag === "Success"
    ? { ...exit.value, storeId: "", recordedAt: "" }
    : JSON.parse(JSON.stringify(exit.cause))

const plainPage = <A extends { readonly events: Page.Page["events"] }>(page: A): unknown => ({
  ...page,
  // An event without a time of its own happened when it was recorded.
  events: page.events.map(({ occurredAt, recordedAt, ...event }) => ({
    ...event,
    occurredAt: DateTime.toEpochMillis(occurredAt) === DateTime.toEpochMillis(recordedAt)
      ? ""
      : DateTime.formatIso(occurredAt)
  }))
})

const requestOf = (random: Random, head: number): Page.Request => {
  const direction = random.pick(["forward", "backward"] as const)
  const some = <A>(values: ReadonlyArray<A>) => values.filter(() => random.chance(0.5))
  return {
    direction,
    after: random.chance(0.7) ? 1 + random.below(head + 3) : undefined,
    until: random.chance(0.3) ? random.below(head + 3) : undefined,
    limit: 1 + random.below(random.pick([3, 20, 100])),
    filter: random.chance(0.3) ? undefined : {
      categories: random.chance(0.3) ? some(categories) : undefined,
      types: random.chance(0.3) ? some(types) : undefined,
      sources: random.chance(0.3)
        ? some(categories.flatMap((category) => types.map((type) => ({ category, type }))))
        : undefined,
      stream: random.chance(0.15) ? random.pick(streams) : undefined,
      tenant: random.chance(0.2) ? random.pick(["", "acme"]) : undefined
    }
  }
}

const compare = (seed: number, batches: number) =>
  Effect.gen(function*() {
    const random = randomOf(seed)
    const store = yield* EventStore.EventStore
    const context = yield* Layer.build(EventStore.layerMemory)
    const memory: Store = yield* Effect.provideContext(EventStore.EventStore, context)
    const believed = new Map<StreamName.StreamName, number>()
    const earlier: Array<Commit.Commit> = []
    let conflicts = 0
    for (let i = 0; i < batches; i++) {
      const batch = batchOf(random, believed, earlier)
      const all = (store: Store) =>
        Effect.all(batch.map((commit) => Effect.exit(store.append(commit))), { concurrency: "unbounded" })
      const [actual, expected] = [(yield* all(store)).map(plain), (yield* all(memory)).map(plain)]
      expect(actual).toEqual(expected)
      conflicts += JSON.stringify(expected).split("\"Conflict\"").length - 1
      // Guess from the truth again, or everything that follows conflicts.
      for (const stream of streams) {
        const { events } = yield* memory.readStreamPage({ stream, direction: "backward", limit: 1 })
        believed.set(stream, events[0]?.version ?? 0)
      }
    }
    expect(conflicts).toBeGreaterThan(0)
    const head = yield* store.head
    expect(head).toBe(yield* memory.head)
    expect(head).toBeGreaterThan(batches)
    for (let i = 0; i < 200; i++) {
      const request = requestOf(random, head)
      expect({ request, page: plainPage(yield* store.readPage(request)) })
        .toEqual({ request, page: plainPage(yield* memory.readPage(request)) })
    }
    const loads = Array.from({ length: 100 }, (): Page.StreamRequest => ({
      stream: random.chance(0.1) ? StreamName.make("None", "1") : random.pick(streams),
      direction: random.pick(["forward", "backward"]),
      after: random.chance(0.5) ? 1 + random.below(40) : undefined,
      until: random.chance(0.3) ? random.below(40) : undefined,
      limit: 1 + random.below(20)
    }))
    const pages = (store: Store) =>
      Effect.forEach(loads, (load) => store.readStreamPage(load), { concurrency: "unbounded" })
    expect((yield* pages(store)).map(plainPage)).toEqual((yield* pages(memory)).map(plainPage))
    for (const { id } of earlier) {
      const [actual, expected] = [yield* store.findCommit(id!), yield* memory.findCommit(id!)]
      const receipt = (found: typeof actual) =>
        found._tag === "None" ? undefined : { ...found.value, storeId: "", recordedAt: "" }
      expect(receipt(actual)).toEqual(receipt(expected))
    }
  })

describe("answers like the store in memory", () => {
  for (const seed of [1, 2, 3]) {
    it.effect.skipIf(TestServer.skipped !== undefined)(
      `on a server, seed ${seed}`,
      () => compare(seed, 40).pipe(Effect.provide(TestServer.layer()), Effect.scoped),
      60_000
    )
  }
  it.effect(
    "embedded, seed 4",
    () => compare(4, 40).pipe(Effect.provide(TestServer.layerEmbedded()), Effect.scoped),
    60_000
  )
})
