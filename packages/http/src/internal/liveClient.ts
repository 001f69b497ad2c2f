import { EventStoreError, type Projection, ProjectionError, type Rows } from "@varve/core"
import * as Stream from "effect/Stream"
import type { Connection } from "./connection.ts"

/** Changes of rows, as a server sends them. */
export const changes = (
  { tag }: Projection.Any,
  _: Connection
): Rows.Reading<unknown>["changes"] =>
() =>
  Stream.fail(
    new ProjectionError.ProjectionError({
      target: tag,
      reason: new EventStoreError.Refused({
        what: `changes of ${tag}`,
        expected: "a server with live rows",
        actual: "none"
      })
    })
  )
