/**
 * @since 0.1.0
 */
export * as Api from "./Api.ts"
export * as Client from "./Client.ts"
export * as Limits from "./Limits.ts"
export * as Live from "./Live.ts"
export * as LiveApi from "./LiveApi.ts"
export * as LiveSocket from "./LiveSocket.ts"
export * as Paths from "./Paths.ts"
