/**
 * The shape of payloads as JSON Schema, in one form for all that means the same: without what documents it, references
 * numbered, whatever has no order sorted. And what changed from one shape to another, in words.
 */
import type * as Event from "@varve/core/Event"
import * as Schema from "effect/Schema"
import { messageOf } from "./catalogModel.ts"
import * as text from "./catalogText.ts"

type Json = Schema.Json
type Members = Schema.JsonObject

/** What only documents. `format` and the like refuse nothing: what does is in other keywords, or in golden payloads. */
const documenting = new Set([
  "title",
  "description",
  "default",
  "examples",
  "readOnly",
  "writeOnly",
  "deprecated",
  "format",
  "contentEncoding",
  "contentMediaType",
  "contentSchema",
  "$comment",
  "$schema",
  "$id",
  "$anchor"
])

const oneSchema = new Set(["items", "additionalProperties", "propertyNames", "not", "contains"])
const schemasByName = new Set(["properties", "patternProperties", "$defs"])
const schemasInOrder = new Set(["prefixItems"])
const schemasInAnyOrder = new Set(["anyOf", "oneOf", "allOf"])
const valuesInAnyOrder = new Set(["enum", "required", "type"])

const isObject = (value: Json | undefined): value is Members =>
  typeof value === "object" && value !== null && !Array.isArray(value)
const isArray = (value: Json | undefined): value is ReadonlyArray<Json> => Array.isArray(value)

const mapValues = (members: Members, f: (value: Json) => Json): Members =>
  Object.fromEntries(Object.keys(members).sort().map((key) => [key, f(members[key]!)]))

/** Names of references depend on where they are met, which depends on the order that is to be found. */
const orderOf = (schema: Json): string => text.line(schema).replaceAll(/"\$ref":"[^"]*"/g, "")

const byText = (of: (value: Json) => string) => (a: Json, b: Json): number => {
  const [left, right] = [of(a), of(b)]
  return left < right ? -1 : left > right ? 1 : 0
}

const clean = (schema: Json): Json => {
  if (!isObject(schema)) return schema
  const kept: Array<readonly [string, Json]> = []
  for (const [key, value] of Object.entries(schema)) {
    if (documenting.has(key) || (key === "additionalProperties" && value === true)) continue
    if (oneSchema.has(key)) kept.push([key, clean(value)])
    else if (schemasByName.has(key) && isObject(value)) kept.push([key, mapValues(value, clean)])
    else if (schemasInOrder.has(key) && isArray(value)) kept.push([key, value.map(clean)])
    else if (schemasInAnyOrder.has(key) && isArray(value)) {
      kept.push([key, value.map(clean).sort(byText(orderOf))])
    } else if (valuesInAnyOrder.has(key) && isArray(value)) {
      if (value.length > 0) kept.push([key, Array.from(value).sort(byText(text.line))])
    } else kept.push([key, value])
  }
  return withoutUnionsOfOne(Object.fromEntries(kept.sort(([a], [b]) => a < b ? -1 : 1)))
}

/** One of one is that one. */
const withoutUnionsOfOne = (schema: Members): Members => {
  for (const key of schemasInAnyOrder) {
    const { [key]: members, ...rest } = schema
    if (!isArray(members) || members.length !== 1 || !isObject(members[0])) continue
    if (Object.keys(members[0]).every((name) => !Object.hasOwn(rest, name))) {
      return mapValues({ ...rest, ...members[0] }, (value) => value)
    }
  }
  return schema
}

