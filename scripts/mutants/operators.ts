/**
 * Small changes to a source file, each of which its tests should notice: operators applied on its syntax tree.
 */
import { createHash } from "node:crypto"
import { parseSync } from "oxc-parser"

/** One change to one file. */
export interface Mutant {
  /** Made of the file, the change and the text of its line, not of where the line is: it survives edits elsewhere. */
  readonly id: string
  readonly file: string
  /** 1-based. */
  readonly line: number
  readonly what: string
  /** The file with the change. */
  readonly text: string
}

interface Node {
  readonly type: string
  readonly start: number
  readonly end: number
  readonly [key: string]: unknown
}

interface Edit {
  readonly operator: string
  readonly start: number
  readonly end: number
  readonly by: string
}

const isNode = (value: unknown): value is Node =>
  typeof value === "object" && value !== null && typeof (value as Node).type === "string"

const swapped: ReadonlyMap<string, string> = new Map(Object.entries({
  "<": "<=",
  "<=": "<",
  ">": ">=",
  ">=": ">",
  "===": "!==",
  "!==": "===",
  "+": "-",
  "-": "+",
  "*": "/",
  "/": "*"
}))

const swappedCalls: ReadonlyMap<string, string> = new Map(Object.entries({
  every: "some",
  some: "every",
  max: "min",
  min: "max",
  find: "findLast",
  findLastIndex: "findIndex"
}))

/** A text: swapping `+` there changes words, not sense. */
const isText = (node: Node): boolean =>
  node.type === "TemplateLiteral" || (node.type === "Literal" && typeof node.value === "string")
  || (node.type === "BinaryExpression" && node.operator === "+"
    && (isText(node.left as Node) || isText(node.right as Node)))

/** Types are not there at run time. What has a value in it is gone through. */
const isType = ({ type }: Node): boolean =>
  (type.startsWith("TS") && !["TSAsExpression", "TSNonNullExpression", "TSSatisfiesExpression"].includes(type))
  || type === "ImportDeclaration"

const negate = (source: string, test: Node): ReadonlyArray<Edit> =>
  // A comparison is swapped where it stands.
  test.type === "BinaryExpression" && ["===", "!=="].includes(test.operator as string)
    ? []
    : [{
      operator: "negate",
      start: test.start,
      end: test.end,
      by: `!(${source.slice(test.start, test.end)})`
    }]

const ofExpression = (source: string, node: Node): ReadonlyArray<Edit> => {
  const left = node.left as Node
  const right = node.right as Node
  const keep = (operator: string, { end, start }: Node): Edit => ({
    operator,
    start: node.start,
    end: node.end,
    by: `(${source.slice(start, end)})`
  })
  switch (node.type) {
    case "BinaryExpression": {
      const by = swapped.get(node.operator as string)
      if (by === undefined || isText(node)) return []
      const start = source.indexOf(node.operator as string, left.end)
      return [{ operator: "swap", start, end: start + (node.operator as string).length, by }]
    }
    case "LogicalExpression":
      return [keep("only the left side", left), keep("only the right side", right)]
    case "UnaryExpression": {
      const argument = node.argument as Node
      return node.operator === "!" ? [keep("drop !", argument)] : []
    }
    case "Literal":
      if (typeof node.value === "number") {
        return [{ operator: "off by one", start: node.start, end: node.end, by: `${node.value + 1}` }]
      }
      return typeof node.value === "boolean"
        ? [{ operator: "flip", start: node.start, end: node.end, by: `${!node.value}` }]
        : []
    default:
      return []
  }
}

const ofCall = (node: Node): ReadonlyArray<Edit> => {
  const callee = node.callee as Node
  if (callee.type !== "MemberExpression" || callee.computed === true) return []
  const property = callee.property as Node
  const by = swappedCalls.get(property.name as string)
  return by === undefined ? [] : [{ operator: "other call", start: property.start, end: property.end, by }]
}

const dropped = ["CallExpression", "AssignmentExpression", "UpdateExpression", "YieldExpression"]

const ofStatement = (node: Node): ReadonlyArray<Edit> => {
  const drop: Edit = { operator: "drop", start: node.start, end: node.end, by: "{}" }
  switch (node.type) {
    case "ExpressionStatement":
      return dropped.includes((node.expression as Node).type) ? [drop] : []
    case "BreakStatement":
    case "ContinueStatement":
    case "ThrowStatement":
      return [drop]
    default:
      return []
  }
}

/** Lists and texts that a function returns. */
const ofResult = (result: Node | null): ReadonlyArray<Edit> => {
  if (result === null) return []
  if (result.type === "ArrayExpression" && (result.elements as ReadonlyArray<unknown>).length > 0) {
    return [{ operator: "return nothing", start: result.start, end: result.end, by: "[]" }]
  }
  return isText(result) && result.end - result.start > 2
    ? [{ operator: "return nothing", start: result.start, end: result.end, by: "\"\"" }]
    : []
}

const tested = ["IfStatement", "ConditionalExpression", "WhileStatement", "ForStatement"]

const editsOf = (source: string, node: Node): ReadonlyArray<Edit> => [
  ...(tested.includes(node.type) && isNode(node.test) ? negate(source, node.test) : []),
  ...ofExpression(source, node),
  ...(node.type === "CallExpression" ? ofCall(node) : []),
  ...ofStatement(node),
  ...(node.type === "ReturnStatement" ? ofResult(node.argument as Node | null) : []),
  ...(node.type === "ArrowFunctionExpression" ? ofResult(node.body as Node) : [])
]

const walk = (node: Node, visit: (node: Node) => void): void => {
  if (isType(node)) return
  visit(node)
  for (const value of Object.values(node)) {
    for (const child of Array.isArray(value) ? value : [value]) if (isNode(child)) walk(child, visit)
  }
}

const short = (text: string): string => {
  const flat = text.replace(/\s+/g, " ").trim()
  return flat.length <= 70 ? flat : `${flat.slice(0, 67)}...`
}

/** Names changes so that equal ones on equal lines of a file are told apart by their order. */
export const naming = (): (file: string, parts: ReadonlyArray<string>) => string => {
  const seen = new Map<string, number>()
  return (file, parts) => {
    const key = JSON.stringify([file, ...parts])
    const count = (seen.get(key) ?? 0) + 1
    seen.set(key, count)
    return createHash("sha256").update(`${key}${count}`).digest("hex").slice(0, 8)
  }
}

/** Every change that the operators make to a file. */
export const mutantsOf = (file: string, source: string): ReadonlyArray<Mutant> => {
  const { errors, program } = parseSync(file, source)
  if (errors.length > 0) throw new Error(`${file}: ${errors[0]!.message}`)
  const edits: Array<Edit> = []
  walk(program as unknown as Node, (node) => edits.push(...editsOf(source, node)))
  const name = naming()
  return edits.sort((a, b) => a.start - b.start || a.end - b.end).map(({ by, end, operator, start }) => {
    const before = source.slice(start, end)
    const lineStart = source.lastIndexOf("\n", start) + 1
    const lineText = source.slice(lineStart, source.indexOf("\n", start)).trim()
    const inside = lineText === before.trim() ? "" : ` in: ${short(lineText)}`
    return {
      id: name(file, [operator, lineText, before, by]),
      file,
      line: source.slice(0, start).split("\n").length,
      what: operator === "drop" ? `drop: ${short(before)}` : `${operator}: ${short(before)} -> ${short(by)}${inside}`,
      text: source.slice(0, start) + by + source.slice(end)
    }
  })
}
