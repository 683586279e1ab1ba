/**
 * OpenAI has two protocols for chats. Which one is spoken is a choice of the client's; what else it does stays the same.
 */
import type * as ConfigError from "effect/ConfigError"
import * as Effect from "effect/Effect"
import * as ChatCompletions from "../wire/ChatCompletions.js"
import * as OpenAiParts from "../wire/OpenAiParts.js"
import type { Wire } from "../wire/Wire.js"
import type * as HttpProvider from "./HttpProvider.js"
import * as Settings from "./Settings.js"

/** `responses` is the newer one: there a model's thoughts can be seen, and go back to it. */
export type Api = "chat-completions" | "responses"

const apis: ReadonlyArray<Api> = ["chat-completions", "responses"]

/** The most texts of one embedding request. */
const maxEmbeddingInputs = 2048

export interface Quirks extends Pick<ChatCompletions.Quirks, "asksForUsage"> {
  /** Models that refuse `max_tokens` and sampling settings. */
  readonly isReasoningModel: (model: string) => boolean
}

const chatCompletions = ({ asksForUsage, isReasoningModel }: Quirks): Wire =>
  ChatCompletions.make({
    maxTokensField: (model) => (isReasoningModel(model) ? "max_completion_tokens" : "max_tokens"),
    isReasoningModel,
    asksForUsage,
    maxEmbeddingInputs,
    toolCallId: /^.{1,40}$/s,
    images: OpenAiParts.images
  })

/** These refuse a prompt in which another model has thought. */
const isPlain = (model: string): boolean => /(?:^|[-_.:])(?:gpt-(?:3|4)|gpt-5-chat|chatgpt-)/i.test(model)

/** Loaded when a layer wants it: an import of effect-llm alone does not pay for it. */
const responses = ({ isReasoningModel }: Quirks): Effect.Effect<Wire> =>
  Effect.map(
    Effect.promise(() => import("../wire/Responses.js")),
    ({ make }) =>
      make({
        isReasoningModel,
        takesReasoning: (model) => isReasoningModel(model) || !isPlain(model),
        maxEmbeddingInputs
      })
  )

export interface Spoken {
  readonly wire: Wire
  /** Of each operation, without its slash. */
  readonly paths: { readonly [Operation in Parameters<HttpProvider.Options["url"]>[0]]: string }
}

/** What goes with an API. Fails with a `ConfigError` that names `option` where there is no such API. */
export const speak = (
  option: string,
  api: string | undefined,
  quirks: Quirks
): Effect.Effect<Spoken, ConfigError.ConfigError> =>
  Effect.flatMap(Settings.oneOf(option, api ?? "chat-completions", apis), (api) =>
    api === "responses"
      ? Effect.map(responses(quirks), (wire) => ({
          wire,
          paths: { chat: "responses", stream: "responses", embed: "embeddings" }
        }))
      : Effect.succeed({
          wire: chatCompletions(quirks),
          paths: { chat: "chat/completions", stream: "chat/completions", embed: "embeddings" }
        })
  )
