import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import * as Event from "../Event.ts"
import { Refused } from "../EventStoreError.ts"
import * as chain from "./chain.ts"
import * as definition from "./definition.ts"
import type { Form, Options } from "./upcaster.ts"

/** Which forms are asked for. */
type Asked = Pick<Options, "writeRevision">

/** A mistake that shows without an event at hand: a type that nobody writes any more. */
export const check = (steps: chain.Steps, { writeRevision = {} }: Asked): void => {
  const named = Object.entries(writeRevision)
  for (const [type, revision] of named) {
    definition.checkRevision(`Upcaster: writeRevision of ${type}`, revision)
    const today = chain.nameToday(steps, type)
    if (steps.has(today)) {
      throw definition.defect(`Upcaster: writeRevision of ${type}: it is split or dropped, and not written`)
    }
    const renamed = chain.renamedTo(steps, type)
    if (renamed !== undefined) checkForm(renamed, { type, revision })
  }
  for (const tag of definition.duplicates(named.map(([type]) => chain.nameToday(steps, type)))) {
    throw definition.defect(`Upcaster: writeRevision says more than once how ${tag} is written`)
  }
}

const checkForm = (event: Event.Any, { revision, type }: Form): void => {
  const oldest = Event.oldestWritable(event)
  if (revision >= oldest && revision <= event.revision) return
  const name = type === event.tag ? type : `${type}, which is ${event.tag} today`
  const range = oldest === event.revision ? `${oldest}` : `one from ${oldest} to ${event.revision}`
  throw definition.defect(
    `Upcaster: writeRevision of ${name}: expected ${range}, got ${revision}: `
      + (revision > event.revision ? "there is no such revision" : `revision ${oldest} of ${event.tag} has no downcast`)
  )
}

/** The form that the options ask for. A revision that does not exist, or that nothing leads down to, is a defect. */
export const asked = (steps: chain.Steps, { writeRevision = {} }: Asked, event: Event.Any): Form => {
  for (const type of chain.namesOf(steps, event.tag)) {
    if (!Object.hasOwn(writeRevision, type)) continue
    const form = { type, revision: writeRevision[type]! }
    checkForm(event, form)
    return form
  }
  return { type: event.tag, revision: event.revision }
}

/** Every form that an event can be written in, from the one that is asked for on. */
export const all = (steps: chain.Steps, options: Asked, event: Event.Any): ReadonlyArray<Form> => {
  const from = asked(steps, options, event)
  const names = chain.namesOf(steps, event.tag)
  const oldest = Event.oldestWritable(event)
  return names.slice(names.indexOf(from.type)).flatMap((type) =>
    Array.from({ length: from.revision - oldest + 1 }, (_, i) => ({ type, revision: from.revision - i }))
  )
}

/** What `Upcaster.write` gives. */
export type Written = Result.Result<Form & { readonly payload: Schema.JsonObject }, Refused>

const refused = (event: Event.Any, { revision, type }: Form, expected: string, actual: string) => {
  const as = type === event.tag && revision === event.revision ? "" : ` (as ${type}, revision ${revision})`
  return Result.fail(new Refused({ what: `event ${event.tag}${as}`, expected, actual }))
}

/** Encodes an event in its newest revision. */
const newest = <E extends Event.Any>(event: E, value: Event.Type<E>, type: string): Written => {
  const { revision } = event
  const encoded = Event.encode(event, value)
  return Result.isSuccess(encoded)
    ? Result.succeed({ type, revision, payload: encoded.success })
    : refused(event, { type, revision }, `what revision ${revision} asks for`, encoded.failure.message)
}

/** Encodes an event in a form. */
const write = <E extends Event.Any>(
  steps: chain.Steps,
  event: E,
  value: Event.Type<E>,
  form: Form
): Written => {
  const { revision, type } = form
  const refuse = (expected: string, actual: string) => refused(event, form, expected, actual)
  if (type !== event.tag && chain.nameToday(steps, type) !== event.tag) {
    return refuse(`${event.tag} or an old name of it`, type)
  }
  if (revision === event.revision) return newest(event, value, type)
  const encoded = Event.encodeAs(event, value, revision)
  if (Result.isSuccess(encoded)) return Result.succeed({ type, revision, payload: encoded.success })
  const { cause, revision: at, why } = encoded.failure
  switch (why) {
    case "InvalidEvent":
      return refuse(`what revision ${at} asks for`, definition.reasonOf(cause))
    case "UnknownRevision":
      return refuse(`a revision from 1 to ${event.revision}`, String(revision))
    case "NoDowncast":
      return refuse(`a downcast of revision ${at}`, "none")
    case "DowncastFailed":
      return refuse(
        `what revision ${at - 1} asks for`,
        `from the downcast of revision ${at}: ${definition.reasonOf(cause)}`
      )
  }
}

/** Writes events in the form that is chosen for each, or that the options ask for. */
export const writer = (
  steps: chain.Steps,
  options: Asked,
  choose: ((aggregate: string, event: Event.Any) => Form | Refused) | undefined
): <E extends Event.Any>(aggregate: string, event: E, value: Event.Type<E>) => Written => {
  check(steps, options)
  if (choose !== undefined) {
    return (aggregate, event, value) => {
      const form = choose(aggregate, event)
      return form instanceof Refused ? Result.fail(form) : write(steps, event, value, form)
    }
  }
  // Nothing is told in most programs, for most of their lives: that costs nothing.
  if (options.writeRevision === undefined) {
    return (_, event, value) => newest(event, value, event.tag)
  }
  const known = new WeakMap<Event.Any, Form>()
  return (_, event, value) => {
    let form = known.get(event)
    if (form === undefined) known.set(event, form = asked(steps, options, event))
    return write(steps, event, value, form)
  }
}
