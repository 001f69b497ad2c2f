/** Makes stored events what the program of today would store. */
import type * as Domain from "@varve/core/Domain"
import * as Event from "@varve/core/Event"
import type { StoredEvent } from "@varve/core/StoredEvent"
import * as Upcaster from "@varve/core/Upcaster"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import type * as Copy from "../Copy.ts"
import type { Project } from "../Project.ts"
import { Failed, failed } from "./Failed.ts"

/** An event of the new store, without its place. */
export interface Output {
  readonly type: string
  readonly revision: number
  /** `null` when it was erased. */
  readonly payload: Schema.JsonObject | null
  /** The event itself; none when it was erased. */
  readonly event: { readonly _tag: string } | undefined
}

type Reader = Upcaster.Reader<{ readonly _tag: string }>

/** The streams of an aggregate, and how they are read. */
export interface Category {
  readonly aggregate: Domain.AggregatePart
  readonly definitions: ReadonlyMap<string, Event.Any>
  /** Reads the old store. */
  readonly reader: Reader
  /** Reads the new store. */
  readonly copied: Reader
  readonly merge: Copy.Merge | undefined
}

/** Stored category to what is known of it. */
export type Categories = ReadonlyMap<string, Category>

/** What cannot be read is told, whatever a program of the project passes over. */
const strict = { unknownType: "fail", newerRevision: "fail", erased: "fail", readers: {}, writeRevision: {} } as const

const messageOf = (error: unknown): string => error instanceof Error ? error.message : String(error)

/** How each category of a project is read. */
export const categories = (project: Project, options: Upcaster.Options): Effect.Effect<Categories, Failed> =>
  Effect.try({
    try: () => {
      const old = Upcaster.make({ ...options, ...strict })
      // The new store knows aggregates by their own names. Old names of types are left to events that were erased.
      const copied = Upcaster.make({ ...options, ...strict, categories: {} })
      const merges = new Map<string, Copy.Merge>()
      for (const merge of project.copy) {
        const { tag } = merge.aggregate
        if (merges.has(tag)) throw new Error(`Project.copy: ${tag} is merged twice`)
        merges.set(tag, merge)
      }
      const known = new Map<string, Category>()
      for (const { aggregates, events } of project.domains) {
        for (const aggregate of aggregates) {
          // All events of the domain, so that what a split makes of an event for another aggregate is not lost unseen.
          const request = { aggregates: [aggregate.tag], events }
          known.set(old.category(aggregate.tag), {
            aggregate,
            definitions: new Map(aggregate.events.map((event) => [event.tag, event])),
            reader: old.reader(request),
            copied: copied.reader(request),
            merge: merges.get(aggregate.tag)
          })
          merges.delete(aggregate.tag)
        }
      }
      for (const tag of merges.keys()) throw new Error(`Project.copy: no domain has an aggregate ${tag}`)
      return known
    },
    catch: (error) => new Failed({ message: messageOf(error) })
  })

/** The name of a type after its renames. */
const nameToday = ({ renamed = {} }: Upcaster.Options, type: string): string => {
  let name = type
  while (Object.hasOwn(renamed, name)) name = renamed[name]!.tag
  return name
}

/** An event as the program of today stores it. */
export const encode = (
  what: string,
  { aggregate, definitions }: Category,
  event: { readonly _tag: string }
): Result.Result<Output, Failed> => {
  const definition = definitions.get(event._tag)
  if (definition === undefined) {
    const names = Array.from(definitions.keys()).join(", ")
    return Result.fail(failed(what, `events of ${aggregate.tag} (${names})`, `a ${event._tag}`))
  }
  // The tag has found the definition, and its schema judges the rest.
  const payload = Event.encode(definition, event as never)
  return Result.isSuccess(payload)
    ? Result.succeed({ type: definition.tag, revision: definition.revision, payload: payload.success, event })
    : Result.fail(failed(what, `a ${definition.tag} that fits its schema`, payload.failure.message))
}

/** Why a stored event becomes nothing that can be stored. */
export class Unread {
  readonly message: string
  constructor(message: string) {
    this.message = message
  }
}

/** What a stored event becomes: none, one or several events. */
export const read = (
  options: Upcaster.Options,
  known: Categories,
  stored: StoredEvent
): ReadonlyArray<Output> | Unread => {
  const category = known.get(stored.stream.category)
  if (category === undefined) {
    const names = Array.from(known.keys()).join(", ")
    return new Unread(
      `${stored.type} at position ${stored.position}: expected a category of the project (${names}), `
        + `got ${stored.stream.category}`
    )
  }
  const upcast = category.reader.upcast(stored)
  if (Result.isFailure(upcast)) {
    if (upcast.failure.why !== "Erased") return new Unread(upcast.failure.message)
    const { revision, type } = stored
    return [{ type: nameToday(options, type), revision, payload: null, event: undefined }]
  }
  const what = `what ${stored.type} at position ${stored.position} becomes`
  const outputs: Array<Output> = []
  for (const { event } of upcast.success) {
    const encoded = encode(what, category, event)
    if (Result.isFailure(encoded)) return new Unread(encoded.failure.message)
    outputs.push(encoded.success)
  }
  return outputs
}
