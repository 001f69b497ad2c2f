import * as Flag from "effect/cli/Flag"
import * as Prompt from "effect/cli/Prompt"
import * as TerminalCapabilities from "effect/cli/TerminalCapabilities"
import * as Effect from "effect/Effect"
import { failed } from "./Failed.ts"
import { Json } from "./settings.ts"

export const yesFlag = Flag.Boolean("yes").pipe(
  Flag.withAlias("y"),
  Flag.withDescription("Do it without asking"),
  Flag.withDefault(false)
)

/** Asks before something is done that cannot be undone. Where nobody can be asked, it takes `--yes`. */
export const ask = Effect.fnUntraced(function*(yes: boolean, what: string) {
  if (yes) return
  const { canPrompt } = yield* TerminalCapabilities.TerminalCapabilities
  if (!canPrompt || (yield* Json)) return yield* failed(what, "--yes, for it cannot be undone", "no leave")
  const agreed = yield* Prompt.run(Prompt.Confirm({ message: `${what}. It cannot be undone. Go on?` }))
  if (!agreed) return yield* failed(what, "leave to do it", "no")
})
