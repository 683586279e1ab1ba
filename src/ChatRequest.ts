/**
 * One request to a chat model: the prompt and the settings of the call. Plain data.
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Prompt from "./Prompt.js"
import * as Tool from "./Tool.js"

/** Text as it comes, any JSON value, or JSON that fits a schema (OpenAI wants a `name` of letters, digits, `_`, `-`). */
export const ResponseFormat = Schema.Union(
  Schema.TaggedStruct("Text", {}),
  Schema.TaggedStruct("Json", {}),
  Schema.TaggedStruct("JsonSchema", {
    name: Schema.String,
    schema: Tool.JsonSchema,
    description: Schema.optional(Schema.String),
    strict: Schema.optional(Schema.Boolean)
  })
).annotations({ identifier: "ResponseFormat" })

export type ResponseFormat = typeof ResponseFormat.Type

/** How hard a reasoning model should think; which words a model takes is the provider's matter. */
export const ReasoningEffort = Schema.Literal("none", "minimal", "low", "medium", "high", "xhigh")

export type ReasoningEffort = typeof ReasoningEffort.Type

/**
 * What a cache policy should do with this request: `bypass` neither reads nor writes, `refresh` does not read but writes,
 * `timeToLive` replaces the policy's own. Never sent.
 */
export const CacheControl = Schema.Struct({
  mode: Schema.optional(Schema.Literal("use", "bypass", "refresh")),
  timeToLive: Schema.optional(Schema.Duration)
}).annotations({ identifier: "CacheControl" })

export interface CacheControl extends Schema.Schema.Type<typeof CacheControl> {}

const settings = {
  /** The provider's name of the model; default: the model of the client. */
  model: Schema.optional(Schema.String),
  /** 0 is the most predictable; most providers take 0 to 2. Default: the provider's. */
  temperature: Schema.optional(Schema.Number),
  /** Above 0, up to 1. Default: the provider's. */
  topP: Schema.optional(Schema.Number),
  /** The most tokens that may be generated, reasoning included. Default: the provider's. */
  maxTokens: Schema.optional(Schema.Number),
  /** Texts that end the answer; they are not part of it. */
  stop: Schema.optional(Schema.Array(Schema.String)),
  /** Asks for the same answer to the same request, as far as the provider can. */
  seed: Schema.optional(Schema.Number),
  frequencyPenalty: Schema.optional(Schema.Number),
  presencePenalty: Schema.optional(Schema.Number),
  reasoningEffort: Schema.optional(ReasoningEffort),
  tools: Schema.optional(Schema.Array(Tool.ToolDefinition)),
  toolChoice: Schema.optional(Tool.ToolChoice),
  responseFormat: Schema.optional(ResponseFormat),
  /** Merged into the body last: what this library has no name for. */
  providerOptions: Schema.optional(Schema.Record({ key: Schema.String, value: Schema.Unknown })),
  /** For logs, ledgers and policies of your own. Never sent, never part of a cache key. */
  metadata: Schema.optional(Schema.Record({ key: Schema.String, value: Schema.Unknown })),
  cacheControl: Schema.optional(CacheControl),
  /**
   * Names this call to a provider that takes such a key, so that it answers and bills it once however often it is sent. A
   * retry policy makes one where there is none. Never part of a cache key.
   */
  idempotencyKey: Schema.optional(Schema.String)
}

export const ChatRequest = Schema.Struct({ prompt: Prompt.Prompt, ...settings }).annotations({
  identifier: "ChatRequest"
})

export interface ChatRequest extends Schema.Schema.Type<typeof ChatRequest> {}

/** The settings of a request without its prompt; also what a provider takes as `defaults`. */
export type Settings = Omit<ChatRequest, "prompt">

/** A request whose prompt may be a bare string, a message or messages. */
export interface RequestInput extends Settings {
  readonly prompt: Prompt.Input
}

/** What every call takes: a prompt alone (a bare string is one user message), or a prompt with settings. */
export type Input = Prompt.Input | RequestInput

const isRequest = (input: Input): input is RequestInput => typeof input === "object" && "prompt" in input

/** A request from a string, messages, or a prompt with settings. */
export const make = (input: Input): ChatRequest =>
  isRequest(input) ? { ...input, prompt: Prompt.make(input.prompt) } : { prompt: Prompt.make(input) }

