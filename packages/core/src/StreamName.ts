/**
 * Names streams: the events of one instance of an aggregate.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * Key of a stream: whose it is, the name of its aggregate, and the id of one instance.
 *
 * **Details**
 *
 * `tenant` is `""` unless set. Ids are compared byte by byte. `category` is the stored name of an aggregate.
 *
 * @category models
 * @since 0.1.0
 */
export interface StreamName {
  readonly tenant: string
  readonly category: string
  readonly id: string
}

/**
 * Schema of a `StreamName`, for errors and receipts that travel.
 *
 * @category schemas
 * @since 0.1.0
 */
export const StreamName: Schema.Codec<StreamName> = Schema.Struct({
  tenant: Schema.String,
  category: Schema.String,
  id: Schema.String
})

/**
 * Names a stream of the default tenant, unless told.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (category: string, id: string, tenant = ""): StreamName => ({ tenant, category, id })

/**
 * One string per stream, equal only for equal names. For maps and logs; nothing parses it.
 *
 * **Details**
 *
 * `BankAccount/ada` for the default tenant, `BankAccount/ada@acme` for the tenant `acme` (escaped where needed).
 *
 * @category formatting
 * @since 0.1.0
 */
export const format = ({ category, id, tenant }: StreamName): string =>
  tenant === "" && !id.includes("@") ? `${category}/${id}` : `${category}/${escape(id)}@${escape(tenant)}`

const escape = (text: string): string => text.replaceAll("%", "%25").replaceAll("@", "%40")
