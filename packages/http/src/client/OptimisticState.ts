/**
 * What an optimistic client shows: commands on their way, and rows with the events of those on top.
 *
 * @since 0.1.0
 */
import type { CommitId } from "@varve/core"
import type { ProjectionError } from "@varve/core/ProjectionError"
import type * as DateTime from "effect/DateTime"
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"

/**
 * A value that changes, in the form that `useSyncExternalStore` of React takes, and that every other framework can.
 *
 * **Details**
 *
 * `getSnapshot` gives the same value, by identity, until it has changed. A listener is called after it has changed.
 *
 * @category models
 * @since 0.1.0
 */
export interface Live<A> {
  readonly getSnapshot: () => A
  /** Calls the listener until the function that it returns is called. */
  readonly subscribe: (listener: () => void) => () => void
}

/**
 * What the client expects to come of a command.
 *
 * **Details**
 *
 * - `Unknown`: the state of the instance is not known, or the command is waiting for one whose outcome is unknown
 * - `Accepted`: these events, which rows are shown with
 * - `Rejected`: this rejection. The command is sent all the same
 * - `Moved`: the instance is not at the version that the caller expected, but at this one
 *
 * @category models
 * @since 0.1.0
 */
export type Prediction =
  | { readonly _tag: "Unknown" }
  | { readonly _tag: "Accepted"; readonly events: ReadonlyArray<unknown> }
  | { readonly _tag: "Rejected"; readonly rejection: unknown }
  | { readonly _tag: "Moved"; readonly version: number }

/**
 * A command on its way.
 *
 * **Details**
 *
 * - `queued`: the server has not got it: it waits for those before it, or for the connection
 * - `sent`: the server may have got it, and has not said what came of it
 * - `stored`: its events are stored; rows that are shown have not seen them yet
 *
 * @category models
 * @since 0.1.0
 */
export interface Pending {
  readonly commitId: CommitId.CommitId
  readonly aggregate: string
  readonly id: string
  readonly command: { readonly _tag: string }
  readonly status: "queued" | "sent" | "stored"
  /** How often it was sent. */
  readonly attempts: number
  readonly prediction: Prediction
  /** When it was given. */
  readonly since: DateTime.Utc
}

/**
 * A command that came to nothing, whose events are gone from the rows.
 *
 * @category models
 * @since 0.1.0
 */
export interface Failed extends Pending {
  /** What `execute` has failed with: a rejection, or an `ExecutionError`. */
  readonly error: unknown
}

/**
 * A row that is watched.
 *
 * @category models
 * @since 0.1.0
 */
export interface Row<A> {
  /** Nothing is known of it yet. */
  readonly loading: boolean
  /** The row as it will be when all pending commands are stored as predicted. */
  readonly row: Option.Option<A>
  /** The row as the server has told it. */
  readonly confirmed: Option.Option<A>
  /** The commands whose events are on the one and not in the other. */
  readonly pending: ReadonlyArray<CommitId.CommitId>
  /** Everything up to here is in what is confirmed. */
  readonly position: number
  /** How many positions what is confirmed is behind the newest stored command that it waits for; 0 when it waits for none. */
  readonly behind: number
  /** Why nothing comes at present. */
  readonly error: Option.Option<ProjectionError>
}

/**
 * The rows of a query that is watched: all of them, in its order.
 *
 * @category models
 * @since 0.1.0
 */
export interface List<A> {
  /** Some of the rows may be missing yet. */
  readonly loading: boolean
  readonly rows: ReadonlyArray<{
    readonly key: string
    /** As in `Row.row`. */
    readonly row: A
    /** As the server has told it; none when it was not among the rows of the query. */
    readonly confirmed: Option.Option<A>
    readonly pending: ReadonlyArray<CommitId.CommitId>
  }>
  /** The commands whose events are on any of the rows. */
  readonly pending: ReadonlyArray<CommitId.CommitId>
  readonly position: number
  readonly behind: number
  readonly error: Option.Option<ProjectionError>
}

/**
 * Where commands that the server has not answered are kept, so that a program that ends in between sends them when it
 * starts again.
 *
 * **Gotchas**
 *
 * One client at a time: two that keep under one name lose each other's commands. `sessionStorage` of a browser is that
 * of one tab, and outlives a reload.
 *
 * @category models
 * @since 0.1.0
 */
export interface Storage {
  readonly load: Effect.Effect<string | null | undefined, unknown>
  /** Replaces what was kept. */
  readonly save: (text: string) => Effect.Effect<void, unknown>
}