/** Settings that hold where the request says nothing itself. */
export const withDefaults = (request: ChatRequest, defaults: Settings | undefined): ChatRequest =>
  defaults === undefined ? request : { ...defaults, ...definedOnly(request), prompt: request.prompt }

const definedOnly = (request: ChatRequest): Partial<ChatRequest> =>
  Object.fromEntries(Object.entries(request).filter(([, value]) => value !== undefined))

// -----------------------------------------------------------------------------
// Validation: what no provider could take, found before anything is sent
// -----------------------------------------------------------------------------

/** What is wrong with a request: the name of the setting, and a sentence that says what it must be. */
export interface Problem {
  readonly param: string
  readonly message: string
}

const numberProblem = (
  param: string,
  value: number | undefined,
  fits: (value: number) => boolean,
  expectation: string
): Option.Option<Problem> =>
  value === undefined || (typeof value === "number" && fits(value))
    ? Option.none()
    : Option.some({ param, message: `${param} must be ${expectation}, not ${String(value)}` })

const isPositiveInteger = (value: number): boolean => Number.isInteger(value) && value > 0

const isEmptyPart = (part: Prompt.Part): boolean => part._tag === "Text" && part.text === ""

const promptProblem = (prompt: Prompt.Prompt): Option.Option<Problem> => {
  if (prompt.every((message) => message.content.every(isEmptyPart))) {
    return Option.some({ param: "prompt", message: "the prompt is empty: it needs at least one message with content" })
  }
  const empty = prompt.findIndex((message) => message.content.length === 0)
  return empty < 0
    ? Option.none()
    : Option.some({ param: `prompt[${empty}].content`, message: `message ${empty} of the prompt has no content` })
}

const stopProblem = (stop: ReadonlyArray<string> | undefined): Option.Option<Problem> =>
  stop?.some((text) => text === "") === true
    ? Option.some({ param: "stop", message: "a stop text must not be empty" })
    : Option.none()

const keyProblem = (key: string | undefined): Option.Option<Problem> =>
  key === undefined || /^[\x21-\x7e]{1,255}$/.test(key)
    ? Option.none()
    : Option.some({ param: "idempotencyKey", message: "an idempotencyKey has 1 to 255 visible ASCII characters" })

const toolsProblem = (request: ChatRequest): Option.Option<Problem> => {
  const names = (request.tools ?? []).map((tool) => tool.name)
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined)
    return Option.some({ param: "tools", message: `two tools are named ${JSON.stringify(twice)}` })
  if (names.includes("")) return Option.some({ param: "tools", message: "a tool has no name" })
  const choice = request.toolChoice
  if (typeof choice === "object" && !names.includes(choice.tool)) {
    return Option.some({
      param: "toolChoice",
      message: `toolChoice names ${JSON.stringify(choice.tool)}, which is not among the tools`
    })
  }
  return choice === "required" && names.length === 0
    ? Option.some({ param: "toolChoice", message: 'toolChoice is "required", but there are no tools' })
    : Option.none()
}

/** What is wrong with the name of a model, if anything. */
export const modelProblem = (model: string | undefined): Option.Option<Problem> =>
  model === undefined || model.trim() !== ""
    ? Option.none()
    : Option.some({ param: "model", message: "the name of the model is empty" })

/** The first thing in a request that no provider could take, if any. */
export const validate = (request: ChatRequest): Option.Option<Problem> =>
  Option.firstSomeOf([
    promptProblem(request.prompt),
    modelProblem(request.model),
    numberProblem("temperature", request.temperature, (n) => Number.isFinite(n) && n >= 0, "a number of at least 0"),
    numberProblem("topP", request.topP, (n) => n > 0 && n <= 1, "above 0 and at most 1"),
    numberProblem("maxTokens", request.maxTokens, isPositiveInteger, "a positive whole number"),
    numberProblem("seed", request.seed, Number.isInteger, "a whole number"),
    numberProblem("frequencyPenalty", request.frequencyPenalty, Number.isFinite, "a number"),
    numberProblem("presencePenalty", request.presencePenalty, Number.isFinite, "a number"),
    stopProblem(request.stop),
    keyProblem(request.idempotencyKey),
    toolsProblem(request)
  ])
