/**
 * What the dialects of the chat-completions protocol do differently, as data. Only what is sent is here: answers are read
 * in every dialect at once, because gateways mix them.
 */
import type * as ChatRequest from "../ChatRequest.js"
import type * as Completion from "../Completion.js"
import type * as Images from "./Images.js"

export interface Quirks {
  /** What the limit of generated tokens is called. */
  readonly maxTokensField: (model: string) => "max_tokens" | "max_completion_tokens"
  /** Models that refuse sampling settings, and that alone take a reasoning effort. `undefined`: nothing is dropped. */
  readonly isReasoningModel: ((model: string) => boolean) | undefined
  /** Whether `stream_options.include_usage` must be asked for to get the usage of a stream. */
  readonly asksForUsage: boolean
  /** The most texts of one embedding request; 0 where there are no embeddings. */
  readonly maxEmbeddingInputs: number
  /** What the seed is called. Default: `seed` */
  readonly seedField?: "seed" | "random_seed" | undefined
  /** Where an earlier answer's reasoning goes back to the provider. Left out: it does not, and the answer warns of it. */
  readonly reasoningField?: "reasoning_content" | "reasoning" | undefined
  /**
   * What marks an assistant's message at the end of a prompt as the beginning of the answer, for the providers that want
   * it marked.
   */
  readonly prefillField?: "prefix" | "partial" | undefined
  /** Settings that no model of the provider takes: they are not sent, and the answer warns of it. */
  readonly untaken?: ReadonlyArray<keyof ChatRequest.Settings> | undefined
  /** Which ids of tool calls it takes back; another is replaced, in the call and in its result. Default: any */
  readonly toolCallId?: RegExp | undefined
  /** Which images it takes. Default: any */
  readonly images?: Images.Taken | undefined
  /** Whether an answer can be bound to a JSON schema; false refuses such a request before it is sent. Default: true */
  readonly takesJsonSchema?: boolean | undefined
}

/** The settings that reasoning models refuse unless they have their default. */
const samplingDefaults = { temperature: 1, topP: 1, frequencyPenalty: 0, presencePenalty: 0 } as const

const isGiven = (value: unknown): boolean => value !== undefined && !(Array.isArray(value) && value.length === 0)

/** The request without what the model would refuse, and a warning for each thing left out. */
export const adapt = (
  request: ChatRequest.ChatRequest,
  model: string,
  quirks: Pick<Quirks, "isReasoningModel" | "untaken">
): readonly [ChatRequest.ChatRequest, ReadonlyArray<Completion.Warning>] => {
  const found = (quirks.untaken ?? []).filter((setting) => isGiven(request[setting]))
  if (quirks.isReasoningModel?.(model) === true) {
    if (request.temperature !== undefined && request.temperature !== samplingDefaults.temperature)
      found.push("temperature")
    if (request.topP !== undefined && request.topP !== samplingDefaults.topP) found.push("topP")
    if (request.frequencyPenalty !== undefined && request.frequencyPenalty !== 0) found.push("frequencyPenalty")
    if (request.presencePenalty !== undefined && request.presencePenalty !== 0) found.push("presencePenalty")
  } else if (quirks.isReasoningModel !== undefined && request.reasoningEffort !== undefined) {
    found.push("reasoningEffort")
  }
  if (found.length === 0) return [request, []]
  const dropped = [...new Set(found)]
  return [
    { ...request, ...Object.fromEntries(dropped.map((setting) => [setting, undefined])) },
    dropped.map((setting) => ({ setting, message: `${model} does not take ${setting}: it was not sent` }))
  ]
}
