/** Our declarations under every compiler that a user may have. */
import { globSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { compilers, Project } from "./project.ts"
import { Failed, mustRun } from "./run.ts"

export interface Setting {
  readonly compiler: keyof typeof compilers
  readonly moduleResolution: "nodenext" | "bundler"
  readonly exactOptionalPropertyTypes: boolean
  /** What the project is called when it is less than the whole program. */
  readonly name?: string
  /** Everything in `app`, unless told. */
  readonly files?: ReadonlyArray<string>
  /** Those of Node, unless told. */
  readonly types?: ReadonlyArray<string>
}

export const nameOf = ({ compiler, exactOptionalPropertyTypes, moduleResolution, name }: Setting): string =>
  [compiler, moduleResolution, exactOptionalPropertyTypes ? "exact" : "inexact", ...(name === undefined ? [] : [name])]
    .join("-")

/**
 * Compiles the whole program, with declarations: what it exports without a written type must have a name that a user can
 * write (TS2883, TS4023 and TS2742 otherwise). Effect's own declarations hold under all three compilers, so nothing is
 * skipped (`skipLibCheck: false`): ours are checked in full.
 */
export const checkTypes = async ({ folder }: Project, setting: Setting): Promise<string> => {
  const name = nameOf(setting)
  const bundler = setting.moduleResolution === "bundler"
  const config = {
    compilerOptions: {
      strict: true,
      exactOptionalPropertyTypes: setting.exactOptionalPropertyTypes,
      skipLibCheck: false,
      target: "ES2022",
      // Effect's declarations ask for these parts of the DOM, in Node as well.
      lib: ["ES2024", "DOM", "DOM.Iterable", "DOM.AsyncIterable"],
      types: setting.types ?? ["node"],
      module: bundler ? "preserve" : "nodenext",
      moduleResolution: setting.moduleResolution,
      declaration: true,
      emitDeclarationOnly: true,
      allowImportingTsExtensions: true,
      rootDir: "app",
      outDir: `out/${name}`
    },
    ...(setting.files === undefined ? { include: ["app"] } : { files: setting.files })
  }
  writeFileSync(join(folder, `tsconfig.${name}.json`), JSON.stringify(config, null, 2))
  const tsc = join(folder, "node_modules", setting.compiler, "bin/tsc")
  const project = ["-p", `tsconfig.${name}.json`, "--pretty", "false"]
  await mustRun(process.execPath, [tsc, ...project], { cwd: folder, limitSeconds: 240 })

  const declarations = globSync(`out/${name}/**/*.d.ts`, { cwd: folder })
  const strange = declarations.flatMap((file) =>
    [
      ...readFileSync(join(folder, file), "utf8").matchAll(
        /(?:from |import\()["']([^"']*(?:internal|node_modules|dist)\/[^"']*)["']/g
      )
    ]
      .map((match) => `${file} names ${match[1]}`)
  )
  if (declarations.length === 0) strange.push("no declarations were written")
  if (strange.length > 0) throw new Failed(strange.join("\n"))
  return `no errors, ${declarations.length} declarations written with public names only`
}
