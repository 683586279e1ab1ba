/**
 * The generateContent protocol of Google's models.
 */
import * as Either from "effect/Either"
import type * as ChatRequest from "../ChatRequest.js"
import type * as Completion from "../Completion.js"
import { type ContentCategory, ContentFiltered, excerpt, type LlmError } from "../LlmError.js"
import type { JsonSchema } from "../Tool.js"
import * as ErrorBody from "./ErrorBody.js"
import * as ErrorClassification from "./ErrorClassification.js"
import * as GenerateContentEmbeddings from "./GenerateContentEmbeddings.js"
import * as GenerateContentPrompt from "./GenerateContentPrompt.js"
import * as GenerateContentSchema from "./GenerateContentSchema.js"
import * as GenerateContentUsage from "./GenerateContentUsage.js"
import * as Json from "./Json.js"
import { malformed } from "./Malformed.js"
import * as Refusal from "./Refusal.js"
import { StreamAssembly } from "./StreamAssembly.js"
import * as ToolParameters from "./ToolParameters.js"
import * as WholeAnswer from "./WholeAnswer.js"
import type { Encoded, Origin, Received, Wire } from "./Wire.js"

// -----------------------------------------------------------------------------
// Quirks
// -----------------------------------------------------------------------------

/** How a model is told how hard to think: by a word, or by a budget of tokens. */
export type Thinking = { readonly thinkingLevel: string } | { readonly thinkingBudget: number }

export interface Quirks {
  /** `undefined`: the model does not think, or cannot be told to. */
  readonly thinking: (model: string, effort: ChatRequest.ReasoningEffort) => Thinking | undefined
  /** Models that refuse calls of their own that come back without the signature that they gave them. */
  readonly wantsSignatures: (model: string) => boolean
  /** The most texts of one embedding request. */
  readonly maxEmbeddingInputs: number
}

// -----------------------------------------------------------------------------
// Request
// -----------------------------------------------------------------------------

type Body = Readonly<Record<string, unknown>>

/** A piece of the body, and what of the request is not in it. */
interface Piece {
  readonly body: Body
  readonly warnings: ReadonlyArray<Completion.Warning>
}

const nothing: Piece = { body: {}, warnings: [] }

const loosened = (setting: string, place: string, dropped: ReadonlyArray<string>): ReadonlyArray<Completion.Warning> =>
  dropped.length === 0
    ? []
    : [{ setting, message: `${place}: this provider does not hold answers to ${dropped.join(", ")}: not sent` }]

const takesNothing = (schema: Json.JsonRecord): boolean =>
  Object.keys(schema).every((key) => key === "type" || key === "additionalProperties" || key === "properties") &&
  Object.keys(Json.record(schema.properties) ?? {}).length === 0 &&
  !schema.additionalProperties

/** Arguments are an object; what Effect writes for a Struct without fields stands for none. */
const encodeParameters = (parameters: JsonSchema, place: string, origin: Origin): GenerateContentSchema.Written => {
  if (ToolParameters.isEmpty(parameters)) return { schema: {}, dropped: [] }
  const written = GenerateContentSchema.write(parameters, place, origin)
  const { properties, type } = written.schema
  return type === "object" || (type === undefined && properties !== undefined)
    ? written
    : Refusal.refuse(origin, place, `${place}: the arguments of a tool must be an object`)
}

const encodeTools = (request: ChatRequest.ChatRequest, origin: Origin): Piece => {
  const { toolChoice, tools = [] } = request
  if (tools.length === 0) return nothing
  const warnings: Array<Completion.Warning> = []
  const functionDeclarations = tools.map(({ description = "", name, parameters }) => {
    const place = `tools.${name}.parameters`
    const { dropped, schema } = encodeParameters(parameters, place, origin)
    warnings.push(...loosened("tools", place, dropped))
    return { name, description, parametersJsonSchema: takesNothing(schema) ? undefined : schema }
  })
  const functionCallingConfig = encodeToolChoice(
    toolChoice,
    tools.some((tool) => tool.strict === true)
  )
  return {
    body: {
      tools: [{ functionDeclarations }],
      toolConfig: functionCallingConfig === undefined ? undefined : { functionCallingConfig }
    },
    warnings
  }
}

/** Arguments that must fit their schema have a mode of their own, where the model is free to call or not. */
const encodeToolChoice = (choice: ChatRequest.ChatRequest["toolChoice"], isStrict: boolean): Body | undefined => {
  if (typeof choice === "object") return { mode: "ANY", allowedFunctionNames: [choice.tool] }
  switch (choice) {
    case "required":
      return { mode: "ANY" }
    case "none":
      return { mode: "NONE" }
    case "auto":
      return { mode: isStrict ? "VALIDATED" : "AUTO" }
    case undefined:
      return isStrict ? { mode: "VALIDATED" } : undefined
  }
}

