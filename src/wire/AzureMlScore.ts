/**
 * The scoring protocol of a chat model behind an online endpoint of Azure Machine Learning: messages and settings in, one
 * text out. It knows text alone, no streams and no embeddings, and does not say what a call cost or why it ended.
 */
import * as Either from "effect/Either"
import type * as ChatRequest from "../ChatRequest.js"
import type * as Completion from "../Completion.js"
import { excerpt, MalformedResponse, UnsupportedFeature, notSent } from "../LlmError.js"
import * as Prompt from "../Prompt.js"
import * as Usage from "../Usage.js"
import * as ErrorBody from "./ErrorBody.js"
import * as ErrorClassification from "./ErrorClassification.js"
import * as FinishReasons from "./FinishReasons.js"
import * as Json from "./Json.js"
import type { WholeWire } from "./Wire.js"

// -----------------------------------------------------------------------------
// Request
// -----------------------------------------------------------------------------

/** What a request asks for beyond text. */
const unsupported = (request: ChatRequest.ChatRequest): string | undefined => {
  if (request.tools !== undefined && request.tools.length > 0) return "tools"
  if (request.responseFormat !== undefined && request.responseFormat._tag !== "Text") return "responseFormat"
  const part = request.prompt
    .flatMap((message) => message.content)
    .find(({ _tag }) => _tag !== "Text" && _tag !== "Reasoning")
  return part === undefined ? undefined : `prompt.${part._tag}`
}

const encodeParameters = (request: ChatRequest.ChatRequest): Json.JsonRecord => ({
  temperature: request.temperature,
  max_new_tokens: request.maxTokens,
  top_p: request.topP,
  stop: request.stop === undefined || request.stop.length === 0 ? undefined : request.stop,
  seed: request.seed,
  frequency_penalty: request.frequencyPenalty,
  presence_penalty: request.presencePenalty,
  ...request.providerOptions
})

const warningsOf = (request: ChatRequest.ChatRequest, model: string): ReadonlyArray<Completion.Warning> => {
  const warnings: Array<Completion.Warning> = []
  if (request.reasoningEffort !== undefined) {
    warnings.push({ setting: "reasoningEffort", message: `${model} does not take reasoningEffort: it was not sent` })
  }
  if (request.prompt.some((message) => message.name !== undefined)) {
    warnings.push({ setting: "prompt", message: "the names of messages are not sent to this provider" })
  }
  if (request.prompt.some((message) => message.content.some((part) => part._tag === "Reasoning"))) {
    warnings.push({ setting: "prompt", message: "reasoning of earlier answers is not sent back to this provider" })
  }
  return warnings
}

const encodeChat: WholeWire["encodeChat"] = (request, origin) => {
  const feature = unsupported(request)
  if (feature !== undefined) {
    const message = `this endpoint takes text and gives text, no ${feature}`
    return Either.left(new UnsupportedFeature({ ...origin, ...notSent, feature, message }))
  }
  return Either.right({
    body: {
      input_data: {
        input_string: request.prompt.map((message) => ({ role: message.role, content: Prompt.textOf(message) })),
        parameters: encodeParameters(request)
      }
    },
    warnings: warningsOf(request, origin.model)
  })
}

// -----------------------------------------------------------------------------
// Answer
// -----------------------------------------------------------------------------

const decodeChat: WholeWire["decodeChat"] = (json, received) => {
  const { origin, requestId } = received
  if (ErrorClassification.isErrorPayload(json))
    return Either.left(ErrorClassification.classifyPayload(origin, json, received))
  const text = Json.string(Json.record(json)?.["output"])
  if (text === undefined) {
    const body = excerpt(ErrorBody.print(json))
    return Either.left(
      new MalformedResponse({ ...origin, requestId, status: 200, message: "the answer has no output", body })
    )
  }
  // It never says why, and an empty text is one.
  const context = { ...origin, requestId, text, usage: Usage.unknown, hasToolCalls: false, isEmpty: false }
  const finishReason = FinishReasons.read("", context)
  if ("_tag" in finishReason) return Either.left(finishReason)
  return Either.right({
    parts: text === "" ? [] : [{ _tag: "Text", text }],
    finishReason,
    usage: Usage.unknown,
    model: origin.model,
    id: ""
  })
}

// -----------------------------------------------------------------------------
// The wire
// -----------------------------------------------------------------------------

/** `providerOptions` stand among the `parameters`. */
export const wire: WholeWire = { name: "azureml-score", encodeChat, decodeChat, embeddings: undefined }
