import { EventStoreError, ProjectionError } from "@varve/core"

/** What cannot be followed, and why. */
export const refused = (target: string, what: string, expected: string, actual: string) =>
  new ProjectionError.ProjectionError({
    target,
    reason: new EventStoreError.Refused({ what, expected, actual })
  })

/** What cannot be followed now. */
export const unavailable = (target: string, what: string, expected: string, actual: string) =>
  new ProjectionError.ProjectionError({
    target,
    reason: new EventStoreError.Unavailable({ what, expected, actual })
  })
