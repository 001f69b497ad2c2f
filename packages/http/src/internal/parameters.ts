import type { Projection } from "@varve/core"
import * as Rows from "@varve/core/Rows"
import * as codecs from "./codecs.ts"

/** The parameters of a query. Throws where a value is none of its field. */
export const parametersOf = (projection: Projection.Any, query: Rows.Query = {}): URLSearchParams => {
  const { from, index, to, where = {} } = query
  const { field } = codecs.projection(projection)
  const parameters = new URLSearchParams()
  if (index !== undefined) parameters.set("index", index)
  const fields = index === undefined ? [] : Rows.indexesOf(projection)[index] ?? []
  for (const [name, value] of Object.entries(where)) {
    const text = fields.includes(name) ? codecs.encodeField(field(name), value) : codecs.encodeScalar(value)
    parameters.set(`where.${name}`, text)
  }
  const next = fields[Object.keys(where).length]
  for (const [name, value] of [["from", from], ["to", to]] as const) {
    if (value === undefined) continue
    // Keys are texts: without an index they are sent as they are.
    parameters.set(name, next === undefined ? String(value) : codecs.encodeField(field(next), value))
  }
  return parameters
}
