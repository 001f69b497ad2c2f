/**
 * What a run and its workers, which are other processes, say to each other.
 */
import type { Place } from "./Place.ts"
import type { Planned } from "./Records.ts"
import type { Orders } from "./Workload.ts"

/** The first line of a worker. */
export interface Hello {
  readonly place: Place
  /** Whether the rows of `Chains` ride with its appends. */
  readonly inline: boolean
}

export type Name = "Chains" | "Journal"

/** What can be asked of a worker, and what it answers. */
export interface Calls {
  /** Works until it is told to finish, and answers when everything under way is through. */
  readonly work: { readonly request: Orders; readonly answer: null }
  readonly finish: { readonly request: null; readonly answer: null }
  /** Sends again what another worker has not heard of. */
  readonly again: {
    readonly request: { readonly orders: Orders; readonly commits: ReadonlyArray<Planned> }
    readonly answer: null
  }
  /** Runs projections until the end of the process. */
  readonly project: { readonly request: { readonly names: ReadonlyArray<Name> }; readonly answer: null }
  /** Waits until its projections are level with the head. */
  readonly level: { readonly request: null; readonly answer: null }
  /** Bytes in use after a collection. The process has been started with `--expose-gc`. */
  readonly heap: { readonly request: null; readonly answer: number }
}
