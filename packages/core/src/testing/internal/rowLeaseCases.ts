import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Batch, Lease, Target } from "../../RowStore.ts"
import { type Failure, upTo } from "./fixture.ts"
import { define, type Definition, keysOf, longLease, row, type RowFixture, shortLease, waiting } from "./rowFixture.ts"

const ownersOf = (t: RowFixture, target: Target) =>
  Effect.map(t.entry(target), ({ checkpoints }) => checkpoints.map(({ owner }) => Option.getOrUndefined(owner)))

const partitionsOf = (leases: ReadonlyArray<Lease>) => leases.map(({ partition }) => partition)

/** Fails unless a fence is worth nothing any more: neither for a batch, nor for what the store tells. */
const fenced = (
  t: RowFixture,
  what: string,
  target: Target,
  { fence, partition }: Lease,
  more: Partial<Batch> = {}
): Effect.Effect<void, Failure> =>
  Effect.gen(function*() {
    const from = (yield* t.positions(target))[partition] ?? 0
    const parts = {
      partition,
      fence,
      from,
      to: from + 1,
      rows: [row("fenced", from + 1)],
      park: [waiting("fenced", 1)]
    }
    const send = Effect.flatMap(
      t.rows.commit(t.batch(target, { ...parts, ...more })),
      (outcome) => t.holds(what, outcome === "Lost" || outcome === "Stopped", "Lost, or Stopped", outcome)
    )
    yield* t.unchanged(`by ${what}`, target, keysOf("fenced"), send)
  })

const free = define(
  "a lease is one owner's: nobody else gets it while it lasts",
  Effect.fnUntraced(function*(t: RowFixture) {
    const target = yield* t.opened({ partitions: 3, position: 5 })
    const first = yield* t.rows.acquire({ target, owner: "ada", lease: longLease })
    yield* t.equal("what ada learns", { ...first, leases: first.leases.length }, {
      state: "running",
      partitions: 3,
      leases: 3
    })
    const leases = yield* t.leases(target, "ada")
    yield* t.equal("leases of ada, by partition", leases.map(({ partition, position }) => [partition, position]), [
      [0, 5],
      [1, 5],
      [2, 5]
    ])
    const told = yield* t.entry(target)
    yield* t.equal(
      "fences the entry tells",
      told.checkpoints.map(({ fence }) => fence),
      leases.map(({ fence }) => fence)
    )
    yield* t.equal("owners", yield* ownersOf(t, target), ["ada", "ada", "ada"])
    const second = yield* t.rows.acquire({ target, owner: "bob", lease: longLease })
    yield* t.equal("what bob learns", second, { state: "running", partitions: 3, leases: [] })
    yield* t.equal("leases of ada after it", yield* t.leases(target, "ada"), leases)
    const other = yield* t.opened({ revision: 2 })
    yield* t.equal("leases of bob of another revision", (yield* t.leases(other, "bob")).length, 1)
  })
)

const most = define(
  "an owner gets as many leases as it wants, and another the rest",
  Effect.fnUntraced(function*(t: RowFixture) {
    const target = yield* t.opened({ partitions: 5 })
    const first = yield* t.leases(target, "ada", { most: 2 })
    yield* t.equal("leases of ada", first.length, 2)
    yield* t.equal("leases of ada, who asks again", yield* t.leases(target, "ada", { most: 2 }), first)
    const rest = yield* t.leases(target, "bob", { most: 4 })
    yield* t.equal("all", [...partitionsOf(first), ...partitionsOf(rest)].toSorted((a, b) => a - b), [0, 1, 2, 3, 4])
    yield* t.equal("leases of ada, who wants more", yield* t.leases(target, "ada", { most: 4 }), first)
    yield* t.rows.release(target, "bob")
    const more = yield* t.leases(target, "ada", { most: 4 })
    yield* t.equal("leases of ada when there are more", more.length, 4)
    const kept = more.filter(({ partition }) => first.some((lease) => lease.partition === partition))
    yield* t.equal("those that ada had", kept, first)
    yield* t.equal("leases of carl", (yield* t.leases(target, "carl")).length, 1)
  })
)

