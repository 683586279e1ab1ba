/**
 * A prompt in the words of generateContent: turns of `user` and `model` made of parts, and the system's text apart.
 */
import type * as Completion from "../Completion.js"
import * as Prompt from "../Prompt.js"
import * as FileSource from "./FileSource.js"
import * as Images from "./Images.js"
import * as Json from "./Json.js"
import * as Refusal from "./Refusal.js"
import * as Signature from "./Signature.js"
import { isMadeId } from "./ToolCallAssembly.js"
import type { Origin } from "./Wire.js"

type Body = Readonly<Record<string, unknown>>

interface Turn {
  readonly role: "user" | "model"
  readonly parts: Array<Body>
  readonly holdsResults: boolean
}

export interface Written {
  readonly contents: ReadonlyArray<Body>
  readonly systemInstruction: Body | undefined
  readonly warnings: ReadonlyArray<Completion.Warning>
}

// -----------------------------------------------------------------------------
// What a user says
// -----------------------------------------------------------------------------

const images: Images.Taken = { types: ["image/png", "image/jpeg", "image/webp", "image/heic", "image/heif"] }

const encodeImage = (part: Pick<Prompt.ImagePart, "source" | "mediaType">, origin: Origin): Body => {
  const image = Images.read(part, images, origin)
  return image._tag === "Url"
    ? { fileData: { mimeType: image.mediaType, fileUri: image.url } }
    : { inlineData: { mimeType: image.mediaType, data: image.base64 } }
}

const encodeFile = (part: Prompt.FilePart, origin: Origin): Body => {
  const { mediaType: mimeType } = part
  const source = FileSource.read(part, origin)
  return source._tag === "Base64"
    ? { inlineData: { mimeType, data: source.base64 } }
    : { fileData: { mimeType, fileUri: source.url } }
}

const encodeUserPart = (part: Prompt.Part, origin: Origin): Body => {
  switch (part._tag) {
    case "Text":
      return { text: part.text }
    case "Image":
      return encodeImage(part, origin)
    case "File":
      return /^image\//i.test(part.mediaType) ? encodeImage(part, origin) : encodeFile(part, origin)
    default:
      return Refusal.refuse(origin, `prompt.${part._tag}`, `a user message cannot hold a part of kind ${part._tag}`)
  }
}

// -----------------------------------------------------------------------------
// What the model said
// -----------------------------------------------------------------------------

/** Stands for the signature of a call that another model made, or that lost its own: the provider's word for "do not check". */
const unchecked = "skip_thought_signature_validator"

const encodeCall = (part: Prompt.ToolCallPart, signature: string | undefined, origin: Origin): Body => {
  const args = Json.record(Json.parse(part.arguments))
  if (args === undefined) {
    return Refusal.invalid(
      origin,
      "prompt.toolCall.arguments",
      `the arguments of the call of ${part.name} are no JSON object`
    )
  }
  const functionCall = isMadeId(part.id) ? { name: part.name, args } : { id: part.id, name: part.name, args }
  return signature === undefined ? { functionCall } : { functionCall, thoughtSignature: signature }
}

/**
 * The parts of an answer as they came: a signature that stands right before a call belongs to it, any other to a part of
 * its own.
 */
const encodeAnswer = (message: Prompt.Message, origin: Origin, wantsSignatures: boolean): Array<Body> => {
  const parts: Array<Body> = []
  let signature: string | undefined
  let hasCalls = false
  const settle = (): void => {
    if (signature !== undefined) parts.push({ text: "", thoughtSignature: signature })
    signature = undefined
  }
  for (const part of message.content) {
    if (part._tag === "ToolCall") {
      // Of several calls at once only the first is signed.
      parts.push(encodeCall(part, signature ?? (wantsSignatures && !hasCalls ? unchecked : undefined), origin))
      signature = undefined
      hasCalls = true
      continue
    }
    settle()
    if (part._tag === "Text") parts.push({ text: part.text })
    else if (part._tag === "Reasoning") {
      if (part.text !== "") parts.push({ text: part.text, thought: true })
      signature = Signature.forProvider(part, origin)
    } else {
      return Refusal.refuse(
        origin,
        `prompt.${part._tag}`,
        `an assistant message cannot hold a part of kind ${part._tag}`
      )
    }
  }
  settle()
  return parts
}