/** Numbers the definitions in the order in which they are met. */
const number = (root: Members): Members => {
  const { $defs = {}, ...rest } = root
  const numbers = new Map<string, number>()
  const waiting: Array<readonly [string, number]> = []
  const rename = (value: Json): Json => {
    if (isArray(value)) return value.map(rename)
    if (!isObject(value)) return value
    const { $ref } = value
    if (typeof $ref !== "string" || !$ref.startsWith("#/$defs/")) return mapValues(value, rename)
    const name = decodeURIComponent($ref.slice("#/$defs/".length)).replaceAll("~1", "/").replaceAll("~0", "~")
    if (!numbers.has(name)) {
      numbers.set(name, numbers.size + 1)
      waiting.push([name, numbers.size])
    }
    return { ...mapValues(value, rename), $ref: `#/$defs/${numbers.get(name)}` }
  }
  const named = rename(rest) as Members
  const definitions: Array<readonly [string, Json]> = []
  for (const [name, at] of waiting) {
    const definition = isObject($defs) && Object.hasOwn($defs, name) ? $defs[name]! : {}
    definitions.push([String(at), rename(definition)])
  }
  return definitions.length === 0 ? named : { ...named, $defs: Object.fromEntries(definitions) }
}

/** The one form of all JSON Schemas that mean the same. Of one that has it already, the same again. */
export const canonical = (schema: Json): Json => {
  const cleaned = clean(schema)
  return isObject(cleaned) ? number(cleaned) : cleaned
}

/** The shape of what a schema encodes to in a store. Throws when JSON cannot hold it. */
export const ofPayload = (schema: Schema.Codec<unknown, unknown>): Json => {
  // Names of schemas are the program's affair: only what refers to itself needs a definition.
  const document = Schema.toJsonSchemaDocument(schema, { referencePolicy: () => undefined })
  // JSON Schemas are JSON.
  return canonical({ ...document.schema, $defs: document.definitions } as Json)
}

/** Schema of a revision's payload. What has none is a defect that names the revision. */
export const ofRevision = ({ tag }: Event.Any, { revision, schema }: Event.Revision): Json => {
  try {
    return ofPayload(schema)
  } catch (cause) {
    throw new TypeError(`Event ${tag}, revision ${revision}: its schema has no JSON Schema: ${messageOf(cause)}`, {
      cause
    })
  }
}

const lengthShown = 80

const short = (value: Json | undefined): string => {
  const shown = value === undefined ? "nothing" : text.line(value)
  return shown.length <= lengthShown ? shown : `${shown.slice(0, lengthShown)}…`
}

const bounds = (schema: Members): string => {
  const { maxItems, maxLength, maximum, minItems, minLength, minimum } = schema
  const [least, most] = [minimum ?? minLength ?? minItems, maximum ?? maxLength ?? maxItems]
  const whole = minimum === Number.MIN_SAFE_INTEGER && maximum === Number.MAX_SAFE_INTEGER
  if (whole || (least === undefined && most === undefined)) return ""
  return ` (${least === undefined ? "at most" : most === undefined ? "at least" : `${short(least)} to`} ${
    short(most ?? least)
  })`
}

/** A schema in the words of a table: `integer (1 to 100)`, `"EUR" | "USD"`, `string[]`. */
export const summary = (schema: Json | undefined): string => {
  if (!isObject(schema)) return schema === false ? "nothing" : "anything"
  const { $ref, allOf, anyOf, enum: values, items, oneOf, pattern, prefixItems, properties, type } = schema
  if (typeof $ref === "string") return `definition ${$ref.slice("#/$defs/".length)}`
  if (isArray(values)) return values.map((value) => text.line(value)).join(" | ")
  const union = anyOf ?? oneOf
  if (isArray(union)) return union.map(summary).join(" | ")
  if (isArray(prefixItems)) return `[${prefixItems.map(summary).join(", ")}]`
  if (type === "array") return `${/ /.test(summary(items)) ? `(${summary(items)})` : summary(items)}[]${bounds(schema)}`
  if (isObject(properties)) return `{ ${Object.keys(properties).join(", ")} }`
  const more = typeof pattern === "string" ? ` like ${short(pattern)}` : isArray(allOf) ? ", with conditions" : ""
  return `${typeof type === "string" ? type : "anything"}${bounds(schema)}${more}`
}

