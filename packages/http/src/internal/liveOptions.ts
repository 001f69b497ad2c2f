import * as Duration from "effect/Duration"

/** Documented at `Live.Options`. */
export interface LiveOptions {
  /** After this long without anything new, a reader is told that there is nothing: 15 seconds. */
  readonly heartbeat?: Duration.Input | undefined
  /** A reader that takes nothing of what waits for it is cut after this long: 30 seconds. */
  readonly stall?: Duration.Input | undefined
  /** How long what nobody follows any more is kept: 10 seconds. */
  readonly grace?: Duration.Input | undefined
  /** How long a reader may wait for its first rows: 5 seconds. */
  readonly wait?: Duration.Input | undefined
  /** Most rows that wait for one reader. With one more, it is told to start anew: 1,000. */
  readonly pendingRows?: number | undefined
  /** Most rows of a list that is followed: 10,000. A longer one is `Refused`. */
  readonly rowsPerList?: number | undefined
  /** Most lists that are followed at a time, of one projection and tenant: 1,000. One more is `Unavailable`. */
  readonly listsPerProjection?: number | undefined
  /** Most readers at a time: 20,000. One more is `Unavailable`. */
  readonly subscribers?: number | undefined
  /** Most of them for one client: 2,000. */
  readonly subscribersPerClient?: number | undefined
  /** Most connections at a time: 20,000. One more is `Unavailable`. */
  readonly connections?: number | undefined
  /** Most of them from one client: 100. */
  readonly connectionsPerClient?: number | undefined
  /** A WebSocket over which nothing is followed is closed after this long, whatever it says: 30 seconds. */
  readonly idle?: Duration.Input | undefined
  /**
   * Longest age of a connection: an hour. It is over after this long or up to a fifth earlier, so that those that were made
   * together do not end together. Who comes back is asked for credentials again, and told the rest.
   */
  readonly age?: Duration.Input | undefined
}

/** The bounds of live rows: times in milliseconds. */
export interface Bounds {
  readonly heartbeatMillis: number
  readonly stallMillis: number
  readonly graceMillis: number
  readonly waitMillis: number
  readonly pendingRows: number
  readonly rowsPerList: number
  readonly listsPerProjection: number
  readonly subscribers: number
  readonly subscribersPerClient: number
  readonly connections: number
  readonly connectionsPerClient: number
  readonly idleMillis: number
  readonly ageMillis: number
}

/** Most changes that are handed on together: to a socket, or to a response. */
export const rowsPerBatch = 256

/** Most keys of a projection and tenant whose last change is known, so that a reader who was away is told no row twice. */
export const recentKeys = 100_000

/** Most rows, in all, that the lists of one projection and tenant keep. */
export const rowsKept = 200_000

/** Most pairs of a projection and a tenant that are followed at a time. */
export const feeds = 1_000

/** How often it is looked whether a reader or a connection is beyond a bound of time: this often within the shortest. */
export const looksPerBound = 5

/** Rows that are read one by one where they cannot be read together, at a time. */
export const singleReads = 8

/** Pauses before a feed that failed is opened again, in milliseconds: the first, and the longest; and how often. */
export const firstRetryMillis = 50
export const longestRetryMillis = 2_000
export const retries = 20

/** The part of the longest age that chance takes from that of a connection, at the most. */
export const ageJitter = 0.2

/** How long whoever listens may take to be told that it is over, in milliseconds. */
export const lastWordsMillis = 1_000

/** A whole number of at least 1, or a defect of the program. */
const count = (name: string, value: number): number => {
  if (Number.isSafeInteger(value) && value >= 1) return value
  throw new TypeError(`Live, ${name}: expected a whole number of at least 1, got ${value}`)
}

const millis = (name: string, value: Duration.Input): number => {
  const found = Duration.toMillis(value)
  if (found > 0 && Number.isFinite(found)) return found
  throw new TypeError(`Live, ${name}: expected a time of more than nothing, got ${found} ms`)
}

export const boundsOf = (options: LiveOptions = {}): Bounds => ({
  heartbeatMillis: millis("heartbeat", options.heartbeat ?? 15_000),
  stallMillis: millis("stall", options.stall ?? 30_000),
  graceMillis: millis("grace", options.grace ?? 10_000),
  waitMillis: millis("wait", options.wait ?? 5_000),
  pendingRows: count("pendingRows", options.pendingRows ?? 1_000),
  rowsPerList: count("rowsPerList", options.rowsPerList ?? 10_000),
  listsPerProjection: count("listsPerProjection", options.listsPerProjection ?? 1_000),
  subscribers: count("subscribers", options.subscribers ?? 20_000),
  subscribersPerClient: count("subscribersPerClient", options.subscribersPerClient ?? 2_000),
  connections: count("connections", options.connections ?? 20_000),
  connectionsPerClient: count("connectionsPerClient", options.connectionsPerClient ?? 100),
  idleMillis: millis("idle", options.idle ?? 30_000),
  ageMillis: millis("age", options.age ?? 3_600_000)
})
