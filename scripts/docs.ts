/**
 * Executes what the documentation shows: every `ts` block of the READMEs and of the public docstrings is type-checked
 * under the strict options of the workspace, and run.
 *
 * - A line that ends in `// => value` states what its expression is (of a promise: what it resolves to), as in Effect's
 *   own documentation. The value may also stand on the next line, and go on over several.
 * - A block below `<!-- region: path/to/file.ts#name -->` is not executed by itself: it must be the text of that region
 *   of a file that is tested (`// #region name` to `// #endregion`). `--fix` brings it up to date.
 * - Figures of runs are those that are kept (`npm run guarantees`).
 * - `sh` blocks name only scripts and files that exist.
 */
import { fork, spawnSync } from "node:child_process"
import { existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { instrument } from "./docs/instrument.ts"
import type { Message } from "./docs/run.ts"
import { stale } from "./guarantees/pages.ts"

process.chdir(join(import.meta.dirname, ".."))

const fix = process.argv.includes("--fix")
// Inside `test`, so that a block imports what a test can import; hidden, so that nothing else finds it.
const folder = "test/.docs"

interface Block {
  readonly file: string
  /** 1-based line of the first line of code. */
  readonly line: number
  readonly language: string
  readonly code: ReadonlyArray<string>
  /** `path#name`, when the block shows a region of a file. */
  readonly region: string | undefined
}

const failures: Array<string> = []

const readLines = (file: string): Array<string> => readFileSync(file, "utf8").split("\n")

/** Fenced blocks of a file. In a docstring, every line begins with a star. */
const blocksOf = (file: string): ReadonlyArray<Block> => {
  const prefix = file.endsWith(".md") ? "\\s*" : "\\s*\\* ?"
  const lines = readLines(file)
  const blocks: Array<Block> = []
  for (let i = 0; i < lines.length; i++) {
    const fence = new RegExp(`^(${prefix})\`\`\`(\\w+)`).exec(lines[i]!)
    if (fence === null) continue
    const end = lines.findIndex((line, j) => j > i && new RegExp(`^${prefix}\`\`\`\\s*$`).test(line))
    if (end < 0) {
      failures.push(`${file}:${i + 1}: the block is not closed`)
      break
    }
    // The formatter sets a blank line between a comment and a block.
    const above = lines.slice(0, i).findLast((line) => line.trim() !== "") ?? ""
    blocks.push({
      file,
      line: i + 2,
      language: fence[2]!,
      // A blank line in a docstring has no space after its star.
      code: lines.slice(i + 1, end).map((line) => line.slice(Math.min(fence[1]!.length, line.length))),
      region: /^\s*<!--\s*region:\s*(\S+)\s*-->\s*$/.exec(above)?.[1]
    })
    i = end
  }
  return blocks
}

/** Lines of a region without their common indentation, and without the marks of regions inside. */
const regionLines = (region: string): ReadonlyArray<string> | undefined => {
  const [file, name] = region.split("#")
  if (!existsSync(file!)) return undefined
  const lines = readLines(file!)
  const start = lines.findIndex((line) => line.trim() === `// #region ${name}`)
  if (start < 0) return undefined
  const found: Array<string> = []
  for (let i = start + 1, depth = 1; i < lines.length; i++) {
    const mark = /^\s*\/\/ #(end)?region\b/.exec(lines[i]!)
    if (mark === null) found.push(lines[i]!)
    else if ((depth += mark[1] === undefined ? 1 : -1) === 0) break
  }
  const indent = Math.min(...found.filter((line) => line.trim() !== "").map((line) => /^ */.exec(line)![0].length))
  return found.map((line) => line.slice(indent)).join("\n").trim().split("\n")
}

const checkRegions = (blocks: ReadonlyArray<Block>): void => {
  // From the bottom up: a block that grows does not move those still to be replaced.
  for (const { code, file, line, region } of blocks.toReversed()) {
    const wanted = regionLines(region!)
    if (wanted === undefined) failures.push(`${file}:${line}: there is no region ${region}`)
    else if (wanted.join("\n") !== code.join("\n")) {
      if (fix) {
        writeFileSync(file, readLines(file).toSpliced(line - 1, code.length, ...wanted).join("\n"))
        console.log(`${file}:${line}: brought up to date with ${region}`)
      } else failures.push(`${file}:${line}: differs from ${region} (npm run docs -- --fix)`)
    }
  }
}

const checkShell = (blocks: ReadonlyArray<Block>): void => {
  const { scripts } = JSON.parse(readFileSync("package.json", "utf8"))
  for (const { code, file, line } of blocks) {
    for (const [i, command] of code.entries()) {
      const place = `${file}:${line + i}`
      for (
        const [, short, long] of command.matchAll(/\bnpm (?:--?\S+ )*(?:(start|test)\b|run (?:--?\S+ )*([\w:-]+))/g)
      ) {
        const script = short ?? long!
        if (scripts[script] === undefined) failures.push(`${place}: package.json has no script ${script}`)
      }
      for (const [, path] of command.matchAll(/\b(?:node|bash) ([\w./-]+)/g)) {
        if (!existsSync(path!)) failures.push(`${place}: there is no file ${path}`)
      }
    }
  }
}

/** Name of the file a block is written to: it tells where the block is from, and so `placed` can tell it again. */
const nameOf = (block: Block): string => `${block.file.replaceAll("/", "+")}+${block.line}.ts`
const placeOf = (name: string): string => name.replace(/\+(\d+)\.ts$/, ":$1").replaceAll("+", "/")
const placed = (text: string): string =>
  text.replace(
    /(?:file:\/\/)?[^\s("']*\/(?:check|run)\/([^\s("']+?)\+\d+\.ts/g,
    (_, name: string) => name.replaceAll("+", "/")
  )

const typeCheck = (): boolean => {
  writeFileSync(
    join(folder, "tsconfig.json"),
    JSON.stringify({
      extends: "../../tsconfig.base.json",
      include: ["check"],
      compilerOptions: {
        lib: ["ES2024", "DOM"],
        types: ["node"],
        noEmit: true,
        noUnusedLocals: false,
        composite: false,
        declaration: false,
        declarationMap: false,
        sourceMap: false
      }
    })
  )
  const tsc = spawnSync(process.execPath, ["node_modules/typescript/bin/tsc", "-p", folder, "--pretty", "false"], {
    encoding: "utf8"
  })
  if (tsc.status !== 0) failures.push(placed(`${tsc.stdout}${tsc.stderr}`.trimEnd()))
  return tsc.status === 0
}

/** Runs the blocks in one process, and in a further one for the rest when a block ends it. */
const run = async (names: ReadonlyArray<string>): Promise<void> => {
  let left = names
  while (left.length > 0) {
    const ended = new Set<string>()
    const code = await new Promise<number | null>((resolve) => {
      const child = fork(join(import.meta.dirname, "docs", "run.ts"), left, { cwd: join(folder, "run") })
      child.on("message", ({ name, problems }: Message) => {
        ended.add(name)
        for (const problem of problems) failures.push(`${placeOf(name)}: ${placed(problem)}`)
      })
      child.on("exit", resolve)
    })
    const [open, ...rest] = left.filter((name) => !ended.has(name))
    if (open !== undefined) {
      // Node's own code for a top-level await that can never go on is 13.
      failures.push(`${placeOf(open)}: the process ended inside this block, with code ${code}`)
    }
    left = rest
  }
}

const sources = globSync(["*.md", "packages/*/README.md", "examples/*/README.md", "packages/*/src/**/*.ts"], {
  exclude: ["**/node_modules", "**/internal"]
}).sort()
const blocks = sources.flatMap(blocksOf)
const code = blocks.filter((block) => block.language === "ts")
const regions = code.filter((block) => block.region !== undefined)
const executed = code.filter((block) => block.region === undefined)
const shell = blocks.filter((block) => ["sh", "bash", "shell"].includes(block.language))

checkRegions(regions)
checkShell(shell)
failures.push(...stale())

rmSync(folder, { force: true, recursive: true })
for (const part of ["check", "run"]) mkdirSync(join(folder, part), { recursive: true })
let checks = 0
const runnable: Array<string> = []
for (const block of executed) {
  // As many lines before it as in its source: what complains about the copy names the line of the original.
  const text = "\n".repeat(block.line - 1) + block.code.join("\n") + "\n"
  writeFileSync(join(folder, "check", nameOf(block)), text)
  const instrumented = instrument(text)
  for (const problem of instrumented.problems) failures.push(`${block.file}:${problem}`)
  if (instrumented.problems.length > 0) continue
  checks += instrumented.checks
  runnable.push(nameOf(block))
  writeFileSync(join(folder, "run", nameOf(block)), instrumented.text)
}
let ran = 0
if (executed.length === 0) failures.push("no block was executed: this check checks nothing")
else if (typeCheck()) {
  ran = runnable.length
  await run(runnable)
} else failures.push("because of the type errors above, no block was run")

for (const failure of failures) console.error(failure)
console.log(`docs: ${ran} of ${executed.length} blocks executed, ${checks} values compared`)
console.log(`docs: ${regions.length} regions, ${shell.length} shell blocks, ${failures.length} failures`)
process.exitCode = failures.length === 0 ? 0 : 1
