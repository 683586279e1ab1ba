/**
 * Reads the body of an error, in whichever shape it comes: `{"error":{…}}`, `{"error":"text"}`, `{"message"}`,
 * `{"detail"}`, an array of these, one of these as text inside another (gateways wrap their upstream's answer), a
 * frame of Server-Sent Events, HTML, or nothing. No body is too strange: reading never fails.
 */
import type { ContentCategory } from "../LlmError.js"
import * as Json from "./Json.js"

export interface ErrorBody {
  /** The provider's own words. */
  readonly message: string | undefined
  /** All that names the kind of fault, the most telling first. */
  readonly words: ReadonlyArray<string>
  /** The word that the provider calls the fault's code, or what comes nearest to it. */
  readonly code: string | undefined
  /** The setting at fault. */
  readonly param: string | undefined
  /** The HTTP status that the body names, 400 to 599. */
  readonly status: number | undefined
  readonly requestId: string | undefined
  readonly categories: ReadonlyArray<ContentCategory>
}

/** What a body says that has nothing to say. */
const none: ErrorBody = {
  message: undefined,
  words: [],
  code: undefined,
  param: undefined,
  status: undefined,
  requestId: undefined,
  categories: []
}

/** How deep a body is looked into: a hostile one is nested deeper than the stack. */
const maxDepth = 4

/** How many entries of a list are looked at. */
const maxEntries = 32

/** The longest name of a fault, in characters. */
const maxLabel = 100

const records = (value: unknown): ReadonlyArray<Json.JsonRecord> =>
  Json.array(value).slice(0, maxEntries).filter(Json.isRecord)

const strings = (...values: ReadonlyArray<unknown>): ReadonlyArray<string> =>
  values.flatMap((value) => Json.nonEmptyString(value) ?? [])

const firstString = (...values: ReadonlyArray<unknown>): string | undefined => strings(...values)[0]

// -----------------------------------------------------------------------------
// From text to JSON
// -----------------------------------------------------------------------------

const firstData = /^data:(.*)$/m

/** The JSON value of a body, or of its first event where it is a stream. */
export const parse = (body: string): unknown => {
  const text = body.trimStart()
  return Json.parse(/^(?:data|event)?:/.test(text) ? (firstData.exec(text)?.[1] ?? "") : text)
}

/** The text of a JSON value; a hostile one may be nested too deep to have any. */
export const print = (value: unknown): string => {
  if (typeof value === "string") return value
  try {
    return JSON.stringify(value) ?? ""
  } catch {
    return ""
  }
}

const title = /<title[^>]{0,200}>([^<]{0,300})/i

/** The title of an HTML page. */
export const titleOf = (page: string): string | undefined => {
  const text = title.exec(page)?.[1]?.replace(/\s+/g, " ").trim()
  return text === "" ? undefined : text
}

// -----------------------------------------------------------------------------
// Is it an error at all?
// -----------------------------------------------------------------------------

/** What stands under `error` may be null, empty or false, and means nothing then. */
const isFilled = (error: unknown): boolean => {
  if (Array.isArray(error)) return error.length > 0
  if (Json.isRecord(error)) return Object.keys(error).length > 0
  return error === true || Json.nonEmptyString(error) !== undefined
}

const isErrorStatus = (code: unknown): code is number => typeof code === "number" && code >= 400 && code <= 599

/** What stands at the top of answers and of their chunks. */
const answerKeys = ["choices", "candidates", "content", "output", "data"] as const

const namesFault = ({ code, statusCode, type }: Json.JsonRecord): boolean =>
  firstString(code) !== undefined ||
  isErrorStatus(statusCode) ||
  (typeof type === "string" && /error|exception/i.test(type))

/** Cerebras, Qwen, Mistral and Azure send the inside of an error bare: words, and a name of the fault. */
const isBareError = (value: Json.JsonRecord): boolean =>
  firstString(value["message"]) !== undefined &&
  namesFault(value) &&
  answerKeys.every((key) => value[key] === undefined)

const isErrorRecord = (value: Json.JsonRecord): boolean =>
  value["type"] === "error" ||
  value["type"] === "response.failed" ||
  value["object"] === "error" ||
  isFilled(value["error"]) ||
  isBareError(value) ||
  // Gemini sends the inside of an error bare; gateways in Zhipu's manner say `success: false`.
  (isErrorStatus(value["code"]) && firstString(value["message"]) !== undefined) ||
  (value["success"] === false && firstString(value["msg"], value["message"]) !== undefined)

