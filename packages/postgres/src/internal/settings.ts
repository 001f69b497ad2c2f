import type * as Duration from "effect/Duration"

/** What a store runs with, everything filled in. */
export interface Settings {
  /** Name of the schema, quoted. */
  readonly schema: string
  /** `""` while there is no store: its id comes with the first migration. */
  storeId: string
  /** How long a batch waits for the lock of the writers. */
  readonly lockTimeout: Duration.Duration
  /** How long a call of the database may take, and how long a commit may wait for its batch. */
  readonly timeout: Duration.Duration
  /** Whether processes tell each other of new events, and of checkpoints that move. */
  readonly listen: boolean
  /** Whether the database runs in this process: then each batch first lets its callers come. */
  readonly yieldFirst: boolean
}
