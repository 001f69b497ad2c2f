import type { Projection } from "@varve/core"
import * as EventStoreError from "@varve/core/EventStoreError"
import * as ProjectionError from "@varve/core/ProjectionError"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as answers from "./answers.ts"
import * as codecs from "./codecs.ts"
import * as livePlace from "./livePlace.ts"

/** What a server tells, over SSE or WebSocket. */
export interface Heard {
  readonly type: string
  /** JSON text. */
  readonly data: string
  readonly at: string | undefined
}

/** A row that was told, or that there is none, and the text of it. */
interface Found {
  readonly key: string
  readonly row: Option.Option<unknown>
  readonly text: string
}

/** What to do next. */
export type Heeded =
  | { readonly _tag: "Changes"; readonly changes: ReadonlyArray<Projection.Change<unknown>> }
  /** Come back, to be told the rest. */
  | { readonly _tag: "Over" }
  | { readonly _tag: "Failed"; readonly error: ProjectionError.ProjectionError }

/**
 * Makes changes of what a server tells, over any number of connections. It knows what it has told on, so that a row that is
 * told again when a connection was lost is no change, and one that has gone meanwhile is one.
 */
export class Follower {
  /** Where to resume. */
  after: string | undefined
  /** Whether a server has ever told anything but a failure. */
  private hasHeard = false
  /** Connections that came to nothing, one after the other. */
  failures = 0
  private position: number
  private readonly projection: Projection.Any
  private readonly key: string | undefined
  /** The JSON texts that were told on last. Of a list, no more rows than the server lets it have. */
  private readonly known = new Map<string, string>()
  /** Whether it knows every row that its reader knows: not of one who came with rows from before. */
  private knowsAll: boolean
  /** What was told since all rows are told anew: held back until that is all, whose position its changes bear. */
  private filling: Map<string, Found> | undefined

  constructor(projection: Projection.Any, key: string | undefined, after: codecs.Place | undefined) {
    this.projection = projection
    this.key = key
    this.after = after && livePlace.encode({ ...after, revision: undefined })
    this.position = after?.position ?? 0
    this.knowsAll = after === undefined
  }

  /** A connection was lost: what it had not told to the end does not count. */
  lose(): void {
    this.filling = undefined
  }

  hear({ at, data, type }: Heard): Heeded {
    if (type === "failure") return this.failure(data)
    this.hasHeard = true
    this.failures = 0
    switch (type) {
      case "row":
        return this.row(data, at)
      case "resync":
        this.filling = new Map()
        this.moveTo(at)
        return changed([])
      case "level":
        this.moveTo(at)
        return changed(this.settle())
      case "heartbeat":
        this.moveTo(at)
        return changed([])
      case "end":
        this.moveTo(at)
        return { _tag: "Over" }
      default:
        // A newer server says more than this client knows.
        return changed([])
    }
  }

  private row(text: string, at: string | undefined): Heeded {
    const found = this.decode(text)
    if (found instanceof ProjectionError.ProjectionError) return { _tag: "Failed", error: found }
    if (this.filling === undefined) {
      this.moveTo(at)
      return changed(this.news(found))
    }
    this.filling.set(found.key, found)
    if (at === undefined) return changed([])
    // A row with a place is the last one: whoever comes back to that place is not told any more which have gone.
    this.moveTo(at)
    return changed(this.settle())
  }

  /** All rows have been told anew: those that were not have gone. */
  private settle(): ReadonlyArray<Projection.Change<unknown>> {
    const { filling } = this
    if (filling === undefined) return []
    this.filling = undefined
    const gone = Array.from(this.known.keys())
      .filter((key) => !filling.has(key))
      .map((key) => this.tell({ key, row: Option.none(), text: "" }))
    return [...gone, ...Array.from(filling.values()).flatMap((found) => this.news(found))]
  }

  private news(found: Found): ReadonlyArray<Projection.Change<unknown>> {
    return this.isNews(found) ? [this.tell(found)] : []
  }

  private isNews({ key, row, text }: Found): boolean {
    // What has come and gone unseen, and what is told again to have left a list, was no row of the reader.
    if (this.key === undefined && Option.isNone(row) && !this.known.has(key)) return !this.knowsAll
    return this.known.get(key) !== text
  }

  private tell({ key, row, text }: Found): Projection.Change<unknown> {
    // A row that has left a list is told once. That there is no such row is what a reader of one row has been told.
    if (this.key === undefined && Option.isNone(row)) this.known.delete(key)
    else this.known.set(key, text)
    return { key, row, position: this.position }
  }

  private moveTo(at: string | undefined): void {
    if (at === undefined) return
    this.after = at === "" ? undefined : at
    this.position = at === "" ? 0 : livePlace.decode(at)?.position ?? this.position
  }

  private decode(text: string): Found | ProjectionError.ProjectionError {
    const { tag } = this.projection
    try {
      const { key, row } = JSON.parse(text) as { readonly key: unknown; readonly row?: unknown }
      if (typeof key !== "string") {
        return this.refused(`row of ${tag}`, "one with a key", text.slice(0, shownCharacters))
      }
      if (row === undefined) return { key, row: Option.none(), text }
      const decoded = codecs.projection(this.projection).row.decode(row)
      return Result.isSuccess(decoded)
        ? { key, row: Option.some(decoded.success), text }
        : this.refused(`row ${key} of ${tag}`, "a row of the reader's schema", String(decoded.failure))
    } catch {
      return this.refused(`row of ${tag}`, "JSON", text.slice(0, shownCharacters))
    }
  }

  /** What a problem comes to: to come back, where the server may have more to tell then, or else an error. */
  failure(text: string, status?: number): Heeded {
    const body = parse(text)
    const decoded = codecs.projectionError.decode(body?.error)
    const { tag: target } = this.projection
    const error = Result.isSuccess(decoded)
      // The codec is that of this class.
      ? decoded.success as ProjectionError.ProjectionError
      : new ProjectionError.ProjectionError({
        target,
        reason: answers.reasonOf(`live rows of ${target}`, {
          _tag: "Answered",
          status: status ?? Number(body?.status),
          body
        })
      })
    const { _tag } = error.reason
    // A server that has just started may be behind one that was there before.
    const isPassing = _tag === "Unavailable" || (_tag === "Behind" && this.hasHeard)
    return isPassing ? { _tag: "Over" } : { _tag: "Failed", error }
  }

  private refused(what: string, expected: string, actual: string): ProjectionError.ProjectionError {
    const reason = new EventStoreError.Refused({ what, expected, actual })
    return new ProjectionError.ProjectionError({ target: this.projection.tag, reason })
  }
}

/** Characters of a wrong text that an error shows. */
const shownCharacters = 100

const changed = (changes: ReadonlyArray<Projection.Change<unknown>>): Heeded => ({ _tag: "Changes", changes })

/** The members of a problem, where a text is one. */
const parse = (text: string): { readonly [member: string]: unknown } | undefined => {
  try {
    const found: unknown = JSON.parse(text)
    return typeof found === "object" && found !== null ? found as { readonly [member: string]: unknown } : undefined
  } catch {
    return undefined
  }
}
