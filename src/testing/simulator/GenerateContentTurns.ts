/** `contents` of a request: Google's rules for turns and their parts, their text and what they cost. */
import * as Predicate from "effect/Predicate"
import { invalid, unknownField } from "./GenerateContentError.js"
import { takesLevels } from "./GenerateContentSettings.js"
import type { Message, Messages } from "./OpenAiMessages.js"
import * as Token from "./Token.js"
import type { Refused } from "./Wire.js"

type Fields = Readonly<Record<string, unknown>>

const partFields = new Set([
  "text",
  "thought",
  "thoughtSignature",
  "inlineData",
  "fileData",
  "functionCall",
  "functionResponse",
  "executableCode",
  "codeExecutionResult",
  "videoMetadata",
  "mediaResolution"
])

const kinds = [
  "text",
  "inlineData",
  "fileData",
  "functionCall",
  "functionResponse",
  "executableCode",
  "codeExecutionResult"
]

/** Google's figure for an image of one tile; other media by a plain guess. */
const tokensOfMedia = 258

interface Turn extends Message {
  readonly calls: number
  readonly results: number
  readonly pieces: ReadonlyArray<string>
  readonly tokens: number
}

export const checkTurns = (contents: unknown, system: unknown, model: string): Messages | Refused => {
  if (!Array.isArray(contents) || contents.length === 0) {
    return invalid("* GenerateContentRequest.contents: contents is not specified\n", "contents")
  }
  const turns: Array<Turn> = []
  if (system !== undefined) {
    const instruction = checkTurn(
      { role: "system", parts: Predicate.isRecord(system) ? system["parts"] : [] },
      "system_instruction",
      model
    )
    if ("_tag" in instruction) return instruction
    turns.push(instruction)
  }
  let unanswered = 0
  for (const [index, content] of contents.entries()) {
    const turn = checkTurn(content, `contents[${index}]`, model)
    if ("_tag" in turn) return turn
    if (turn.results > 0 && unanswered === 0) {
      return invalid("Please ensure that function response turn comes immediately after a function call turn.")
    }
    if (turn.results !== unanswered) {
      return invalid(
        "Please ensure that the number of function response parts is equal to the number of function call parts of the " +
          "function call turn."
      )
    }
    unanswered = turn.calls
    turns.push(turn)
  }
  return {
    list: turns.map(({ role, text }) => ({ role, text })),
    pieces: turns.flatMap(({ pieces, role }) => [role, ...pieces]),
    tokens: turns.reduce((sum, turn) => sum + turn.tokens, 0)
  }
}

const roles: Readonly<Record<string, string>> = { user: "user", model: "assistant", system: "system" }

const checkTurn = (content: unknown, at: string, model: string): Turn | Refused => {
  const fields: Fields = Predicate.isRecord(content) ? content : {}
  const role = roles[String(fields["role"] ?? "user")]
  if (role === undefined) return invalid("Please use a valid role: user, model.")
  const parts = Array.isArray(fields["parts"]) ? fields["parts"] : []
  if (parts.length === 0) return invalid(`* GenerateContentRequest.${at}.parts: contents.parts must not be empty.\n`)
  let text = ""
  let other = ""
  let media = 0
  let calls = 0
  let results = 0
  for (const [index, item] of parts.entries()) {
    const part: Fields = Predicate.isRecord(item) ? item : {}
    const refused = checkPart(part, `${at}.parts[${index}]`, model, calls)
    if (refused !== undefined) return refused
    if (typeof part["text"] === "string") text += part["text"]
    else if (part["functionCall"] !== undefined) calls++
    else if (part["functionResponse"] !== undefined) results++
    else media++
    if (part["text"] === undefined && media === 0)
      other += JSON.stringify(part["functionCall"] ?? part["functionResponse"])
  }
  const pieces = [...Token.split(text), ...Token.split(other)]
  return {
    role: results > 0 ? "tool" : role,
    text,
    calls,
    results,
    pieces,
    tokens: pieces.length + media * tokensOfMedia
  }
}

/** `before`: how many calls of the same turn came before the part. */
const checkPart = (part: Fields, at: string, model: string, before: number): Refused | undefined => {
  const stranger = Object.keys(part).find((name) => !partFields.has(name))
  if (stranger !== undefined) return unknownField(stranger, at)
  if (kinds.filter((kind) => part[kind] !== undefined).length !== 1) {
    return invalid(`* GenerateContentRequest.${at}.data: required oneof field 'data' must have one initialized field\n`)
  }
  const call = part["functionCall"]
  if (Predicate.isRecord(call) && before === 0 && takesLevels(model) && typeof part["thoughtSignature"] !== "string") {
    return invalid(
      "Function call is missing a thought_signature in functionCall parts. This is required for tools to work correctly, and " +
        "missing thought_signature may lead to degraded model performance. Additional data, function call " +
        `\`default_api:${String(call["name"])}\`.`
    )
  }
  const result = part["functionResponse"]
  if (Predicate.isRecord(result) && (typeof result["name"] !== "string" || result["name"] === "")) {
    return invalid(`* GenerateContentRequest.${at}.function_response.name: Name cannot be empty.\n`)
  }
  if (Predicate.isRecord(result) && !Predicate.isRecord(result["response"])) {
    return invalid(`Invalid value at '${at}.function_response.response' (type.googleapis.com/google.protobuf.Struct)`)
  }
  return undefined
}
