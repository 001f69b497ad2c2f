/** The compiler of the workspace, asked as an editor asks it. */
import { execFileSync } from "node:child_process"
import { mkdirSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { API } from "typescript/unstable/sync"

const here = import.meta.dirname
const root = join(here, "../..")

/** `NodeBuilderFlags.NoTruncation`: a long type is to be seen, not to hide. */
const noTruncation = 1

/** What the compiler has to say of the files of the test project. */
export const open = () => {
  const api = new API({ cwd: root })
  const config = join(root, "test/tsconfig.json")
  const project = api.updateSnapshot({ openProjects: [config] }).getProject(config)
  if (project === undefined) throw new Error(`${config} is no project`)
  return {
    close: () => api.close(),
    /** Errors of a file, one line each. */
    errors: (file: string) =>
      project.program.getSemanticDiagnostics(join(here, file)).map((diagnostic) => `${file}: ${diagnostic.text}`),
    /** The type of an exported constant, as a hover shows it, without the names that are not exported being cut. */
    hover: (file: string, name: string) => {
      const path = join(here, file)
      const source = project.program.getSourceFile(path)
      const at = source?.text.indexOf(`export const ${name} `) ?? -1
      const type = at === -1 ? undefined : project.checker.getTypeAtPosition(path, at + "export const ".length)
      if (type === undefined) throw new Error(`${file} has no ${name}`)
      return project.checker.typeToString(type, undefined, noTruncation)
    }
  }
}

/** Number of type instantiations that a module costs, the library included. */
export const instantiationsOf = (name: string, source: string): number => {
  // Beside the tests, where the packages of the workspace are found; a folder with a dot is part of no project.
  const folder = join(here, `.${name}`)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  try {
    writeFileSync(join(folder, "main.ts"), source)
    writeFileSync(
      join(folder, "tsconfig.json"),
      JSON.stringify({
        extends: "../../../tsconfig.base.json",
        files: ["main.ts"],
        compilerOptions: {
          composite: false,
          declaration: false,
          declarationMap: false,
          noEmit: true,
          noUnusedLocals: false,
          lib: ["ES2024", "DOM"]
        }
      })
    )
    const tsc = join(root, "node_modules/typescript/lib/tsc.js")
    const report = execFileSync(process.execPath, [tsc, "-p", folder, "--extendedDiagnostics", "--singleThreaded"], {
      encoding: "utf8"
    })
    return Number(/^Instantiations:\s+(\d+)/m.exec(report)?.[1])
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
