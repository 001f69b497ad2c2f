/**
 * @since 0.1.0
 */
export * as Catalog from "./Catalog.ts"
export * as Copy from "./Copy.ts"
export * as Project from "./Project.ts"
export * as Varve from "./Varve.ts"