/** Whether a JSON value is an error, as providers send it where an answer is due; `error: null` is none. */
export const isError = (value: unknown): boolean =>
  Json.isRecord(value)
    ? isErrorRecord(value)
    : Json.array(value).some((entry) => Json.isRecord(entry) && isErrorRecord(entry))

// -----------------------------------------------------------------------------
// The parts of an error
// -----------------------------------------------------------------------------

/** A list may begin with parts of the answer. */
const outerOf = (value: unknown): Json.JsonRecord =>
  Json.record(value) ?? Json.array(value).filter(Json.isRecord).find(isErrorRecord) ?? records(value)[0] ?? {}

/** The record that tells of the fault: the body itself, or what stands in it under `error`, `errors` or `response`. */
const innerOf = (outer: Json.JsonRecord): Json.JsonRecord => {
  const error =
    Json.record(outer["error"]) ??
    Json.record(Json.record(outer["response"])?.["error"]) ??
    records(outer["errors"])[0] ??
    outer
  return Json.record(error["error"]) ?? error
}

/** The entries of Google's `error.details`. */
export const details = (value: unknown): ReadonlyArray<Json.JsonRecord> => records(innerOf(outerOf(value))["details"])

/** FastAPI and its like send lists of complaints where others send a text. */
const textIn = (value: unknown, depth = 0): string | undefined => {
  if (depth > maxDepth) return undefined
  if (Array.isArray(value)) {
    const texts = value.slice(0, 3).flatMap((entry: unknown) => textIn(entry, depth + 1) ?? [])
    return texts.length === 0 ? undefined : texts.join("; ")
  }
  const inside = Json.record(value)
  if (inside === undefined) return Json.nonEmptyString(value)
  return textIn(inside["message"] ?? inside["msg"] ?? inside["detail"] ?? inside["error"], depth + 1)
}

/** What OpenRouter's upstream said. */
const rawOf = (inner: Json.JsonRecord): string | undefined => firstString(Json.record(inner["metadata"])?.["raw"])

const messageOf = (outer: Json.JsonRecord, inner: Json.JsonRecord): string | undefined => {
  const places = [inner["message"], inner["msg"], inner["detail"], outer["message"], outer["msg"], outer["detail"]]
  const message = [...places, outer["error"], outer["errors"]]
    .map((place) => textIn(place))
    .find((text) => text !== undefined)
  const raw = rawOf(inner)
  return message === undefined || raw === undefined ? (message ?? raw) : `${message}: ${raw}`
}

/** Azure has called the same thing by two names. */
const deeper = (inner: Json.JsonRecord): Json.JsonRecord | undefined =>
  Json.record(inner["innererror"]) ?? Json.record(inner["inner_error"])

/**
 * A code may be a number. It counts as a word only where nothing else names the fault: that is Zhipu's manner, and
 * Mistral's and Cloudflare's numbers mean other things.
 */
const isWord =
  (outer: Json.JsonRecord, inner: Json.JsonRecord) =>
  (word: string): boolean => {
    if (word === "error" || word.length > maxLabel) return false
    if (!/^\d+$/.test(word)) return true
    if (inner === outer["error"]) return firstString(inner["type"]) === undefined
    return inner === outer && outer["success"] === false
  }

const wordOf = (code: unknown): string | undefined => (typeof code === "number" ? String(code) : firstString(code))

const wordsOf = (outer: Json.JsonRecord, inner: Json.JsonRecord): ReadonlyArray<string> => {
  const words = strings(
    wordOf(inner["code"]),
    ...details(outer).map((detail) => detail["reason"]),
    deeper(inner)?.["code"],
    inner["status"],
    inner["type"],
    inner["error_type"],
    wordOf(outer["code"]),
    outer["error_type"],
    outer["type"]
  )
  return Array.from(new Set(words)).filter(isWord(outer, inner))
}

const statusOf = (outer: Json.JsonRecord, inner: Json.JsonRecord): number | undefined =>
  [inner, outer]
    .flatMap((place) => [place["code"], place["status"], place["status_code"], place["statusCode"]])
    .map((value) => (typeof value === "string" && /^[45]\d\d$/.test(value) ? Number(value) : value))
    .find(isErrorStatus)

const paramOf = (inner: Json.JsonRecord): string | undefined => {
  const violation = records(inner["details"]).flatMap((detail) => records(detail["fieldViolations"]))[0]
  const place = records(inner["detail"])[0]?.["loc"]
  return firstString(
    inner["param"],
    violation?.["field"],
    Array.isArray(place)
      ? place
          .slice(0, maxEntries)
          .filter((step) => typeof step !== "object")
          .join(".")
      : undefined
  )
}

