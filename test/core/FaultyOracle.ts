/** Compares what callers were told with what lies in the store: the events, and nothing else, say what happened. */
import { assert } from "@effect/vitest"
import type { EventStore, StoredEvent } from "@varve/core"
import { Effect, Equal, Exit, Option } from "effect"
import { active, Insufficient } from "./Account.ts"
import {
  type Accepted,
  everything,
  gone,
  ids,
  isUnknown,
  type Outcome,
  type Step,
  tagOf,
  type Told
} from "./FaultyWorld.ts"

type Event = StoredEvent.StoredEvent
type Store = EventStore.EventStore["Service"]

const centsOf = ({ payload }: Event): number => (payload as { readonly cents?: number }).cents ?? 0

const signOf = { Deposited: 1, Withdrawn: -1 } as { readonly [type: string]: number | undefined }

/** The balances of an account: at index n the one after version n. */
const balancesOf = (events: ReadonlyArray<Event>): ReadonlyArray<number> =>
  events.reduce((balances, event) => [...balances, balances.at(-1)! + (signOf[event.type] ?? 0) * centsOf(event)], [0])

/** What commands of a kind come to, when they are accepted: which account, and what happened to it. */
const effectsOf = ({ account, kind }: Step): ReadonlyArray<readonly [id: string, type: string]> => {
  const [here, there] = [ids[account]!, ids[(account + 1) % ids.length]!]
  switch (kind) {
    case "deposit":
      return [[here, "Deposited"]]
    case "withdraw":
      return [[here, "Withdrawn"]]
    case "move":
      return [[here, "Withdrawn"], [there, "Deposited"]]
    case "pair":
      return [[here, "Withdrawn"], [here, "Deposited"]]
    case "nothing":
      return []
  }
}

/** The store as it is in the end. */
export interface Truth {
  readonly all: ReadonlyArray<Event>
  readonly streams: ReadonlyMap<string, { readonly events: ReadonlyArray<Event>; readonly balances: Balances }>
}
type Balances = ReadonlyArray<number>

export const truthOf = (all: ReadonlyArray<Event>): Truth => ({
  all,
  streams: new Map([...ids, gone].map((id) => {
    const events = all.filter(({ stream }) => stream.id === id)
    return [id, { events, balances: balancesOf(events) }]
  }))
})

/** Positions and versions have no gap, and nobody but the commands and the foreign writer wrote. */
export const judgeStore = ({ all, streams }: Truth, told: ReadonlyArray<Told>, conflicts: number) => {
  assert.deepStrictEqual(all.map(({ position }) => Number(position)), all.map((_, i) => i + 1), "positions")
  for (const { balances, events } of streams.values()) {
    assert.deepStrictEqual(events.map(({ version }) => version), events.map((_, i) => i + 1), "versions")
    // Only the foreign writer takes what is not there.
    const overdrawn = events.filter(({ metadata, version }) =>
      metadata.command?.includes("Withdraw") && balances[version]! < 0
    )
    assert.isEmpty(overdrawn.filter(({ type }) => type === "Withdrawn"), "a withdrawal of what was not there")
  }
  const ours = all.filter(({ metadata }) => metadata.command !== undefined)
  const known = new Set(told.map(({ cents }) => cents))
  assert.isEmpty(ours.filter((event) => !known.has(centsOf(event))), "events of no command")
  const founded = ids.length * 2 + 2
  assert.lengthOf(all, founded + ours.length + conflicts, "events of the commands and of the foreign writer")
}

/** Where the commit of a command is: nowhere, or in one piece. */
const commitOf = ({ all }: Truth, { cents, step }: Told): ReadonlyArray<Event> => {
  const events = all.filter((event) => event.metadata.command !== undefined && centsOf(event) === cents)
  if (events.length === 0) return events
  const effects = effectsOf(step)
  assert.deepStrictEqual(
    events.map(({ stream, type }) => [stream.id, type] as const),
    effects,
    "exactly one effect, and all of it"
  )
  assert.lengthOf(new Set(events.map(({ commitId }) => commitId)), 1, "one commit")
  assert.strictEqual(events.at(-1)!.position - events[0]!.position, events.length - 1, "in one piece")
  return events
}

