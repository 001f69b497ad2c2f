/**
 * @since 0.1.0
 */
export * as Client from "../Client.ts"
export * as Limits from "../Limits.ts"
export * as LiveSocket from "../LiveSocket.ts"
export * as Paths from "../Paths.ts"
export * as Optimistic from "./Optimistic.ts"
export type * as OptimisticState from "./OptimisticState.ts"