const expired = define(
  "a lease that has run out is taken under a higher fence, and who had it is told so",
  Effect.fnUntraced(function*(t: RowFixture) {
    const target = yield* t.opened({ partitions: 2 })
    const old = yield* t.leases(target, "ada", { lease: shortLease })
    const mine = (n: number) => ({ partition: n, fence: old[n]!.fence })
    const first = t.batch(target, { ...mine(0), from: 0, to: 4, rows: [row("a", 4)], lease: shortLease })
    yield* t.commits("a batch of ada", first)
    const leases = yield* t.takesOver(target, "bob", 2)
    yield* t.equal("positions that bob starts from", leases.map(({ position }) => position), [4, 0])
    yield* t.equal("owners", yield* ownersOf(t, target), ["bob", "bob"])
    for (const { fence, partition } of leases) {
      const before = old[partition]!.fence
      yield* t.holds(`fence of partition ${partition}`, fence > before, `more than ${before}`, fence)
      const batch = t.batch(target, {
        ...mine(partition),
        from: leases[partition]!.position,
        to: 9,
        rows: [row("b", 9)]
      })
      yield* t.unchanged("by a batch of ada", target, keysOf("a", "b"), t.commits("a batch of ada", batch, "Lost"))
    }
    yield* t.equal("leases of ada", yield* t.leases(target, "ada"), [])
    const parts = { partition: 1, fence: leases[1]!.fence, from: 0, to: 6, rows: [row("b", 6)] }
    yield* t.commits("a batch of bob", t.batch(target, parts))
    yield* t.loads("rows", target, keysOf("a", "b"), row("a", 4), row("b", 6))
  })
)

const runsOut = define(
  "an entry tells no owner when the lease has run out",
  Effect.fnUntraced(function*(t: RowFixture) {
    const target = yield* t.opened()
    yield* t.lease(target, "ada", shortLease)
    const nobody = Effect.map(
      ownersOf(t, target),
      ([owner]) => owner === undefined ? Option.some(owner) : Option.none()
    )
    yield* t.eventually("no owner", nobody)
  })
)

const renewed = define(
  "a lease is renewed by who has it, and by every batch that is committed under it",
  Effect.fnUntraced(function*(t: RowFixture) {
    const lease = Duration.millis(400)
    const [asked, committed, forgotten] = [
      yield* t.opened({ name: "Asked" }),
      yield* t.opened({ name: "Committed" }),
      yield* t.opened({ name: "Forgotten" })
    ]
    // In this order: when the last has run out, so have the others but for their renewal.
    const one = yield* t.lease(asked, "ada", lease)
    const two = yield* t.lease(committed, "ada", lease)
    yield* t.lease(forgotten, "ada", lease)
    yield* t.equal("the lease renewed", yield* t.lease(asked, "ada"), one)
    const batch = { fence: two.fence, from: 0, to: 1, lease: longLease }
    yield* t.commits("a batch", t.batch(committed, batch))
    yield* t.takesOver(forgotten, "bob")
    yield* t.equal("leases that bob gets, of one renewed", yield* t.leases(asked, "bob"), [])
    yield* t.equal("leases that bob gets, of one with a batch", yield* t.leases(committed, "bob"), [])
    yield* t.equal("the lease of ada", yield* t.lease(committed, "ada"), { ...two, position: 1 })
  })
)

const released = define(
  "leases that are given back are free at once, those of others are not",
  Effect.fnUntraced(function*(t: RowFixture) {
    const target = yield* t.opened({ partitions: 2 })
    const [ada] = yield* t.leases(target, "ada", { most: 1 })
    const [bob] = yield* t.leases(target, "bob")
    yield* t.rows.release(target, "ada")
    yield* t.rows.release(target, "nobody")
    const owners = yield* ownersOf(t, target)
    yield* t.equal("owner of what ada had", owners[ada!.partition], undefined)
    yield* t.equal("owner of what bob has", owners[bob!.partition], "bob")
    const [carl, ...others] = yield* t.leases(target, "carl")
    yield* t.equal("other leases of carl", others, [])
    yield* t.equal("partition of carl", carl!.partition, ada!.partition)
    yield* t.holds("fence of carl", carl!.fence > ada!.fence, `more than ${ada!.fence}`, carl!.fence)
    yield* fenced(t, "what ada still sends", target, ada!)
    yield* t.commits("a batch of bob", t.batch(target, { ...bob!, from: 0, to: 3 }))
    yield* t.commits("a batch of carl", t.batch(target, { ...carl!, from: 0, to: 2 }))
  })
)