const encodeResponseFormat = (format: ChatRequest.ResponseFormat | undefined, origin: Origin): Piece => {
  if (format === undefined || format._tag === "Text") return nothing
  if (format._tag === "Json") return { body: { responseMimeType: "application/json" }, warnings: [] }
  const { dropped, schema } = GenerateContentSchema.write(format.schema, "responseFormat.schema", origin)
  return {
    body: { responseMimeType: "application/json", responseJsonSchema: schema },
    warnings: loosened("responseFormat", "responseFormat.schema", dropped)
  }
}

/** Thoughts are given out where thinking was asked for. */
const encodeThinking = (effort: ChatRequest.ReasoningEffort | undefined, origin: Origin, quirks: Quirks): Piece => {
  if (effort === undefined) return nothing
  const thinking = quirks.thinking(origin.model, effort)
  const warning = (message: string): ReadonlyArray<Completion.Warning> => [{ setting: "reasoningEffort", message }]
  if (thinking === undefined) {
    return { body: {}, warnings: warning(`${origin.model} does not take reasoningEffort: it was not sent`) }
  }
  const isKept =
    "thinkingLevel" in thinking ? thinking.thinkingLevel === effort : effort !== "none" || thinking.thinkingBudget === 0
  return {
    body: { thinkingConfig: effort === "none" ? thinking : { ...thinking, includeThoughts: true } },
    warnings: isKept
      ? []
      : warning(
          `${origin.model} cannot be asked for ${effort}: it was asked for ${Object.values(thinking).join("")} instead`
        )
  }
}

const isDefined = (value: unknown): boolean => value !== undefined

const encodeBody = (request: ChatRequest.ChatRequest, origin: Origin, quirks: Quirks): Encoded => {
  const prompt = GenerateContentPrompt.write(request.prompt, origin, quirks.wantsSignatures(origin.model))
  const tools = encodeTools(request, origin)
  const format = encodeResponseFormat(request.responseFormat, origin)
  const thinking = encodeThinking(request.reasoningEffort, origin, quirks)
  const { generationConfig: ownConfig, ...options } = request.providerOptions ?? {}
  const generationConfig: Body = {
    temperature: request.temperature,
    topP: request.topP,
    maxOutputTokens: request.maxTokens,
    stopSequences: request.stop === undefined || request.stop.length === 0 ? undefined : request.stop,
    seed: request.seed,
    frequencyPenalty: request.frequencyPenalty,
    presencePenalty: request.presencePenalty,
    ...format.body,
    ...thinking.body,
    // Most of what this library has no name for stands here: it must not push out what it has one for.
    ...Json.record(ownConfig)
  }
  return {
    body: {
      contents: prompt.contents,
      systemInstruction: prompt.systemInstruction,
      ...tools.body,
      generationConfig: Object.values(generationConfig).some(isDefined) ? generationConfig : undefined,
      ...options
    },
    warnings: [...prompt.warnings, ...tools.warnings, ...format.warnings, ...thinking.warnings]
  }
}

const encodeChat =
  (quirks: Quirks): Wire["encodeChat"] =>
  (request, origin) =>
    Refusal.encoding(() => encodeBody(request, origin, quirks))

// -----------------------------------------------------------------------------
// Answer
// -----------------------------------------------------------------------------

/** A whole answer is a stream of one chunk. */
const decodeChat: Wire["decodeChat"] = (json, received) => {
  const { origin, requestId } = received
  if (ErrorClassification.isErrorPayload(json))
    return Either.left(ErrorClassification.classifyPayload(origin, json, received))
  const answer = Json.record(json)
  if (answer === undefined || !isAnswer(answer))
    return Either.left(malformed(received, json, "the answer has no candidates"))
  const assembly = new StreamAssembly({ ...origin, requestId, warnings: [] })
  readChunk(answer, assembly, received)
  if (Json.record(Json.array(answer.candidates)[0]) === undefined) {
    assembly.fail(blocked(answer, assembly, received, "the provider gave no answer, and no reason"))
  }
  return WholeAnswer.fold(assembly, received, json, "the answer has no parts and no finishReason")
}

/** Whether a JSON object is an answer at all; one that was withheld has no candidates. */
const isAnswer = (json: Json.JsonRecord): boolean =>
  Array.isArray(json.candidates) || [json.promptFeedback, json.usageMetadata].some(Json.isRecord)

