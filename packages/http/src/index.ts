/**
 * @since 0.1.0
 */
export * as Paths from "./Paths.ts"
