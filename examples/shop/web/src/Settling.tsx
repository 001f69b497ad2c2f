import type { ProjectionError } from "@varve/core"
import { Option } from "effect"
import { whyOf } from "./words.ts"

/** Marks what is shown before the server has said so. */
export const Settling = ({ pending }: { readonly pending: ReadonlyArray<unknown> }) =>
  pending.length === 0
    ? <span class="settled">confirmed</span>
    : <span class="settling" title="Shown before the server has confirmed it">settling …</span>

/** Says why nothing comes at present. */
export const Trouble = ({ of }: { readonly of: { readonly error: Option.Option<ProjectionError.ProjectionError> } }) =>
  Option.isNone(of.error) ? null : <p class="trouble" role="alert">{whyOf(of.error.value)}</p>
