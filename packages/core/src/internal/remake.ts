import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"

/**
 * `make` of a payload that is mostly the one before it: the same as the `make` of its schema, several times as fast.
 *
 * An upcast hands on most of the fields that it gets. What is the very value that a schema has made is not made again
 * by the same schema; of what is left, most is numbers and texts, which a guard is enough for. Whatever is out of the
 * ordinary, a mistake above all, goes through `make`, which also says what is wrong.
 */

type Fields = { readonly [name: string]: Schema.Top }
type Payload = { readonly [name: string]: unknown }

/** How one field is made. */
interface Field {
  readonly name: string
  /** Whether it may be missing, and stays so. */
  readonly optional: boolean
  /** Whether there is a default for it. */
  readonly defaulted: boolean
  /** The payload before has this field, with this schema, and making its value again would change nothing. */
  readonly kept: boolean
  /** Whether a value is what `make` would return as it is. */
  readonly is: ((value: unknown) => boolean) | undefined
  readonly make: (value: never) => unknown
}

/** Whether a value of the schema is returned by `make` as it is, if it is returned at all. */
const isLeaf = (ast: SchemaAST.AST): boolean => {
  switch (ast._tag) {
    case "Null":
    case "String":
    case "Number":
    case "Boolean":
    case "BigInt":
    case "Literal":
    case "Enum":
      return true
    case "Union":
      return ast.types.every(isLeaf)
    default:
      return false
  }
}

/** Whether making a value of the schema again may add a default to it. What cannot be told may. */
const mayDefault = (ast: SchemaAST.AST): boolean => {
  if (ast.context?.constructorDefault !== undefined) return true
  switch (ast._tag) {
    case "Suspend":
      return true
    case "Declaration":
      return ast.typeParameters.some(mayDefault)
    case "Union":
      return ast.types.some(mayDefault)
    case "Arrays":
      return [...ast.elements, ...ast.rest].some(mayDefault)
    case "Objects":
      return [...ast.propertySignatures, ...ast.indexSignatures].some(({ type }) => mayDefault(type))
    default:
      return false
  }
}

/** A guard, where what passes it is what `make` returns. */
export const guardOf = (schema: Schema.Top): ((value: unknown) => boolean) | undefined =>
  isLeaf(SchemaAST.toType(schema.ast)) ? Schema.is(schema) : undefined

const fieldOf = (previous: Fields, [name, schema]: readonly [string, Schema.Top]): Field => {
  const ast = SchemaAST.toType(schema.ast)
  const defaulted = ast.context?.constructorDefault !== undefined
  return {
    name,
    optional: SchemaAST.isOptional(ast) && !defaulted,
    defaulted,
    kept: Object.hasOwn(previous, name) && previous[name]!.ast === schema.ast && !mayDefault(ast),
    is: guardOf(schema),
    make: (value) => schema.make(value)
  }
}

/** A value whose place says that there is none. */
const failed = Symbol()

const makeField = ({ is, kept, make }: Field, value: unknown, before: unknown): unknown => {
  // Types make payloads read-only: what is the same value is as valid as it was.
  if (kept && value === before && value !== undefined) return value
  if (is !== undefined) return is(value) ? value : failed
  try {
    // Whether it fits is what `make` tells.
    return make(value as never)
  } catch {
    return failed
  }
}

/** Makes a new payload of `next` of what an upcast has made of one of `previous`. Throws as `make` does. */
export const remake = (
  previous: Schema.Struct.Fields | undefined,
  next: Schema.Struct<Schema.Struct.Fields>
): (payload: unknown, before: Payload) => unknown => {
  // A field is a schema; `Struct.Fields` asks for less than that.
  const fields = Object.entries(next.fields as Fields).map((entry) => fieldOf((previous ?? {}) as Fields, entry))
  // The type was checked where the upcast was declared; the value is checked here. A compiled `make` returns what it
  // got where it has nothing to add.
  const make = (payload: unknown) => ({ ...next.make(payload as never) })
  if (fields.some(({ name }) => name in Object.prototype)) return make
  return (payload, before) => {
    if (typeof payload !== "object" || payload === null || Array.isArray(payload)) return make(payload)
    // The payload before itself, perhaps with other values in it by now: nothing tells what is still as it was.
    if (payload === before) return make(payload)
    const made: { [name: string]: unknown } = {}
    for (const field of fields) {
      const value = (payload as Payload)[field.name]
      if (value === undefined) {
        const present = field.name in payload
        if (!present && field.optional) continue
        if (!present || field.defaulted) return make(payload)
      }
      const remade = makeField(field, value, before[field.name])
      if (remade === failed) return make(payload)
      made[field.name] = remade
    }
    return made
  }
}