/** Fields of a payload, for a table. */
export const fields = (
  schema: Json
): ReadonlyArray<{ readonly field: string; readonly type: string; readonly optional: boolean }> => {
  if (!isObject(schema) || !isObject(schema["properties"])) return []
  const required = new Set(isArray(schema["required"]) ? schema["required"] : [])
  return Object.entries(schema["properties"]).map(([field, of]) => ({
    field,
    type: summary(of),
    optional: !required.has(field)
  }))
}

const at = (path: string): string => path === "" ? "the payload" : `field ${path}`
const inside = (path: string, name: string): string => path === "" ? name : `${path}.${name}`

const diffFields = (path: string, before: Members, after: Members): ReadonlyArray<string> => {
  const [old, now] = [before["properties"] ?? {}, after["properties"] ?? {}] as [Members, Members]
  const needs = (schema: Members, name: string) => isArray(schema["required"]) && schema["required"].includes(name)
  return Array.from(new Set([...Object.keys(old), ...Object.keys(now)])).sort().flatMap((name) => {
    const field = at(inside(path, name))
    if (!Object.hasOwn(now, name)) return [`${field} (${summary(old[name])}) is gone`]
    if (!Object.hasOwn(old, name)) {
      return [`${field} (${needs(after, name) ? "" : "optional "}${summary(now[name])}) is new`]
    }
    const optional = needs(before, name) === needs(after, name)
      ? []
      : [`${field} became ${needs(after, name) ? "required" : "optional"}`]
    return [...optional, ...diff(old[name]!, now[name]!, inside(path, name))]
  })
}

const diffEnum = (path: string, before: ReadonlyArray<Json>, after: ReadonlyArray<Json>): ReadonlyArray<string> => {
  const without = (all: ReadonlyArray<Json>, others: ReadonlyArray<Json>) => {
    const lines = new Set(others.map(text.line))
    return all.map(text.line).filter((value) => !lines.has(value)).join(", ")
  }
  const [lost, won] = [without(before, after), without(after, before)]
  return [
    ...(lost === "" ? [] : [`${at(path)} no longer takes ${lost}`]),
    ...(won === "" ? [] : [`${at(path)} takes ${won} as well`])
  ]
}

const diffKeyword = (path: string, key: string, before: Json | undefined, after: Json | undefined) => {
  if (text.line(before ?? null) === text.line(after ?? null)) return []
  if (key === "enum" && isArray(before) && isArray(after)) return diffEnum(path, before, after)
  if (key === "items") return diff(before ?? {}, after ?? {}, `${path}[]`)
  if (key === "additionalProperties") return diff(before ?? {}, after ?? {}, inside(path, "*"))
  if (key === "$defs" && isObject(before) && isObject(after)) {
    return Object.keys({ ...before, ...after }).flatMap((name) =>
      diff(before[name] ?? {}, after[name] ?? {}, `(definition ${name})`)
    )
  }
  const [old, now] = schemasInAnyOrder.has(key)
    ? [summary({ [key]: before ?? [] }), summary({ [key]: after ?? [] })]
    : [short(before), short(after)]
  return [
    before === undefined
      ? `${at(path)}: ${key} ${now} is new`
      : after === undefined
      ? `${at(path)}: ${key} ${old} is gone`
      : `${at(path)}: ${key} ${old} became ${now}`
  ]
}

/** What changed from one canonical schema to another. Not empty when they differ. */
export const diff = (before: Json, after: Json, path = ""): ReadonlyArray<string> => {
  if (text.line(before) === text.line(after)) return []
  const whole = [`${at(path)}: ${summary(before)} became ${summary(after)}`]
  if (!isObject(before) || !isObject(after)) return whole
  const kind = (schema: Members) =>
    [short(schema["type"]), ...["$ref", "anyOf", "oneOf", "enum"].filter((key) => key in schema)].join()
  if (kind(before) !== kind(after)) return whole
  const keys = Array.from(new Set([...Object.keys(before), ...Object.keys(after)])).sort()
  const found = [
    ...diffFields(path, before, after),
    ...keys.filter((key) => key !== "properties" && key !== "required").flatMap((key) =>
      diffKeyword(path, key, before[key], after[key])
    )
  ]
  return found.length === 0 ? whole : found
}