const judgeStates = ({ streams }: Truth, { cents, step }: Told, accepted: Accepted) => {
  const effects = effectsOf(step)
  accepted.forEach(({ state, version }, i) => {
    const id = step.kind === "nothing" ? gone : effects[i]![0]
    const { balances } = streams.get(id)!
    assert.deepStrictEqual(
      state,
      step.kind === "nothing" ? { _tag: "Ended" } : active(balances[version]!),
      `state of ${id} at version ${version}, told of ${cents}`
    )
  })
}

const judgeAccepted = Effect.fnUntraced(function*(truth: Truth, store: Store, one: Told, accepted: Accepted) {
  judgeStates(truth, one, accepted)
  const events = commitOf(truth, one)
  const happened = accepted.flatMap(({ events }) => events)
  assert.deepStrictEqual(
    happened.map((event) => [event._tag, (event as { readonly cents?: number }).cents]),
    effectsOf(one.step).map(([, type]) => [type, one.cents]),
    "the events that were told"
  )
  for (const { receipt } of accepted) {
    if (one.step.kind === "nothing") {
      assert.isTrue(Option.isNone(receipt), "a receipt of nothing")
      continue
    }
    const { commitId, first, last, streams } = Option.getOrThrow(receipt)
    const stored = Option.getOrThrow(yield* store.findCommit(commitId))
    assert.isTrue(Equal.equals({ ...Option.getOrThrow(receipt), replayed: true }, stored), "the receipt that is stored")
    assert.deepStrictEqual(
      [first, last, commitId],
      [events[0]!.position, events.at(-1)!.position, events[0]!.commitId],
      "an accepted command is where it was said to be"
    )
    if (one.step.given) assert.strictEqual(commitId, one.commitId, "under the id that was given")
    assert.strictEqual(accepted.at(-1)!.version, streams.at(-1)!.to, "the version that it made")
  }
})

const judgeRejection = ({ streams }: Truth, { cents, from, step, to }: Told, outcome: Outcome) => {
  const error = Option.getOrThrow(Exit.isFailure(outcome) ? Exit.findErrorOption(outcome) : Option.none())
  assert.instanceOf(error, Insufficient)
  assert.strictEqual(error.requested, cents)
  assert.isBelow(error.balance, cents)
  const between = streams.get(ids[step.account]!)!.balances.slice(from, to + 1)
  assert.include(between, error.balance, "a rejection rests on a balance that was there while it was asked")
}

const plain = ["Accepted", "Insufficient", "Unavailable", "Conflict", "OutcomeUnknown", "Interrupted", "Crashed"]

/** Every outcome is so; together the outcomes of one command leave exactly one effect, or none. */
export const judge = Effect.fnUntraced(function*(truth: Truth, store: Store, one: Told) {
  const events = commitOf(truth, one)
  const tags = one.outcomes.map(tagOf)
  for (const [i, outcome] of one.outcomes.entries()) {
    assert.include(plain, tags[i]!, "an outcome that nobody expects")
    if (Exit.isSuccess(outcome)) yield* judgeAccepted(truth, store, one, outcome.value)
    if (tags[i] === "Insufficient") judgeRejection(truth, one, outcome)
  }
  if (one.step.kind === "nothing") return tags
  if (tags.includes("Accepted")) assert.isNotEmpty(events, "an accepted command is there")
  else if (!one.outcomes.some(isUnknown)) assert.isEmpty(events, `${tags.join(", ")}: nothing was written`)
  if (one.settled !== undefined) {
    const settled = tagOf(one.settled)
    assert.include(["Accepted", "Insufficient"], settled, "executed again without faults")
    assert.strictEqual(settled === "Accepted", events.length > 0, `${settled} when it was executed again`)
    if (Exit.isSuccess(one.settled)) yield* judgeAccepted(truth, store, one, one.settled.value)
  }
  return tags
})

/** Judges everything, and lists the outcomes that there were, those of the time afterwards apart. */
export const verdict = (
  { afterwards, told }: { readonly told: ReadonlyArray<Told>; readonly afterwards: ReadonlyArray<Told> },
  store: Store,
  conflicts: number
) =>
  Effect.gen(function*() {
    const all = [...told, ...afterwards]
    const truth = truthOf(yield* everything(store))
    judgeStore(truth, all, conflicts)
    const tags = yield* Effect.forEach(all, (one) => judge(truth, store, one))
    assert.isTrue(tags.slice(told.length).every(([tag]) => tag === "Accepted"), "without faults nothing fails")
    return tags.slice(0, told.length).flat()
  })