// -----------------------------------------------------------------------------
// What filters found
// -----------------------------------------------------------------------------

const categoriesOf = (ratings: unknown): ReadonlyArray<ContentCategory> =>
  Json.array(ratings).flatMap((item) => {
    const rating = Json.record(item)
    const name = Json.nonEmptyString(rating?.category)
    if (name === undefined) return []
    const filtered = rating?.blocked === true
    const severity = Json.nonEmptyString(rating?.probability)
    return [severity === undefined ? { name, filtered } : { name, filtered, severity }]
  })

/** The prompt was refused. */
const blocked = (
  answer: Json.JsonRecord,
  { usage }: StreamAssembly,
  { origin, requestId }: Received,
  otherwise: string
): LlmError => {
  const feedback = Json.record(answer.promptFeedback)
  const reason = Json.nonEmptyString(feedback?.blockReason)
  const words = Json.nonEmptyString(feedback?.blockReasonMessage)
  return new ContentFiltered({
    ...origin,
    requestId,
    status: 200,
    message:
      reason === undefined
        ? otherwise
        : `the provider blocked the prompt (${reason})${words === undefined ? "" : `: ${words}`}`,
    categories: categoriesOf(feedback?.safetyRatings),
    usage,
    body: excerpt(ErrorBody.print(answer))
  })
}

// -----------------------------------------------------------------------------
// Stream
// -----------------------------------------------------------------------------

const readEvent: Wire["readEvent"] = (event, assembly, received) => {
  const { data } = event
  // The protocol has no end marker of its own, but gateways add OpenAI's: it does not make an answer whole.
  if (data === "" || data === "[DONE]") return
  const json = Json.parse(data)
  const chunk = Json.record(json)
  if ((chunk === undefined || chunk.candidates === undefined) && ErrorClassification.isErrorPayload(json)) {
    return assembly.fail(ErrorClassification.classifyPayload(received.origin, json, received))
  }
  if (chunk === undefined)
    return assembly.fail(malformed(received, json ?? data, "a chunk of the stream is no JSON object"))
  readChunk(chunk, assembly, received)
}

const readChunk = (chunk: Json.JsonRecord, assembly: StreamAssembly, received: Received): void => {
  if (assembly.id === "") assembly.id = Json.string(chunk.responseId) ?? ""
  if (assembly.model === "") assembly.model = Json.string(chunk.modelVersion) ?? ""
  assembly.usage = GenerateContentUsage.read(chunk.usageMetadata, assembly.usage)
  const feedback = Json.record(chunk.promptFeedback)
  if (feedback !== undefined && Json.nonEmptyString(feedback.blockReason) !== undefined) {
    return assembly.fail(blocked(chunk, assembly, received, ""))
  }
  // Only the first candidate: more are not asked for.
  const candidate = Json.record(Json.array(chunk.candidates)[0])
  if (candidate === undefined) return
  for (const item of Json.array(Json.record(candidate.content)?.parts)) {
    const part = Json.record(item)
    if (part !== undefined) readPart(part, assembly)
  }
  const reason = Json.nonEmptyString(candidate.finishReason)
  if (reason === undefined || reason === "FINISH_REASON_UNSPECIFIED") return
  assembly.finishReason = reason
  assembly.explanation = Json.nonEmptyString(candidate.finishMessage)
  if (candidate.safetyRatings !== undefined) assembly.categories = categoriesOf(candidate.safetyRatings)
}

/** A signature may stand on any part: it is kept as reasoning, before the call that it signs or behind the text. */
const readPart = (part: Json.JsonRecord, assembly: StreamAssembly): void => {
  const signature = Json.nonEmptyString(part.thoughtSignature)
  const call = Json.record(part.functionCall)
  if (call !== undefined) {
    if (signature !== undefined) assembly.reasoning("", signature)
    return assembly.wholeToolCall({ id: call.id, name: call.name, arguments: call.args })
  }
  const text = Json.string(part.text) ?? ""
  if (part.thought === true) return assembly.reasoning(text, signature)
  assembly.text(text)
  if (signature !== undefined) assembly.reasoning("", signature)
}

// -----------------------------------------------------------------------------
// The wire
// -----------------------------------------------------------------------------

export const make = (quirks: Quirks): Wire => ({
  name: "generate-content",
  encodeChat: encodeChat(quirks),
  decodeChat,
  readEvent,
  embeddings: GenerateContentEmbeddings.make(quirks.maxEmbeddingInputs)
})
