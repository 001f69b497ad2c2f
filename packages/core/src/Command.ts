/**
 * Declares commands: intents in the imperative, whose payload is a schema.
 *
 * **Example** (A command)
 *
 * ```ts
 * import { Schema } from "effect"
 * import { Command } from "@varve/core"
 *
 * class Withdraw extends Command.make("Withdraw", { cents: Schema.Int }) {}
 *
 * Withdraw.make({ cents: 40 }) // => { _tag: "Withdraw", cents: 40 }
 * ```
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import * as definition from "./internal/definition.ts"

/**
 * Marks command definitions at run time.
 *
 * @category type IDs
 * @since 0.1.0
 */
export const TypeId = "~@varve/core/Command"

/**
 * A command: its tag and its schema.
 *
 * @category models
 * @since 0.1.0
 */
export interface Command<Tag extends string, Fields extends Schema.Struct.Fields> {
  new(_: never): Schema.TaggedStruct<Tag, Fields>["Type"]
  readonly [TypeId]: typeof TypeId
  readonly tag: Tag
  /** Tag included. */
  readonly schema: Schema.TaggedStruct<Tag, Fields>
  /** Builds a command. Throws (a defect) when a field does not fit. */
  readonly make: (fields: Schema.TaggedStruct<Tag, Fields>["~type.make.in"]) => Schema.TaggedStruct<Tag, Fields>["Type"]
}

/**
 * Any command: what they have in common.
 *
 * @category models
 * @since 0.1.0
 */
export interface Any {
  new(_: never): { readonly _tag: string }
  readonly [TypeId]: typeof TypeId
  readonly tag: string
  readonly schema: Schema.Top
}

/**
 * What a command definition, or a union of them, describes.
 *
 * @category type-level
 * @since 0.1.0
 */
export type Type<C extends Any> = C extends { new(_: never): infer A } ? A : never

/**
 * The definition of a union that has the tag.
 *
 * @category type-level
 * @since 0.1.0
 */
export type WithTag<C extends Any, Tag extends string> = Extract<C, { readonly tag: Tag }>

/**
 * Declares a command.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <const Tag extends string, const Fields extends Schema.Struct.Fields = {}>(
  tag: Tag,
  fields?: Fields
): Command<Tag, Fields> => {
  definition.checkName("Command", tag)
  const schema = Schema.TaggedStruct(tag, fields ?? {})
  const made = definition.base(tag, {
    [TypeId]: TypeId,
    tag,
    schema,
    make: (input: never) => definition.construct(`Command ${tag}`, schema, input)
  })
  // Every property of the interface is there; the types of the fields exist only here.
  return made as unknown as Command<Tag, Fields>
}
