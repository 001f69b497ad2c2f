/** One step of the schema. Once released it never changes: another step follows it. */
export interface MigrationSource {
  readonly number: number
  readonly name: string
  /** The oldest program, by the last migration it knows, that goes on after this step. */
  readonly minProgram: number
  /** SQL statements, given the quoted name of the schema. */
  readonly statements: (schema: string) => ReadonlyArray<string>
}
