/** When a request is the one on the tape, and what differs when none is. */
import * as CanonicalJson from "../../CanonicalJson.js"
import { parse } from "../../wire/Json.js"
import * as JsonPath from "./JsonPath.js"
import * as LineDiff from "./LineDiff.js"
import * as Tape from "./Tape.js"

/** A request as it is compared: secrets are taken out, and parameters of the URL are sorted. */
export interface Request {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  /** The value of a JSON body, or the text of any other; `undefined`: none. */
  readonly body: unknown
}

export interface Rules {
  /** Places in JSON bodies that are not compared: `metadata.sentAt`, `messages.*.id`. */
  readonly ignore?: ReadonlyArray<string>
  /** What is compared. Default: method, URL and body. */
  readonly match?: (request: Request) => unknown
}

export const toRequest = ({ body, headers, method, url }: Tape.Request, rules: Rules): Request => {
  const mark = url.indexOf("?") + 1
  const query = url.slice(mark).split("&").sort().join("&")
  return {
    method,
    url: mark === 0 ? url : url.slice(0, mark) + query,
    headers,
    body: body === undefined ? undefined : bodyOf(body, rules)
  }
}

const bodyOf = (body: Tape.RequestBody, { ignore = [] }: Rules): unknown => {
  if ("json" in body) return JsonPath.changeAll(body.json, ignore, () => undefined)
  if (!("text" in body)) return body
  const text = Tape.toText(body.text)
  return parse(text) ?? text
}

/** Equal for equal requests. */
export const keyOf = (request: Request, { match }: Rules): string => {
  const { body, method, url } = request
  return CanonicalJson.stringify(match === undefined ? { method, url, body } : match(request))
}

/** The request as lines, as a reader of a difference wants them. */
const linesOf = ({ body, headers, method, url }: Request): ReadonlyArray<string> => [
  `${method} ${url}`,
  ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
  ...(body === undefined
    ? []
    : typeof body === "string"
      ? body.split("\n")
      : // Sorted, because the order of fields is no difference.
        JSON.stringify(parse(CanonicalJson.stringify(body)), null, 2).split("\n"))
]

/** The recorded request that is most like another, by its place on the tape, and how the two differ. */
export const nearest = (
  recorded: ReadonlyArray<Request>,
  asked: Request
): { readonly index: number; readonly diff: ReadonlyArray<string> } | undefined => {
  const lines = linesOf(asked)
  // The same method and URL count as much as the whole rest.
  const likeness = (request: Request): number =>
    (request.method === asked.method && request.url === asked.url ? 1 : 0) + LineDiff.likeness(linesOf(request), lines)
  const scores = recorded.map(likeness)
  const index = scores.indexOf(Math.max(...scores))
  const found = recorded[index]
  return found === undefined ? undefined : { index, diff: LineDiff.print(linesOf(found), lines) }
}
