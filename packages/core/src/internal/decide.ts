import * as Arr from "effect/Array"
import type * as DateTime from "effect/DateTime"
import * as Result from "effect/Result"
import type * as Commit from "../Commit.ts"
import type { CommitId } from "../CommitId.ts"
import * as Event from "../Event.ts"
import { Conflict, Refused } from "../EventStoreError.ts"
import type { Instance, Loaded, Tip } from "./instance.ts"
import type { Denied, Judge } from "./policy.ts"
import type { Local, Tagged } from "./running.ts"

/** A command and the instance that it is for. */
export interface Target {
  readonly local: Local
  readonly id: string
  readonly instance: Instance
  readonly command: Tagged
}

/** Commands that are decided as one, and what they are decided on. */
export interface Case {
  readonly targets: Arr.NonEmptyReadonlyArray<Target>
  /** Those of the targets, each once. */
  readonly instances: ReadonlyArray<Instance>
}

/** What one command has come to, the receipt apart. */
export interface Decided {
  readonly version: number
  readonly events: ReadonlyArray<Tagged>
  readonly state: unknown
}

/** What several commands have come to. */
export type Plan =
  | {
    readonly _tag: "Commit"
    readonly decided: ReadonlyArray<Decided>
    readonly commit: Commit.Commit
    /** What it makes of each instance; `undefined` of one that it does not write. */
    readonly made: ReadonlyArray<Loaded | undefined>
  }
  | { readonly _tag: "Nothing"; readonly decided: ReadonlyArray<Decided> }
  | { readonly _tag: "Rejected"; readonly rejection: unknown }
  /** The policy in force says no. */
  | { readonly _tag: "Denied"; readonly denied: Denied; readonly target: Target }
  /** The caller had seen another version. */
  | { readonly _tag: "Moved"; readonly conflict: Conflict }
  /** An event does not satisfy its own schema. */
  | { readonly _tag: "Invalid"; readonly refused: Refused; readonly target: Target }

export interface Circumstances {
  readonly commitId: CommitId
  readonly now: DateTime.Utc
  readonly actor: string | undefined
  readonly expected: number | undefined
  /** Of who asks; nothing is denied without one. */
  readonly judge?: Judge | undefined
}

/** What a commit that rests on this state expects of the stream. */
const expectedOf = ({ pending, version }: Tip): Commit.Expected =>
  pending === undefined || pending.outcome === "stored" ? version : { version, commitId: pending.commitId }

/** Where an instance stands while the commands of one commit are decided. */
interface Standing {
  state: unknown
  version: number
  written: boolean
}

/** An event as it will be stored, and as it will be read back: what rests on it rests on the latter. */
interface Encoded {
  readonly stored: Commit.NewEvent
  readonly event: Tagged
}

const whatOf = ({ instance }: Target, event: Tagged): string => `event ${event._tag} of ${instance.key}`

const encode = (target: Target, event: Tagged, now: DateTime.Utc): Encoded | Refused => {
  const { definition, tags, upcaster } = target.local
  const known = tags.get(event._tag)
  if (known === undefined) {
    const expected = `an event of ${definition.name}: ${[...tags.keys()].join(", ")}`
    return new Refused({ what: whatOf(target, event), expected, actual: String(event._tag) })
  }
  const written = upcaster.write(definition.name, known, event)
  if (Result.isFailure(written)) {
    const { actual, expected, what } = written.failure
    return new Refused({ what: `${what} of ${target.instance.key}`, expected, actual })
  }
  const { payload, revision, type } = written.success
  // Under whatever name and in whatever revision it is written, it is read as this event.
  const decoded = Event.decode(known, written.success)
  if (Result.isFailure(decoded)) {
    const actual = `a payload that does not: ${String(decoded.failure.cause)}`
    return new Refused({ what: whatOf(target, event), expected: "a payload that can be read back", actual })
  }
  return { stored: { type, revision, payload, occurredAt: now }, event: decoded.success }
}

const moved = (target: Target, expected: number, actual: number): Plan => ({
  _tag: "Moved",
  conflict: new Conflict({ stream: target.instance.stream, expected, actual })
})

/** Decides commands in their order, each on what those before it have left. `tips` are those of the instances. Pure. */
export const plan = (
  { instances, targets }: Case,
  tips: ReadonlyArray<Tip>,
  circumstances: Circumstances
): Plan => {
  const { actor, commitId, expected, judge, now } = circumstances
  const standing = tips.map(({ state, version }): Standing => ({ state, version, written: false }))
  const decided: Array<Decided> = []
  const writes: Array<Commit.Write> = []
  for (const target of targets) {
    const { command, id, instance, local: { definition } } = target
    const place = instances.indexOf(instance)
    const tip = tips[place]!
    const here = standing[place]!
    const denied = judge?.command(definition, id, command, here.state)
    if (denied !== undefined) return { _tag: "Denied", denied, target }
    if (expected !== undefined && expected !== tip.version) return moved(target, expected, tip.version)
    const decision = definition.decide[command._tag]!(command, here.state, { now, actor, commitId })
    if (Result.isFailure(decision)) return { _tag: "Rejected", rejection: decision.failure }
    const events: Array<Commit.NewEvent> = []
    const happened: Array<Tagged> = []
    for (const decidedEvent of decision.success) {
      const encoded = encode(target, decidedEvent, now)
      if (encoded instanceof Refused) return { _tag: "Invalid", refused: encoded, target }
      const { event, stored } = encoded
      events.push(stored)
      happened.push(event)
      here.state = definition.evolve[event._tag]!(here.state, event)
    }
    if (Arr.isReadonlyArrayNonEmpty(events)) {
      writes.push({ stream: instance.stream, expected: here.written ? here.version : expectedOf(tip), events })
      here.written = true
      here.version += events.length
    }
    decided.push({ version: here.version, events: happened, state: here.state })
  }
  if (!Arr.isReadonlyArrayNonEmpty(writes)) return { _tag: "Nothing", decided }
  const checks: Array<Commit.Check> = []
  const made = standing.map(({ state, version, written }, place) => {
    if (written) return { state, version }
    // What was decided on the state of an instance that is not written rests on it all the same.
    checks.push({ _tag: "Stream", stream: instances[place]!.stream, expected: expectedOf(tips[place]!) })
  })
  return { _tag: "Commit", decided, commit: { id: commitId, writes, checks }, made }
}
