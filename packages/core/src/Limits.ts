/**
 * Bounds on everything a caller hands to a store.
 *
 * A store refuses what is beyond them before anything is written, with a `Refused` that names the limit. They are
 * the same for every store, so that a program that runs in memory runs on a server.
 *
 * @since 0.1.0
 */

/**
 * Longest id of a stream, and longest tenant, in bytes of UTF-8.
 *
 * @category limits
 * @since 0.1.0
 */
export const idBytes = 512

/**
 * What a category and an event type look like: a letter, then up to 127 letters, digits or underscores.
 *
 * @category limits
 * @since 0.1.0
 */
export const namePattern: RegExp = /^[A-Za-z][A-Za-z0-9_]{0,127}$/

/**
 * Largest payload of one event, in bytes of its JSON text.
 *
 * @category limits
 * @since 0.1.0
 */
export const payloadBytes = 1_048_576

/**
 * Largest metadata of one commit, in bytes of its JSON text.
 *
 * @category limits
 * @since 0.1.0
 */
export const metadataBytes = 65_536

/**
 * Deepest nesting of a payload.
 *
 * @category limits
 * @since 0.1.0
 */
export const payloadDepth = 100

/**
 * Most events of one commit.
 *
 * @category limits
 * @since 0.1.0
 */
export const eventsPerCommit = 1_000

/**
 * Most streams that one commit writes or checks.
 *
 * @category limits
 * @since 0.1.0
 */
export const streamsPerCommit = 256

/**
 * Largest commit, in bytes of the JSON text of its payloads.
 *
 * @category limits
 * @since 0.1.0
 */
export const commitBytes = 8_388_608

/**
 * Most events of one page. A page may hold more by what completes its last commit.
 *
 * @category limits
 * @since 0.1.0
 */
export const eventsPerPage = 10_000

/**
 * Events of one page when the reader does not say.
 *
 * @category limits
 * @since 0.1.0
 */
export const eventsPerPageDefault = 1_000

/**
 * Events of one page that is read ahead, when the reader does not say.
 *
 * @category limits
 * @since 0.1.0
 */
export const eventsPerPageAhead = 5_000

/**
 * Positions that one page may examine. A filter that matches rarely comes back with fewer events than asked for, and
 * with how far it has looked.
 *
 * @category limits
 * @since 0.1.0
 */
export const positionsPerPage = 100_000

/**
 * Most commits sent to a database in one call.
 *
 * @category limits
 * @since 0.1.0
 */
export const commitsPerBatch = 256

/**
 * Most events sent to a database in one call. A commit larger than that travels alone.
 *
 * @category limits
 * @since 0.1.0
 */
export const eventsPerBatch = 1_000

/**
 * Most commits that wait in one process for the batch before them. The next one is `Unavailable`.
 *
 * @category limits
 * @since 0.1.0
 */
export const pendingCommits = 20_000

/**
 * Most commands that wait in one process for their turn on one instance. The next one is `Unavailable`.
 *
 * @category limits
 * @since 0.1.0
 */
export const pendingCommands = 10_000

/**
 * Most decisions of one instance that are under way to the store at a time.
 *
 * @category limits
 * @since 0.1.0
 */
export const decisionsInFlight = 256

/**
 * Most events that one stored event is split into.
 *
 * @category limits
 * @since 0.1.0
 */
export const eventsPerSplit = 100

/**
 * Most names (sources, categories and types) of one filter.
 *
 * @category limits
 * @since 0.1.0
 */
export const namesPerFilter = 10_000

/**
 * Earliest time that something can have happened: the beginning of the year 1, in milliseconds since 1970.
 *
 * @category limits
 * @since 0.1.0
 */
export const earliestMillis = -62_135_596_800_000

/**
 * Latest time that something can have happened: the end of the year 9999, in milliseconds since 1970.
 *
 * @category limits
 * @since 0.1.0
 */
export const latestMillis = 253_402_300_799_999

/**
 * How often a commit is sent again when its acknowledgement was lost, before that surfaces as `OutcomeUnknown`.
 *
 * @category limits
 * @since 0.1.0
 */
export const resends = 4

/**
 * How often a decision may fall with a commit of the same process that it rested on, before that surfaces as
 * `Unavailable`.
 *
 * @category limits
 * @since 0.1.0
 */
export const fallsPerCommand = 100

/**
 * Largest row of a projection, in bytes of its JSON text.
 *
 * @category limits
 * @since 0.1.0
 */
export const rowBytes = 1_048_576

/**
 * Most indexes of a projection.
 *
 * @category limits
 * @since 0.1.0
 */
export const indexesPerProjection = 4

/**
 * Most bytes that the fields of a row take in one index.
 *
 * @category limits
 * @since 0.1.0
 */
export const indexBytes = 1_024

/**
 * Most rows that one event belongs to.
 *
 * @category limits
 * @since 0.1.0
 */
export const keysPerEvent = 1_000

/**
 * Most keys of one `getMany`.
 *
 * @category limits
 * @since 0.1.0
 */
export const keysPerRead = 10_000

/**
 * Most rows of one page of a list.
 *
 * @category limits
 * @since 0.1.0
 */
export const rowsPerPage = 1_000

/**
 * Rows of one page of a list when the reader does not say.
 *
 * @category limits
 * @since 0.1.0
 */
export const rowsPerPageDefault = 100

/**
 * Most partitions of a projection or a subscription.
 *
 * @category limits
 * @since 0.1.0
 */
export const partitions = 64

/**
 * Most events that a projection or a subscription keeps parked. With one more it halts.
 *
 * @category limits
 * @since 0.1.0
 */
export const parkedEvents = 100_000

/**
 * Most events that a question of the past, or of a live projection, reads, unless told.
 *
 * @category limits
 * @since 0.1.0
 */
export const eventsPerQuestion = 1_000_000

/**
 * Most events that one `restore` writes: a full page, and what completes its last commit.
 *
 * @category limits
 * @since 0.1.0
 */
export const eventsPerRestore = 11_000

/**
 * Most bytes of one `restore`: of the JSON texts of its payloads, and of the metadata of its commits.
 *
 * @category limits
 * @since 0.1.0
 */
export const bytesPerRestore = 67_108_864

/**
 * Most programs that a store knows of at a time.
 *
 * @category limits
 * @since 0.1.0
 */
export const programs = 1_000

/**
 * Most types that one program reads.
 *
 * @category limits
 * @since 0.1.0
 */
export const readsPerProgram = 10_000

/**
 * Highest revision of an event.
 *
 * @category limits
 * @since 0.1.0
 */
export const revisions = 32_767

/**
 * Largest state of a snapshot, in bytes of its JSON text.
 *
 * @category limits
 * @since 0.1.0
 */
export const snapshotBytes = 1_048_576

/**
 * Most instances of a process whose snapshots wait to be saved. Of one more none is saved this time.
 *
 * @category limits
 * @since 0.1.0
 */
export const pendingSnapshots = 1_000

/**
 * Longest stream of which there are snapshots: its highest version.
 *
 * @category limits
 * @since 0.1.0
 */
export const snapshotVersion = 2_147_483_647
