import * as Arbitrary from "effect/Arbitrary"
import * as DateTime from "effect/DateTime"
import * as Schema from "effect/Schema"
import * as CommitId from "../../CommitId.ts"
import type * as Decision from "../../Decision.ts"
import type { Tagged } from "../../internal/running.ts"
import { context, type Subject } from "../Scenario.ts"
import type { Broken } from "./lawsCheck.ts"

/** A generated command, and chance for what surrounds it. Everything shrinks towards the plainest. */
export interface Step {
  readonly command: Tagged
  /** Bits that say which fields get a value that was met before. */
  readonly recycle: number
  /** Power of two of the seconds that pass before it, to four years. */
  readonly wait: number
  readonly actor: number
}

const actors = [undefined, "ada", "bob"]

const int = (maximum: number) => Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum })))

/** Sequences of commands, generated from their schemas. */
export const steps = ({ commands }: Subject): Arbitrary.Arbitrary<ReadonlyArray<Step>> => {
  // Commands are plain data: their schemas ask for no services.
  const command = Schema.Union(commands.map(({ schema }) => schema as unknown as Schema.Codec<Tagged, unknown>))
  return Arbitrary.array(
    Arbitrary.all({
      command: Arbitrary.schema(command),
      recycle: int(2 ** 32 - 1),
      wait: int(27),
      actor: int(actors.length - 1)
    }),
    { minLength: 1 }
  )
}

/** Where an instance stands when a command comes. All of it is frozen: what changes it in place is caught. */
export interface Moment {
  /** Events so far. */
  readonly given: ReadonlyArray<unknown>
  readonly state: unknown
  readonly command: Tagged
  readonly context: Decision.Context
}

/** What a command has come to; `undefined` when nobody can go on from there. */
export type Next = { readonly events: ReadonlyArray<unknown>; readonly state: unknown } | undefined

/**
 * Sends commands to an instance, one after the other. What is rejected leaves the state alone, so the accepted ones are
 * a valid prefix for those behind them, however unlikely that is for a random sequence.
 */
export const walk = (
  subject: Subject,
  sequence: ReadonlyArray<Step>,
  visit: (moment: Moment) => Broken | { readonly next: Next }
): Broken | undefined => {
  const pool = new Pool(subject)
  let state = frozen(subject.initial)
  let given: ReadonlyArray<unknown> = []
  let now = context.now
  for (const [index, step] of sequence.entries()) {
    now = DateTime.add(now, { seconds: 2 ** step.wait - 1 })
    const command = frozen(pool.vary(step, state))
    const commitId = CommitId.make(`00000000-0000-7000-8000-${index.toString(16).padStart(12, "0")}`)
    const visited = visit({ given, state, command, context: { now, actor: actors[step.actor], commitId } })
    if ("why" in visited) return visited
    if (visited.next === undefined) return undefined
    if (visited.next.events.length > 0) pool.add(command)
    visited.next.events.forEach((event) => pool.add(event))
    given = [...given, ...visited.next.events]
    state = frozen(visited.next.state)
  }
  return undefined
}

/**
 * Values that were met before, by the name of their field.
 *
 * A command often has to name something that is there: a line of an order, the whole of a balance. Chance alone never
 * finds it.
 */
class Pool {
  private readonly byName = new Map<string, Array<unknown>>()
  private readonly byKind = new Map<string, Array<unknown>>()
  private readonly fits: ReadonlyMap<string, (value: unknown) => boolean>

  constructor({ commands }: Subject) {
    this.fits = new Map(commands.map(({ schema, tag }) => [tag, Schema.is(schema)]))
  }

  /** Keeps the fields of an accepted command, or of an event. */
  add(value: unknown): void {
    for (const [key, field] of fieldsOf(value)) {
      push(this.byName, key, field)
      push(this.byKind, kindOf(field), field)
    }
  }

  /** The command of a step, some fields of it replaced, where it still fits its schema. */
  vary({ command, recycle }: Step, state: unknown): Tagged {
    let varied = command
    fieldsOf(command).forEach(([key, field], index) => {
      const bits = index < 8 ? (recycle >>> (4 * index)) & 15 : 0
      if (bits < 8) return
      const ofState = fieldsOf(state).filter(([, value]) => kindOf(value) === kindOf(field)).map(([, value]) => value)
      const known = (bits & 1) === 0
        ? this.byName.get(key) ?? []
        : [...this.byKind.get(kindOf(field)) ?? [], ...ofState]
      // From the newest backward.
      const value = known.at(-1 - ((bits >>> 1) & 3))
      if (value === undefined) return
      const candidate = { ...varied, [key]: value }
      if (this.fits.get(command._tag)?.(candidate) === true) varied = candidate
    })
    return varied
  }
}

const fieldsOf = (value: unknown): ReadonlyArray<readonly [string, unknown]> =>
  typeof value === "object" && value !== null ? Object.entries(value).filter(([key]) => key !== "_tag") : []

const kindOf = (value: unknown): string => typeof value

const push = (map: Map<string, Array<unknown>>, key: string, value: unknown): void => {
  const known = map.get(key)
  if (known === undefined) map.set(key, [value])
  else known.push(value)
}

/** A copy whose plain objects and arrays cannot be changed. Instances of classes are left as they are. */
const frozen = <A>(value: A): A => {
  // A copy of the same shape, so of the same type.
  if (Array.isArray(value)) return Object.freeze(value.map(frozen)) as A
  if (typeof value !== "object" || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value
  return Object.freeze(Object.fromEntries(Object.entries(value).map(([key, field]) => [key, frozen(field)]))) as A
}