// -----------------------------------------------------------------------------
// Content filters
// -----------------------------------------------------------------------------

/**
 * Azure: `{"hate":{"filtered":true,"severity":"high"},"jailbreak":{"filtered":true,"detected":true}}`. Its blocklists may
 * be a list, an entry each.
 */
const azureCategories = (results: unknown): ReadonlyArray<ContentCategory> =>
  Object.entries(Json.record(results) ?? {})
    .slice(0, maxEntries)
    .flatMap(([name, result]) => {
      const found = Json.record(result) ?? records(result).find((entry) => entry["filtered"] === true)
      const filtered = found?.["filtered"] ?? found?.["detected"]
      if (typeof filtered !== "boolean") return []
      const severity = Json.nonEmptyString(found?.["severity"])
      return [severity === undefined ? { name, filtered } : { name, filtered, severity }]
    })

/**
 * Zhipu: who wrote what was found, and how grave it is, 0 being the gravest. Errors and answers spell the field in two
 * ways.
 */
const zhipuCategories = (outer: Json.JsonRecord): ReadonlyArray<ContentCategory> =>
  [...records(outer["contentFilter"]), ...records(outer["content_filter"])].flatMap((found) =>
    strings(found["role"]).map((name) => {
      const level = Json.number(found["level"])
      return level === undefined ? { name, filtered: true } : { name, filtered: true, severity: `level ${level}` }
    })
  )

/** What filters found in an answer, or in a chunk of one; what they found in its prompt is left out. */
export const answerCategories = (answer: Json.JsonRecord): ReadonlyArray<ContentCategory> => [
  ...records(answer["choices"]).flatMap((choice) => azureCategories(choice["content_filter_results"])),
  ...records(answer["content_filters"])
    .filter((filter) => filter["source_type"] !== "prompt")
    .flatMap((filter) => azureCategories(filter["content_filter_results"])),
  ...zhipuCategories(answer)
]

const categoriesOf = (outer: Json.JsonRecord, inner: Json.JsonRecord): ReadonlyArray<ContentCategory> => {
  const holders = [
    deeper(inner),
    inner,
    outer,
    ...records(inner["content_filters"]),
    ...records(outer["prompt_filter_results"]),
    ...records(outer["choices"])
  ]
  const azure = holders.flatMap((holder) =>
    azureCategories(holder?.["content_filter_result"] ?? holder?.["content_filter_results"])
  )
  const openRouter = strings(...Json.array(Json.record(inner["metadata"])?.["reasons"]).slice(0, maxEntries)).map(
    (name) => ({ name, filtered: true })
  )
  return [...azure, ...zhipuCategories(outer), ...openRouter]
}

// -----------------------------------------------------------------------------
// The whole
// -----------------------------------------------------------------------------

/** An error as text inside an error: OpenRouter puts its upstream's under `metadata.raw`, gateways into `message`. */
const wrapped = (inner: Json.JsonRecord, depth: number): ErrorBody | undefined => {
  const text = (rawOf(inner) ?? firstString(inner["message"]))?.trimStart()
  if (depth >= maxDepth || text === undefined || !/^[[{]/.test(text)) return undefined
  const value = Json.parse(text)
  return isError(value) ? readAt(value, depth + 1) : undefined
}

const label = (text: string | undefined): string | undefined => text?.slice(0, maxLabel)

const readAt = (value: unknown, depth: number): ErrorBody => {
  const outer = outerOf(value)
  const inner = innerOf(outer)
  const upstream = wrapped(inner, depth) ?? none
  const words = wordsOf(outer, inner)
  const codes = [...strings(wordOf(inner["code"])), ...words]
  return {
    message: upstream.message ?? messageOf(outer, inner),
    words: [...upstream.words, ...words],
    // A code that only repeats the HTTP status says less than any other word.
    code: upstream.code ?? label(codes.find((code) => !/^[45]\d\d$/.test(code)) ?? codes[0]),
    param: upstream.param ?? label(paramOf(inner) ?? paramOf(outer)),
    status: statusOf(outer, inner) ?? upstream.status,
    requestId: label(firstString(outer["request_id"], inner["request_id"])) ?? upstream.requestId,
    categories: [...upstream.categories, ...categoriesOf(outer, inner)]
  }
}

/** Reads the JSON of a body; any value will do. */
export const read = (value: unknown): ErrorBody =>
  typeof value === "string" ? { ...none, message: Json.nonEmptyString(value) } : readAt(value, 0)
