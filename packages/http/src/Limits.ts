/**
 * Bounds on what travels over HTTP. What is beyond them is answered with a problem that names the bound.
 *
 * @since 0.1.0
 */

/**
 * Largest body of a request, in bytes, where the API is not told another.
 *
 * @category limits
 * @since 0.1.0
 */
export const bodyBytesDefault = 1_048_576

/**
 * Largest body that asks for the rows under many keys, in bytes.
 *
 * @category limits
 * @since 0.1.0
 */
export const keysBytes = 8_388_608

/**
 * Longest idempotency key, in characters of ASCII.
 *
 * @category limits
 * @since 0.1.0
 */
export const keyCharacters = 255

/**
 * Longest time that a reader can wait for what it has written, in milliseconds.
 *
 * @category limits
 * @since 0.1.0
 */
export const waitMillis = 30_000

/**
 * The same time when the reader does not say.
 *
 * @category limits
 * @since 0.1.0
 */
export const waitMillisDefault = 5_000

/**
 * Most entries of one page of a history.
 *
 * @category limits
 * @since 0.1.0
 */
export const entriesPerPage = 1_000

/**
 * Entries of one page of a history when the reader does not say.
 *
 * @category limits
 * @since 0.1.0
 */
export const entriesPerPageDefault = 100

/**
 * Characters of JSON after which a page of a history ends, whatever it may hold.
 *
 * @category limits
 * @since 0.1.0
 */
export const charactersPerPage = 1_048_576

/**
 * Most ends of pages of histories that the instances of an aggregate keep, so that the page behind one costs no more than
 * itself.
 *
 * @category limits
 * @since 0.1.0
 */
export const pageEnds = 256

/**
 * How long such an end is of use, in milliseconds. It is dropped when another is kept or looked for after that time: until
 * then the state behind an event that was erased may be in memory.
 *
 * @category limits
 * @since 0.1.0
 */
export const pageEndMillis = 60_000

/**
 * How long a reader that waits for an instance pauses before the store is asked again, in milliseconds.
 *
 * @category limits
 * @since 0.1.0
 */
export const levelMillis = 25

/**
 * How often a client sends a request again, before what it has come to surfaces.
 *
 * @category limits
 * @since 0.1.0
 */
export const resends = 4

/**
 * How long a client waits for the answer to one request, in milliseconds, unless told.
 *
 * @category limits
 * @since 0.1.0
 */
export const answerMillis = 10_000

/**
 * Longest message of a client over a WebSocket, in characters. With a longer one the connection is closed.
 *
 * @category limits
 * @since 0.1.0
 */
export const messageCharacters = 16_384

/**
 * The same in bytes, for a server that can say what it takes: as `websocket: { maxPayload: Limits.messageBytes }` of
 * `NodeHttpServer.layer`. What is longer it closes the connection with, unread.
 *
 * @category limits
 * @since 0.1.0
 */
export const messageBytes = 65_536