const racing = define(
  "owners that come at once share the leases: every one of them is one owner's",
  Effect.fnUntraced(function*(t: RowFixture) {
    const target = yield* t.opened({ partitions: 12 })
    const owners = upTo(6).map((n) => `owner-${n}`)
    yield* Effect.forEach(owners, (owner) => t.leases(target, owner, { most: 3 }), { concurrency: "unbounded" })
    const leases = yield* Effect.forEach(owners, (owner) => t.leases(target, owner, { most: 3 }))
    yield* t.equal("all", leases.flatMap(partitionsOf).toSorted((a, b) => a - b), upTo(12).map((n) => n - 1))
    yield* t.holds("leases of one", leases.every(({ length }) => length <= 3), "at most 3", leases.map((l) => l.length))
    const owned = yield* ownersOf(t, target)
    for (const [n, owner] of owners.entries()) {
      for (const { partition } of leases[n]!) yield* t.equal(`owner of partition ${partition}`, owned[partition], owner)
    }
  })
)

const ended = define(
  "leases end with a change of partitions, and their fences never come again",
  Effect.fnUntraced(function*(t: RowFixture) {
    const target = yield* t.opened({ partitions: 2 })
    // One of them has had more owners than the other.
    const [kept] = yield* t.leases(target, "bob", { most: 1 })
    for (const owner of ["carl", "dora", "eve"]) {
      yield* t.leases(target, owner)
      yield* t.rows.release(target, owner)
    }
    const [before] = yield* t.leases(target, "ada")
    yield* t.holds("fence of the other", before!.fence > kept!.fence, `more than ${kept!.fence}`, before!.fence)
    yield* t.rows.release(target, "bob")
    const old: Array<Lease> = [...(yield* t.leases(target, "ada"))]
    for (const partitions of [3, 1, 2, 4]) {
      yield* t.rows.open({ target, mode: "async", partitions })
      for (const lease of old) yield* fenced(t, `what ada had before there were ${partitions}`, target, lease)
      const leases = yield* t.leases(target, "bob")
      yield* t.equal(`leases of bob when there are ${partitions}`, leases.length, partitions)
      for (const { fence, partition } of leases) {
        const before = old.filter((lease) => lease.partition === partition).map((lease) => lease.fence)
        yield* t.holds("a new fence", before.every((it) => fence > it), `more than ${before.join(", ")}`, fence)
      }
      for (const lease of old) yield* fenced(t, `what ada had, when bob has ${partitions}`, target, lease)
      old.push(...leases)
    }
  })
)

const remade = define(
  "a lease of what was dropped is none of what is made in its place",
  Effect.fnUntraced(function*(t: RowFixture) {
    const old: Array<Lease> = []
    for (const owner of ["ada", "bob", "carl"]) {
      const target = yield* t.opened({ partitions: 2 })
      for (const lease of old) yield* fenced(t, `what was had before ${owner}`, target, lease)
      const leases = yield* t.leases(target, owner)
      for (const lease of old) yield* fenced(t, `what was had before ${owner}, who has it now,`, target, lease)
      yield* t.commits(`a batch of ${owner}`, t.batch(target, { ...leases[0]!, from: 0, to: 1 }))
      old.push(...leases)
      yield* t.rows.drop(target)
    }
  })
)

const beyond = define(
  "a partition that is not there any more takes nothing",
  Effect.fnUntraced(function*(t: RowFixture) {
    const target = yield* t.opened({ partitions: 4 })
    yield* t.commits("a batch of the last", t.batch(target, { partition: 3, from: 0, to: 2 }))
    yield* t.rows.open({ target, mode: "async", partitions: 2 })
    const batch = t.batch(target, { partition: 3, from: 2, to: 3, rows: [row("a", 3)] })
    yield* t.unchanged("by it", target, keysOf("a"), t.commits("a batch of what was the last", batch, "Stopped"))
  })
)

const follows = define(
  "a lease tells the checkpoint as it is, whoever moved it",
  Effect.fnUntraced(function*(t: RowFixture) {
    const target = yield* t.opened()
    const lease = yield* t.lease(target, "ada")
    yield* t.commits("a batch of ada", t.batch(target, { ...lease, from: 0, to: 3 }))
    yield* t.equal("the lease", yield* t.lease(target, "ada"), { ...lease, position: 3 })
    yield* t.commits("a batch of nobody", t.batch(target, { from: 3, to: 8 }))
    yield* t.equal("the lease after it", yield* t.lease(target, "ada"), { ...lease, position: 8 })
    yield* t.commits("a batch of ada who missed it", t.batch(target, { ...lease, from: 3, to: 9 }), "Moved")
    yield* t.commits("a batch of ada who did not", t.batch(target, { ...lease, from: 8, to: 9 }))
  })
)

/** Leases and fences. */
export const cases: ReadonlyArray<Definition> = [
  free,
  most,
  expired,
  runsOut,
  renewed,
  released,
  racing,
  ended,
  remade,
  beyond,
  follows
]
