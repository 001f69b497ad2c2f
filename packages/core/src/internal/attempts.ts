import * as Context from "effect/Context"

/** How often a command is decided. Documented at `Aggregate.Attempts`. */
export const Attempts: Context.Reference<number> = Context.Reference<number>("@varve/core/Aggregate/Attempts", {
  defaultValue: () => 10
})
