/**
 * The settings of a request as the messages protocol takes them: how long, how random, and how hard the model thinks.
 * A model that thinks takes no sampling settings, and its thoughts count among the tokens that it may generate.
 */
import type * as ChatRequest from "../ChatRequest.js"
import type { Warning } from "../Completion.js"

/** What one model takes; the newer ones take less. */
export interface ModelTraits {
  /** How it is told to think: as it sees fit, within a budget of tokens, or not at all. */
  readonly thinking: "adaptive" | "budget" | "none"
  /** What it calls the greatest effort; only for adaptive thinking. */
  readonly greatestEffort: "xhigh" | "max"
  /** Whether it takes temperature and top_p, one of them at a time, or neither. */
  readonly sampling: "both" | "one" | "none"
  /** Whether answers and tool arguments can be held to a JSON Schema. */
  readonly takesSchemas: boolean
  /** The protocol demands a limit of generated tokens: this one where a request has none, without what it thinks. */
  readonly defaultMaxTokens: number
}

export interface Settings {
  readonly body: Readonly<Record<string, unknown>>
  /** For `output_config`. */
  readonly effort: string | undefined
  readonly warnings: ReadonlyArray<Warning>
}

interface Thinking {
  readonly body: unknown
  readonly effort: string | undefined
  /** The tokens that it is given, or may well take. */
  readonly tokens: number
  readonly warnings: ReadonlyArray<Warning>
}

// -----------------------------------------------------------------------------
// Thinking
// -----------------------------------------------------------------------------

const budgets = { minimal: 1024, low: 2048, medium: 8192, high: 16_384, xhigh: 24_576 } as const

/** The protocol's own lower bound. */
const smallestBudget = 1024

const silent = (warning?: string, effort?: string): Thinking => ({
  body: undefined,
  effort,
  tokens: 0,
  warnings: warning === undefined ? [] : [{ setting: "reasoningEffort", message: warning }]
})

const isForced = ({ toolChoice }: ChatRequest.ChatRequest): boolean =>
  toolChoice === "required" || typeof toolChoice === "object"

const encodeThinking = (
  request: ChatRequest.ChatRequest,
  model: string,
  traits: ModelTraits,
  continuesWithoutThought: boolean
): Thinking => {
  const { maxTokens, reasoningEffort } = request
  if (reasoningEffort === undefined) return silent()
  if (reasoningEffort === "none") {
    // Some of the models that adapt think unless they are told not to; the others do not by themselves.
    return traits.thinking === "adaptive" ? { ...silent(), body: { type: "disabled" } } : silent()
  }
  if (traits.thinking === "none") return silent(`${model} does not think: reasoningEffort was not sent`)
  const forced = "a model cannot think when it must call a tool: it was not asked to"
  if (traits.thinking === "adaptive") {
    const effort =
      reasoningEffort === "minimal" ? "low" : reasoningEffort === "xhigh" ? traits.greatestEffort : reasoningEffort
    return isForced(request)
      ? silent(forced, effort)
      : {
          // Left to itself, a newer model keeps what it thinks to itself.
          body: { type: "adaptive", display: "summarized" },
          effort,
          tokens: budgets[reasoningEffort],
          warnings: []
        }
  }
  if (isForced(request)) return silent(forced)
  if (continuesWithoutThought) return silent("a model cannot begin to think amid its turn: it was not asked to")
  const tokens =
    maxTokens === undefined
      ? budgets[reasoningEffort]
      : Math.max(smallestBudget, Math.min(budgets[reasoningEffort], Math.floor(maxTokens / 2)))
  return maxTokens !== undefined && tokens >= maxTokens
    ? silent(`maxTokens leaves no room to think: that takes more than ${smallestBudget}`)
    : { body: { type: "enabled", budget_tokens: tokens }, effort: undefined, tokens, warnings: [] }
}

// -----------------------------------------------------------------------------
// Sampling
// -----------------------------------------------------------------------------

/** The least `top_p` that passes where it may not be set. */
const passingTopP = { model: 0.99, thinking: 0.95 } as const

const encodeSampling = (
  { temperature, topP }: ChatRequest.ChatRequest,
  model: string,
  { sampling }: ModelTraits,
  isThinking: boolean
): Pick<Settings, "body" | "warnings"> => {
  const warnings: Array<Warning> = []
  const drop = (setting: "temperature" | "topP", message: string): undefined => {
    warnings.push({ setting, message })
    return undefined
  }
  const reason =
    sampling === "none"
      ? `${model} does not take it: it was not sent`
      : isThinking
        ? "a model that thinks does not take it: it was not sent"
        : undefined

  const readTemperature = (): number | undefined => {
    if (temperature === undefined || temperature === 1) return temperature
    if (reason !== undefined) return drop("temperature", reason)
    if (temperature < 1) return temperature
    warnings.push({ setting: "temperature", message: "this provider takes 0 to 1: 1 was sent" })
    return 1
  }
  const sent = readTemperature()

  const readTopP = (): number | undefined => {
    if (topP === undefined) return undefined
    const passing = sampling === "none" ? passingTopP.model : passingTopP.thinking
    if (reason !== undefined && topP < passing) return drop("topP", reason)
    return sent !== undefined && sampling !== "both"
      ? drop("topP", `${model} does not take it beside a temperature: it was not sent`)
      : topP
  }
  return { body: { temperature: sent, top_p: readTopP() }, warnings }
}

/** What has no counterpart in the protocol. */
const untaken = ["seed", "frequencyPenalty", "presencePenalty"] as const

// -----------------------------------------------------------------------------
// All of them
// -----------------------------------------------------------------------------

/** Blank stop texts are an error to the protocol. */
const encodeStop = (
  stop: ReadonlyArray<string> = []
): Pick<Settings, "warnings"> & { readonly texts: ReadonlyArray<string> | undefined } => {
  const texts = stop.filter((text) => text.trim() !== "")
  return {
    texts: texts.length === 0 ? undefined : texts,
    warnings:
      texts.length === stop.length
        ? []
        : [
            {
              setting: "stop",
              message: "this provider does not stop at blanks and line breaks alone: they were not sent"
            }
          ]
  }
}

/** `continuesWithoutThought`: the model goes on with a turn that began without thoughts. */
export const encode = (
  request: ChatRequest.ChatRequest,
  model: string,
  traits: ModelTraits,
  continuesWithoutThought: boolean
): Settings => {
  const thinking = encodeThinking(request, model, traits, continuesWithoutThought)
  const sampling = encodeSampling(request, model, traits, thinking.tokens > 0)
  const stop = encodeStop(request.stop)
  return {
    body: {
      max_tokens: request.maxTokens ?? traits.defaultMaxTokens + thinking.tokens,
      ...sampling.body,
      stop_sequences: stop.texts,
      thinking: thinking.body
    },
    effort: thinking.effort,
    warnings: [
      ...thinking.warnings,
      ...sampling.warnings,
      ...stop.warnings,
      ...untaken
        .filter((setting) => request[setting] !== undefined)
        .map((setting) => ({ setting, message: `this provider does not take ${setting}: it was not sent` }))
    ]
  }
}