// -----------------------------------------------------------------------------
// What tools said
// -----------------------------------------------------------------------------

/** A result goes by the name of the function; the calls before it tell which. */
const encodeResult = (part: Prompt.Part, names: ReadonlyMap<string, string>, origin: Origin): Body => {
  if (part._tag !== "ToolResult") {
    return Refusal.refuse(origin, `prompt.${part._tag}`, `a tool message holds tool results, not ${part._tag}`)
  }
  const { content, id, isError } = part
  const name = names.get(id)
  if (name === undefined) {
    return Refusal.invalid(
      origin,
      "prompt.toolResult.id",
      `no earlier message calls a tool by the id ${JSON.stringify(id)}`
    )
  }
  const value = Json.record(Json.parse(content)) ?? content
  const response = isError === true ? { error: value } : { output: value }
  return { functionResponse: isMadeId(id) ? { name, response } : { id, name, response } }
}

// -----------------------------------------------------------------------------
// The whole
// -----------------------------------------------------------------------------

const encodeSystem = (message: Prompt.Message, origin: Origin): Body => {
  const other = message.content.find((part) => part._tag !== "Text")
  return other === undefined
    ? { text: Prompt.textOf(message) }
    : Refusal.refuse(origin, `prompt.${other._tag}`, `a system message can hold text only, not ${other._tag}`)
}

/** What of the prompt is not in the request as it stood. */
const warningsOf = (prompt: Prompt.Prompt): ReadonlyArray<Completion.Warning> => {
  const firstTurn = prompt.findIndex((message) => message.role !== "system")
  const checks: ReadonlyArray<readonly [boolean, string]> = [
    [
      prompt.some((message, index) => message.role === "system" && index > firstTurn && firstTurn >= 0),
      "system messages amid the conversation were sent at its beginning, where this provider has them"
    ],
    [prompt.some((message) => message.name !== undefined), "the names of messages are not sent to this provider"],
    [
      prompt.some((message) => message.content.some((part) => part._tag === "Image" && part.detail !== undefined)),
      "the detail of images is not sent to this provider"
    ]
  ]
  return checks.flatMap(([applies, message]) => (applies ? [{ setting: "prompt", message }] : []))
}

/** The turns of a prompt. `wantsSignatures`: the model refuses calls of its own that come back unsigned. */
export const write = (prompt: Prompt.Prompt, origin: Origin, wantsSignatures: boolean): Written => {
  const system: Array<Body> = []
  const turns: Array<Turn> = []
  const names = new Map<string, string>()
  const say = (role: Turn["role"], parts: Array<Body>, holdsResults = false): void => {
    const last = turns.at(-1)
    // The results of all calls of a turn must be one turn, and turns alternate.
    if (last?.role === role && last.holdsResults === holdsResults) last.parts.push(...parts)
    else if (parts.length > 0) turns.push({ role, parts, holdsResults })
  }
  for (const message of prompt) {
    switch (message.role) {
      case "system":
        system.push(encodeSystem(message, origin))
        break
      case "user":
        say(
          "user",
          message.content.map((part) => encodeUserPart(part, origin))
        )
        break
      case "assistant":
        for (const part of message.content) if (part._tag === "ToolCall") names.set(part.id, part.name)
        say("model", encodeAnswer(message, origin, wantsSignatures))
        break
      case "tool":
        say(
          "user",
          message.content.map((part) => encodeResult(part, names, origin)),
          true
        )
        break
    }
  }
  if (turns.length === 0)
    Refusal.invalid(origin, "prompt", "the prompt holds system messages alone: it needs one of a user")
  return {
    contents: turns.map(({ parts, role }) => ({ role, parts })),
    systemInstruction: system.length === 0 ? undefined : { parts: system },
    warnings: warningsOf(prompt)
  }
}
