/**
 * Looks at what a store holds after a run, and at what the processes of the run wrote down, and tells what does not go
 * together.
 */
import { Balances } from "./Balances.ts"
import { type Entry, extentsOf, type History, streamsOf } from "./History.ts"
import * as linear from "./linear.ts"
import { type Ledger, type Planned, type Sent, standingOf } from "./Records.ts"

const show = (value: unknown): string => JSON.stringify(value)

/** Positions from 1, versions from 1 in each stream, commits in one piece, and times that do not go back. */
const checkOrder = (history: History): ReadonlyArray<string> => {
  const violations: Array<string> = []
  for (const [i, { position }] of history.entries()) {
    if (position !== i + 1) violations.push(`position ${position}, where ${i + 1} was due`)
  }
  for (const [stream, events] of streamsOf(history)) {
    for (const [i, { position, version }] of events.entries()) {
      if (version !== i + 1) violations.push(`version ${version} of ${stream} at ${position}, where ${i + 1} was due`)
    }
  }
  let before: Entry | undefined
  for (const event of history) {
    const index = before?.commit === event.commit ? before.index + 1 : 0
    if (event.index !== index) {
      violations.push(`place ${event.index} of a commit at ${event.position}, where ${index} was due`)
    }
    if (before !== undefined && event.recordedAt < before.recordedAt) {
      violations.push(
        `position ${event.position} was recorded ${before.recordedAt - event.recordedAt} ms before the one before`
      )
    }
    before = event
  }
  return violations
}

/** No commit and no event twice, and nothing that nobody sent. */
const checkOnce = (ledger: Ledger, history: History): ReadonlyArray<string> => {
  const violations: Array<string> = []
  const commits = new Set<string>()
  for (const { first, id } of extentsOf(history)) {
    if (commits.has(id)) violations.push(`commit ${id} is there twice, again at ${first}`)
    commits.add(id)
    if (!ledger.commits.has(id)) violations.push(`commit ${id} at ${first} is nobody's`)
  }
  const numbers = new Map<number, number>()
  for (const { number, position } of history) {
    const first = numbers.get(number)
    if (first !== undefined) violations.push(`event ${number} is there twice, at ${first} and ${position}`)
    numbers.set(number, position)
  }
  return violations
}

/** What is there of a commit is what was sent, whole, where it was expected. */
const checkContent = ({ id, writes }: Planned, events: ReadonlyArray<Entry>): ReadonlyArray<string> => {
  const violations: Array<string> = []
  const line = (
    stream: string,
    number: number,
    cents?: number
  ) => [stream, number, ...(cents === undefined ? [] : [cents])]
  const wanted = writes.flatMap(({ cents, numbers, stream }) => numbers.map((number) => line(stream, number, cents)))
  const found = events.map(({ cents, number, stream }) => line(stream, number, cents))
  if (show(wanted) !== show(found)) violations.push(`commit ${id}: sent ${show(wanted)}, stored ${show(found)}`)
  for (const { expected, stream } of writes) {
    const version = (events.find((event) => event.stream === stream)?.version ?? 1) - 1
    const held = expected === "any" || (expected === "exists" ? version > 0 : version === expected)
    if (!held) violations.push(`commit ${id}: expected ${expected} of ${stream}, which was at version ${version}`)
  }
  return violations
}

const checkReceipt = (sent: Sent, events: ReadonlyArray<Entry>): ReadonlyArray<string> =>
  sent.attempts.flatMap(({ outcome }) => {
    if (outcome?.tag !== "Written") return []
    const { first, last, streams } = outcome
    const found = [events[0]?.position, events.at(-1)?.position]
    const versions = streams.map(([stream]) => {
      const own = events.filter((event) => event.stream === stream).map(({ version }) => version)
      return [stream, own[0], own.at(-1)]
    })
    return show(found) === show([first, last]) && show(versions) === show(streams)
      ? []
      : [
        `commit ${sent.commit.id}: acknowledged at ${first} to ${last}, ${show(streams)}, stored at ${show(found)}, ${
          show(versions)
        }`
      ]
  })

/** What commands are told of their accounts is what the events up to there come to. */
const checkStates = ({ attempts, commit: { id, writes } }: Sent, balances: Balances): ReadonlyArray<string> =>
  attempts.flatMap(({ outcome }) => {
    if (outcome?.tag === "Written") {
      return (outcome.states ?? []).flatMap(([stream, state]) => {
        const version = outcome.streams.find((entry) => entry[0] === stream)?.[2]
        const wrong = balances.wrong(stream, state)
          ?? (version === state.version ? undefined : `it is the state of version ${state.version}, not ${version}`)
        return wrong === undefined ? [] : [`commit ${id}: the state of ${stream}: ${wrong}`]
      })
    }
    if (outcome?.tag !== "Rejected") return []
    const { state, stream } = outcome
    const cents = writes.find((write) => write.stream === stream)?.cents ?? 0
    return state.balance + cents < 0
      ? []
      : [`commit ${id}: ${cents} cents of ${stream} were rejected, which had ${state.balance}`]
  })

/** A conflict tells a version that does not fit. */
const checkConflicts = ({ attempts, commit: { id, writes } }: Sent): ReadonlyArray<string> =>
  attempts.flatMap(({ outcome }) => {
    if (outcome?.tag !== "Conflict") return []
    const { actual, stream } = outcome
    const expected = writes.find((write) => write.stream === stream)?.expected
    return typeof expected === "number" && expected !== actual
      ? []
      : [`commit ${id}: a conflict of ${stream} at version ${actual}, where ${expected} was expected`]
  })

export interface Judgement {
  readonly violations: ReadonlyArray<string>
  /** Of the commits whose outcome nobody knew: how many are there, and how many are not. */
  readonly unknownStored: number
  readonly unknownAbsent: number
}

/** Judges a run. */
export const judge = (ledger: Ledger, history: History): Judgement => {
  const stored = Map.groupBy(history, ({ commit }) => commit)
  const balances = new Balances(history)
  const violations = [
    ...ledger.defects,
    ...checkOrder(history),
    ...checkOnce(ledger, history),
    ...balances.overdrawn
  ]
  let [unknownStored, unknownAbsent] = [0, 0]
  for (const [id, sent] of ledger.commits) {
    const events = stored.get(id)
    const { tag } = standingOf(sent)
    violations.push(...checkConflicts(sent), ...checkStates(sent, balances))
    if (tag === "Unknown" && events === undefined) unknownAbsent++
    if (tag === "Unknown" && events !== undefined) unknownStored++
    if (tag === "Acknowledged" && events === undefined) violations.push(`commit ${id} was acknowledged, and is missing`)
    if (tag === "Refused" && events !== undefined) {
      const told = sent.attempts.map(({ outcome }) => outcome?.tag).join(", ")
      violations.push(`commit ${id} was refused (${told}), and is at ${events[0]!.position}`)
    }
    if (events !== undefined) violations.push(...checkContent(sent.commit, events), ...checkReceipt(sent, events))
  }
  violations.push(...linear.judge(ledger, history))
  return { violations, unknownStored, unknownAbsent }
}
